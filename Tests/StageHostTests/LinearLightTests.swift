import Foundation
import PipelineLanguage
import Testing
import Vips

@testable import StageHost

/// `linear: true` beside the arithmetic written out.
@Suite struct LinearLightTests {
    private let session: StageSession

    init() throws {
        let library = try StageLibrary(search: PluginSearch(option: [], environment: [:], executable: nil), host: PluginHost(version: "test") { _, _ in })
        session = StageSession(library: library, settings: NeuralSettings(threads: 1), files: FileLookup(folders: []))
    }

    private func shrunk(_ image: Image, linear: Bool) throws -> Image {
        let stage = try #require(session.library.catalogue["shrink"])
        let arguments: [String: Value] = ["in": .image(.previous), "hshrink": .double(2), "vshrink": .double(2), "linear": .bool(linear)]
        return try #require(try session.apply(stage, arguments: arguments, primary: image, outputs: [], alpha: .auto, context: ImageContext(memoryBudget: 1 << 30)) { _ in image }.image)
    }

    /// Two columns, of which shrinking by two makes one.
    private func pair(_ left: [UInt8], _ right: [UInt8], _ space: Interpretation = .srgb) throws -> Image {
        try Image.samples(left + right + left + right, width: 2, height: 2, bands: left.count, format: .uchar, interpretation: space).taggedAsOpened()
    }

    private static func light(_ value: Double) -> Double { value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4) }
    private static func value(_ light: Double) -> Double { light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055 }
    private static func mean(_ first: UInt8, _ second: UInt8, _ share: Double = 0.5) -> UInt8 {
        UInt8((255 * value(share * light(Double(first) / 255) + (1 - share) * light(Double(second) / 255))).rounded())
    }

    @Test func `black and white mix to half of the light, and not to half of the code`() throws {
        #expect(try shrunk(try pair([0, 0, 0], [255, 255, 255]), linear: true).bytes() == [188, 188, 188])
        #expect(try shrunk(try pair([0, 0, 0], [255, 255, 255]), linear: false).bytes() == [128, 128, 128])
        let mixed = try shrunk(try pair([10, 100, 250], [90, 40, 3]), linear: true)
        #expect(try mixed.bytes() == [Self.mean(10, 90), Self.mean(100, 40), Self.mean(250, 3)])
        #expect(mixed.format == .uchar && mixed.interpretation == .srgb)
    }

    @Test func `grey stays grey, and alpha weighs the light`() throws {
        #expect(try shrunk(try pair([30], [220], .blackAndWhite), linear: true).bytes() == [Self.mean(30, 220)])
        // A quarter of what can be seen is on the left.
        let mixed = try shrunk(try pair([200, 0, 50, 85], [20, 80, 255, 255]), linear: true)
        #expect(try mixed.bytes() == [Self.mean(200, 20, 0.25), Self.mean(0, 80, 0.25), Self.mean(50, 255, 0.25), 170])
    }

    @Test func `every level of sixteen bits comes back`() throws {
        let samples = (0..<65536).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        let image = try Image.samples(samples, width: 256, height: 256, bands: 1, format: .ushort, interpretation: .grey16).taggedAsOpened()
        let same = try LinearLight.applied(to: image, stage: "none") { (light) throws(StageError) in VipsStage.Result(image: light, values: [:]) }
        #expect(try #require(same.image).bytes() == samples)
    }

    @Test func `no number is too large for a curve`() {
        let curve = ToneCurve.table([0, 0.25, 1])
        #expect(curve.light(0.25) == 0.125 && curve.light(2) == 2.5 && curve.light(-1) == -1)
        #expect(curve.light(1e30) > 1e30 && curve.light(.infinity) == .infinity && curve.light(.nan).isNaN && curve.light(-.infinity) == -.infinity)
    }

    @Test func `a profile's own curve counts`() throws {
        // Gamma 1: light is the code value itself.
        var profile = [UInt8](repeating: 0, count: 128)
        profile.replaceSubrange(36..<40, with: Array("acsp".utf8))
        profile.replaceSubrange(16..<20, with: Array("GRAY".utf8))
        profile.replaceSubrange(12..<16, with: Array("mntr".utf8))
        profile.replaceSubrange(20..<24, with: Array("XYZ ".utf8))
        profile += [0, 0, 0, 1] + Array("kTRC".utf8) + [0, 0, 0, 144, 0, 0, 0, 14] + Array("curv".utf8) + [0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]
        let curve = try #require(ToneCurve.curves(of: profile, bands: 1)?.first)
        #expect((0...10).allSatisfy { abs(curve.light(Float($0) / 10) - Float($0) / 10) < 1e-4 && abs(curve.value(Float($0) / 10) - Float($0) / 10) < 1e-4 })
        profile[156] = 2
        let square = try #require(ToneCurve.curves(of: profile, bands: 1)?.first)
        #expect(abs(square.light(0.5) - 0.25) < 1e-4 && abs(square.value(0.25) - 0.5) < 1e-4 && abs(square.light(-0.5) + 0.25) < 1e-4)
        #expect(ToneCurve.curves(of: profile, bands: 3) == nil)
        for length in 0..<profile.count { _ = ToneCurve.curves(of: Array(profile[..<length]), bands: 1) }
    }

    @Test func `data is refused, and light stays as it is`() throws {
        let data = try Image.samples([UInt8](repeating: 0, count: 16), width: 2, height: 2, bands: 1, format: .float, interpretation: .multiband)
        let error = #expect(throws: StageError.self) { try shrunk(data, linear: true) }
        #expect(error?.message.hasPrefix("'linear' needs a grey or RGB picture") == true)
        let light: [Float] = [0.25, 0.5, 1, 0.75, 0.5, 0, 0.25, 0.5, 1, 0.75, 0.5, 0]
        let scene = try Image.samples(light.withUnsafeBytes { Array($0) }, width: 2, height: 2, bands: 3, format: .float, interpretation: .scrgb)
        #expect(try shrunk(scene, linear: true).bytes().withUnsafeBytes { Array($0.bindMemory(to: Float.self)) } == [0.5, 0.5, 0.5])
    }
}
