import Foundation
import Inference
import NetworkSamples
import ONNX
import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// Small networks with statistics over the whole picture, made here and run through the `onnx` plug-in and the host.
struct StatisticNetwork {
    enum Kind: String, CaseIterable {
        case instance, group, meanVariance, batch, norm, rms, averagePool, maximumPool, leastValue, sum, magnitude, length, spelt, twice, spread, byShape
    }

    static let provider = EngineProvider()
    /// One that is there and cannot be loaded is a failure, not a reason to skip.
    static let hasEngine: Bool = {
        do throws(EngineError) { _ = try provider.networks() } catch { return error.kind != .notFound }
        return true
    }()

    let bytes: [UInt8]

    init(channels: Int = 3, opset: Int = 23, isNHWC: Bool = false, _ body: (inout Maker, ValueName) throws -> ValueName) throws {
        var maker = Maker(opset: opset)
        let sides: [ONNX.Dimension] = [.symbolic("h"), .symbolic("w")], depth: [ONNX.Dimension] = [.fixed(channels)]
        let x = maker.graph.input("x", dims: [.fixed(1)] + (isNHWC ? sides + depth : depth + sides))
        maker.graph.output(try body(&maker, x), name: "y")
        bytes = try maker.graph.finish(opset: opset).serialized()
    }

    static func tiles(of edge: Int) -> Value {
        .map(ValueMap([.init(key: "tile", value: .int(edge)), .init(key: "sync", value: .bool(true))]))
    }

    func run(_ image: Image, _ values: [String: Value], memory: Int = 2 << 30, context: ImageContext? = nil) throws -> (image: Image, report: NetworkReport) {
        let path = FileManager.default.temporaryDirectory.appending(path: "aquatint-\(UUID().uuidString).onnx").path
        try Data(bytes).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var stage: [String: StageValue] = ["model": .file(path)]
        if case .string(let layout)? = values["layout"] { stage["layout"] = .choice(layout) }
        let plan = try BuiltPlugins.stage("onnx").create(stage)
            .plan([PluginImage(width: image.width, height: image.height, bands: image.bands, space: image.bands == 1 ? .grey : .srgb)])
        let options = try NetworkOptions(values, stage: "onnx")
        let network = try PreparedNetwork(try plan.network(), key: UUID().uuidString, stage: "onnx")
        return try NetworkStageImage(network: network, options: options, plan: plan, settings: NeuralSettings(precision: .exactly(.f32), threads: 2), engine: Self.provider,
                                     context: context ?? ImageContext(memoryBudget: memory), stage: "onnx").make(image)
    }

    // MARK: networks

    /// Convolutions with three statistics between them, some of them beside each other.
    static func random(seed: UInt64) throws -> StatisticNetwork {
        var numbers = Randomness(state: seed)
        let kinds = (0..<3).map { _ in Kind.allCases.randomElement(using: &numbers) ?? .instance }
        let beside = Bool.random(using: &numbers), downwards = Bool.random(using: &numbers)
        return try StatisticNetwork { network, x in
            var y = try network.conv(x, stride: downwards ? 2 : 1)
            y = try network.statistic(kinds[0], y)
            y = beside ? network.graph.add("Add", [try network.statistic(kinds[1], y), try network.statistic(kinds[2], network.graph.add("Tanh", [y]))])
                : try network.statistic(kinds[2], try network.conv(try network.statistic(kinds[1], y)))
            return try network.conv(y, to: 3)
        }
    }

    /// Two levels down and up, normalised on each.
    static func unet() throws -> StatisticNetwork {
        try StatisticNetwork { network, x in
            let top = try network.statistic(.instance, try network.conv(x))
            let middle = try network.statistic(.group, try network.conv(top, stride: 2))
            let deep = try network.statistic(.instance, try network.conv(middle, stride: 2))
            let raised = network.graph.add("Add", [try network.up(deep), middle])
            let joined = network.graph.add("Add", [try network.up(try network.statistic(.averagePool, raised)), top])
            return try network.conv(joined, to: 3)
        }
    }

    /// Adds layers of four channels to a graph.
    struct Maker {
        let graph = GraphBuilder()
        let opset: Int
        private var numbers = Randomness(state: 99)

        init(opset: Int) { self.opset = opset }

        mutating func weights(_ dims: [Int], from low: Float = -0.5, to high: Float = 0.5) throws -> ValueName {
            var values: [Float] = []
            for _ in 0..<dims.reduce(1, *) { values.append(Float.random(in: low...high, using: &numbers)) }
            return try graph.initializer(values, dims: dims, name: "weight")
        }

        func ints(_ values: [Int]) throws -> ValueName { try graph.initializer(int64: values, dims: [values.count], name: "ints") }

        mutating func conv(_ x: ValueName, from inputs: Int? = nil, to outputs: Int = 4, stride: Int = 1) throws -> ValueName {
            let inputs = inputs ?? (x.text == "x" ? 3 : 4)
            let y = graph.add("Conv", [x, try weights([outputs, inputs, 3, 3]), try weights([outputs])],
                              ["pads": .ints([1, 1, 1, 1]), "strides": .ints([stride, stride])])
            return outputs == 4 ? graph.add("LeakyRelu", [y]) : y
        }

