internal import Foundation

/// A WebP file as chunks.
///
/// libvips 8.14 writes EXIF of its own (resolution, size) into every WebP, and its `strip` does nothing there.
enum WebPFile {
    /// Takes the EXIF chunk out of a file. One that is no WebP, or has none, stays as it is.
    static func removeExif(_ path: String) throws {
        let file = URL(filePath: path)
        var bytes = Array(try Data(contentsOf: file))
        guard bytes.count > 30, bytes.starts(with: Array("RIFF".utf8)), bytes[8..<12].elementsEqual("WEBP".utf8) else { return }
        var place = 12
        while place + 8 <= bytes.count {
            let size = number(bytes, place + 4), end = min(bytes.count, place + 8 + size + size % 2)
            if bytes[place..<(place + 4)].elementsEqual("EXIF".utf8) {
                bytes.removeSubrange(place..<end)
                // The flags of an extended file say what is in it.
                if bytes[12..<16].elementsEqual("VP8X".utf8) { bytes[20] &= ~0x08 }
                for index in 0..<4 { bytes[4 + index] = UInt8(truncatingIfNeeded: (bytes.count - 8) >> (8 * index)) }
                // In place: the file is one that only its writer knows yet, and keeps its permissions.
                return try Data(bytes).write(to: file)
            }
            place = end
        }
    }

    private static func number(_ bytes: [UInt8], _ place: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) } }
}
