import Foundation
import PipelineLanguage
import Testing
import Vips

@testable import Runner

/// Colours that libvips alone would take for sRGB.
@Suite struct InputColourTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    // MARK: files

    private static func crc(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { sum, byte in (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 } }
    }

    private static func big(_ number: Int, _ count: Int) -> [UInt8] { (0..<count).reversed().map { UInt8(number >> (8 * $0) & 255) } }

    private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(filePath: folder(name)))
        return folder(name)
    }

    private func saved(_ image: Image, _ name: String) throws -> [UInt8] {
        try image.save(folder(name))
        return Array(try Data(contentsOf: URL(filePath: folder(name))))
    }

    /// A PNG with a `cICP` chunk.
    private func png(_ name: String, primaries: UInt8, transfer: UInt8) throws {
        var bytes = try saved(try Picture.make(), name)
        let body = Array("cICP".utf8) + [primaries, transfer, 0, 1]
        bytes.insert(contentsOf: Self.big(4, 4) + body + Self.big(Int(Self.crc(body)), 4), at: 33)
        _ = try write(name, bytes)
    }

    private static func segment(_ marker: UInt8, _ body: [UInt8]) -> [UInt8] { [0xFF, marker] + big(body.count + 2, 2) + body }

    private static let ultraHDR = """
        <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" \
        xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" hdrgm:Version="1.0" dc:source="kept"/></rdf:RDF></x:xmpmeta>
        """

    private static func xmp(_ text: String) -> [UInt8] { segment(0xE1, Array("http://ns.adobe.com/xap/1.0/\0".utf8) + Array(text.utf8)) }

    /// A box of ISO/IEC 14496-12.
    private static func box(_ name: String, _ body: [UInt8]) -> [UInt8] { big(body.count + 8, 4) + Array(name.utf8) + body }

    /// The head of a HEIC file of two items, of which the second is the primary one; its colours are the second property.
    private static func heic(transfer: Int, items: [UInt8] = []) -> [UInt8] {
        func colours(_ transfer: Int) -> [UInt8] { box("colr", Array("nclx".utf8) + big(9, 2) + big(transfer, 2) + big(9, 2) + [0x80]) }
        let associations = box("ipma", [0, 0, 0, 0] + big(2, 4) + big(1, 2) + [1, 0x81] + big(2, 2) + [1, 0x02])
        let meta = box("pitm", [0, 0, 0, 0] + big(2, 2)) + box("iinf", [0, 0, 0, 0] + items) + box("iprp", box("ipco", colours(13) + colours(transfer)) + associations)
        return box("ftyp", Array("heic".utf8) + big(0, 4)) + box("meta", [0, 0, 0, 0] + meta)
    }

    // MARK: tests

    @Test(arguments: [(UInt8(16), "PQ"), (18, "HLG")])
    func `HDR pictures are refused in words`(transfer: UInt8, name: String) throws {
        try png("hdr.png", primaries: 9, transfer: transfer)
        let events = Events()
        let summary = try run("stages: [invert]", ["hdr.png"], in: folder, events: events)
        #expect(summary.failed == 1)
        #expect(events.images.first?.failure?.message.hasPrefix("its colours are HDR (\(name) of ITU-R BT.2100), which would come out wrong as sRGB") == true)
    }

    @Test func `Display P3 without a profile gets one, and what is neither that nor sRGB is refused`() throws {
        try png("p3.png", primaries: 12, transfer: 13)
        try png("srgb.png", primaries: 1, transfer: 13)
        #expect(try run("stages: [invert]", ["p3.png", "srgb.png"], in: folder).done == 2)
        #expect(try Image.load(folder("out/p3.png")).blob("icc-profile-data") != nil && Image.load(folder("out/srgb.png")).blob("icc-profile-data") == nil)
        #expect(try run("stages:\n  - thumbnail_image: {width: 20}", ["p3.png"], in: folder, to: "small").done == 1)
        #expect(try Image.load(folder("small/p3.png")).blob("icc-profile-data") != nil)
        try png("wide.png", primaries: 9, transfer: 1)
        let events = Events()
        #expect(try run("stages: [invert]", ["wide.png"], in: folder, events: events).failed == 1)
        #expect(events.images.first?.failure?.message.contains("(primaries 9, transfer 1 of ITU-T H.273) are neither sRGB nor Display P3") == true)
    }

    @Test func `colours are found where all pages are asked for, too`() throws {
        try png("hdr.png", primaries: 9, transfer: 16)
        try png("p3.png", primaries: 12, transfer: 13)
        var bytes = try saved(try Picture.make(), "ultra.jpg")
        bytes.insert(contentsOf: Self.xmp(Self.ultraHDR), at: 2)
        _ = try write("ultra.jpg", bytes)
        let events = Events()
        let summary = try run("input: {pages: all}\nstages: [invert]", ["hdr.png", "p3.png", "ultra.jpg"], in: folder, events: events)
        #expect(summary.failed == 1 && summary.done == 2)
        #expect(events.images.first?.failure?.message.hasPrefix("its colours are HDR (PQ of ITU-R BT.2100)") == true)
        #expect(try Image.load(folder("out/p3.png")).blob("icc-profile-data") != nil)
        #expect(events.notes == ["has a gain map for HDR screens, which is dropped: the result is its SDR picture"])
    }

    @Test func `a gain map is dropped, and the run and the metadata say so`() throws {
        var bytes = try saved(try Picture.make(), "ultra.jpg")
        bytes.insert(contentsOf: Self.xmp(Self.ultraHDR), at: 2)
        _ = try write("ultra.jpg", bytes)
        let events = Events()
        #expect(try run("stages: [invert]", ["ultra.jpg"], in: folder, events: events).done == 1)
        #expect(events.notes == ["has a gain map for HDR screens, which is dropped: the result is its SDR picture"])
        let kept = String(decoding: try #require(try Image.load(folder("out/ultra.jpg")).blob("xmp-data")), as: UTF8.self)
        #expect(!kept.contains("hdrgm:Version") && kept.contains("dc:source=\"kept\""))
        // The name of the namespace has stayed, and says nothing.
        #expect(kept.contains("xmlns:hdrgm"))
        let again = Events()
        #expect(try run("stages: [invert]", ["out/ultra.jpg"], in: folder, to: "again", events: again).done == 1)
        #expect(again.notes.isEmpty, "\(again.notes)")
    }

    @Test func `XMP that HEIC carries as an item says nothing of a gain map afterwards`() throws {
        let image = try Picture.make().settingFields([("heif-mime-1", .blob(Array(Self.ultraHDR.utf8)))])
        let kept = try #require(try OutputMetadata(kept: .keep, saver: "jpegsave").apply(image).image.blob("xmp-data"))
        #expect(!String(decoding: kept, as: UTF8.self).contains("hdrgm:Version"))
    }

    @Test func `XMP that is too large to be gone through is left out, and that is said`() throws {
        let most = try Picture.make().settingFields([("xmp-data", .blob([UInt8](repeating: 65, count: XMPPacket.most + 1)))])
        let (image, notes) = try OutputMetadata(kept: .keep, saver: "pngsave").apply(most)
        #expect(image.blob("xmp-data") == nil && notes == ["its XMP data (16777217 bytes) was left out, since nothing of more than 16 MiB is gone through for what is no longer so"])
    }

    @Test(arguments: [true, false])
    func `a gain map that only the second picture of a file speaks of is found`(isLittle: Bool) throws {
        let first = try saved(try Picture.make(), "first.jpg")
        var second = try saved(try Picture.make(20, 15, bands: 1), "second.jpg")
        second.insert(contentsOf: Self.xmp("<x:xmpmeta xmlns:HDRGainMap=\"http://ns.apple.com/HDRGainMap/1.0/\"/>"), at: 2)
        func number(_ value: Int, _ count: Int) -> [UInt8] { isLittle ? Self.big(value, count).reversed() : Self.big(value, count) }
        // The index is as long whatever stands in it: two entries of 16 bytes behind a directory of one.
        func index(offset: Int) -> [UInt8] {
            let head = Array((isLittle ? "II" : "MM").utf8) + number(42, 2) + number(8, 4)
            let directory = number(1, 2) + number(0xB002, 2) + number(7, 2) + number(32, 4) + number(26, 4) + number(0, 4)
            return Array("MPF\0".utf8) + head + directory + [UInt8](repeating: 0, count: 16) + number(0, 4) + number(second.count, 4) + number(offset, 4) + number(0, 4)
        }
        let length = Self.segment(0xE2, index(offset: 0)).count
        // Counted from behind the name: 2 of the start, 4 of the segment, 4 of the name.
        let bytes = [0xFF, 0xD8] + Self.segment(0xE2, index(offset: first.count + length - 10)) + first.dropFirst(2) + second
        let path = try write("apple.jpg", bytes)
        #expect(FileColour(OpenedFile(path), loader: "jpegload", profile: nil).hasGainMap)
        #expect(!FileColour(OpenedFile(folder("first.jpg")), loader: "jpegload", profile: nil).hasGainMap)
        // A file has one index. Hundreds of them, all read, would take seconds.
        let empty = Self.segment(0xE2, Array("MPF\0MM".utf8) + [UInt8](repeating: 0, count: 30))
        let twice = [0xFF, 0xD8] + empty + Self.segment(0xE2, index(offset: first.count + length - 10)) + first.dropFirst(2) + second
        #expect(!FileColour(OpenedFile(try write("twice.jpg", twice)), loader: "jpegload", profile: nil).hasGainMap)
    }

    @Test func `the colours of AVIF and HEIC are those of the primary item`() throws {
        func read(_ bytes: [UInt8]) throws -> FileColour { FileColour(OpenedFile(try write("a.heic", bytes)), loader: "heifload", profile: nil) }
        #expect(try read(Self.heic(transfer: 16)).hdrName == "PQ")
        #expect(try read(Self.heic(transfer: 18)).hdrName == "HLG")
        let plain = try read(Self.heic(transfer: 13))
        #expect(plain.hdrName == nil && plain.primaries == 9 && plain.transfer == 13 && !plain.hasGainMap)
        #expect(try read(Self.heic(transfer: 13, items: Self.box("infe", [2, 0, 0, 0, 0, 3, 0, 0] + Array("tmap".utf8)))).hasGainMap)
        #expect(try read(Self.heic(transfer: 13) + Self.box("mdat", [1, 2])).transfer == 13)
    }

    @Test func `a box whose size takes 64 bits is read as any other`() throws {
        let plain = Self.heic(transfer: 16)
        let place = 16, size = plain.count - place
        let wide = plain[..<place] + Self.big(1, 4) + plain[(place + 4)..<(place + 8)] + Self.big(size + 8, 8) + plain[(place + 8)...]
        #expect(FileColour(OpenedFile(try write("wide.heic", Array(wide))), loader: "heifload", profile: nil).hdrName == "PQ")
    }

    @Test func `fill bytes before a marker do not end the search`() throws {
        var bytes = try saved(try Picture.make(), "filled.jpg")
        bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF] + Self.xmp(Self.ultraHDR), at: 2)
        #expect(FileColour(OpenedFile(try write("filled.jpg", bytes)), loader: "jpegload", profile: nil).hasGainMap)
    }

    @Test func `a profile may say it, too`() {
        var profile = [UInt8](repeating: 0, count: 128) + Self.big(1, 4)
        profile += Array("cicp".utf8) + Self.big(144, 4) + Self.big(12, 4)
        profile += Array("cicp".utf8) + Self.big(0, 4) + [9, 18, 0, 1]
        #expect(FileColour(OpenedFile(folder("none")), loader: "jxlload", profile: profile).hdrName == "HLG")
        #expect(FileColour(OpenedFile(folder("none")), loader: "jxlload", profile: nil) == FileColour())
    }

    @Test func `files that end anywhere, or lie about their lengths, say nothing`() throws {
        let heads = [Self.heic(transfer: 16), [0xFF, 0xD8] + Self.xmp(Self.ultraHDR), [0x89] + Array("PNG\r\n\u{1A}\n".utf8) + Self.big(4, 4) + Array("cICP".utf8) + [9, 16, 0, 1]]
        for (bytes, loader) in zip(heads, ["heifload", "jpegload", "pngload"]) {
            func read(_ bytes: [UInt8]) throws -> FileColour { FileColour(OpenedFile(try write("cut", bytes)), loader: loader, profile: nil) }
            let whole = try read(bytes)
            #expect(whole != FileColour())
            for length in stride(from: 0, to: bytes.count, by: 3) { #expect(try read(Array(bytes[..<length])) == FileColour(), "\(loader), \(length) bytes") }
            for place in bytes.indices {
                var damaged = bytes
                damaged[place] = 0xFF
                let said = try read(damaged)
                #expect([nil, whole.hdrName].contains(said.hdrName) && (whole.hasGainMap || !said.hasGainMap), "\(loader), byte \(place)")
            }
        }
    }

    @Test func `CMYK without a profile is said, and so is that a format holds none`() throws {
        let inks = try Image.samples([UInt8](repeating: 60, count: 4 * 600), width: 30, height: 20, bands: 4, format: .uchar, interpretation: .cmyk)
        try inks.save(folder("inks.jpg"))
        let events = Events()
        #expect(try run("stages: [invert]\noutput: \"{stem}.png\"", ["inks.jpg"], in: folder, events: events).done == 1)
        #expect(events.notes == ["is CMYK without a profile: libvips' built-in CMYK profile is taken where its colours are converted", "converted from CMYK to sRGB, since 'pngsave' holds no CMYK"])
        #expect(try Image.load(folder("out/inks.png")).bands == 3)
    }
}
