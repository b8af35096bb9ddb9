import Inference
import ONNX
import Testing

/// Operators that the engine takes and computes otherwise than ONNX says.
@Suite struct EngineMisreadingTests {
    private func misreading(_ op: String, _ attributes: [String: Attribute], opset: Int = 18, shapes: [String: [Int]] = [:]) throws -> EngineMisreading? {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(3), .symbolic("h"), .symbolic("w")])
        let weight = try op == "ConvTranspose" ? [graph.initializer([Float](repeating: 1, count: 27), dims: [3, 1, 3, 3], name: "weight")] : []
        graph.output(graph.add(op, [x] + weight, attributes, name: "node"), name: "y")
        return EngineMisreading.first(in: try graph.finish(opset: opset), shapes: shapes)
    }

    @Test func `what it gets wrong is named with its node`() throws {
        let found = try #require(try misreading("Resize", ["mode": .string("linear"), "antialias": .int(1)]))
        #expect("\(found)".contains("'antialias' of ") && "\(found)".contains("(Resize) as ONNX says"))
        #expect(try misreading("ConvTranspose", ["auto_pad": .string("SAME_UPPER")]) != nil)
        #expect(try misreading("ConvTranspose", ["auto_pad": .string("SAME_UPPER"), "kernel_shape": .ints([3, 3]), "strides": .ints([2, 2])]) != nil)
        #expect(try misreading("ConvTranspose", ["auto_pad": .string("SAME_UPPER"), "kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])]) == nil, "nothing to cut")
        #expect(try misreading("ConvTranspose", ["output_shape": .ints([7, 7])]) != nil)
        #expect(try misreading("MaxPool", ["kernel_shape": .ints([4, 4]), "strides": .ints([2, 2]), "auto_pad": .string("SAME_LOWER")]) != nil)
        #expect(try misreading("Resize", ["mode": .string("cubic"), "exclude_outside": .int(1)]) != nil)
        #expect(try misreading("LRN", ["size": .int(5)]) != nil)
        #expect(try misreading("Softmax", ["axis": .int(1)], opset: 11, shapes: ["x": [1, 3, 8, 8]]) != nil)
    }

    @Test func `what it gets right passes`() throws {
        #expect(try misreading("Resize", ["mode": .string("cubic"), "cubic_coeff_a": .float(-0.5), "antialias": .int(0)]) == nil)
        #expect(try misreading("ConvTranspose", ["strides": .ints([2, 2]), "output_padding": .ints([1, 1])]) == nil)
        #expect(try misreading("MaxPool", ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2]), "auto_pad": .string("SAME_UPPER")]) == nil)
        #expect(try misreading("Softmax", ["axis": .int(1)], opset: 13, shapes: ["x": [1, 3, 8, 8]]) == nil)
        #expect(try misreading("Softmax", ["axis": .int(3)], opset: 11, shapes: ["x": [1, 3, 8, 8]]) == nil)
        #expect(try misreading("Softmax", ["axis": .int(-1)], opset: 11, shapes: ["x": [1, 3, 8, 8]]) == nil)
    }
}
