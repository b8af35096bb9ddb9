import Foundation
import Inference
import ONNX
import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// Network stages in a row, run as one network and one by one.
struct Chain {
    /// One stage as a pipeline would write it.
    struct Link: Sendable, CustomTestStringConvertible {
        var name: String
        var stage: String
        var arguments: [String: Value]
        var testDescription: String { name }

        func with(_ more: [String: Value]) -> Link {
            Link(name: "\(name) \(more.keys.sorted().joined(separator: ","))", stage: stage, arguments: arguments.merging(more) { $1 })
        }
    }

    static let engine: Bool = {
        do throws(EngineError) { _ = try EngineProvider().networks() } catch { return error.kind != .notFound }
        return true
    }()

    private static let library = Result {
        try StageLibrary(search: PluginSearch(option: [BuiltPlugins.directory], environment: [:], executable: nil), host: BuiltPlugins.host)
    }
    static let session = Result {
        StageSession(library: try library.get(), settings: NeuralSettings(precision: .exactly(.f32), threads: 2), files: FileLookup(folders: ["/"]))
    }

    struct Outcome {
        var image: Image
        /// How many stages each network runs, in order.
        var groups: [Int]
        var refusals: [String]
        /// What makes the picture, not prepared.
        var last: NetworkChain?
        var context: ImageContext
    }

    static func run(_ links: [Link], on input: Image, fuses: Bool, memory: Int = 2 << 30) throws -> Outcome {
        let session = try session.get(), context = ImageContext(memoryBudget: memory)
        var image = input, chain: NetworkChain?, groups: [Int] = [], refusals: [String] = []
        for link in links {
            let description = try #require(session.library.catalogue[link.stage])
            var arguments = link.arguments
            for input in description.inputs { arguments[input.name] = .image(.previous) }
            let primary = image
            let result = try session.apply(description, arguments: arguments, primary: primary, outputs: [], alpha: .auto, context: context, following: fuses ? chain : nil) { _ in primary }
            if let made = result.chain, made.count > 1 { groups[groups.count - 1] = made.count } else { groups.append(1) }
            if let refusal = result.refusal { refusals.append(refusal) }
            image = try #require(result.image)
            chain = result.chain
        }
        return Outcome(image: image, groups: groups, refusals: refusals, last: chain, context: context)
    }

    /// Checks that one network and several give the same picture, to 1e-5 of full scale (of the largest number, where it is none).
    @discardableResult
    static func expectSame(_ links: [Link], on input: Image, sourceLocation: SourceLocation = #_sourceLocation) throws -> Outcome {
        let fused = try run(links, on: input, fuses: true), apart = try run(links, on: input, fuses: false)
        #expect(apart.groups == links.map { _ in 1 }, sourceLocation: sourceLocation)
        let a = fused.image, b = apart.image
        #expect(a.width == b.width && a.height == b.height && a.bands == b.bands && a.interpretation == b.interpretation && a.pictureFullScale == b.pictureFullScale,
                "\(a) \(b)", sourceLocation: sourceLocation)
        let values = try a.floats(), expected = try b.floats()
        let scale = Float(b.pictureFullScale ?? 0) > 0 ? Float(b.pictureFullScale ?? 1) : max(1e-6, expected.map(abs).max() ?? 1)
        let worst = zip(values, expected).map { abs($0 - $1) }.max() ?? 0
        #expect(values.count == expected.count && worst <= 1e-5 * scale, "\(worst) of \(scale), groups \(fused.groups) \(fused.refusals)", sourceLocation: sourceLocation)
        return fused
    }
}

/// The shipped stages with the weights of the fixtures, and small ONNX files.
enum ChainLinks {
    private static let modules = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/modules").path

    static func module(_ stage: String, _ number: String, _ arguments: [String: Value] = [:]) -> Chain.Link {
        Chain.Link(name: "\(stage)-\(number)", stage: stage,
                   arguments: arguments.merging(["weights": .string("\(modules)/\(stage)-\(number).weights.safetensors")]) { $1 })
    }

    static let spread = module("separable_conv", "00"), same = module("separable_conv", "09")
    static let narrow = module("separable_conv", "03", ["kernel_size": .int(5), "padding": .int(2)])
    static let half = module("separable_conv", "05", ["stride": .int(2)])
    static let valid = module("separable_conv", "04", ["padding": .int(0)]), wide = module("separable_conv", "10", ["activation": .string("relu")])
    static let windows = module("attention", "09", ["window": .int(8)]), four = module("attention", "10", ["window": .int(4)])
    static let global = module("attention", "00"), gate = module("adaptive_attention", "00"), gatedWindows = module("adaptive_attention", "03", ["window": .int(5)])
    static let paint = module("generator", "00"), grey = module("generator", "03"), coloured = module("generator", "02")

