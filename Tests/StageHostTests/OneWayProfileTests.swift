import Testing
import Vips

@testable import StageHost

/// Profiles as JPEGs in XYB have them: tables from their numbers to colours, and none that lead back.
@Suite struct OneWayProfileTests {
    private static func big(_ number: Int, _ count: Int) -> [UInt8] { (0..<count).reversed().map { UInt8(number >> (8 * $0) & 255) } }

    /// An 8-bit table (ICC.1:2022, 10.11) of two places on each axis.
    private static func table(_ corners: [[UInt8]]) -> [UInt8] {
        let unity = (0..<9).flatMap { big($0 % 4 == 0 ? 65536 : 0, 4) }
        let curves = (0..<3).flatMap { _ in (0...255).map { UInt8($0) } }
        return Array("mft1".utf8) + [0, 0, 0, 0, 3, 3, 2, 0] + unity + curves + corners.flatMap(\.self) + curves
    }

    private static func profile() -> [UInt8] {
        // The second number is the lightness, the first and the third turn the hue: Lab in 8 bits.
        let there = (0..<8).map { corner in [corner & 2 == 0 ? 30 : 225, corner & 4 == 0 ? 112 : 144, corner & 1 == 0 ? 112 : 144].map { UInt8($0) } }
        // What gives the numbers that it is given says nothing of colours.
        let idle = (0..<8).map { corner in [4, 2, 1].map { UInt8(corner & $0 == 0 ? 0 : 255) } }
        let tables = [("A2B0", table(there)), ("B2A0", table(idle))]
        var header = [UInt8](repeating: 0, count: 128), body: [UInt8] = big(tables.count, 4)
        var place = 132 + 12 * tables.count
        for (name, bytes) in tables {
            body += Array(name.utf8) + big(place, 4) + big(bytes.count, 4)
            place += bytes.count
        }
        body += tables.flatMap(\.1)
        for (start, text) in [(12, "mntr"), (16, "RGB "), (20, "Lab "), (36, "acsp")] { header.replaceSubrange(start..<start + 4, with: Array(text.utf8)) }
        header.replaceSubrange(8..<12, with: [2, 0x40, 0, 0])
        header.replaceSubrange(68..<80, with: big(0xF6D6, 4) + big(0x10000, 4) + big(0xD32D, 4))
        header.replaceSubrange(0..<4, with: big(128 + body.count, 4))
        return header + body
    }

    @Test func `a picture whose profile knows no way back stays in sRGB`() throws {
        try VipsLibrary.start()
        let plain = try Image.samples((0..<30 * 20 * 3).map { UInt8(60 + $0 % 120) }, width: 30, height: 20, bands: 3, format: .uchar, interpretation: .srgb)
        let picture = try plain.settingFields([(ManagedColour.profileField, .blob(Self.profile()))]).taggedAsOpened()
        let shown = try ManagedColour.inSRGB(picture)
        #expect(shown !== picture && !ManagedColour.isAway(shown))
        let kept = try ManagedColour.restored(shown)
        #expect(kept === shown, "and is saved as what it is")
        let bytes = try shown.bytes()
        #expect(Set(bytes).count > 20, "it was converted by the table")
    }

    @Test func `a picture whose profile is of curves goes back to it`() throws {
        let plain = try Image.samples((0..<30 * 20 * 3).map { UInt8(60 + $0 % 120) }, width: 30, height: 20, bands: 3, format: .uchar, interpretation: .srgb)
        let picture = try Operation.image("icc_transform", ["in": .image(plain), "input_profile": "srgb", "output_profile": "p3"]).taggedAsOpened()
        let shown = try ManagedColour.inSRGB(picture)
        #expect(ManagedColour.isAway(shown))
        let back = try Operation.image("cast", ["in": .image(try Operation.image("round", ["in": .image(try ManagedColour.restored(shown)), "round": "rint"])), "format": "uchar"])
        #expect(zip(try back.bytes(), try picture.bytes()).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }
}
