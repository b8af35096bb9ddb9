import Foundation
import NetworkSamples
import Testing
@testable import ONNX

/// Files from anywhere: a model, or an error, and never a crash or the machine's memory.
@Suite struct HostileInputTests {
    /// Reads, and does everything that may be done with a model that reads.
    static func exercise(_ bytes: [UInt8]) {
        guard let model = try? Model(serialized: bytes) else { return }
        let analysis = SpatialAnalysis.analyse(model)
        _ = try? analysis.outputSize(width: 33, height: 20)
        _ = try? model.serialized()
        for input in model.inputs {
            let shape = input.dims?.map { if case .fixed(let n) = $0 { n } else { 8 } } ?? [1, 3, 8, 8]
            _ = try? model.peakActivationBytes(with: [input.name: shape])
            _ = try? model.flops(with: [input.name: shape])
        }
        for tensor in model.initializers.values { _ = tensor.doubles(limit: 1 << 16) }
    }

    /// Valid models of many operators to damage.
    static func specimens() throws -> [[UInt8]] {
        try [GraphBuilderTests.small(), ShapeTests.sizeArithmetic(), ShapeTests.windowAttention(), RandomNetwork.make(seed: 3), RandomNetwork.make(seed: 17)]
            .map { try $0.serialized() }
    }

    @Test func `a model cut anywhere is refused or read, never worse`() throws {
        for bytes in try Self.specimens() {
            for length in 0..<bytes.count { Self.exercise(Array(bytes.prefix(length))) }
        }
    }

