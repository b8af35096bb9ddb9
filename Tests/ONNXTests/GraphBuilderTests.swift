import Testing
import ONNX

@Suite struct GraphBuilderTests {
    /// A small network that uses every kind of thing a builder adds.
    static func small() throws -> Model {
        let graph = GraphBuilder()
        let x = graph.input("image", dims: [.fixed(1), .fixed(1), .symbolic("h"), .symbolic("w")])
        let y = try graph.scoped("model") {
            let weight = try graph.initializer([Float](repeating: 0.5, count: 18), dims: [2, 1, 3, 3], name: "0.weight")
            let y = graph.add("Conv", [x, weight], ["pads": .ints([1, 1, 1, 1])])
            return graph.add("Relu", [graph.add("Conv", [graph.add("Relu", [y]), try graph.initializer([1, 2], dims: [1, 2, 1, 1], name: "0.weight")])])
        }
        graph.output(y, name: "result")
        graph.setMetadata("licence", to: "MIT")
        return try graph.finish()
    }

    @Test func `what is built reads back the same`() throws {
        let built = try Self.small()
        let read = try Model(serialized: built.serialized())
        #expect(read.nodes.map(\.op) == ["Conv", "Relu", "Conv", "Relu", "Identity"])
        #expect(read.nodes.map(\.name) == ["model.Conv", "model.Relu", "model.Conv_1", "model.Relu_1", "result"])
        #expect(read.initializers.keys.sorted() == ["model.0.weight", "model.0.weight_1"])
        #expect(read.initializers["model.0.weight_1"]?.doubles() == [1, 2])
        #expect(read.inputs == [TensorInfo(name: "image", dims: [.fixed(1), .fixed(1), .symbolic("h"), .symbolic("w")])])
        #expect(read.outputs == [TensorInfo(name: "result", dims: [.fixed(1), .fixed(1), .unknown, .unknown])])
        #expect(read.opset == 23)
        #expect(read.parameterCount == 20)
        #expect(read.metadata == ["licence": "MIT"])
        #expect(read.producer == "aquatint")
        #expect(try read.serialized() == built.serialized())
    }

    @Test func `an initializer of the wrong length is refused by name`() {
        let graph = GraphBuilder()
        #expect(throws: ONNXError("tensor \"w\" has 8 bytes of data; 3 elements of type float take 12")) {
            try graph.initializer([1, 2] as [Float], dims: [3], name: "w")
        }
    }

    @Test func `two inputs of one name are refused when the graph is finished`() {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1)])
        _ = graph.input("x", dims: [.fixed(1)])
        graph.output(x)
        #expect(throws: ONNXError("the name \"x\" of an input is empty or taken")) { try graph.finish() }
    }

    @Test func `a node with several outputs names each`() throws {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(4)])
        let halves = graph.add("Split", [x], ["axis": .int(1), "num_outputs": .int(2)], outputs: 2)
        for half in halves { graph.output(half) }
        #expect(try graph.finish().outputs.map(\.name) == ["Split", "Split_out1"])
    }
}
