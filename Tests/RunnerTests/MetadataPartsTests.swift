import PipelineLanguage
import Testing
import Vips

@testable import Runner

/// The readers of metadata on their own: what comes from files must never stop them.
@Suite struct MetadataPartsTests {
    private func described(_ text: String, keepsPlace: Bool = true) -> (text: String, isClean: Bool) {
        var packet = XMPPacket(Array(text.utf8))
        let isClean = packet.describe(width: 30, height: 20, isUpright: true, keepsPlace: keepsPlace)
        return (String(decoding: packet.bytes, as: UTF8.self), isClean)
    }

    @Test func `properties are set where they are, as attributes or elements, and nowhere else`() {
        #expect(described("<a tiff:Orientation = '8' x=\"tiff:Orientation\">").text == "<a tiff:Orientation = '1' x=\"tiff:Orientation\">")
        #expect(described("<tiff:ImageWidth>9999</tiff:ImageWidth><tiff:ImageWidthX>5</tiff:ImageWidthX>").text == "<tiff:ImageWidth>30</tiff:ImageWidth><tiff:ImageWidthX>5</tiff:ImageWidthX>")
        #expect(described("<exif:PixelYDimension/>").text == "<exif:PixelYDimension/>")
        #expect(described("<b/>").text == "<b/>")
    }

    @Test func `the place is taken out, and where that cannot be sure, it is told`() {
        let (text, isClean) = described("<a exif:GPSLatitude=\"1\"\n exif:GPSLongitude='2' b=\"3\"><exif:GPSTimeStamp>4</exif:GPSTimeStamp></a>", keepsPlace: false)
        #expect(text == "<a\n b=\"3\"></a>" && isClean)
        #expect(!described("<a e:GPSLatitude=\"1\"/>", keepsPlace: false).isClean, "another prefix")
        var wide = XMPPacket("exif:GPS".utf8.flatMap { [$0, 0] })
        let isSure = wide.describe(width: 1, height: 1, isUpright: true, keepsPlace: false)
        #expect(!isSure, "UTF-16")
    }

    @Test(arguments: ["", "<tiff:Orientation", "<tiff:Orientation>", " tiff:Orientation=", " tiff:Orientation=\"", "tiff:Orientation", "</tiff:Orientation>", "<tiff:Orientation>6</tiff:Orientatio", "<xmp:Thumbnails"])
    func `XMP that ends anywhere stays as it is`(_ text: String) {
        #expect(described(text).text == text)
    }

    @Test(.timeLimit(.minutes(5)), arguments: [
        "<tiff:ImageWidth>", "<tiff:ImageWidth", "</tiff:ImageWidth>", " tiff:ImageWidth=\"", "<a tiff:ImageWidth='", "<a tiff:ImageWidth='1'", "<!--", "<?", "<![CDATA[", "<tiff:ImageWidth>1</tiff:ImageWidth>",
    ])
    func `XMP that was made to be slow is gone through in one pass`(_ part: String) {
        // What began a search to the end at each of them took minutes for this, and 16 times as long for four times as much.
        var packet = XMPPacket(Array(String(repeating: part, count: (1 << 20) / part.utf8.count).utf8))
        let isClean = packet.describe(width: 1, height: 1, isUpright: true, keepsPlace: true)
        #expect(isClean && !packet.bytes.isEmpty)
    }

    @Test(.timeLimit(.minutes(5))) func `image resources of zeros are gone through in one pass`() {
        let block: [UInt8] = Array("8BIM".utf8) + [4, 0x0C, 0, 0, 0, 0, 0, 0]
        #expect(PhotoshopResources(block + [UInt8](repeating: 0, count: 12 << 16) + [1]).without([0x040C]) == nil)
    }

