internal import Foundation
internal import Vips

/// Metadata in a file that libvips does not hand out, so that it cannot be kept: EXIF in TIFF, EXIF and XMP in JPEG XL with libvips 8.14.
enum UnreadMetadata {
    /// What the file has and the image that was opened from it does not.
    static func kinds(of path: String, _ loader: String, _ image: Image) -> [String] {
        let fields = image.fields
        let found: [String] = switch loader {
        case "tiffload": tiffKinds(path)
        case "jxlload": boxes(path).compactMap { ["Exif": "EXIF", "xml ": "XMP"][$0] }
        default: []
        }
        return found.filter { !fields.contains($0 == "XMP" ? OutputMetadata.xmp : OutputMetadata.exif) }
    }

    /// What the first directory has beside the picture: tags of its own, and pointers to those of EXIF and of places.
    private static func tiffKinds(_ path: String) -> [String] {
        guard let file = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? file.close() }
        func read(_ place: Int, _ count: Int) -> [UInt8]? {
            guard place >= 0, (try? file.seek(toOffset: UInt64(place))) != nil, let bytes = try? file.read(upToCount: count), bytes.count == count else { return nil }
            return Array(bytes)
        }
        guard let head = read(0, 16) else { return [] }
        let isLittle = head[0] == UInt8(ascii: "I")
        func number(_ bytes: ArraySlice<UInt8>) -> Int {
            let value = (isLittle ? Array(bytes.reversed()) : Array(bytes)).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return Int(clamping: value)
        }
        // BigTIFF has twice the widths.
        let isBig = number(head[2..<4]) == 43
        let start = number(isBig ? head[8..<16] : head[4..<8]), wide = isBig ? 8 : 2, entry = isBig ? 20 : 12
        guard start < Int.max / 2, let count = read(start, wide).map({ number($0[...]) }), (1...4096).contains(count), let entries = read(start + wide, count * entry) else { return [] }
        let tags = Set(stride(from: 0, to: entries.count, by: entry).map { number(entries[$0..<($0 + 2)]) })
        let own = [0x10F: "maker", 0x110: "model", 0x132: "date", 0x13B: "artist", 0x8298: "copyright"].filter { tags.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
        return (own.isEmpty ? [] : ["its tags of \(own.joined(separator: ", "))"]) + (tags.isDisjoint(with: [0x8769, 0x8825]) ? [] : ["EXIF"])
    }

    /// The types of the first boxes of an ISO file.
    private static func boxes(_ path: String) -> [String] {
        guard let file = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? file.close() }
        var types: [String] = []
        var place: UInt64 = 0
        while types.count < 64, (try? file.seek(toOffset: place)) != nil, let head = try? file.read(upToCount: 20), head.count >= 8 {
            let bytes = Array(head)
            var type = String(decoding: bytes[4..<8], as: UTF8.self)
            var size = bytes[..<4].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            if size == 1, bytes.count >= 16 { size = bytes[8..<16].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
            // One that is compressed names what it is.
            if type == "brob", bytes.count >= 12 { type = String(decoding: bytes[8..<12], as: UTF8.self) }
            types.append(type)
            guard size >= 8, size < 1 << 40 else { break }
            place += size
        }
        return types
    }
}
