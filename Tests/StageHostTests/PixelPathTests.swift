import Foundation
import Testing
import Vips
@testable import StageHost

/// Stages in C that hand their input on unchanged: what is between libvips and them must not show.
@Suite(.enabled(if: FixturePlugins.canBuild, "there is no C compiler")) struct PixelPathTests {
    static let ids = ["bench.u8", "bench.u8_planar", "bench.f32", "bench.f32_planar"]
    let plugins: FixturePlugins
    let library: PluginLibrary
    let context = ImageContext(memoryBudget: 1 << 30)

    init() throws {
        plugins = try FixturePlugins()
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let path = "\(plugins.folder)/noop.so"
        let built = try FixturePlugins.run(["cc", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-I", root.appending(path: "Sources/CAquatintPlugin/include").path, "-o", path,
                                            root.appending(path: "Scripts/peers/noop.c").path])
        try #require(built == 0)
        library = try PluginLibrary.open(path, host: PluginHost(version: "test") { _, _ in })
    }

    private func through(_ id: String, _ image: Image) throws -> Image {
        let stage = try #require(library.stages.first { $0.id == id })
        return try PixelStageImage(instance: try stage.create(), context: context, stage: id).make([image])
    }

    private static func scene(_ bands: Int, _ white: Int, width: Int = 301, height: Int = 83) throws -> Image {
        try Scene.picture(width: width, height: height, bands: bands, white: white) { x, y, band in 
            // Solid: the host continues colours under what is transparent.
            bands == 4 && band == 3 ? white : (x * 31 + y * 17 + x * y + band * 77) % (white + 1)
        }
    }

    @Test(arguments: ids, [1, 3, 4]) func `what goes through a stage comes out as it was`(_ id: String, _ bands: Int) throws {
        let image = try Self.scene(bands, 255)
        #expect(try through(id, image).rounded(to: .uchar).bytes() == image.bytes())
        // A file that is being decoded: read once, in order.
        let decoded = try Scene.withStreamed(image) { streamed in try through(id, streamed).rounded(to: .uchar).bytes() }
        #expect(try decoded == image.bytes())
        let deep = try Self.scene(bands, 65535)
        if id.hasPrefix("bench.f32") { #expect(try through(id, deep).rounded(to: .ushort).bytes() == deep.bytes()) }
    }

    @Test(arguments: ids) func `three in a row, and parts of the picture in any order, are the same`(_ id: String) throws {
        let image = try Self.scene(3, 255)
        let result = try through(id, try through(id, try through(id, image))).rounded(to: .uchar)
        #expect(try result.bytes() == image.bytes())
        for rect in [(290, 70, 11, 13), (0, 0, 1, 1), (7, 40, 200, 1)] {
            let arguments: [String: Argument] = ["left": .int(rect.0), "top": .int(rect.1), "width": .int(rect.2), "height": .int(rect.3)]
            #expect(try VipsStage.unary("extract_area", result, arguments).bytes() == VipsStage.unary("extract_area", image, arguments).bytes())
        }
    }

    @Test func `numbers that are no picture keep their values`() throws {
        let data = try Scene.data(width: 61, height: 40, bands: 5)
        for id in ["bench.f32", "bench.f32_planar"] { #expect(try through(id, data).bytes() == data.bytes()) }
    }

    @Test func `what reads neighbours gets the rows from a cache, and the same pixels`() throws {
        let image = try Self.scene(3, 255), result = try through("bench.u8", image)
        #expect(result.int(UncachedPixels.field) != nil)
        let kept = try UncachedPixels.kept(result, for: "gaussblur")
        #expect(kept.int(UncachedPixels.field) == nil && kept !== result)
        #expect(try UncachedPixels.kept(result, for: "invert") === result)
        #expect(try VipsStage.unary("gaussblur", kept, ["sigma": 3]).bytes() == VipsStage.unary("gaussblur", image, ["sigma": 3]).bytes())
        let blurred = try Scene.withStreamed(image) { streamed in
            try VipsStage.unary("gaussblur", try UncachedPixels.kept(try through("bench.u8", streamed)), ["sigma": 3]).bytes()
        }
        #expect(try blurred == VipsStage.unary("gaussblur", image, ["sigma": 3]).bytes())
    }

    @Test func `a stage with a halo gives the same from a file that is being decoded, and after another`() throws {
        let image = try Self.scene(3, 255, width: 700, height: 900)
        let kuwahara = try BuiltPlugins.stage("kuwahara").create()
        func painted(_ image: Image) throws -> [UInt8] {
            let once = try PixelStageImage(instance: kuwahara, context: context, stage: "kuwahara").make([image])
            return try PixelStageImage(instance: kuwahara, context: context, stage: "kuwahara").make([once]).bytes()
        }
        let expected = try painted(image)
        let decoded = try Scene.withStreamed(image) { streamed in try painted(streamed) }
        #expect(decoded == expected)
        context.finish()
    }

    @Test(arguments: [BandFormat.uchar, .ushort]) func `floats are rounded as libvips does it`(_ format: BandFormat) throws {
        let values: [Float] = [-3, -0.5, -0.2, 0, 0.49, 0.5, 1.5, 254.4, 254.5, 255, 255.6, 300, 65534.5, 70000, .nan, 12.25]
        let image = try Image.samples(values.withUnsafeBytes { Array($0) }, width: values.count, height: 1, bands: 1, format: .float, interpretation: .multiband)
        let raised = try VipsStage.unary("linear", image, ["a": .doubles([1]), "b": .doubles([0.5])])
        #expect(try image.rounded(to: format).bytes() == VipsStage.unary("cast", raised, ["format": .string(format.rawValue)]).bytes())
    }
}