    @Test func `what is no property stays, whatever it looks like`() {
        for text in ["<!-- <tiff:Orientation>6</tiff:Orientation> -->", "<![CDATA[<a tiff:Orientation=\"6\">]]>", "<a b=\" tiff:Orientation='6' > <tiff:Orientation>6</tiff:Orientation>\"/>", "<a> tiff:Orientation=\"6\" </a>"] {
            #expect(described(text).text == text)
        }
        #expect(described("<!-- ' --><a tiff:Orientation=\"6\"/>").text == "<!-- ' --><a tiff:Orientation=\"1\"/>")
        #expect(described("<xmp:Thumbnails><tiff:Orientation>6</tiff:Orientation></xmp:Thumbnails><tiff:Orientation>6</tiff:Orientation>").text == "<tiff:Orientation>1</tiff:Orientation>")
    }

    @Test(arguments: [
        ("<a hdrgm:Version='1.0' b=\"2\"/>", "<a b=\"2\"/>"), ("<a\nhdrgm:Version = \"1.0\"/>", "<a/>"), ("<hdrgm:GainMapMax><rdf:Seq/></hdrgm:GainMapMax><b/>", "<b/>"),
        ("<HDRGainMap:HDRGainMapVersion>65536</HDRGainMap:HDRGainMapVersion>", ""),
    ])
    func `what tells of a gain map goes in every spelling`(text: String, expected: String) {
        #expect(XMPPacket(Array(text.utf8)).hasGainMap)
        #expect(described(text).text == expected)
        #expect(described("<a>\(text)<Container:Directory> 1 </Container:Directory></a>").text == "<a>\(expected)</a>")
    }

    @Test func `bytes that are no UTF-8 stay what they are`() {
        // Latin-1 as some programs write it, whatever the packet says of itself.
        let latin: [UInt8] = Array("<a hdrgm:Version=\"1.0\" dc:title=\"T".utf8) + [0xE4] + Array("st\"/>".utf8)
        var packet = XMPPacket(latin)
        let isClean = packet.describe(width: 1, height: 1, isUpright: true, keepsPlace: true)
        #expect(isClean && packet.bytes == Array("<a dc:title=\"T".utf8) + [0xE4] + Array("st\"/>".utf8))
        let wide: [UInt8] = Array("<a hdrgm:Version=\"1.0\"/>".utf8).flatMap { [$0, UInt8(0)] }
        packet = XMPPacket(wide)
        _ = packet.describe(width: 1, height: 1, isUpright: true, keepsPlace: true)
        #expect(packet.bytes == wide)
    }

