import Testing
import ONNX

@Suite struct ShapeTests {
    private static func model(opset: Int = 23, dims: [Dimension] = [.fixed(1), .fixed(4), .symbolic("h"), .symbolic("w")],
                              _ build: (GraphBuilder, ValueName) throws -> ValueName) throws -> Model {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: dims)
        graph.output(try build(graph, x), name: "y")
        return try graph.finish(opset: opset)
    }

    private static func ints(_ graph: GraphBuilder, _ values: [Int]) throws -> ValueName {
        try graph.initializer(int64: values, dims: [values.count], name: "ints")
    }

    /// What PyTorch writes for `interpolate(x, size=...)`, `view` and padding to a multiple: sizes computed from `Shape`.
    static func sizeArithmetic() throws -> Model {
        try model { graph, x in
            let shape = graph.add("Shape", [x])
            let height = graph.add("Gather", [shape, try graph.initializer(int64: [2], dims: [], name: "two")])
            let width = graph.add("Gather", [shape, try graph.initializer(int64: [3], dims: [], name: "three")])
            let eight = try graph.initializer(int64: [8], dims: [], name: "eight")
            let zeros = try ints(graph, [0, 0, 0, 0, 0, 0])
            func missing(_ size: ValueName) throws -> ValueName {
                let rest = graph.add("Mod", [graph.add("Sub", [eight, graph.add("Mod", [size, eight])]), eight])
                return graph.add("Unsqueeze", [rest, try ints(graph, [0])])
            }
            let pads = graph.add("Concat", [zeros, try missing(height), try missing(width)], ["axis": .int(0)])
            let padded = graph.add("Pad", [x, pads])
            let rows = graph.add("Reshape", [padded, try ints(graph, [0, 4, -1])])
            return graph.add("Reshape", [rows, graph.add("Shape", [padded])])
        }
    }

    /// Attention within 4 x 4 windows, as Swin and its kin write it.
    static func windowAttention() throws -> Model {
        try model { graph, x in
            let shape = graph.add("Shape", [x])
            func cut(_ axis: Int) throws -> ValueName {
                graph.add("Div", [graph.add("Slice", [shape, try ints(graph, [axis]), try ints(graph, [axis + 1])]), try ints(graph, [4])])
            }
            let four = try ints(graph, [4])
            let rows = try cut(2), columns = try cut(3)
            let split = graph.add("Concat", [try ints(graph, [1, 4]), rows, four, columns, four], ["axis": .int(0)])
            let windows = graph.add("Transpose", [graph.add("Reshape", [x, split])], ["perm": .ints([0, 2, 4, 3, 5, 1])])
            let tokens = graph.add("Reshape", [windows, try ints(graph, [-1, 16, 4])])
            let scores = graph.add("MatMul", [tokens, graph.add("Transpose", [tokens], ["perm": .ints([0, 2, 1])])])
            let mixed = graph.add("MatMul", [graph.add("Softmax", [scores], ["axis": .int(-1)]), tokens])
            let back = graph.add("Concat", [try ints(graph, [1]), rows, columns, try ints(graph, [4, 4, 4])], ["axis": .int(0)])
            let apart = graph.add("Transpose", [graph.add("Reshape", [mixed, back])], ["perm": .ints([0, 5, 1, 3, 2, 4])])
            return graph.add("Reshape", [apart, shape])
        }
    }

    @Test func `sizes are followed through the graph's own arithmetic`() throws {
        let shapes = try Self.sizeArithmetic().shapes(with: ["x": [1, 4, 13, 24]])
        #expect(shapes["Pad"] == [1, 4, 16, 24])
        #expect(shapes["Reshape"] == [1, 4, 384])
        #expect(shapes["y"] == [1, 4, 16, 24])
    }

    @Test func `windows are cut and put back`() throws {
        let shapes = try Self.windowAttention().shapes(with: ["x": [1, 4, 8, 12]])
        #expect(shapes["Reshape_1"] == [6, 16, 4])
        #expect(shapes["y"] == [1, 4, 8, 12])
        #expect(throws: ONNXError("the elements of [1, 4, 9, 12] do not fit [1, 4, 2, 4, 3, 4]", node: "Reshape (Reshape)")) {
            try Self.windowAttention().shapes(with: ["x": [1, 4, 9, 12]])
        }
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let op: String
        var opset = 23
        var inputs: [Constant] = []
        var attributes: [String: Attribute] = [:]
        var input = [1, 4, 10, 12]
        let output: [Int]
        var testDescription: String { "\(op) of opset \(opset): \(attributes.keys.sorted())" }

        enum Constant: Sendable {
            case ints([Int])
            case floats([Float])
            case weights([Int])
            case none
        }
    }

    static let cases: [Case] = [
        Case(op: "Conv", inputs: [.weights([8, 4, 3, 5])], attributes: ["pads": .ints([1, 2, 1, 2])], output: [1, 8, 10, 12]),
        Case(op: "Conv", inputs: [.weights([8, 2, 3, 3])], attributes: ["group": .int(2), "strides": .ints([2, 3]), "dilations": .ints([2, 1])], output: [1, 8, 3, 4]),
        Case(op: "Conv", inputs: [.weights([8, 4, 3, 3])], attributes: ["auto_pad": .string("SAME_UPPER"), "strides": .ints([3, 5])], output: [1, 8, 4, 3]),
        Case(op: "Conv", inputs: [.weights([8, 4, 3, 3])], attributes: ["auto_pad": .string("VALID")], output: [1, 8, 8, 10]),
        Case(op: "Conv", inputs: [.weights([8, 4, 3])], input: [1, 4, 10], output: [1, 8, 8]),
        Case(op: "ConvTranspose", inputs: [.weights([4, 3, 4, 2])], attributes: ["strides": .ints([2, 2]), "pads": .ints([1, 0, 1, 0]), "group": .int(2)], output: [1, 6, 20, 24]),
        Case(op: "ConvTranspose", inputs: [.weights([4, 3, 3, 3])], attributes: ["strides": .ints([2, 2]), "output_padding": .ints([1, 1])], output: [1, 3, 22, 26]),
        Case(op: "ConvTranspose", inputs: [.weights([4, 3, 3, 3])], attributes: ["strides": .ints([2, 2]), "output_shape": .ints([20, 24])], output: [1, 3, 20, 24]),
        Case(op: "MaxPool", attributes: ["kernel_shape": .ints([3, 3]), "strides": .ints([2, 2]), "ceil_mode": .int(1)], output: [1, 4, 5, 6]),
        Case(op: "AveragePool", attributes: ["kernel_shape": .ints([2, 2])], output: [1, 4, 9, 11]),
        Case(op: "GlobalAveragePool", output: [1, 4, 1, 1]),
        Case(op: "InstanceNormalization", inputs: [.floats([1, 1, 1, 1]), .floats([0, 0, 0, 0])], output: [1, 4, 10, 12]),
        Case(op: "LayerNormalization", inputs: [.floats(Array(repeating: 1, count: 12))], output: [1, 4, 10, 12]),
        Case(op: "Add", inputs: [.weights([4, 1, 1])], output: [1, 4, 10, 12]),
        Case(op: "Mul", inputs: [.weights([3, 1, 1, 10, 12])], output: [3, 1, 4, 10, 12]),
        Case(op: "Where", inputs: [.weights([4, 1, 1]), .weights([1])], output: [1, 4, 10, 12]),
        Case(op: "Clip", inputs: [.floats([0]), .floats([1])], output: [1, 4, 10, 12]),
        Case(op: "PRelu", inputs: [.weights([4, 1, 1])], output: [1, 4, 10, 12]),
        Case(op: "Pad", opset: 7, attributes: ["pads": .ints([0, 0, 1, 2, 0, 0, 3, 4])], output: [1, 4, 14, 18]),
        Case(op: "Pad", opset: 13, inputs: [.ints([0, 0, 1, 2, 0, 0, 3, 4])], output: [1, 4, 14, 18]),
        Case(op: "Pad", opset: 18, inputs: [.ints([1, 2, 3, 4]), .none, .ints([2, -1])], output: [1, 4, 14, 18]),
        Case(op: "Pad", inputs: [.ints([0, 0, -1, -2, 0, 0, 0, 0])], output: [1, 4, 9, 10]),
        Case(op: "Slice", opset: 9, attributes: ["starts": .ints([1, -5]), "ends": .ints([9, 100]), "axes": .ints([2, 3])], output: [1, 4, 8, 5]),
        Case(op: "Slice", inputs: [.ints([-1]), .ints([-100]), .ints([3]), .ints([-5])], output: [1, 4, 10, 3]),
        Case(op: "Upsample", opset: 7, attributes: ["scales": .floats([1, 1, 2, 3])], output: [1, 4, 20, 36]),
        Case(op: "Upsample", opset: 9, inputs: [.floats([1, 1, 2, 2])], output: [1, 4, 20, 24]),
        Case(op: "Resize", opset: 10, inputs: [.floats([1, 1, 0.5, 1.5])], output: [1, 4, 5, 18]),
        Case(op: "Resize", inputs: [.none, .none, .ints([1, 4, 7, 9])], output: [1, 4, 7, 9]),
        Case(op: "Resize", inputs: [.none, .floats([1.1, 0.33])], attributes: ["axes": .ints([2, 3])], output: [1, 4, 11, 3]),
        Case(op: "Resize", inputs: [.none, .none, .ints([20, 20])], attributes: ["axes": .ints([2, 3]), "keep_aspect_ratio_policy": .string("not_larger")], output: [1, 4, 17, 20]),
        Case(op: "DepthToSpace", attributes: ["blocksize": .int(2)], output: [1, 1, 20, 24]),
        Case(op: "SpaceToDepth", attributes: ["blocksize": .int(2)], output: [1, 16, 5, 6]),
        Case(op: "Transpose", attributes: ["perm": .ints([0, 2, 3, 1])], output: [1, 10, 12, 4]),
        Case(op: "Reshape", inputs: [.ints([0, -1, 6])], output: [1, 80, 6]),
        Case(op: "Flatten", attributes: ["axis": .int(-2)], output: [4, 120]),
        Case(op: "Squeeze", opset: 11, attributes: ["axes": .ints([0])], output: [4, 10, 12]),
        Case(op: "Squeeze", inputs: [.ints([-4])], output: [4, 10, 12]),
        Case(op: "Unsqueeze", opset: 11, attributes: ["axes": .ints([0, 5])], output: [1, 1, 4, 10, 12, 1]),
        Case(op: "Unsqueeze", inputs: [.ints([-1])], output: [1, 4, 10, 12, 1]),
        Case(op: "Concat", inputs: [.weights([1, 3, 10, 12])], attributes: ["axis": .int(-3)], output: [1, 7, 10, 12]),
        Case(op: "Split", opset: 13, inputs: [.ints([4])], attributes: ["axis": .int(1)], output: [1, 4, 10, 12]),
        Case(op: "Gather", inputs: [.ints([0, 2, -1])], attributes: ["axis": .int(1)], output: [1, 3, 10, 12]),
        Case(op: "Expand", inputs: [.ints([5, 1, 1, 1])], output: [5, 4, 10, 12]),
        Case(op: "Tile", inputs: [.ints([1, 2, 1, 3])], output: [1, 8, 10, 36]),
        Case(op: "ReduceMean", opset: 13, attributes: ["axes": .ints([2, -1])], output: [1, 4, 1, 1]),
        Case(op: "ReduceSum", inputs: [.ints([1])], attributes: ["keepdims": .int(0)], output: [1, 10, 12]),
        Case(op: "ReduceMax", output: [1, 1, 1, 1]),
        Case(op: "ArgMax", attributes: ["axis": .int(1), "keepdims": .int(0)], output: [1, 10, 12]),
        Case(op: "Softmax", output: [1, 4, 10, 12]),
        Case(op: "MatMul", inputs: [.weights([12, 7])], output: [1, 4, 10, 7]),
        Case(op: "Gemm", inputs: [.weights([6, 5])], attributes: ["transB": .int(1)], input: [3, 5], output: [3, 6]),
        Case(op: "Attention", inputs: [.weights([1, 4, 9, 12]), .weights([1, 4, 9, 5])], output: [1, 4, 10, 5]),
        Case(op: "Attention", inputs: [.weights([1, 9, 12]), .weights([1, 9, 6])], attributes: ["q_num_heads": .int(2), "kv_num_heads": .int(2)],
             input: [1, 10, 12], output: [1, 10, 6]),
        Case(op: "TopK", inputs: [.ints([3])], attributes: ["axis": .int(2)], output: [1, 4, 3, 12]),
        Case(op: "Cast", attributes: ["to": .int(10)], output: [1, 4, 10, 12]),
        Case(op: "Dropout", output: [1, 4, 10, 12]),
    ]

    @Test(arguments: cases) func `extents of one operator`(_ example: Case) throws {
        let model = try Self.model(opset: example.opset, dims: example.input.map { .fixed($0) }) { graph, x in
            var inputs = [x]
            for (index, constant) in example.inputs.enumerated() {
                switch constant {
                case .ints(let values): inputs.append(try graph.initializer(int64: values, dims: [values.count], name: "c\(index)"))
                case .floats(let values): inputs.append(try graph.initializer(values, dims: [values.count], name: "c\(index)"))
                case .weights(let dims): inputs.append(try graph.initializer([Float](repeating: 0, count: dims.reduce(1, *)), dims: dims, name: "c\(index)"))
                case .none: inputs.append(.none)
                }
            }
            return graph.add(example.op, inputs, example.attributes)
        }
        #expect(try model.shapes(with: [:])["y"] == example.output)
    }

    @Test func `what does not fit is told with the node`() throws {
        let model = try Self.model { graph, x in
            graph.add("Conv", [x, try graph.initializer([Float](repeating: 0, count: 27), dims: [1, 3, 3, 3], name: "w")], name: "first")
        }
        #expect(throws: ONNXError("the input has 4 channels; the weights are for 3 x 1", node: "first (Conv)")) {
            try model.shapes(with: ["x": [1, 4, 8, 8]])
        }
        let biased = try Self.model { graph, x in
            let weights = try graph.initializer([Float](repeating: 0, count: 36), dims: [1, 4, 3, 3], name: "w")
            return graph.add("Conv", [x, weights, try graph.initializer([1, 2], dims: [2], name: "b")], name: "first")
        }
        #expect(throws: ONNXError("the bias has the extents [2]; the weights are for 1 results", node: "first (Conv)")) {
            try biased.shapes(with: ["x": [1, 4, 8, 8]])
        }
        #expect(throws: ONNXError("the model has no input \"z\"; it has x")) { try model.shapes(with: ["z": [1]]) }
        #expect(throws: ONNXError("input \"x\" has 4 axes; 3 were given: [4, 8, 8]")) { try model.shapes(with: ["x": [4, 8, 8]]) }
    }

    @Test func `values of unknown operators are left out, and all that follows from them`() throws {
        let model = try Self.model { graph, x in graph.add("Relu", [graph.add("acme::Grain", [x])]) }
        #expect(try model.shapes(with: ["x": [1, 4, 8, 8]]) == ["x": [1, 4, 8, 8]])
        #expect(try model.peakActivationBytes(with: ["x": [1, 4, 8, 8]]) == nil)
        #expect(model.operators == ["acme::Grain", "Relu", "Identity"])
    }

    @Test func `memory is that of the values alive at the worst time`() throws {
        // x (1 x 4 x 8 x 8 floats = 1 KiB) lives until Add; beside it the convolution's 2 KiB, then its activation's.
        let model = try Self.model { graph, x in
            let w = try graph.initializer([Float](repeating: 0, count: 32), dims: [8, 4, 1, 1], name: "w")
            let wide = graph.add("Relu", [graph.add("Conv", [x, w])])
            let back = graph.add("Conv", [wide, try graph.initializer([Float](repeating: 0, count: 32), dims: [4, 8, 1, 1], name: "w")])
            return graph.add("Add", [x, graph.add("Reshape", [back, graph.add("Shape", [x])])])
        }
        #expect(try model.peakActivationBytes(with: ["x": [1, 4, 8, 8]]) == 1024 + 2048 + 2048)
        #expect(try model.flops(with: ["x": [1, 4, 8, 8]]) == Double(2 * 64 * 32 + 512 + 2 * 64 * 32 + 256))
    }
}
