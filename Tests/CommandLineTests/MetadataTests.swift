import Foundation
import Testing
import Vips

/// What files say of their pictures, after a run.
@Suite struct MetadataTests {
    let place: Workplace

    /// A picture of 80 x 60 that is stored lying on its side, and says everything that a camera and an archive say.
    init() throws {
        place = try Workplace()
        try Self.photograph().save(place("a.jpg"))
        try place.write("keep.yaml", "version: 1\nvars: {ext: .jpg}\nstages: [{extract_area: {left: 0, top: 0, width: 50, height: 70}}]\noutput: {file: \"{stem}${ext}\"}\n")
    }

    static func photograph() throws -> Image {
        let profile = try Operation.image("icc_transform", ["in": .image(try Picture.make(80, 60)), "input_profile": "srgb", "output_profile": "srgb"])
        let iptc = Array("Photoshop 3.0\0".utf8) + resource(0x0404, [0x1C, 2, 5, 0, 4] + Array("Dusk".utf8)) + resource(0x040C, [UInt8](repeating: 7, count: 61))
        return try profile.settingFields([
            ("exif-data", .blob(try Exif.block(width: 80, height: 60, orientation: 6))), ("orientation", .int(6)),
            ("xmp-data", .blob(Array(XMP.packet(width: 80, height: 60, orientation: 6).utf8))), ("iptc-data", .blob(iptc)),
        ])
    }

    static func resource(_ id: Int, _ content: [UInt8]) -> [UInt8] {
        Array("8BIM".utf8) + [UInt8(id >> 8), UInt8(id & 255), 0, 0] + (0..<4).map { UInt8(truncatingIfNeeded: content.count >> (24 - 8 * $0)) } + content
            + (content.count % 2 == 1 ? [0] : [])
    }

    private func exif(_ name: String) throws -> [String: Int] { try place.load(name).blob("exif-data").map(Exif.tags) ?? [:] }
    private func text(_ name: String, _ field: String) throws -> String { String(decoding: try place.load(name).blob(field) ?? [], as: UTF8.self) }

    @Test func `the fixture says what a camera says`() throws {
        let tags = try exif("a.jpg")
        #expect(tags["0.112"] == 6 && tags["exif.a002"] == 80 && tags["gps.2"] != nil && tags["1.201"] != nil && tags["exif.9003"] != nil, "\(tags)")
        #expect(try place.load("a.jpg").blob("jpeg-thumbnail-data") != nil)
    }

    /// Formats that not every build of libvips writes.
    private static func isWritten(_ ext: String) -> Bool { Image.saver(forFile: "a\(ext)") != nil }

    @Test(arguments: [".jpg", ".png", ".webp"]) func `EXIF is kept, true of the picture as it has become, and without its old thumbnail`(_ ext: String) throws {
        try keepsExif(ext)
    }

    @Test(.enabled("this libvips writes no AVIF") { isWritten(".avif") }) func `EXIF is kept in AVIF`() throws { try keepsExif(".avif") }

    private func keepsExif(_ ext: String) throws {
        let outcome = try place.aquatint("run", "keep.yaml", "a.jpg", "-o", "out", "--set", "ext=\(ext)")
        #expect(outcome.status == 0, "\(outcome.error)")
        let tags = try exif("out/a\(ext)")
        #expect(tags["0.112"] ?? 1 == 1 && tags["0.100"] == 50 && tags["0.101"] == 70 && tags["exif.a002"] == 50 && tags["exif.a003"] == 70, "\(tags)")
        #expect(tags["exif.9003"] != nil && tags["0.10f"] != nil && tags["gps.2"] != nil, "\(tags)")
        #expect(tags["1.201"] == nil && tags["1.202"] == nil)
        let image = try place.load("out/a\(ext)")
        #expect(image.width == 50 && image.height == 70 && image.orientation <= 1 && image.blob("jpeg-thumbnail-data") == nil && image.blob("icc-profile-data") != nil)
    }

