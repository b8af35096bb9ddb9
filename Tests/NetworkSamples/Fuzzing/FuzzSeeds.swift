import Foundation
import Networks
import ONNX

/// Sound files to damage.
public enum FuzzSeeds {
    /// Models of this package's own: every kind of module, every family of random network, and one of operators that these do not have.
    public static func models() throws -> [[UInt8]] {
        var models = [try everything(), try sizes()]
        for (index, family) in RandomNetwork.Family.allCases.enumerated() {
            for seed in 0..<3 { models.append(try RandomNetwork.make(seed: UInt64(100 * index + seed), family: family, channels: 2).serialized()) }
        }
        func add(_ module: some Module) throws { models.append(try Network.onnx(of: module, inChannels: 3, weights: weights(for: module))) }
        try add(Generator(3, 3, hiddenChannels: 4))
        try add(DepthwiseSeparableConv2d(3, 4, stride: 2))
        try add(AttentionModule(3, 4))
        try add(AttentionModule(3, 2, window: 4))
        try add(try AdaptiveAttentionModule(3, 3))
        return models
    }

    /// Weights files of the modules.
    public static func weightFiles() -> [[UInt8]] {
        func file(_ module: some Module) -> [UInt8] { safetensors(module.stateDict, metadata: "{\"architecture\":\"\(module)\"}") }
        return [file(Generator(3, 3, hiddenChannels: 4)), file(DepthwiseSeparableConv2d(3, 4)), file(AttentionModule(3, 4)), safetensors([], metadata: nil)]
    }

