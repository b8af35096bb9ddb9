import Foundation
import Inference
import ONNX
import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// Pictures through small networks: what the host does around them.
@Suite(.enabled(if: PictureEngine.isPresent, "OpenVINO is not installed: run `make setup`"))
struct NetworkPictureTests {
    @Test(arguments: [24, 31, 40])
    func `tiles give what the whole picture gives`(tile: Int) throws {
        let model = try SmallNetwork.twoConvolutions()
        for (width, height) in [(1, 1), (3, 2), (24, 24), (25, 23), (61, 53), (97, 41)] {
            let image = try Scene.data(width: width, height: height, bands: 3)
            let whole = try model.run(image, tiling: .string("whole")).image.floats()
            let (tiled, report) = try model.run(image, tiling: .map(ValueMap([.init(key: "tile", value: .int(tile))])))
            #expect(report.tiles > 1 || width <= tile && height <= tile)
            let values = try tiled.floats()
            #expect(values.count == whole.count && zip(values, whole).allSatisfy { abs($0 - $1) <= 1e-5 }, "\(width) x \(height)")
        }
    }

    @Test func `every level of 16 bits survives`() throws {
        let ramp = try Scene.picture(width: 256, height: 256, bands: 1, white: 65535) { x, y, _ in 256 * y + x }
        let (result, _) = try SmallNetwork.identity(channels: 1).run(ramp)
        #expect(result.interpretation == .grey16 && result.pictureFullScale == 65535)
        let values = try result.floats()
        #expect(values.indices.allSatisfy { values[$0].rounded(.toNearestOrAwayFromZero) == Float($0) })
    }

    @Test func `a range maps black and white both ways`() throws {
        let picture = try Scene.picture(width: 16, height: 16, bands: 3, white: 255) { x, y, band in (16 * y + x + 40 * band) % 256 }
        let (result, _) = try SmallNetwork.identity(channels: 3).run(picture, ["range": .list([.double(-1), .double(1)])])
        #expect(zip(try result.floats(), try picture.bytes()).allSatisfy { abs($0 - Float($1)) < 1e-3 })
    }

    @Test func `transparency is scaled with the result and keeps its values`() throws {
        let picture = try Scene.picture(width: 12, height: 9, bands: 4, white: 255) { x, _, band in band == 3 ? (x < 6 ? 0 : 255) : 100 }
        let (result, _) = try SmallNetwork.enlarging().run(picture)
        #expect(result.width == 24 && result.height == 18 && result.bands == 4 && result.hasAlpha)
        let values = try result.floats()
        #expect((0..<18).allSatisfy { values[(24 * $0) * 4 + 3] == 0 && values[(24 * $0 + 23) * 4 + 3] == 255 })
    }

    @Test(arguments: [255, 65535])
    func `what stands under transparent pixels does not reach the edge of what can be seen`(white: Int) throws {
        let colours = [0.25, 0.5, 0.75]
        func alpha(_ x: Int, _ y: Int) -> Int { white * min(max(20 - abs(x - 30) - abs(y - 25), 0), 6) / 6 }
        func colour(_ band: Int) -> Int { Int(colours[band] * Double(white)) }
        let cut = try Scene.picture(width: 70, height: 50, bands: 4, white: white) { x, y, band in
            band == 3 ? alpha(x, y) : alpha(x, y) > 0 ? colour(band) : (x * 37 + y * 91 + band * 50) % 256
        }
        let solid = try Scene.picture(width: 70, height: 50, bands: 3, white: white) { _, _, band in colour(band) }
        for model in [try SmallNetwork.twoConvolutions(), try SmallNetwork.enlarging()] {
            let result = try model.run(cut).image, got = try result.floats(), wanted = try model.run(solid).image.floats()
            var largest: Float = 0
            for place in 0..<result.width * result.height { for band in 0..<3 { largest = max(largest, abs(got[4 * place + band] - wanted[3 * place + band])) } }
            #expect(largest <= Float(white) / 255)
        }
    }

    @Test(arguments: [(16, 16), (40, 24), (41, 19), (5, 30)])
    func `a local network whose reshapes hold its size runs at any`(width: Int, height: Int) throws {
        let picture = try Scene.data(width: width, height: height, bands: 1)
        let (result, report) = try SmallNetwork.subpixel(tiedTo: 16).run(picture)
        #expect(report.isWhole && report.tile == (width, height) && result.width == 2 * width && result.height == 2 * height)
        let free = try SmallNetwork.subpixel(tiedTo: nil).run(picture, tiling: .string("whole")).image.floats()
        #expect(zip(try result.floats(), free).allSatisfy { abs($0 - $1) <= 1e-5 })
    }

