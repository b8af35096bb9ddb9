/// The frame of EXIF: a TIFF header and its first directory.
struct ExifBlock {
    private let bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        let heading = Array("Exif\0\0".utf8)
        self.bytes = bytes.starts(with: heading) ? bytes.dropFirst(heading.count) : bytes[...]
    }

    /// Whether there is a directory, and what its entries point to lies in the block.
    var isSound: Bool {
        guard bytes.count >= 14, let isLittle else { return false }
        guard let start = number(4, 4, isLittle), let count = number(start, 2, isLittle), count > 0 else { return false }
        for entry in 0..<count {
            let place = start + 2 + 12 * entry
            guard let type = number(place + 2, 2, isLittle), let values = number(place + 4, 4, isLittle), let offset = number(place + 8, 4, isLittle) else { return false }
            guard let width = Self.widths[type] else { return false }
            let size = values * width
            if size > 4, offset + size > bytes.count { return false }
        }
        return true
    }

    private var isLittle: Bool? {
        if bytes.starts(with: [0x49, 0x49, 42, 0]) { return true }
        return bytes.starts(with: [0x4D, 0x4D, 0, 42]) ? false : nil
    }

    /// Bytes of a value, by its type; 129 is text in UTF-8 (EXIF 3.0, 4.6.2).
    private static let widths = [1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1]

    private func number(_ place: Int, _ count: Int, _ isLittle: Bool) -> Int? {
        guard place >= 0, place + count <= bytes.count else { return nil }
        let part = bytes[(bytes.startIndex + place)..<(bytes.startIndex + place + count)]
        return isLittle ? part.reversed().reduce(0) { $0 << 8 | Int($1) } : part.reduce(0) { $0 << 8 | Int($1) }
    }
}