    /// All files below `folder` whose names end in `suffix`, up to `limit` bytes each; none where there is no such folder.
    public static func files(in folder: String, suffix: String, limit: Int = 8 << 20) -> [[UInt8]] {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(suffix) }.sorted().compactMap { FileManager.default.contents(atPath: folder + "/" + $0).map(Array.init) }
            .filter { $0.count <= limit }
    }

    static func weights(for module: some Module) throws -> Weights {
        try Weights(bytes: safetensors(module.stateDict, metadata: nil), file: "sample")
    }

    private static func safetensors(_ parameters: [ParameterShape], metadata: String?) -> [UInt8] {
        var members = metadata.map { ["\"__metadata__\":\($0)"] } ?? []
        var data: [UInt8] = []
        for parameter in parameters {
            let count = parameter.shape.reduce(1, *)
            members.append("\"\(parameter.name)\":{\"dtype\":\"F32\",\"shape\":\(parameter.shape),\"data_offsets\":[\(data.count),\(data.count + 4 * count)]}")
            for index in 0..<count { withUnsafeBytes(of: (Float(index % 7) / 10 - 0.3).bitPattern.littleEndian) { data += Array($0) } }
        }
        let header = Array("{\(members.joined(separator: ","))}".utf8)
        return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + data
    }

    // MARK: Models of many operators

    /// Operators that the reader has rules for, and some that it has none for.
    static let operators = [
        "Abs", "Add", "ArgMax", "Attention", "AveragePool", "BatchNormalization", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv", "ConvInteger",
        "ConvTranspose", "CumSum", "DeformConv", "DepthToSpace", "Div", "Dropout", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "GRU", "Gather",
        "GatherND", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "Greater", "GridSample", "GroupNormalization", "HardSigmoid", "Identity", "If", "InstanceNormalization",
        "LRN", "LSTM", "LayerNormalization", "LeakyRelu", "Less", "Loop", "LpNormalization", "LpPool", "MatMul", "Max", "MaxPool", "Mean", "MeanVarianceNormalization",
        "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "OneHot", "PRelu", "Pad", "Pow", "QLinearConv", "QuantizeLinear", "Range", "ReduceMax", "ReduceMean", "ReduceSum",
        "Relu", "Reshape", "Resize", "ReverseSequence", "Scan", "ScatterND", "Shape", "Sigmoid", "Sign", "Size", "Slice", "Softmax", "SpaceToDepth", "Split", "Sqrt",
        "Squeeze", "Sub", "Sum", "Tanh", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze", "Upsample", "Where", "Xor", "NoSuchOperator",
    ]

    private static func everything() throws -> [UInt8] {
        let graph = GraphBuilder()
        let x = graph.input("image", dims: [.fixed(1), .fixed(4), .symbolic("h"), .symbolic("w")])
        let four = try graph.initializer([1, 0.5, 0.25, 2], dims: [4], name: "four")
        func ints(_ values: [Int]) throws -> ValueName { try graph.initializer(int64: values, dims: [values.count], name: "ints") }
        var y = graph.add("InstanceNormalization", [x, four, four])
        y = graph.add("BatchNormalization", [y, four, four, four, four])
        y = graph.add("Clip", [y, try graph.initializer([-4], dims: [], name: "low"), try graph.initializer([4], dims: [], name: "high")])
        y = graph.add("PRelu", [y, try graph.initializer([0.1, 0.2, 0.3, 0.4], dims: [4, 1, 1], name: "slope")])
        let halves = graph.add("Split", [y, try ints([1, 3])], ["axis": .int(1)], outputs: 2)
        y = graph.add("Concat", [halves[1], halves[0]], ["axis": .int(1)])
        let mean = graph.add("ReduceMean", [y, try ints([2, 3])], ["keepdims": .int(1)])
        let gate = graph.add("Sigmoid", [graph.add("GlobalAveragePool", [graph.add("Sub", [y, mean])])])
        y = graph.add("Mul", [y, gate])
        let last = graph.add("Transpose", [y], ["perm": .ints([0, 2, 3, 1])])
        let normal = graph.add("LayerNormalization", [last, four, four], ["axis": .int(-1), "epsilon": .float(1e-5)])
        let product = graph.add("MatMul", [normal, try graph.initializer((0..<16).map { Float($0) / 16 }, dims: [4, 4], name: "matrix")])
        y = graph.add("Transpose", [graph.add("Softmax", [product], ["axis": .int(-1)])], ["perm": .ints([0, 3, 1, 2])])
        y = graph.add("Gather", [y, try ints([3, 1, 0, 2])], ["axis": .int(1)])
        y = graph.add("Where", [graph.add("Greater", [y, graph.add("Constant", [], ["value": .tensor(try Tensor([0.1], dims: [1]))])]), y, x])
        y = graph.add("Squeeze", [graph.add("Unsqueeze", [y, try ints([0])]), try ints([0])])
        graph.output(y, name: "result")
        graph.output(graph.add("TopK", [y, try ints([2])], ["axis": .int(1)], outputs: 2)[0], name: "best")
        graph.setMetadata("author", to: "tests")
        return try graph.finish(opset: 18).serialized()
    }

    /// Arithmetic with the size of the image.
    private static func sizes() throws -> [UInt8] {
        let graph = GraphBuilder()
        let x = graph.input("image", dims: [.fixed(1), .fixed(3), .symbolic("h"), .symbolic("w")])
        func ints(_ values: [Int]) throws -> ValueName { try graph.initializer(int64: values, dims: [values.count], name: "ints") }
        let shape = graph.add("Shape", [x])
        let side = graph.add("Slice", [shape, try ints([2]), try ints([4])])
        let missing = graph.add("Mod", [graph.add("Sub", [try ints([8, 8]), graph.add("Mod", [side, try ints([8, 8])])]), try ints([8, 8])])
        let padded = graph.add("Pad", [x, graph.add("Concat", [try ints([0, 0, 0, 0, 0, 0]), missing], ["axis": .int(0)])])
        let rows = graph.add("Reshape", [padded, try ints([0, 3, -1])])
        let again = graph.add("Reshape", [rows, graph.add("Shape", [padded])])
        let grown = graph.add("Resize", [again, .none, .none, graph.add("Concat", [try ints([1, 3]), graph.add("Mul", [side, try ints([2, 2])])], ["axis": .int(0)])])
        let spread = graph.add("Expand", [graph.add("ConstantOfShape", [try ints([1])], ["value": .tensor(try Tensor([0.5], dims: [1]))]), graph.add("Shape", [grown])])
        let repeated = graph.add("Tile", [graph.add("Mul", [grown, spread]), try ints([1, 1, 1, 2])])
        graph.output(graph.add("Slice", [repeated, try ints([0, 0]), try ints([-1, 40]), try ints([2, 3]), try ints([1, 2])]), name: "result")
        return try graph.finish(opset: 18).serialized()
    }
}