    @Test func `XMP and IPTC are kept, and say nothing that is no longer so`() throws {
        #expect(try place.aquatint("run", "keep.yaml", "a.jpg", "-o", "out").status == 0)
        let xmp = try text("out/a.jpg", "xmp-data")
        for part in ["tiff:Orientation=\"1\"", "exif:PixelXDimension='50'", "<tiff:ImageLength>70<", "dc:title=\"Täst\"", "exif:GPSLatitude=\"48,30.2N\""] { #expect(xmp.contains(part), "\(part)") }
        #expect(!xmp.contains("Thumbnails") && xmp.hasSuffix("<?xpacket end=\"w\"?>"))
        let iptc = try place.load("out/a.jpg").blob("iptc-data") ?? []
        #expect(iptc == Array("Photoshop 3.0\0".utf8) + Self.resource(0x0404, [0x1C, 2, 5, 0, 4] + Array("Dusk".utf8)))
    }

    @Test(arguments: [".jpg", ".png", ".webp", ".tif"]) func `strip leaves nothing`(_ ext: String) throws { try strips(ext) }

    @Test(.enabled("this libvips writes no AVIF") { isWritten(".avif") }) func `strip leaves nothing in AVIF`() throws { try strips(".avif") }

    @Test(.enabled("this libvips writes no JPEG XL") { isWritten(".jxl") }) func `strip leaves nothing in JPEG XL`() throws { try strips(".jxl") }

    private func strips(_ ext: String) throws {
        try place.write("p.yaml", "version: 1\nstages: [invert]\noutput: {file: \"{stem}\(ext)\", metadata: strip}\n")
        let outcome = try place.aquatint("run", "p.yaml", "a.jpg", "-o", "out")
        #expect(outcome.status == 0 && !outcome.error.contains("not kept"), "\(outcome.error)")
        let image = try place.load("out/a\(ext)")
        for field in ["exif-data", "xmp-data", "iptc-data", "photoshop-data"] { #expect(image.blob(field) == nil, "\(field)") }
        let bytes = String(decoding: try place.read("out/a\(ext)"), as: UTF8.self)
        for secret in ["GPS", "Dusk", "2020:01:02", "Täst"] { #expect(!bytes.contains(secret), "\(secret)") }
        if ext == ".webp" { #expect(!bytes.contains("EXIF")) }
    }

    @Test(arguments: [".jpg", ".png", ".webp"]) func `a list keeps what it names, and the place is a kind of its own`(_ ext: String) throws {
        try place.write("p.yaml", "version: 1\nstages: [invert]\noutput: {file: \"{stem}\(ext)\", metadata: [exif, xmp, icc]}\n")
        #expect(try place.aquatint("run", "p.yaml", "a.jpg", "-o", "out").status == 0)
        let tags = try exif("out/a\(ext)")
        #expect(tags["exif.9003"] != nil && tags["0.10f"] != nil && !tags.keys.contains { $0.hasPrefix("gps.") }, "\(tags)")
        let xmp = try text("out/a\(ext)", "xmp-data")
        #expect(xmp.contains("Täst") && !xmp.contains("GPS"))
        let image = try place.load("out/a\(ext)")
        #expect(image.blob("icc-profile-data") != nil && image.blob("iptc-data") == nil)
        try place.write("p.yaml", "version: 1\nstages: [invert]\noutput: {file: \"{stem}\(ext)\", metadata: [xmp]}\n")
        #expect(try place.aquatint("run", "p.yaml", "a.jpg", "-o", "bare").status == 0)
        let bare = try exif("bare/a\(ext)")
        #expect(bare["0.10f"] == nil && bare["exif.9003"] == nil && bare["gps.2"] == nil, "\(bare)")
        #expect(try place.load("bare/a\(ext)").blob("icc-profile-data") == nil)
    }

    @Test func `the place goes from what is written as it came, too`() throws {
        let iptc = Array("Photoshop 3.0\0".utf8) + Self.resource(0x0404, [0x1C, 2, 5, 0, 4] + Array("Dusk".utf8) + [0x1C, 2, 90, 0, 5] + Array("Paris".utf8))
        try Self.photograph().settingFields([("iptc-data", .blob(iptc))]).save(place("i.jpg"))
        let exact = Data([48, 1, 30, 1, 12, 1].flatMap { [UInt8($0), 0, 0, 0] })
        #expect(Data(try place.read("i.jpg")).range(of: exact) != nil)
        for ext in [".v", ".jpg"] {
            try place.write("p.yaml", "version: 1\nstages: [invert]\noutput: {file: \"{stem}\(ext)\", metadata: [exif, xmp, iptc, icc, other]}\n")
            let outcome = try place.aquatint("run", "p.yaml", "i.jpg", "-o", "out")
            #expect(outcome.status == 0 && outcome.error.contains("its EXIF data was left out, since 'vipssave' would write the place with it") == (ext == ".v"), "\(outcome.error)")
            let bytes = Data(try place.read("out/i\(ext)"))
            #expect(bytes.range(of: exact) == nil && bytes.range(of: Data("GPS".utf8)) == nil, "\(ext)")
            #expect(try text("out/i\(ext)", "iptc-data").contains("Dusk") && !text("out/i\(ext)", "iptc-data").contains("Paris"), "\(ext)")
        }
    }

    @Test func `what a format does not hold is said once`() throws {
        for (ext, lost) in [(".gif", "EXIF, XMP, IPTC, the colour profile not kept, since 'gifsave' does not write them"), (".tif", "EXIF not kept, since 'tiffsave' does not write it")] {
            let outcome = try place.aquatint("run", "keep.yaml", "a.jpg", "-o", "out", "--set", "ext=\(ext)")
            #expect(outcome.status == 0 && outcome.error.components(separatedBy: lost).count == 2, "\(outcome.error)")
        }
    }

    @Test func `resolution is kept`() throws {
        let dense = try Operation.image("copy", ["in": .image(try Picture.make(40, 30)), "xres": 11.811, "yres": 11.811])
        try dense.save(place("d.tif"))
        for ext in [".jpg", ".png", ".tif"] {
            try place.write("p.yaml", "version: 1\nstages: [invert]\noutput: {file: \"{stem}\(ext)\"}\n")
            #expect(try place.aquatint("run", "p.yaml", "d.tif", "-o", "out").status == 0)
            let made = try place.load("out/d\(ext)")
            #expect(abs(made.xres - 11.811) < 0.02, "\(ext): \(made.xres)")
        }
    }

    @Test func `broken metadata costs no image`() throws {
        let plain = try Picture.make(40, 30)
        let faults: [(name: String, field: String, bytes: [UInt8], note: String?)] = [
            ("rubbish.jpg", "exif-data", Array("Exif\0\0rubbish, rubbish, rubbish".utf8), "EXIF data is damaged"),
            ("endless.jpg", "exif-data", Array("Exif\0\0II*\0".utf8) + [8, 0, 0, 0, 1, 0, 0x12, 1, 4, 0, 255, 255, 255, 255, 8, 0, 0, 0, 8, 0, 0, 0], "EXIF data is damaged"),
            ("huge.png", "xmp-data", Array("<x:xmpmeta>\(String(repeating: "x", count: 300_000))</x:xmpmeta>".utf8), "XMP not kept"),
            ("iptc.jpg", "iptc-data", Array("Photoshop 3.0\08BIM rubbish 8BIM".utf8), nil),
            ("thumb.jpg", "iptc-data", Array("Photoshop 3.0\08BIM\u{4}\u{C}\0\0".utf8) + [127, 255, 255, 255, 1, 2], "IPTC data is damaged"),
        ]
        for fault in faults { try plain.settingFields(fault.field == "exif-data" ? [] : [(fault.field, .blob(fault.bytes))]).save(place(fault.name), options: fault.field == "exif-data" ? ["strip": true] : [:]) }
        // libvips would write EXIF of its own in its place.
        for fault in faults where fault.field == "exif-data" {
            let bytes = try place.read(fault.name), count = fault.bytes.count + 2
            try place.write(fault.name, bytes[..<2] + [0xFF, 0xE1, UInt8(count >> 8), UInt8(count & 255)] + fault.bytes + bytes[2...])
        }
        try place.write("jpeg.yaml", "version: 1\nstages: [invert]\noutput: \"{stem}.jpg\"\n")
        for fault in faults {
            let outcome = try place.aquatint("run", "jpeg.yaml", fault.name, "-o", "out")
            #expect(outcome.status == 0 && (fault.note.map(outcome.error.contains) ?? !outcome.error.contains("note")), "\(fault.name): \(outcome.error)")
            #expect(try place.load("out/\(fault.name.split(separator: ".")[0]).jpg").width == 40)
        }
    }

    @Test func `what libvips does not read of a TIFF is said`() throws {
        var file = HostilePictureTests.tiff([
            (256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, 16), (279, 4, 1, 256),
            (0x13B, 2, 4, 0x6E6E41), (0x8769, 4, 1, 8),
        ])
        file += [UInt8](repeating: 100, count: 200 + 256 - file.count)
        try place.write("t.tif", file)
        try place.write("p.yaml", "version: 1\nstages: [invert]\noutput: \"{stem}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "t.tif", "-o", "out")
        #expect(outcome.status == 0 && outcome.error.contains("t.tif: its tags of artist, EXIF not kept, since libvips' tiffload does not read them"), "\(outcome.error)")
    }
}
