import Testing
@testable import ONNX

/// Models carried to a newer operator set.
@Suite struct OpsetRaisingTests {
    private static func model(_ opset: Int, _ body: (GraphBuilder, ValueName) throws -> ValueName) throws -> Model {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(3), .symbolic("h"), .symbolic("w")])
        graph.output(try body(graph, x), name: "y", dims: [.fixed(1), .unknown, .unknown, .unknown])
        return try graph.finish(opset: opset)
    }

    /// The node made of the model's only one, and the constants that it reads, by position.
    private static func raised(_ opset: Int, to target: Int, _ op: String, _ attributes: [String: Attribute], inputs: Int = 1) throws -> (node: Node, constants: [Int: [Double]]) {
        let old = try model(opset) { graph, x in
            let more = try (1..<max(1, inputs)).map { _ in try graph.initializer([1, 1, 2, 2], dims: [4], name: "more") }
            return graph.add(op, [x] + more, attributes, name: "it")
        }
        let new = try old.raised(toOpset: target)
        #expect(new.opset == target)
        let node = try #require(new.nodes.first { $0.outputs.contains("it") || $0.name == "it" })
        var constants: [Int: [Double]] = [:]
        for (position, name) in node.inputs.enumerated() { constants[position] = new.constant(name)?.doubles() }
        return (node, constants)
    }

    @Test func `attributes that became inputs become constants`() throws {
        let clip = try Self.raised(9, to: 17, "Clip", ["max": .float(6)])
        #expect(clip.node.inputs[1] == "" && clip.constants == [2: [6]] && clip.node.attributes.isEmpty)
        let pad = try Self.raised(7, to: 23, "Pad", ["pads": .ints([0, 0, 1, 1, 0, 0, 1, 1]), "mode": .string("reflect")])
        #expect(pad.constants == [1: [0, 0, 1, 1, 0, 0, 1, 1]] && pad.node.string("mode") == "reflect")
        let slice = try Self.raised(9, to: 13, "Slice", ["starts": .ints([1]), "ends": .ints([2]), "axes": .ints([1])])
        #expect(slice.constants == [1: [1], 2: [2], 3: [1]])
        #expect(try Self.raised(13, to: 18, "ReduceMean", ["axes": .ints([1])]).constants == [1: [1]])
        #expect(try Self.raised(13, to: 17, "ReduceMean", ["axes": .ints([1])]).node.ints("axes") == [1])
        #expect(try Self.raised(11, to: 13, "ReduceSum", ["axes": .ints([1])]).constants == [1: [1]])
        #expect(try Self.raised(12, to: 13, "Unsqueeze", ["axes": .ints([0])]).constants == [1: [0]])
    }

    @Test func `Upsample becomes Resize with its rule for coordinates`() throws {
        for (opset, inputs, attributes) in [(7, 1, ["scales": Attribute.floats([1, 1, 2, 2])]), (9, 2, [:])] {
            let (node, constants) = try Self.raised(opset, to: 23, "Upsample", attributes, inputs: inputs)
            #expect(node.op == "Resize" && node.inputs[1] == "" && constants[2] == [1, 1, 2, 2])
            #expect(node.string("coordinate_transformation_mode") == "asymmetric" && node.string("nearest_mode") == "floor")
        }
    }

    @Test func `softmax over the old matrix stays that`() throws {
        let old = try Self.model(11) { graph, x in graph.add("Softmax", [x], ["axis": .int(2)]) }
        #expect(try old.raised(toOpset: 13).nodes.map(\.op) == ["Shape", "Flatten", "Softmax", "Reshape", "Identity"])
        let last = try Self.model(11) { graph, x in graph.add("Softmax", [x], ["axis": .int(-1)]) }
        #expect(try last.raised(toOpset: 13).nodes.map(\.op) == ["Softmax", "Identity"])
    }

    @Test func `dropout and batch normalisation keep what they do at inference`() throws {
        #expect(try Self.raised(10, to: 13, "Dropout", ["ratio": .float(0.5)]).node.op == "Identity")
        let training = try Self.model(7) { graph, x in
            let c = try graph.initializer([1, 1, 1], dims: [3], name: "c")
            return graph.add("BatchNormalization", [x, c, c, c, c], outputs: 5, name: "norm")[0]
        }
        #expect(throws: ONNXError("it is in the form that trains", node: "norm (BatchNormalization)")) { try training.raised(toOpset: 15) }
    }

    @Test func `what is not certain is refused with the node`() throws {
        let unknown = try Self.model(12) { graph, x in graph.add("Hologram", [x], name: "odd") }
        #expect(throws: ONNXError("it is not known whether versions 12 and 17 of the operator mean the same", node: "odd (Hologram)")) { try unknown.raised(toOpset: 17) }
        let smaller = try Self.model(9) { graph, x in
            graph.add("Upsample", [x, try graph.initializer([1, 1, 0.5, 0.5], dims: [4], name: "scales")], name: "down")
        }
        #expect(throws: ONNXError("how version 9 of the operator rounds is only settled for constant scales from 1", node: "down (Upsample)")) {
            try smaller.raised(toOpset: 13)
        }
        #expect(throws: ONNXError("operator set 12 cannot be lowered to 11")) { try unknown.raised(toOpset: 11) }
        #expect(throws: ONNXError("operator sets 6 and 23 are not both within what is known: from 7, to 11 ... 25")) {
            try Self.model(6) { graph, x in graph.add("Relu", [x]) }.raised(toOpset: 23)
        }
    }
}
