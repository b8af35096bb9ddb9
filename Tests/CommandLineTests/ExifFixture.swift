import Foundation
import Vips

/// EXIF, written and read without libvips.
enum Exif {
    /// What a camera writes: the picture's size and orientation, a maker, a date, the place, and a thumbnail.
    static func block(width: Int, height: Int, orientation: Int = 1) throws -> [UInt8] {
        let thumbnail = try jpeg(try Picture.make(16, 12))
        var file: [UInt8] = Array("II*\0".utf8) + little(8, 4)
        func entry(_ tag: Int, _ type: Int, _ count: Int, _ value: Int) -> [UInt8] { little(tag, 2) + little(type, 2) + little(count, 4) + little(value, 4) }
        // Directories in their order, each behind the last: 0 (8), EXIF, GPS, 1, and what does not fit in an entry.
        let sizes = [7, 3, 2, 3].map { 2 + 12 * $0 + 4 }
        let exif = 8 + sizes[0], gps = exif + sizes[1], first = gps + sizes[2], date = first + sizes[3], place = date + 20, picture = place + 24
        file += little(7, 2) + entry(0x100, 4, 1, width) + entry(0x101, 4, 1, height) + entry(0x10F, 2, 4, 0x656D6341 & 0xFFFFFF) + entry(0x112, 3, 1, orientation)
            + entry(0x128, 3, 1, 2) + entry(0x8769, 4, 1, exif) + entry(0x8825, 4, 1, gps) + little(first, 4)
        file += little(3, 2) + entry(0x9003, 2, 20, date) + entry(0xA002, 4, 1, width) + entry(0xA003, 4, 1, height) + little(0, 4)
        file += little(2, 2) + entry(1, 2, 2, 0x4E) + entry(2, 5, 3, place) + little(0, 4)
        file += little(3, 2) + entry(0x103, 3, 1, 6) + entry(0x201, 4, 1, picture) + entry(0x202, 4, 1, thumbnail.count) + little(0, 4)
        file += Array("2020:01:02 03:04:05\0".utf8) + [48, 1, 30, 1, 12, 1].flatMap { little($0, 4) } + thumbnail
        return Array("Exif\0\0".utf8) + file
    }

    private static func jpeg(_ picture: Image) throws -> [UInt8] {
        let path = FileManager.default.temporaryDirectory.appending(path: "aquatint-thumbnail-\(UUID().uuidString).jpg").path
        defer { unlink(path) }
        try picture.save(path, saver: "jpegsave", options: ["strip": true])
        return Array(try Data(contentsOf: URL(filePath: path)))
    }

    private static func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

    /// The first value of every tag, under `0.112`, `exif.a002`, `gps.2`, `1.201`; whatever the block says and wherever that leads.
    static func tags(_ block: [UInt8]) -> [String: Int] {
        let bytes = block.starts(with: Array("Exif\0\0".utf8)) ? Array(block.dropFirst(6)) : block
        guard bytes.count > 8 else { return [:] }
        let isLittle = bytes[0] == 0x49
        func number(_ place: Int, _ count: Int) -> Int {
            guard place >= 0, place + count <= bytes.count else { return 0 }
            let part = Array(bytes[place..<(place + count)])
            return (isLittle ? part.reversed() : part).reduce(0) { $0 << 8 | Int($1) }
        }
        var tags: [String: Int] = [:]
        func read(_ start: Int, _ name: String) -> Int {
            let count = number(start, 2)
            for index in 0..<count {
                let entry = start + 2 + 12 * index, tag = number(entry, 2), type = number(entry + 2, 2)
                tags["\(name).\(String(tag, radix: 16))"] = type == 3 ? number(entry + 8, 2) : number(entry + 8, 4)
            }
            return number(start + 2 + 12 * count, 4)
        }
        let next = read(number(4, 4), "0")
        if next > 0 { _ = read(next, "1") }
        if let place = tags["0.8769"] { _ = read(place, "exif") }
        if let place = tags["0.8825"] { _ = read(place, "gps") }
        return tags
    }
}

/// XMP that says the same in both of its spellings.
enum XMP {
    static func packet(width: Int, height: Int, orientation: Int) -> String {
        """
        <?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
        <rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" tiff:Orientation="\(orientation)" exif:PixelXDimension='\(width)' \
        exif:GPSLatitude="48,30.2N" dc:title="Täst"><tiff:ImageLength>\(height)</tiff:ImageLength><exif:GPSAltitude>12/1</exif:GPSAltitude>\
        <xmp:Thumbnails><rdf:Alt><rdf:li>AAAA</rdf:li></rdf:Alt></xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>
        """
    }
}