    /// Goes away with the process: links are made once for all tests.
    private static let folder: URL = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "aquatint-chain-\(getpid())")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // A C function captures nothing.
        atexit { try? FileManager.default.removeItem(at: FileManager.default.temporaryDirectory.appending(path: "aquatint-chain-\(getpid())")) }
        return folder
    }()

    /// A file made by a test, as the `onnx` stage takes it.
    static func file(_ name: String, _ arguments: [String: Value] = [:], opset: Int = 23, channels: Int = 3, nhwc: Bool = false,
                     _ body: (GraphBuilder, ValueName) throws -> ValueName) -> Chain.Link {
        let graph = GraphBuilder()
        let sides: [ONNX.Dimension] = [.symbolic("h"), .symbolic("w")]
        let x = graph.input("x", dims: nhwc ? [.fixed(1)] + sides + [.fixed(channels)] : [.fixed(1), .fixed(channels)] + sides)
        let path = folder.appending(path: "\(name).onnx").path
        do {
            graph.output(try body(graph, x), name: "y")
            try Data(graph.finish(opset: opset).serialized()).write(to: URL(filePath: path))
        } catch {
            Issue.record("\(name): \(error)")
        }
        return Chain.Link(name: name, stage: "onnx", arguments: arguments.merging(["model": .string(path)]) { $1 })
    }

    static func convolution(_ graph: GraphBuilder, _ x: ValueName, _ inputs: Int, _ outputs: Int, side: Int = 3, _ attributes: [String: Attribute]? = nil) throws -> ValueName {
        let count = outputs * inputs * side * side
        let divisor = Float(11 * inputs * side)
        let weights = (0..<count).map { (index: Int) -> Float in
            let step = (index * 37 + 11 * outputs) % 23 - 11
            return Float(step) / divisor
        }
        let weight = try graph.initializer(weights, dims: [outputs, inputs, side, side], name: "weight")
        let bias = try graph.initializer((0..<outputs).map { 0.2 - 0.1 * Float($0 % 4) }, dims: [outputs], name: "bias")
        return graph.add("Conv", [x, weight, bias], attributes ?? ["pads": .ints(Array(repeating: side / 2, count: 4))])
    }

    static let numbers: Value = .list([.double(0), .double(255)])

    static let twice = file("twice") { graph, x in
        graph.add("DepthToSpace", [try convolution(graph, x, 3, 12)], ["blocksize": .int(2), "mode": .string("CRD")])
    }
    static let fourfold = file("fourfold", opset: 13) { graph, x in
        let inner = graph.add("Relu", [try convolution(graph, x, 3, 6)])
        return graph.add("DepthToSpace", [try convolution(graph, inner, 6, 48)], ["blocksize": .int(4)])
    }
    static let reversed = file("reversed", ["order": .string("bgr"), "mean": .list([.double(100), .double(110), .double(120)]), "std": .list([.double(50), .double(60), .double(70)]),
                                            "range": numbers, "output_range": .list([.double(-1), .double(1)])], opset: 11) { graph, x in
        graph.add("Tanh", [try convolution(graph, x, 3, 3)])
    }
    static let channelsLast = file("channelsLast", ["layout": .string("nhwc")], opset: 17, nhwc: true) { graph, x in
        let planar = graph.add("Transpose", [x], ["perm": .ints([0, 3, 1, 2])])
        return graph.add("Transpose", [try convolution(graph, planar, 3, 3, side: 5)], ["perm": .ints([0, 2, 3, 1])])
    }
    static let noisy = file("noisy", ["extra": .map(ValueMap([.init(key: "sigma", value: .double(0.25))]))]) { graph, x in
        let sigma = graph.input("sigma", dims: [.fixed(1)])
        return graph.add("Mul", [try convolution(graph, x, 3, 3), sigma])
    }
    static let old = file("old", opset: 9) { graph, x in
        let scales = try graph.initializer([1, 1, 2, 2], dims: [4], name: "scales")
        let large = graph.add("Upsample", [try convolution(graph, x, 3, 3), scales], ["mode": .string("nearest")])
        let clipped = graph.add("Clip", [large], ["min": .float(-0.5), "max": .float(0.75)])
        return graph.add("Dropout", [graph.add("AveragePool", [clipped], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])])
    }
    static let unet = file("unet") { graph, x in
        let down = graph.add("Relu", [try convolution(graph, x, 3, 6, side: 3, ["pads": .ints([1, 1, 1, 1]), "strides": .ints([2, 2])])])
        let up = graph.add("DepthToSpace", [try convolution(graph, down, 6, 12)], ["blocksize": .int(2)])
        return graph.add("Add", [x, up])
    }
    static let lumaOnly = file("lumaOnly", channels: 1) { graph, x in try convolution(graph, x, 1, 1) }
}