        mutating func up(_ x: ValueName) throws -> ValueName {
            graph.add("ConvTranspose", [x, try weights([4, 4, 2, 2])], ["strides": .ints([2, 2])])
        }

        func reduce(_ op: String, _ x: ValueName, axes: [Int] = [2, 3], keeps: Bool = true) throws -> ValueName {
            let keepdims: Attribute = .int(keeps ? 1 : 0)
            guard opset >= (op == "ReduceSum" ? 13 : 18) else { return graph.add(op, [x], ["axes": .ints(axes), "keepdims": keepdims]) }
            return graph.add(op, [x, try ints(axes)], ["keepdims": keepdims])
        }

        /// A layer from four channels to four with a statistic in it.
        mutating func statistic(_ kind: Kind, _ x: ValueName) throws -> ValueName {
            let scale = try weights([4], from: 0.5, to: 1.5), bias = try weights([4])
            func excited(_ squeezed: ValueName) throws -> ValueName { graph.add("Mul", [x, graph.add("Sigmoid", [squeezed])]) }
            switch kind {
            case .instance: return graph.add("InstanceNormalization", [x, scale, bias])
            case .group: return graph.add("GroupNormalization", [x, scale, bias], ["num_groups": .int(2)])
            case .meanVariance: return graph.add("MeanVarianceNormalization", [x])
            case .batch:
                return graph.add("BatchNormalization", [x, scale, bias, try weights([4]), try weights([4], from: 0.5, to: 1)], ["training_mode": .int(1)], outputs: 1)[0]
            case .norm:
                let flat = graph.add("Reshape", [x, try ints([1, 4, -1])])
                let normal = graph.add("LpNormalization", [flat], ["axis": .int(2), "p": .int(2)])
                return graph.add("Mul", [graph.add("Reshape", [normal, graph.add("Shape", [x])]), try graph.initializer([40], dims: [1], name: "forty")])
            case .rms:
                return graph.add("Div", [x, graph.add("Sqrt", [try reduce("ReduceMean", graph.add("Mul", [x, x]), axes: [1, 2, 3])])])
            case .averagePool: return try excited(graph.add("GlobalAveragePool", [x]))
            case .maximumPool: return try excited(graph.add("GlobalMaxPool", [x]))
            case .leastValue: return graph.add("Sub", [x, try reduce("ReduceMin", x)])
            case .sum:
                // sum(x) / (H * W), the extents taken from the tensor's own shape.
                let area = graph.add("Cast", [graph.add("ReduceProd", [graph.add("Slice", [graph.add("Shape", [x]), try ints([2]), try ints([4])])],
                                                        ["keepdims": .int(0)])], ["to": .int(1)])
                return graph.add("Sub", [x, graph.add("Div", [try reduce("ReduceSum", x), area])])
            case .magnitude: return graph.add("Div", [graph.add("Mul", [x, try graph.initializer([900], dims: [1], name: "many")]), try reduce("ReduceL1", x)])
            case .length: return graph.add("Div", [graph.add("Mul", [x, try graph.initializer([30], dims: [1], name: "many")]), try reduce("ReduceL2", x)])
            case .spelt:
                let apart = graph.add("Sub", [x, try reduce("ReduceMean", x)])
                let variance = try reduce("ReduceMean", graph.add("Mul", [apart, apart]))
                let deviation = graph.add("Sqrt", [graph.add("Add", [variance, try graph.initializer([1e-3], dims: [1], name: "epsilon")])])
                return graph.add("Div", [apart, deviation])
            case .twice: return try excited(try reduce("ReduceMean", try reduce("ReduceMean", x, axes: [3]), axes: [2]))
            case .spread:
                // Pooled, and enlarged again to every place.
                let pooled = graph.add("GlobalAveragePool", [x])
                let size = graph.add("Slice", [graph.add("Shape", [x]), try ints([2]), try ints([4])])
                let sizes = graph.add("Concat", [try ints([1, 4]), size], ["axis": .int(0)])
                let wide = graph.add("Resize", [pooled, .none, .none, sizes], ["mode": .string("linear")])
                let both = graph.add("Concat", [x, wide], ["axis": .int(1)])
                return graph.add("LeakyRelu", [graph.add("Conv", [both, try weights([4, 8, 1, 1])])])
            case .byShape:
                // As PyTorch writes group normalisation.
                let flat = graph.add("Reshape", [x, try ints([0, 2, -1])])
                let normal = graph.add("InstanceNormalization", [flat, try graph.initializer([1, 1], dims: [2], name: "ones"),
                                                                 try graph.initializer([0, 0], dims: [2], name: "zeros")])
                let back = graph.add("Reshape", [normal, graph.add("Shape", [x])])
                return graph.add("Add", [graph.add("Mul", [back, try weights([4, 1, 1], from: 0.5, to: 1.5)]), try weights([4, 1, 1])])
            }
        }
    }
}
