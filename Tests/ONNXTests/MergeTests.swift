import Testing
@testable import ONNX

/// Models added to a graph that is being built.
@Suite struct MergeTests {
    /// Two outputs, a constant input for one of them, and a bystander.
    private static func forked(opset: Int = 23) throws -> Model {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(1), .symbolic("h"), .symbolic("w")])
        let sigma = graph.input("sigma", dims: [.symbolic("h")])
        let weight = try graph.initializer([1, 2], dims: [2, 1, 1, 1], name: "weight")
        let unused = try graph.initializer([7], dims: [1], name: "unused")
        let y = graph.add("Conv", [x, weight], name: "conv")
        graph.output(graph.add("Relu", [y]), name: "main")
        graph.output(graph.add("Mul", [graph.add("Add", [y, sigma]), unused]), name: "side")
        return try graph.finish(opset: opset)
    }

    @Test func `the same model twice keeps its parts apart`() throws {
        let one = try Interpreted.doubling(), graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(1), .unknown, .unknown])
        let first = try graph.graft(one, as: "a", feeding: ["x": x], outputs: ["y"])
        let second = try graph.graft(one, as: "b", feeding: ["x": first.outputs[0]], outputs: ["y"])
        graph.output(second.outputs[0], name: "y")
        let merged = try graph.finish()
        #expect(merged.initializers.keys.sorted() == ["a/weight", "b/weight"])
        #expect(merged.nodes.map(\.outputs) == [["a/conv"], ["a/y"], ["b/conv"], ["b/y"], ["y"]])
        #expect(merged.inputs.map(\.name) == ["x"] && merged.outputs.map(\.name) == ["y"])
        let values = try Interpreter(model: merged).run(Interpreter.Array4(dims: [1, 1, 1, 2], values: [3, -5]))
        #expect(values["y"]?.values == [12, -20])
    }

    @Test func `what the wanted output does not need is left out`() throws {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(1), .unknown, .unknown])
        let graft = try graph.graft(try Self.forked(), as: "net", feeding: ["x": x], outputs: ["main"])
        graph.output(graft.outputs[0])
        let merged = try graph.finish()
        #expect(graft.inputs.isEmpty)
        #expect(merged.nodes.map(\.op) == ["Conv", "Relu", "Identity"])
        #expect(merged.initializers.keys.sorted() == ["net/weight"])
    }

    @Test func `inputs that nothing feeds stay inputs under new names`() throws {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(1), .symbolic("h"), .unknown])
        let graft = try graph.graft(try Self.forked(), as: "net", feeding: ["x": x], outputs: ["side", "main"])
        for output in graft.outputs { graph.output(output) }
        let merged = try graph.finish()
        #expect(graft.inputs.mapValues(\.text) == ["sigma": "net/sigma"])
        // The size that the model calls h need not be the one that this graph calls so.
        #expect(merged.inputs.map(\.dims) == [[.fixed(1), .fixed(1), .symbolic("h"), .unknown], [.symbolic("net/h")]])
        #expect(merged.outputs.map(\.name) == ["net/side", "net/main"])
    }

    @Test func `subgraphs read the values of the graph around them under their new names`() throws {
        var branch = Onnx_GraphProto()
        branch.name = "branch"
        var node = Onnx_NodeProto()
        (node.opType, node.input, node.output) = ("Mul", ["x", "weight"], ["inner"])
        branch.node = [node]
        branch.output = [TensorInfo(name: "inner", dims: nil).proto]
        var choice = Onnx_NodeProto()
        (choice.opType, choice.input, choice.output) = ("If", ["flag"], ["y"])
        choice.attribute = ["then_branch", "else_branch"].map { name in
            var attribute = Onnx_AttributeProto()
            (attribute.name, attribute.type, attribute.g) = (name, .graph, branch)
            return attribute
        }
        var proto = try Self.forked().proto
        proto.graph.node = [choice]
        proto.graph.input = [TensorInfo(name: "x", dims: nil).proto, TensorInfo(name: "flag", elementType: .bool, dims: []).proto]
        proto.graph.output = [TensorInfo(name: "y", dims: nil).proto]

        let graph = GraphBuilder(), image = graph.input("image", dims: [.unknown])
        let graft = try graph.graft(try Model(checking: proto), as: "net", feeding: ["x": image], outputs: ["y"])
        graph.output(graft.outputs[0], dims: [.unknown])
        let merged = try graph.finish()
        #expect(merged.nodes[0].captures == ["image", "net/weight"])
        #expect(merged.nodes[0].inputs == ["net/flag"] && merged.initializers.keys.sorted() == ["net/weight"])
    }

    @Test func `models of different operator sets are not mixed`() throws {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(1), .unknown, .unknown])
        _ = try graph.graft(try Interpreted.doubling(), as: "a", feeding: ["x": x], outputs: ["y"])
        #expect(throws: ONNXError("the models are written in ONNX operator sets 23 and 13")) {
            try graph.graft(try Interpreted.doubling(opset: 13), as: "b", feeding: ["x": x], outputs: ["y"])
        }
        #expect(throws: ONNXError("a model of ONNX operator set 23 was merged into a graph of 17: raise the older one first")) { try graph.finish(opset: 17) }
    }

    @Test func `versions of other domains must agree`() throws {
        func model(_ version: Int64) throws -> Model {
            let graph = GraphBuilder()
            graph.output(graph.add("com.acme::Glow", [graph.input("x", dims: [.unknown])]), name: "y", dims: [.unknown])
            var proto = try graph.finish().proto
            proto.opsetImport[1].version = version
            return try Model(checking: proto)
        }
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.unknown])
        let first = try graph.graft(try model(3), as: "a", feeding: ["x": x], outputs: ["y"])
        #expect(throws: ONNXError("the models use versions 3 and 4 of the operators of com.acme")) {
            try graph.graft(try model(4), as: "b", feeding: ["x": first.outputs[0]], outputs: ["y"])
        }
        graph.output(first.outputs[0], dims: [.unknown])
        #expect(try graph.finish().proto.opsetImport.map(\.version) == [23, 3])
    }

    @Test func `names that the model does not have are told`() throws {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.unknown])
        #expect(throws: ONNXError("the model has no input \"image\" to feed; it has x, sigma")) {
            try graph.graft(try Self.forked(), as: "a", feeding: ["image": x], outputs: ["main"])
        }
        #expect(throws: ONNXError("the model has no value \"mask\"")) { try graph.graft(try Self.forked(), as: "a", feeding: ["x": x], outputs: ["mask"]) }
    }
}

private enum Interpreted {
    /// `y = 2 x`, and what the interpreter adds.
    static func doubling(opset: Int = 23) throws -> Model {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(1), .symbolic("h"), .symbolic("w")])
        let weight = try graph.initializer([2], dims: [1, 1, 1, 1], name: "weight")
        let y = graph.add("Conv", [x, weight], ["pads": .ints([0, 0, 0, 0]), "kernel_shape": .ints([1, 1])], name: "conv")
        graph.output(y, name: "y")
        return try graph.finish(opset: opset)
    }
}