    @Test func `Photoshop's thumbnails go, and everything else stays as it was`() {
        func block(_ id: UInt8, _ content: [UInt8]) -> [UInt8] { Array("8BIM".utf8) + [4, id, 3, 97, 98, 99, 0, 0, 0, UInt8(content.count)] + content + (content.count % 2 == 1 ? [0] : []) }
        let text = block(4, [1, 2, 3]), thumbnail = block(0x0C, [9, 9, 9, 9, 9])
        #expect(PhotoshopResources(text + thumbnail + text).without([0x040C]) == text + text)
        #expect(PhotoshopResources(text).without([0x040C]) == text)
        #expect(PhotoshopResources([1, 2, 3]).without([0x040C]) == [1, 2, 3])
        // The byte that pads the end may be missing.
        for count in 6..<(thumbnail.count - 1) { #expect(PhotoshopResources(text + thumbnail.prefix(count)).without([0x040C]) == nil, "\(count) bytes") }
    }

    @Test func `EXIF is sound only where its first directory is`() {
        let sound: [UInt8] = Array("Exif\0\0II*\0".utf8) + [8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]
        #expect(ExifBlock(sound).isSound)
        for count in 0..<(sound.count - 4) { #expect(!ExifBlock(Array(sound.prefix(count))).isSound, "\(count) bytes") }
        for (place, byte) in [(6, 0x50), (8, 0), (11, 255), (14, 0), (15, 255), (18, 0), (18, 99)] {
            var bytes = sound
            bytes[place] = UInt8(byte)
            #expect(!ExifBlock(bytes).isSound, "\(place)")
        }
    }

    @Test func `text in UTF-8, which EXIF 3 has brought, is sound`() {
        func block(_ size: UInt8) -> [UInt8] {
            let directory: [UInt8] = [8, 0, 0, 0, 1, 0, 0x0E, 1, 129, 0, size, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0]
            return Array("II*\0".utf8) + directory + Array("Täst\0".utf8)
        }
        #expect(ExifBlock(block(6)).isSound)
        #expect(!ExifBlock(block(7)).isSound, "beyond the end")
    }

    private func records(_ sets: [(UInt8, UInt8, String)]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (record, number, text) in sets {
            bytes += [0x1C, record, number, 0, UInt8(text.utf8.count)]
            bytes += text.utf8
        }
        return bytes
    }

    @Test func `places go from IPTC, and everything else stays`() {
        let all = records([(1, 90, "utf-8"), (2, 5, "Dusk"), (2, 90, "Köln"), (2, 92, "Dom"), (2, 95, "NRW"), (2, 100, "DEU"), (2, 101, "Germany"), (2, 26, "x"), (2, 27, "y"), (2, 105, "Late")])
        let bare = records([(1, 90, "utf-8"), (2, 5, "Dusk"), (2, 105, "Late")])
        #expect(IPTCRecords(all).withoutPlace() == bare && IPTCRecords(all + [0, 0]).withoutPlace() == bare + [0, 0] && IPTCRecords([]).withoutPlace() == [])
        for count in 1..<all.count {
            let cut = IPTCRecords(Array(all.prefix(count))).withoutPlace()
            #expect(cut == nil || !String(decoding: cut ?? [], as: UTF8.self).contains("Köln"), "\(count) bytes")
        }
        #expect(IPTCRecords(bare + [7] + all).withoutPlace() == nil && IPTCRecords([0x1C, 2, 5, 0x80, 4, 0, 0, 0, 0]).withoutPlace() == nil)
        func block(_ content: [UInt8]) -> [UInt8] {
            let head: [UInt8] = [4, 4, 0, 0, 0, 0, 0, UInt8(content.count)], padding: [UInt8] = content.count % 2 == 1 ? [0] : []
            return Array("8BIM".utf8) + head + content + padding
        }
        let heading = Array("Photoshop 3.0\0".utf8)
        #expect(PhotoshopResources(heading + block(all) + block(bare)).without([], keepsPlace: false) == heading + block(bare) + block(bare))
        #expect(PhotoshopResources(heading + block(all)).without([], keepsPlace: true) == heading + block(all))
        #expect(PhotoshopResources(heading + block(Array(all.dropLast()))).without([], keepsPlace: false) == nil)
    }

    @Test func `the place goes from XMP in words, too`() {
        let words = "photoshop:City=\"a\" photoshop:State=\"b\" photoshop:Country=\"c\" Iptc4xmpCore:Location=\"d\" Iptc4xmpCore:CountryCode=\"e\""
        let text = "<a \(words) photoshop:Credit=\"f\"><Iptc4xmpExt:LocationCreated><rdf:Bag/></Iptc4xmpExt:LocationCreated><photoshop:City>g</photoshop:City></a>"
        #expect(described(text, keepsPlace: false).text == "<a photoshop:Credit=\"f\"></a>")
        #expect(described(text, keepsPlace: true).text == text)
    }

    @Test func `pages beyond the last are left out, and a selection behind it is none`() {
        #expect(InputPages.numbers(.all, of: 3) == 1...3 && InputPages.numbers(.first, of: 3) == 1...1)
        #expect(InputPages.numbers(.range(2...9), of: 3) == 2...3 && InputPages.numbers(.range(4...9), of: 3) == nil)
    }

    @Test func `the place goes as drones spell it, too, and in any case of letters none stays unsaid`() {
        let (text, isClean) = described("<a drone-dji:GpsLatitude=\"+1\" drone-dji:GpsLongtitude=\"2\" drone-dji:Model=\"x\"/>", keepsPlace: false)
        #expect(text == "<a drone-dji:Model=\"x\"/>" && isClean)
        #expect(!described("<a other:gPsLatitude=\"1\"/>", keepsPlace: false).isClean)
    }

    @Test func `texts of a PNG that hold EXIF, XMP or a place go with those`() throws {
        let names = ["png-comment-0-Raw profile type exif", "png-comment-1-exif:GPSLatitude", "png-comment-2-exif:Model", "png-comment-3-Title", "png-comment-4-XML:com.adobe.xmp"]
        let image = try Picture.make().settingFields(names.map { ($0, .string("x")) })
        func kept(_ kinds: KeptMetadata) throws -> [String] { try OutputMetadata(kept: kinds, saver: "pngsave").apply(image).image.fields.filter { $0.hasPrefix("png-comment") }.sorted() }
        #expect(try kept(.keep) == names.sorted())
        #expect(try kept(KeptMetadata(kinds: [.exif, .xmp, .other])) == [names[2], names[3]])
        #expect(try kept(KeptMetadata(kinds: [.other])) == [names[3]])
    }

    @Test func `IPTC has the form of the file's format, and comes back whole`() throws {
        let records: [UInt8] = [0x1C, 2, 5, 0, 4] + Array("Dusk".utf8), scratch = try Scratch()
        let image = try Picture.make().settingFields([("iptc-data", .blob(records))])
        for (name, saver) in [("a.tif", "tiffsave"), ("a.jpg", "jpegsave")] {
            try OutputMetadata(kept: .keep, saver: saver).apply(image).image.save(scratch(name))
        }
        // libvips' loader may hand out the zeros behind them, too.
        let tiff = try #require(try Image.load(scratch("a.tif")).blob("iptc-data"))
        #expect(tiff.starts(with: records) && tiff.dropFirst(records.count).allSatisfy { $0 == 0 })
        let jpeg = try #require(try Image.load(scratch("a.jpg")).blob("iptc-data"))
        #expect(PhotoshopResources(jpeg).records == records)
        let back = try OutputMetadata(kept: .keep, saver: "tiffsave").apply(try Image.load(scratch("a.jpg"))).image
        #expect(back.blob("iptc-data")?.starts(with: records) == true)
    }

    @Test func `a resolution that EXIF alone says is the picture's`() throws {
        let scratch = try Scratch()
        func image(_ fields: [(String, String)]) throws -> Image { try Picture.make().settingFields(fields.map { ("exif-ifd0-\($0.0)", .string($0.1)) }) }
        let fields = [("XResolution", "300/1 (300, Rational, 1 components, 8 bytes)"), ("YResolution", "150/1 (150, Rational)"), ("ResolutionUnit", "2 (Inch, Short, 1 components, 2 bytes)")]
        let found = try #require(ExifResolution.ofImage(try image(fields)))
        #expect(abs(found.x * 25.4 - 300) < 1e-9 && abs(found.y * 25.4 - 150) < 1e-9)
        for bad in ["", "x/y", "1/0", "-3/1", "9e300/1", "0/1"] { #expect(ExifResolution.ofImage(try image([("XResolution", bad), fields[1], fields[2]])) == nil) }
        let dense = try Operation.image("copy", ["in": .image(try Picture.make()), "xres": .double(300 / 25.4), "yres": .double(300 / 25.4)])
        try dense.save(scratch("a.webp"))
        #expect(try run("stages: [invert]", ["a.webp"], in: scratch).done == 1)
        let text = try #require(try Image.load(scratch("out/a.webp")).string("exif-ifd0-XResolution"))
        #expect(text.hasPrefix("300000/1000") || text.hasPrefix("300/1"), "\(text)")
    }
}