    @Test(arguments: [(16, 16), (40, 24), (41, 19), (5, 30)])
    func `a local network tied to one size for good runs in tiles of it`(width: Int, height: Int) throws {
        let picture = try Scene.data(width: width, height: height, bands: 1)
        let (result, report, notes) = try SmallNetwork.shifting(tiedTo: 16).noted(picture)
        #expect(report.tile == (16, 16) && result.width == width && result.height == height)
        // Where the picture had to be extended to the one size, its edge is another, which is said; elsewhere the tiles must not show.
        #expect(notes.contains { $0.contains("its right and bottom edges are approximate") } == (width < 16 || height < 16))
        guard width >= 16, height >= 16 else { return }
        let free = try SmallNetwork.shifting(tiedTo: nil).run(picture, tiling: .string("whole")).image.floats()
        #expect(zip(try result.floats(), free).allSatisfy { abs($0 - $1) <= 1e-5 })
    }

    @Test func `another tile than the one size that a network takes is refused`() throws {
        let picture = try Scene.data(width: 40, height: 24, bands: 1)
        let error = try #require(throws: StageError.self) { _ = try SmallNetwork.shifting(tiedTo: 16).run(picture, tiling: .string("whole")) }
        #expect(error.description.contains("takes 16 x 16 pixels and no other size"))
    }

    @Test func `large pictures run in tiles that take little memory where halos cost little`() throws {
        let picture = try Scene.data(width: 2000, height: 1500, bands: 3)
        let (_, report) = try SmallNetwork.twoConvolutions().run(picture)
        #expect(!report.isWhole && report.memory < 64 << 20 && Double(report.tiles * report.tile.width * report.tile.height) < 1.2 * 3e6)
    }
}

enum PictureEngine {
    static let provider = EngineProvider()
    /// One that is there and cannot be loaded is a failure, not a reason to skip.
    static let isPresent: Bool = {
        do throws(EngineError) { _ = try provider.networks() } catch { return error.kind != .notFound }
        return true
    }()
}

/// An ONNX file made here, through the `onnx` plug-in and the host.
private struct SmallNetwork {
    let bytes: [UInt8]

    private init(channels: Int, size: Int? = nil, _ body: (GraphBuilder, ValueName) throws -> ValueName) throws {
        let graph = GraphBuilder()
        let sides: [ONNX.Dimension] = size.map { [.fixed($0), .fixed($0)] } ?? [.symbolic("h"), .symbolic("w")]
        graph.output(try body(graph, graph.input("x", dims: [.fixed(1), .fixed(channels)] + sides)), name: "y")
        bytes = try graph.finish().serialized()
    }

    private static func convolution(_ graph: GraphBuilder, _ x: ValueName, from inputs: Int, to outputs: Int) throws -> ValueName {
        let count = outputs * inputs * 9
        let weights = (0..<count).map { (index: Int) -> Float in
            let step = (index * 37 + 11) % 23 - 11
            return Float(step) / Float(33 * inputs)
        }
        let weight = try graph.initializer(weights, dims: [outputs, inputs, 3, 3], name: "weight")
        let bias = try graph.initializer((0..<outputs).map { 0.3 - 0.1 * Float($0) }, dims: [outputs], name: "bias")
        return graph.add("Conv", [x, weight, bias], ["pads": .ints([1, 1, 1, 1])])
    }

    static func twoConvolutions() throws -> SmallNetwork {
        try SmallNetwork(channels: 3) { graph, x in
            let hidden = graph.add("Relu", [try convolution(graph, x, from: 3, to: 5)])
            return try convolution(graph, hidden, from: 5, to: 3)
        }
    }

    static func identity(channels: Int) throws -> SmallNetwork {
        try SmallNetwork(channels: channels) { graph, x in
            let one = (0..<channels * channels).map { $0 % (channels + 1) == 0 ? Float(1) : 0 }
            return graph.add("Conv", [x, try graph.initializer(one, dims: [channels, channels, 1, 1], name: "one")])
        }
    }

    static func enlarging() throws -> SmallNetwork {
        try SmallNetwork(channels: 3) { graph, x in
            let wide = try convolution(graph, x, from: 3, to: 12)
            return graph.add("DepthToSpace", [wide], ["blocksize": .int(2), "mode": .string("CRD")])
        }
    }

