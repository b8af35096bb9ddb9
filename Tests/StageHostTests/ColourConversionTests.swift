import Foundation
import Testing
import Vips

@testable import StageHost

/// Profiles of curves and a matrix beside the arithmetic written out.
@Suite struct ColourConversionTests {
    // MARK: profiles

    static func big(_ number: Int, _ count: Int) -> [UInt8] { (0..<count).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }

    private static func fixed(_ number: Double) -> [UInt8] { big(Int((number * 65536).rounded()), 4) }

    static func gamma(_ gamma: Double) -> [UInt8] { Array("curv".utf8) + big(0, 4) + big(1, 4) + big(Int((gamma * 256).rounded()), 2) + [0, 0] }

    /// `para` of the third kind, as sRGB has it.
    static let srgbCurve: [UInt8] = Array("para".utf8) + big(0, 4) + big(3, 2) + [0, 0] + [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045].flatMap(fixed)

    static func profile(_ space: String = "RGB ", _ tags: [(String, [UInt8])]) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 128), table = big(tags.count, 4), body: [UInt8] = []
        for (name, bytes) in tags {
            table += Array(name.utf8) + big(132 + 12 * tags.count + body.count, 4) + big(bytes.count, 4)
            body += bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
        }
        header.replaceSubrange(8..<12, with: [2, 0x40, 0, 0])
        for (place, text) in [(12, "mntr"), (16, space), (20, "XYZ "), (36, "acsp")] { header.replaceSubrange(place..<place + 4, with: Array(text.utf8)) }
        header.replaceSubrange(68..<80, with: [0.9642, 1, 0.8249].flatMap(fixed))
        header.replaceSubrange(0..<4, with: big(132 + 12 * tags.count + body.count, 4))
        return header + table + body
    }

    /// - Parameter primaries: XYZ of red, green and blue, of D50.
    static func profile(_ primaries: [[Double]], _ curve: [UInt8]) -> [UInt8] {
        let colours = zip(["rXYZ", "gXYZ", "bXYZ"], primaries).map { ($0, Array("XYZ ".utf8) + big(0, 4) + $1.flatMap(fixed)) }
        return profile(tags(colours, curve))
    }

    private static func profile(_ tags: [(String, [UInt8])]) -> [UInt8] { profile("RGB ", tags) }

    private static func tags(_ colours: [(String, [UInt8])], _ curve: [UInt8]) -> [(String, [UInt8])] { colours + ["rTRC", "gTRC", "bTRC"].map { ($0, curve) } }

    static let p3 = [[0.51512, 0.2412, -0.00105], [0.29198, 0.69225, 0.04189], [0.1571, 0.06657, 0.78407]]
    private static let adobe = [[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]]
    private static let proPhoto = [[0.79767, 0.28804, 0], [0.13519, 0.71188, 0], [0.03134, 0.00009, 0.82491]]
    private static let rec2020 = [[0.67346, 0.27903, -0.00193], [0.16566, 0.67534, 0.02998], [0.12505, 0.04561, 0.79686]]

    private static let wide: [(name: String, primaries: [[Double]], curve: [UInt8], value: @Sendable (Double) -> Double)] = [
        ("P3", p3, srgbCurve, { value($0) }), ("Adobe RGB", adobe, gamma(2.19921875), { pow($0, 1 / 2.19921875) }), ("ProPhoto", proPhoto, gamma(1.80078125), { pow($0, 1 / 1.80078125) }),
        ("Rec. 2020", rec2020, gamma(2.4), { pow($0, 1 / 2.3984375) }), ("linear", adobe, gamma(1), { $0 }),
    ]

    private static func value(_ light: Double) -> Double { light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055 }
    private static func light(_ value: Double) -> Double { value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4) }

    private static func times(_ matrix: Matrix3, _ colour: [Double]) -> [Double] { matrix.rows.map { $0[0] * colour[0] + $0[1] * colour[1] + $0[2] * colour[2] } }

    /// Saturated colours and greys of sRGB from 0 to 1, dark ones among them.
    private static let colours: [[Double]] = {
        let levels = [0, 0.002, 0.01, 0.05, 0.2, 0.5, 0.8, 1]
        return levels.flatMap { red in levels.flatMap { green in levels.map { [red, green, $0] } } }
    }()

    private static func picture(_ samples: [Double], bands: Int, white: Double, profile: [UInt8]) throws -> Image {
        let words = samples.map { UInt16(($0 * white).rounded()) }, isDeep = white == 65535
        let bytes = isDeep ? words.withUnsafeBytes { Array($0) } : words.map { UInt8($0) }
        let space: Interpretation = bands == 1 ? (isDeep ? .grey16 : .blackAndWhite) : isDeep ? .rgb16 : .srgb
        let image = try Image.samples(bytes, width: samples.count / bands, height: 1, bands: bands, format: isDeep ? .ushort : .uchar, interpretation: space)
        return try image.settingFields([(ManagedColour.profileField, .blob(profile))]).taggedAsOpened()
    }

    // MARK: pictures

    @Test(arguments: 0..<5)
    func `colours of sRGB that are stored in a wide profile come out as they are, and go back`(_ index: Int) throws {
        let (name, primaries, curve, value) = Self.wide[index]
        // By hand: light of sRGB to XYZ, and to the primaries.
        let back = try #require(Matrix3(rows: (0..<3).map { row in primaries.map { $0[row] } }).inverse) * MatrixProfile.srgb.matrix
        let stored: [Double] = Self.colours.flatMap { colour in Self.times(back, colour.map(Self.light)).map { value(min(max($0, 0), 1)) } }
        let picture = try Self.picture(stored, bands: 3, white: 65535, profile: Self.profile(primaries, curve))
        let shown = try ManagedColour.inSRGB(picture)
        let largest = zip(try shown.floats(), Self.colours.joined()).map { abs(Double($0) - $1 * 65535) / 257 }.max() ?? 99
        #expect(largest < (name == "linear" ? 0.3 : 0.15), "\(name): \(largest) of 255")
        let kept = try ManagedColour.restored(shown), again = try ManagedColour.inSRGB(kept)
        #expect(kept.blob(ManagedColour.profileField) == picture.blob(ManagedColour.profileField))
        // As colours: where a curve is as steep as that of Adobe RGB at black, the numbers say little.
        #expect(zip(try again.floats(), try shown.floats()).allSatisfy { abs($0 - $1) < 2 }, "\(name), of 65535")
    }

    @Test func `samples of 8 bits lose nothing but what they never had`() throws {
        let stored: [Double] = (0..<256).flatMap { level in [level, 255 - level, level / 2].map { Double($0) / 255 } }
        let picture = try Self.picture(stored, bands: 3, white: 255, profile: Self.profile(Self.p3, Self.srgbCurve))
        let shown = try ManagedColour.inSRGB(picture)
        #expect(shown.format == .float && shown.pictureFullScale == 255)
        let there = try #require(MatrixProfile.srgb.matrix.inverse) * Matrix3(rows: (0..<3).map { row in Self.p3.map { $0[row] } })
        let wanted: [Double] = stride(from: 0, to: stored.count, by: 3).flatMap { place -> [Double] in
            Self.times(there, stored[place..<place + 3].map(Self.light)).map { 255 * Self.value(min(max($0, 0), 1)) }
        }
        #expect(zip(try shown.floats(), wanted).allSatisfy { abs(Double($0) - $1) < 0.02 })
    }

    @Test func `grey with a gamma of its own, or none, is grey of sRGB, and goes back`() throws {
        for (gamma, white) in [(2.2, 255.0), (1.8, 65535), (1, 65535)] {
            let levels = (0...100).map { Double($0) / 100 }, exact = Double(Int((gamma * 256).rounded())) / 256
            let picture = try Self.picture(levels, bands: 1, white: white, profile: Self.profile("GRAY", [("kTRC", Self.gamma(gamma))]))
            let shown = try ManagedColour.inSRGB(picture)
            #expect(shown.bands == 1 && ManagedColour.isAway(shown))
            let samples = try picture.floats()
            let wanted = samples.map { white * Self.value(pow(Double($0) / white, exact)) }
            #expect(zip(try shown.floats(), wanted).allSatisfy { abs(Double($0) - $1) < white / 255 / 50 }, "gamma \(gamma)")
            #expect(zip(try ManagedColour.restored(shown).floats(), samples).allSatisfy { abs($0 - $1) < Float(white / 255 / 50) })
        }
    }

    @Test func `alpha stays as it is, and what is no number stays none`() throws {
        let profile = try #require(MatrixProfile(Self.profile(Self.p3, Self.srgbCurve))), conversion = try #require(ColourConversion(from: profile, to: .srgb))
        let samples: [Float] = [0.5, 0.5, 0.5, 0.25, .nan, 0, 0, 1, 2, 2, 2, 0, -0.5, -0.5, -0.5, 7]
        let image = try Image.samples(samples.withUnsafeBytes { Array($0) }, width: 4, height: 1, bands: 4, format: .float, interpretation: .srgb)
        let free = try conversion.applied(to: image, white: 1, clips: false).floats(), clipped = try conversion.applied(to: image, white: 1, clips: true).floats()
        #expect([3, 7, 11, 15].allSatisfy { free[$0] == samples[$0] && clipped[$0] == samples[$0] })
        #expect(abs(free[0] - 0.5) < 1e-3 && free[4].isNaN && clipped[4].isNaN)
        #expect(free[8] > 1.5 && abs(free[12] + 0.5) < 1e-3 && abs(clipped[8] - 1) < 1e-6 && clipped[12] == 0)
    }

    @Test func `Lab comes to networks as sRGB in floats, by the white that it is of`() throws {
        let samples: [Float] = [53.585, 0, 0, 53.6, 0, 0]
        let lab = try Image.samples(samples.withUnsafeBytes { Array($0) }, width: 2, height: 1, bands: 3, format: .float, interpretation: .lab)
        for image in [lab, try ManagedColour.marked(lab)] {
            let shown = try ManagedColour.shown(image), values = try shown.floats()
            #expect(shown.format == .float && shown.pictureFullScale == 255 && shown.interpretation == .srgb)
            #expect(values.prefix(3).allSatisfy { abs($0 - 128) < 0.05 } && values[3] > values[0] + 0.01, "\(values)")
        }
    }

    @Test func `a table of a curve is as good as the curve`() {
        let table = CurveTable(ToneCurve.srgb.value)
        table.withLookup { look in
            for step in 0...2000 {
                let light = pow(10, Float(step) / 2000 * 9 - 9), wanted = ToneCurve.srgb.value(light)
                #expect(abs(look[light] - wanted) <= 2e-6 * max(wanted, 1e-3))
            }
            #expect(look[0] == 0 && look[.infinity] == .infinity && look[.nan].isNaN && look[-0.5] == -look[0.5] && look[1e-30] == 0)
        }
    }

    // MARK: profiles that say something odd

    @Test func `profiles that cannot be turned round are left to libvips`() {
        let flat = Array("curv".utf8) + Self.big(0, 4) + Self.big(3, 4) + [0x80, 0, 0x80, 0, 0x80, 0], falling = Array("curv".utf8) + Self.big(0, 4) + Self.big(2, 4) + [255, 255, 0, 0]
        let endless = Array("curv".utf8) + Self.big(0, 4) + Self.big(1_000_000_000, 4) + [0, 0, 255, 255]
        for curve in [flat, falling, endless, Self.gamma(0), Array("para".utf8) + Self.big(0, 4) + Self.big(9, 2), []] {
            #expect(MatrixProfile(Self.profile(Self.p3, curve)) == nil)
        }
        #expect(MatrixProfile(Self.profile([Self.p3[0], Self.p3[0], Self.p3[2]], Self.srgbCurve)) == nil, "two primaries are one")
        #expect(MatrixProfile(Self.profile([[0, 0, 0], [0, 0, 0], [0, 0, 0]], Self.srgbCurve)) == nil)
        #expect(MatrixProfile(Self.profile([[30000, 30000, 0], [0, -30000, 1], [1, 0, 0]], Self.srgbCurve)) == nil)
        #expect(MatrixProfile(Self.profile("GRAY", [("kTRC", Self.gamma(2.2)), ("A2B0", [0, 0, 0, 0])])) == nil, "tables come first")
        let sound = Self.profile(Self.p3, Self.srgbCurve)
        #expect(MatrixProfile(sound) != nil)
        for length in 0..<sound.count { #expect(MatrixProfile(Array(sound[..<length])) == nil || length >= sound.count - 3) }
        for place in 128..<sound.count {
            var damaged = sound
            damaged[place] = 0xFF
            _ = MatrixProfile(damaged)
        }
    }

    @Test func `of several numbers that are black or white, the ends stay`() {
        let curve = ToneCurve.table([0, 0, 0, 0.4, 1, 1, 1])
        #expect(curve.value(0) == 0 && curve.value(1) == 1 && abs(curve.value(0.4) - 0.5) < 1e-6)
        #expect(zip(0..<100, 1...100).allSatisfy { curve.value(Float($0) / 100) <= curve.value(Float($1) / 100) })
    }

    @Test func `Display P3 is what its definition says, and a profile that others read`() throws {
        let profile = try #require(MatrixProfile(DisplayP3.profile))
        for (row, wanted) in zip(profile.matrix.rows, (0..<3).map { row in Self.p3.map { $0[row] } }) {
            #expect(zip(row, wanted).allSatisfy { abs($0 - $1) < 2e-5 }, "\(row), not \(wanted)")
        }
        for level in stride(from: Float(0), through: 1, by: 0.05) { #expect(abs(profile.curves[0].light(level) - ToneCurve.srgb.light(level)) < 1e-4) }
        #expect(ManagedColour.fault(of: DisplayP3.profile) == nil)
        // By lcms: a green of P3 that sRGB has, too.
        let file = try #require(ManagedColour.file(of: DisplayP3.profile))
        let green = try Image.samples([100, 150, 110], width: 1, height: 1, bands: 3, format: .uchar, interpretation: .srgb)
        let there = try Operation.image("icc_transform", ["in": .image(green), "input_profile": .string(file), "output_profile": "srgb", "depth": 16]).bytes()
        let own = try ColourConversion(from: profile, to: .srgb)?.applied(to: green, white: 255, clips: true).floats() ?? []
        for band in 0..<3 {
            let word = Int(there[2 * band]) | Int(there[2 * band + 1]) << 8
            #expect(abs(Float(word) / 257 - own[band]) < 0.6, "\(there), \(own)")
        }
    }

    @Test func `grey in three bands stays grey in every profile`() throws {
        let levels: [UInt8] = (0...255).flatMap { (level: UInt8) -> [UInt8] in [level, level, level] }
        let image = try Image.samples(levels, width: 256, height: 1, bands: 3, format: .uchar, interpretation: .srgb)
        for (name, primaries, curve, _) in Self.wide {
            let profile = try #require(MatrixProfile(Self.profile(primaries, curve))), conversion = try #require(ColourConversion(from: .srgb, to: profile))
            let samples = try conversion.applied(to: image, white: 255, clips: true).rounded(to: .uchar).bytes()
            let coloured = (0..<256).filter { (level: Int) -> Bool in Set(samples[3 * level..<3 * level + 3]).count > 1 }
            #expect(coloured.isEmpty, "\(name): \(coloured)")
        }
    }
}
