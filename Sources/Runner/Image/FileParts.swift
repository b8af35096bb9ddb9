/// The parts that a file of pictures is made of.
///
/// Their names and lengths come from anywhere: each is checked, and a list ends where one cannot be.
extension OpenedFile {
    struct Part: Equatable {
        /// Four characters.
        var name: String
        /// Where its content begins.
        var place: Int
        var length: Int
    }

    /// A PNG's chunks before its pixels (PNG 3rd edition, 5.3).
    var chunksBeforePixels: [Part] {
        var parts: [Part] = [], place = 8
        while parts.count < Self.mostParts, let head = read(place, 8), let length = head.number(0, 4), let name = head.text(4, 4), name != "IDAT" {
            parts.append(Part(name: name, place: place + 8, length: length))
            place += 12 + length
        }
        return parts
    }

    /// The outermost boxes of an ISO base media file (ISO/IEC 14496-12, 4.2): HEIC, AVIF, JPEG XL.
    var boxes: [Part] {
        var parts: [Part] = [], place = 0
        while parts.count < Self.mostParts, let head = read(place, 16, orLess: true), let name = head.text(4, 4), var length = head.number(0, 4) {
            var before = 8
            if length == 1 {
                guard let long = head.number(8, 8) else { break }
                (length, before) = (long, 16)
            } else if length == 0, let status {
                // It goes on to the end of the file.
                length = Int(status.size) - place
            }
            let (next, overflow) = place.addingReportingOverflow(length)
            guard length >= before, !overflow else { break }
            parts.append(Part(name: name, place: place + before, length: length - before))
            place = next
        }
        return parts
    }

    /// More than stand before the pixels of any honest file.
    private static let mostParts = 1000
}