    /// Pixel shuffle as an operator, or as the reshapes of old exports, which hold the size.
    static func subpixel(tiedTo size: Int?) throws -> SmallNetwork {
        try SmallNetwork(channels: 1, size: size) { graph, x in
            let wide = try convolution(graph, graph.add("Relu", [try convolution(graph, x, from: 1, to: 3)]), from: 3, to: 4)
            guard let size else { return graph.add("DepthToSpace", [wide], ["blocksize": .int(2), "mode": .string("CRD")]) }
            let apart = try graph.initializer(int64: [-1, 1, 2, 2, size, size], dims: [6], name: "apart")
            let together = try graph.initializer(int64: [-1, 1, 2 * size, 2 * size], dims: [4], name: "together")
            let turned = graph.add("Transpose", [graph.add("Reshape", [wide, apart])], ["perm": .ints([0, 1, 4, 2, 5, 3])])
            return graph.add("Reshape", [turned, together])
        }
    }

    /// A convolution and a constant, which one network has for every pixel of its only size.
    static func shifting(tiedTo size: Int?) throws -> SmallNetwork {
        try SmallNetwork(channels: 1, size: size) { graph, x in
            let side = size ?? 1
            let shift = try graph.initializer(Array(repeating: Float(0.25), count: side * side), dims: [1, 1, side, side], name: "shift")
            return graph.add("Add", [try convolution(graph, x, from: 1, to: 1), shift])
        }
    }

    func run(_ image: Image, _ values: [String: Value] = [:], tiling: Value = .string("auto")) throws -> (image: Image, report: NetworkReport) {
        let (result, report, _) = try noted(image, values, tiling: tiling)
        return (result, report)
    }

    func noted(_ image: Image, _ values: [String: Value] = [:], tiling: Value = .string("auto")) throws
        -> (image: Image, report: NetworkReport, notes: [String]) {
        let path = FileManager.default.temporaryDirectory.appending(path: "aquatint-\(UUID().uuidString).onnx").path
        try Data(bytes).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let colours = image.bands - (image.hasAlpha ? 1 : 0)
        let plan = try BuiltPlugins.stage("onnx").create(["model": .file(path)])
            .plan([PluginImage(width: image.width, height: image.height, bands: colours, space: colours == 1 ? .grey : .srgb)])
        let options = try NetworkOptions(values.merging(["tiling": tiling]) { given, _ in given }, stage: "onnx")
        let network = try PreparedNetwork(try plan.network(), key: UUID().uuidString, stage: "onnx")
        let context = ImageContext(memoryBudget: 2 << 30)
        let (result, report) = try NetworkStageImage(network: network, options: options, plan: plan, settings: NeuralSettings(precision: .exactly(.f32), threads: 2),
                                                     engine: PictureEngine.provider, context: context, stage: "onnx").make(image)
        return (result, report, context.notes)
    }
}

enum Scene {
    /// Numbers that are no picture: never scaled, never clipped.
    static func data(width: Int, height: Int, bands: Int) throws -> Image {
        try VipsLibrary.start()
        let values = (0..<width * height * bands).map { (index: Int) -> Float in
            let residue = (index * 7919 + 13) % 1009
            return Float(residue) / 500 - 1
        }
        return try Image.samples(values.withUnsafeBytes { Array($0) }, width: width, height: height, bands: bands, format: .float, interpretation: .multiband)
    }

    /// The picture as a file that is being decoded: read once, from top to bottom.
    static func withStreamed<Result>(_ picture: Image, _ body: (Image) throws -> Result) throws -> Result {
        let path = NSTemporaryDirectory() + "scene-\(UUID().uuidString).png"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try picture.save(path)
        return try body(try Image.load(path, access: .sequential).taggedAsOpened())
    }

    static func picture(width: Int, height: Int, bands: Int, white: Int, _ value: (_ x: Int, _ y: Int, _ band: Int) -> Int) throws -> Image {
        try VipsLibrary.start()
        let isGrey = bands < 3
        var samples: [Int] = []
        for y in 0..<height {
            for x in 0..<width {
                for band in 0..<bands { samples.append(value(x, y, band)) }
            }
        }
        let image: Image
        if white == 255 {
            image = try Image.samples(samples.map { UInt8($0) }, width: width, height: height, bands: bands, format: .uchar,
                                      interpretation: isGrey ? .blackAndWhite : .srgb)
        } else {
            let words = samples.map { UInt16($0) }
            image = try Image.samples(words.withUnsafeBytes { Array($0) }, width: width, height: height, bands: bands, format: .ushort,
                                      interpretation: isGrey ? .grey16 : .rgb16)
        }
        return try image.taggedAsOpened()
    }
}

extension Image {
    func floats() throws -> [Float] {
        let bytes = try Operation.image("cast", ["in": .image(self), "format": "float"]).bytes()
        return bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }
}
