import Foundation
import Testing
import Vips

/// Files that claim more than they hold, and formats that are not let in unasked.
@Suite struct HostilePictureTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try place.write("line.yaml", "version: 1\nstages: [invert]\noutput: {file: \"{stem}.png\"}\n")
        try place.write("all.yaml", "version: 1\ninput: {pages: all}\nstages: [invert]\noutput: {file: \"{stem}.tif\"}\n")
        try place.write("open.yaml", "version: 1\ninput: {untrusted: true}\nstages: [invert]\noutput: {file: \"{stem}.png\"}\n")
    }

    static func has(_ loader: String) -> Bool { VipsLibrary.formats.contains { $0.nickname == loader } }

    // MARK: bombs

    /// A PNG of colours whose header is right and whose pixels are a few bytes of nothing.
    static func png(_ width: UInt32, _ height: UInt32) -> [UInt8] {
        func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
            let body = Array(name.utf8) + content
            return big(UInt32(content.count)) + body + sum(body)
        }
        let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10]
        return signature + chunk("IHDR", big(width) + big(height) + [8, 2, 0, 0, 0]) + chunk("IDAT", [0x78, 0x9C] + [UInt8](repeating: 0, count: 5000)) + chunk("IEND", [])
    }

    /// What stands behind a PNG's chunk.
    static func sum(_ chunk: [UInt8]) -> [UInt8] {
        var crc = ~UInt32(0)
        for byte in chunk {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return (0..<4).map { UInt8(truncatingIfNeeded: ~crc >> (24 - 8 * $0)) }
    }

    /// A GIF of many large frames, of which nothing but the first pixels is there.
    static func gif(_ side: Int, frames: Int) -> [UInt8] {
        let low = UInt8(side & 255), high = UInt8(side >> 8)
        let head: [UInt8] = Array("GIF89a".utf8) + [low, high, low, high, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]
        let frame: [UInt8] = [0x21, 0xF9, 4, 0, 1, 0, 0, 0, 0x2C, 0, 0, 0, 0, low, high, low, high, 0, 2, 2, 0x44, 1, 0]
        return head + (0..<frames).flatMap { _ in frame } + [0x3B]
    }

    /// A TIFF of a few tags, none of which it can keep.
    static func tiff(_ tags: [(tag: UInt16, type: UInt16, count: UInt32, value: UInt32)]) -> [UInt8] {
        func little(_ value: UInt32, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        let entries = tags.sorted { $0.tag < $1.tag }.flatMap { little(UInt32($0.tag), 2) + little(UInt32($0.type), 2) + little($0.count, 4) + little($0.value, 4) }
        return Array("II*\0".utf8) + little(8, 4) + little(UInt32(tags.count), 2) + entries + little(0, 4)
    }

    @Test func `a few kilobytes that claim billions of pixels are refused from their header`() throws {
        try place.write("in/bomb.png", Self.png(60_000, 60_000))
        try place.pictures(1, in: "in", 32, 24)
        let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out")
        #expect(outcome.status == 1 && outcome.error.contains("failed in/bomb.png: has 60000 x 60000 pixels in 5059 bytes, as a decompression bomb would"), "\(outcome.error)")
        #expect(place.files("out") == ["1.png"])
        try place.write("narrow.yaml", "version: 1\nlimits: {max_pixels: 100M}\nstages: [invert]\n")
        let narrow = try place.aquatint("run", "narrow.yaml", "in/bomb.png", "-o", "out")
        #expect(narrow.status == 1 && narrow.error.contains("has 60000 x 60000 pixels, more than the 100000000 of limits.max_pixels"), "\(narrow.error)")
    }

    @Test func `a picture beyond the limits is refused before its damage is looked for`() throws {
        // Whole, and nearly nothing on the disk, but all of it would have to be decoded.
        try place.write("in/vast.pgm", "P5\n90000 90000\n255\n")
        #expect(truncate(place("in/vast.pgm"), 19 + 90_000 * 90_000) == 0)
        try place.write("keep.yaml", "version: 1\ninput: {on_damage: keep}\nlimits: {max_pixels: 1M, timeout: 1s}\nstages: [invert]\noutput: \"{stem}.png\"\n")
        let outcome = try place.aquatint("run", "keep.yaml", "in", "-o", "out")
        #expect(outcome.status == 1 && outcome.error.contains("failed in/vast.pgm: has 90000 x 90000 pixels, more than the 1000000 of limits.max_pixels"), "\(outcome.error)")
    }

    @Test func `an animation of thousands of large frames is refused where all are asked for, and costs one frame otherwise`() throws {
        try place.write("in/many.gif", Self.gif(4000, frames: 2000))
        let all = try place.aquatint("run", "all.yaml", "in", "-o", "all")
        #expect(all.status == 1 && all.error.contains("failed in/many.gif: has 4000 x 8000000 pixels, more than the default limit of 5000000000"), "\(all.error)")
        let first = try place.aquatint("run", "line.yaml", "in", "-o", "first")
        #expect(first.status == 0 && first.error.contains("has 2000 pages; the first is used"), "\(first.error)")
    }

    @Test func `TIFF tags that nothing can mean fail that file, and nothing else`() throws {
        let sound: [(tag: UInt16, type: UInt16, count: UInt32, value: UInt32)] = [
            (256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 16), (279, 4, 1, 256),
        ]
        let absurd: [String: (tag: UInt16, type: UInt16, count: UInt32, value: UInt32)] = [
            "width": (256, 4, 1, 0xFFFF_FFFF), "height": (257, 4, 1, 0xFFFF_FFFF), "bits": (258, 3, 1, 65535), "bits-elsewhere": (258, 3, 0xFFFF_FFFF, 0xFFFF_FFF0),
            "compression": (259, 3, 1, 65000), "offsets": (273, 4, 0x7FFF_FFFF, 8), "samples": (277, 3, 1, 65535), "counts": (279, 4, 1, 0xFFFF_FFFF), "type": (257, 77, 1, 16),
        ]
        for (name, tag) in absurd { try place.write("in/\(name).tif", Self.tiff(sound.filter { $0.tag != tag.tag } + [tag])) }
        try place.pictures(2, in: "in", 32, 24)
        let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out", "-j", "2")
        #expect(outcome.status == 1 && outcome.error.contains("2 done, \(absurd.count) failed"), "\(outcome.error)")
        #expect(place.files("out") == ["1.png", "2.png"] && !outcome.error.contains("SIG"), "\(outcome.error)")
    }

    // MARK: loaders

    static let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"20\" height=\"10\"><rect width=\"20\" height=\"10\" fill=\"red\"/></svg>\n"

    @Test(.enabled(if: has("svgload"), "this libvips reads no SVG"))
    func `a format whose loader is not hardened wants to be allowed, and the error says how`() throws {
        try place.write("in/a.svg", Self.svg)
        let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out")
        #expect(outcome.status == 1)
        #expect(outcome.error.contains("failed in/a.svg: libvips' svgload, which would read it, is not hardened against hostile files; if you trust your inputs, write input: {untrusted: true}"), "\(outcome.error)")
        #expect(place.files("out").isEmpty)
        #expect(try place.aquatint("run", "open.yaml", "in", "-o", "out").status == 0)
        #expect(try place.load("out/a.png").width == 20)
        try place.write("in/a.svg", Self.svg.replacing("width=\"20\" height=\"10\">", with: "viewBox=\"0 0 100000 100000\" width=\"100000\" height=\"100000\">"))
        let huge = try place.aquatint("run", "open.yaml", "in", "-o", "huge")
        #expect(huge.status == 1 && huge.error.contains("failed in/a.svg: has 100000 x 100000 pixels"), "\(huge.error)")
        // The pipeline's own images are its author's.
        try place.write("mark.svg", Self.svg)
        try place.write("marked.yaml", "version: 1\nimages: {mark: mark.svg}\nstages: [composite2: {base: prev, overlay: mark, mode: over}]\n")
        try place.pictures(1, in: "photos", 32, 24)
        let marked = try place.aquatint("run", "marked.yaml", "photos", "-o", "marked")
        #expect(marked.status == 0, "\(marked.error)")
    }

    @Test func `ordinary formats are read as ever`() throws {
        try FileManager.default.createDirectory(atPath: place("in"), withIntermediateDirectories: true)
        for ext in ["jpg", "png", "tif", "webp", "gif", "ppm", "avif", "heic", "jxl", "jp2", "hdr"] where Image.saver(forFile: "a.\(ext)") != nil {
            try Picture.make(64, 48).save(place("in/\(ext).\(ext)"))
        }
        let count = place.files("in").count
        let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out")
        #expect(outcome.status == 0 && place.files("out").count == count && count >= 6, "\(outcome.error)")
    }

    @Test func `tables among pictures are no pictures`() throws {
        try place.pictures(1, in: "in", 32, 24)
        try place.write("in/list.csv", "1,2\n3,4\n")
        let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out", "-v")
        #expect(outcome.status == 0 && outcome.error.contains("in/list.csv: not an image by name or content"), "\(outcome.error)")
        let open = try place.aquatint("run", "open.yaml", "in", "-o", "open")
        #expect(open.status == 0 && place.files("open") == ["1.png", "list.png"], "\(open.error)")
    }
}