    @Test func `a model cut within its graph says that it is cut`() throws {
        let bytes = try GraphBuilderTests.small().serialized()
        #expect(throws: ONNXError("not an ONNX model, or cut short: the bytes end in the middle of a field")) {
            try Model(serialized: Array(bytes.prefix(bytes.count / 2)))
        }
        #expect(throws: ONNXError("the model is empty")) { try Model(serialized: [UInt8]()) }
    }

    @Test(arguments: 0..<8) func `thousands of damaged models do no harm`(part: Int) throws {
        let specimens = try Self.specimens()
        var random = Randomness(state: UInt64(part) + 99)
        for _ in 0..<3000 {
            var bytes = specimens.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[at] = .random(in: 0...255, using: &random)
                case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes[at] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
                case 3: bytes.insert(.random(in: 0...255, using: &random), at: at)
                default: if bytes.count > 8 { bytes.remove(at: at) }
                }
            }
            Self.exercise(bytes)
        }
    }

    @Test func `memory stays bounded while damaged models are read`() throws {
        func residentKilobytes() throws -> Int {
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS") })
            return try #require(Int(line.split(whereSeparator: { !$0.isNumber }).joined()))
        }
        let before = try residentKilobytes()
        // A million empty nodes in two megabytes, and tensors that claim more than there is.
        var graph = [UInt8]()
        for _ in 0..<1_100_000 { graph += [0x0A, 0x00] }
        #expect(throws: ONNXError("the model has more than 1000000 parts, which no real network needs")) {
            try Model(serialized: Self.field(7, graph))
        }
        for dims in [[1 << 40], [1 << 31, 1 << 31, 1 << 31], [1 << 20, 1 << 20]] {
            #expect(throws: ONNXError.self) { try Self.model { $0.initializer = [Self.tensor(dims, bytes: 4)] }.checked() }
        }
        #expect(try residentKilobytes() - before < 200_000)
    }

    /// `y = x + mean of a constant of 2^124 elements`: a hundred bytes that ask for 2e28 GFLOP.
    static func endless() throws -> Model {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(3), .symbolic("h"), .symbolic("w")])
        let extents = try graph.initializer(int64: Array(repeating: 1 << 31, count: 4), dims: [4], name: "extents")
        let constant = graph.add("ConstantOfShape", [extents])
        graph.output(graph.add("Add", [x, graph.add("ReduceMean", [constant], ["axes": .ints([0, 1, 2, 3])])]), name: "y")
        return try graph.finish(opset: 17)
    }

    @Test func `operations beyond any integer are counted, and told`() throws {
        let flops = try #require(try Self.endless().flops(with: ["x": [1, 3, 8, 8]]))
        #expect(flops > 1e37 && gigaflopText(flops) == "4.3e28 GFLOP")
        #expect([0, 0.128, 3, 9.996, 34.4, -2.5, 1e14].map(numberText) == ["0", "0.13", "3", "10.0", "34", "-2.5", "100000000000000"])
        #expect([9.96e20, -4e300, .infinity, .nan].map(numberText) == ["1.0e21", "-4.0e300", "infinite", "unknown"])
    }

    @Test func `attributes of any size overflow nothing`() throws {
        let extremes: [Int64] = [.min, .min + 1, -(1 << 40), -1, 0, 1, 1 << 31, 1 << 40, .max - 1, .max]
        let names: [String: [String]] = [
            "Conv": ["strides", "dilations", "pads", "kernel_shape", "group"], "MaxPool": ["strides", "dilations", "pads", "kernel_shape"],
            "ConvTranspose": ["strides", "dilations", "pads", "output_padding", "output_shape", "group"], "DepthToSpace": ["blocksize"],
            "SpaceToDepth": ["blocksize"], "Transpose": ["perm"], "Softmax": ["axis"], "Flatten": ["axis"], "ReduceMean": ["axes"],
            "Concat": ["axis"], "Split": ["axis", "num_outputs"], "LayerNormalization": ["axis"], "Gather": ["axis"],
        ]
        for (op, attributes) in names {
            for name in attributes {
                for value in extremes {
                    let scalar = ["group", "blocksize", "axis", "num_outputs"].contains(name)
                    let attribute: Attribute = scalar ? .int(Int(value)) : .ints(Array(repeating: Int(value), count: name == "pads" ? 4 : name == "perm" ? 4 : 2))
                    let graph = GraphBuilder()
                    let x = graph.input("x", dims: [.fixed(1), .fixed(2), .unknown, .unknown])
                    let w = try graph.initializer([Float](repeating: 1, count: 36), dims: [2, 2, 3, 3], name: "w")
                    var all = [name: attribute]
                    if op == "MaxPool", name != "kernel_shape" { all["kernel_shape"] = .ints([3, 3]) }
                    graph.output(graph.add(op, ["Conv", "ConvTranspose", "Gather", "Concat", "LayerNormalization"].contains(op) ? [x, w] : [x], all))
                    Self.exercise(try graph.finish(opset: 13).serialized())
                }
            }
        }
    }

    @Test func `sizes of any size overflow nothing`() throws {
        let extremes = [Int.min, .min + 1, -(1 << 40), -1, 0, 1, 3, 1 << 31, 1 << 40, .max - 1, .max]
        for op in ["Reshape", "Expand", "Tile", "Pad", "Slice", "ConstantOfShape", "Unsqueeze", "Squeeze", "Split", "Gather", "TopK", "Range"] {
            for value in extremes {
                for count in [1, 2, 4, 8] {
                    let graph = GraphBuilder()
                    let x = graph.input("x", dims: [.fixed(1), .fixed(3), .unknown, .unknown])
                    let sizes = try graph.initializer(int64: Array(repeating: value, count: count), dims: [count], name: "sizes")
                    let one = try graph.initializer(int64: Array(repeating: 1, count: count), dims: [count], name: "one")
                    let inputs: [ValueName] = switch op {
                    case "Slice": [x, sizes, one, try graph.initializer(int64: Array(0..<count), dims: [count], name: "axes"), sizes]
                    case "ConstantOfShape": [sizes]
                    case "Range": [one, sizes, one]
                    default: [x, sizes]
                    }
                    graph.output(graph.add(op, inputs))
                    Self.exercise(try graph.finish(opset: 18).serialized())
                    // The same numbers through arithmetic.
                    let product = graph.add("Mul", [sizes, graph.add("Sub", [sizes, graph.add("Add", [one, sizes])])])
                    graph.output(graph.add("Expand", [x, graph.add("Div", [product, sizes])]), name: "second")
                    Self.exercise(try graph.finish(opset: 18).serialized())
                }
            }
        }
    }

    /// Engines have crashed on such.
    @Test func `nodes without the inputs that their operators need are refused by name`() throws {
        for op in ["Gather", "Conv", "Pad", "Slice", "MatMul", "Gemm", "Expand", "Tile", "TopK", "CumSum", "Reshape", "Where", "QLinearConv"] {
            let graph = GraphBuilder()
            let x = graph.input("x", dims: [.fixed(1), .fixed(2), .unknown, .unknown])
            graph.output(graph.add(op, [x], name: "node"), name: "y")
            let error = #expect(throws: ONNXError.self) { try graph.finish(opset: 18) }
            #expect(error.map { "\($0)".contains("(\(op))") && "\($0)".contains("lacks number 2") } == true, "\(op)")
        }
    }

    /// As `Scripts/fuzz`, in this process and with fewer.
    @Test(arguments: 0..<4) func `thousands of inputs as the fuzz driver makes them do no harm`(part: UInt64) throws {
        let mutator = ModelMutator(seeds: try FuzzSeeds.models())
        for number in 0..<500 {
            let seed = part << 32 | UInt64(number)
            if case .fault(let problem) = Exercise.model(mutator.model(seed: seed)) { Issue.record("model \(seed): \(problem)") }
        }
    }

    // MARK: What the checker must refuse, by name

    @Test func `data that does not fit the extents is refused`() throws {
        #expect(throws: ONNXError("tensor \"t\" has 4 bytes of data; 2 elements of type float take 8")) {
            try Self.model { $0.initializer = [Self.tensor([2], bytes: 4)] }.checked()
        }
        #expect(throws: ONNXError("tensor \"t\" has 12 bytes of data; 2 elements of type float take 8")) {
            try Self.model { $0.initializer = [Self.tensor([2], bytes: 12)] }.checked()
        }
        #expect(throws: ONNXError("tensor \"t\" has 1 entries of float_data; 3 elements of type float take 3")) {
            try Self.model {
                var tensor = Self.tensor([3], bytes: nil)
                tensor.floatData = [1]
                $0.initializer = [tensor]
            }.checked()
        }
        #expect(throws: ONNXError("tensor \"t\" of type float keeps its data in int64_data, where float_data is expected")) {
            try Self.model {
                var tensor = Self.tensor([1], bytes: nil)
                tensor.int64Data = [1]
                $0.initializer = [tensor]
            }.checked()
        }
    }

    @Test func `impossible extents are refused`() throws {
        #expect(throws: ONNXError("tensor \"t\" has the negative extent -1")) { try Self.model { $0.initializer = [Self.tensor([-1], bytes: 4)] }.checked() }
        #expect(throws: ONNXError("tensor \"t\" of extents [4611686018427387904, 4] is larger than memory can address")) {
            try Self.model { $0.initializer = [Self.tensor([1 << 62, 4], bytes: 4)] }.checked()
        }
    }

    @Test func `external data is refused with what to do`() throws {
        let error = #expect(throws: ONNXError.self) {
            try Self.model {
                var tensor = Self.tensor([1], bytes: nil)
                tensor.dataLocation = .external
                $0.initializer = [tensor]
            }.checked()
        }
        #expect(error?.message.contains("save the model as one file") == true)
    }

    @Test func `graphs that are none are refused, and the node is named`() throws {
        func node(_ name: String, _ inputs: [String], _ outputs: [String]) -> Onnx_NodeProto {
            var node = Onnx_NodeProto()
            (node.name, node.opType, node.input, node.output) = (name, "Relu", inputs, outputs)
            return node
        }
        #expect(throws: ONNXError("reads \"b\", which nothing makes", node: "n (Relu)")) {
            try Self.model { $0.node = [node("n", ["b"], ["y"])] }.checked()
        }
        #expect(throws: ONNXError("is part of a cycle, or waits for one", node: "n (Relu)")) {
            try Self.model { $0.node = [node("n", ["y"], ["a"]), node("m", ["a"], ["y"])] }.checked()
        }
        #expect(throws: ONNXError("makes \"y\", which something else makes too", node: "m (Relu)")) {
            try Self.model { $0.node = [node("n", ["x"], ["y"]), node("m", ["x"], ["y"])] }.checked()
        }
        #expect(throws: ONNXError("the graph's output \"y\" is made by no node")) { try Self.model { $0.node = [] }.checked() }
        #expect(throws: ONNXError("not an ONNX model: it has no graph")) { try Model(serialized: [0x08, 0x07]) }
    }

    @Test func `nodes in the wrong order are sorted`() throws {
        let model = Self.model {
            for (name, from, to) in [("last", "a", "y"), ("first", "x", "a")] {
                var node = Onnx_NodeProto()
                (node.name, node.opType, node.input, node.output) = (name, "Relu", [from], [to])
                $0.node.append(node)
            }
        }
        #expect(try model.checked().nodes.map(\.name) == ["first", "last"])
    }

    // MARK: Making bad files

    /// A model from x to y, changed by `change`.
    static func model(_ change: (inout Onnx_GraphProto) -> Void) -> Onnx_ModelProto {
        var proto = Onnx_ModelProto()
        proto.irVersion = 8
        proto.graph.input = [TensorInfo(name: "x", dims: [.fixed(1), .fixed(1), .unknown, .unknown]).proto]
        proto.graph.output = [TensorInfo(name: "y", dims: nil).proto]
        var node = Onnx_NodeProto()
        (node.opType, node.input, node.output) = ("Relu", ["x"], ["y"])
        var graph = proto.graph
        change(&graph)
        if graph.node.isEmpty, !graph.initializer.isEmpty { graph.node = [node] }
        proto.graph = graph
        return proto
    }

    static func tensor(_ dims: [Int], bytes: Int?) -> Onnx_TensorProto {
        var tensor = Onnx_TensorProto()
        tensor.name = "t"
        tensor.dataType = 1
        tensor.dims = dims.map(Int64.init)
        if let bytes { tensor.rawData = Data(count: bytes) }
        return tensor
    }

    /// A length-delimited protobuf field.
    static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        var length = [UInt8]()
        var rest = bytes.count
        repeat {
            length.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return [number << 3 | 2] + length + bytes
    }
}

extension Onnx_ModelProto {
    fileprivate func checked() throws(ONNXError) -> Model { try Model(checking: self) }
}
