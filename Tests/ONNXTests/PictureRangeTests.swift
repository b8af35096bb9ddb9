import Testing
import ONNX

/// What the first nodes of a graph prove of the numbers that it takes.
@Suite struct PictureRangeTests {
    /// The range of the input of a graph that scales and shifts it, then convolves; nil where nothing is proven.
    private func range(_ steps: [(op: String, by: Float)]) throws -> [Float]? {
        let graph = GraphBuilder()
        var y = graph.input("x", dims: [.fixed(1), .fixed(1), .symbolic("h"), .symbolic("w")])
        for (op, number) in steps { y = graph.add(op, [y, try graph.initializer([number], dims: [1], name: "number")]) }
        let weight = try graph.initializer([Float](repeating: 0.1, count: 9), dims: [1, 1, 3, 3], name: "weight")
        graph.output(graph.add("Conv", [y, weight], ["pads": .ints([1, 1, 1, 1])]), name: "y")
        return try PictureModel(try graph.finish(), .init()).input.range.map { [$0.black, $0.white] }
    }

    @Test func `constants at the entrance tell what black and white are`() throws {
        #expect(try range([("Div", 255)]) == [0, 255])
        #expect(try range([("Sub", 120)]) == [0, 255])
        #expect(try range([("Mul", 2), ("Sub", 1)]) == [0, 1])
        #expect(try range([("Sub", 0.45), ("Div", 0.22)]) == [0, 1])
        #expect(try range([("Mul", 255)]) == [0, 1])
        #expect(try range([("Mul", 255), ("Sub", 127)]) == [0, 1])
    }

    @Test func `constants that say nothing prove nothing`() throws {
        for steps in [[], [("Mul", 1.2)], [("Mul", 2), ("Add", 1)], [("Mul", 40)], [("Mul", 300)], [("Add", 0.5)]] as [[(String, Float)]] {
            #expect(try range(steps.map { (op: $0.0, by: $0.1) }) == nil)
        }
    }
}
