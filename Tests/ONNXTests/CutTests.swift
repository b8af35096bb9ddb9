import NetworkSamples
import Testing
@testable import ONNX

/// Cutting a graph at its global statistics, and adding up what tiles hold of them.
@Suite struct CutTests {
    /// A network on pictures of three channels; convolutions of four channels come from `conv`.
    private static func model(opset: Int = 23, _ body: (GraphBuilder, ValueName) throws -> ValueName) throws -> Model {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(3), .symbolic("h"), .symbolic("w")])
        graph.output(try body(graph, x), name: "y")
        return try graph.finish(opset: opset)
    }

    private static func conv(_ graph: GraphBuilder, _ x: ValueName, stride: Int = 1, name: String? = nil) throws -> ValueName {
        let weights = try graph.initializer(Array(repeating: 0.1, count: 81), dims: [3, 3, 3, 3], name: "weight")
        return graph.add("Conv", [x, weights], ["pads": .ints([1, 1, 1, 1]), "strides": .ints([stride, stride])], name: name)
    }

    private static func instance(_ graph: GraphBuilder, _ x: ValueName) throws -> ValueName {
        graph.add("InstanceNormalization", [x, try graph.initializer([1, 2, 3], dims: [3], name: "scale"), try graph.initializer([0, 0, 1], dims: [3], name: "bias")])
    }

    private static func cut(_ model: Model, layout: ImageLayout = .nchw) throws -> SynchronisedModel {
        try SynchronisedModel(model, input: "x", output: "y", layout: layout)
    }

    private static func refusal(_ body: (GraphBuilder, ValueName) throws -> ValueName) throws -> String {
        let model = try model(body)
        return try #require(throws: ONNXError.self) { try cut(model) }.description
    }

    @Test func `statistics that wait for each other take a pass each`() throws {
        let model = try Self.model { graph, x in
            let first = try Self.instance(graph, try Self.conv(graph, x))
            return try Self.conv(graph, try Self.instance(graph, try Self.conv(graph, first, stride: 2)))
        }
        #expect(SpatialAnalysis.analyse(model).klass == .global)
        let cut = try Self.cut(model)
        #expect(cut.passes.count == 2 && cut.analysis.klass == .local && cut.analysis.x.stride == 2)
        #expect(!cut.remainder.operators.contains("InstanceNormalization"))
        #expect(cut.passes[0].model.nodes.map(\.op) == ["Conv"])
        #expect(cut.passes[0].taps[0].x.haloBefore == 1 && cut.passes[0].taps[0].x.stride == 1)
        #expect(cut.passes[1].taps[0].x.scaleDenominator == 2 && cut.passes[1].taps[0].x.stride == 2)
        let fills = cut.passes.flatMap(\.statistics).flatMap(\.fills)
        #expect(fills.map(\.shape) == Array(repeating: [1, 3, 1, 1], count: 4))
        #expect(Set(cut.remainder.inputs.map(\.name)) == Set(fills.map(\.name) + ["x"]))
    }

    @Test func `statistics that do not wait share a pass, and one of the image itself is found`() throws {
        let cut = try Self.cut(try Self.model { graph, x in
            let pooled = graph.add("Add", [graph.add("GlobalAveragePool", [x]), graph.add("GlobalMaxPool", [try Self.conv(graph, x)])])
            return graph.add("Mul", [x, pooled])
        })
        #expect(cut.passes.count == 1 && cut.passes[0].taps.count == 2 && cut.passes[0].statistics.count == 2)
        #expect(cut.passes[0].model.outputs.count == 2 && !cut.passes[0].model.outputs.contains { $0.name == "x" })
    }

    @Test func `a variance that is spelt out takes the pass of its mean, means of means are one`() throws {
        let spelt = try Self.cut(try Self.model { graph, x in
            let axes = try graph.initializer(int64: [2, 3], dims: [2], name: "axes")
            let apart = graph.add("Sub", [x, graph.add("ReduceMean", [x, axes])])
            return graph.add("Div", [apart, graph.add("ReduceMean", [graph.add("Mul", [apart, apart]), axes])])
        })
        #expect(spelt.passes.count == 1 && spelt.passes[0].statistics.map(\.fills.count) == [2])
        let twice = try Self.cut(try Self.model(opset: 11) { graph, x in
            let rows = graph.add("ReduceMean", [x], ["axes": .ints([2]), "keepdims": .int(0)])
            let all = graph.add("ReduceMean", [rows], ["axes": .ints([2]), "keepdims": .int(0)])
            return graph.add("Mul", [x, graph.add("Reshape", [all, try graph.initializer(int64: [1, 3, 1, 1], dims: [4], name: "shape")])])
        })
        #expect(twice.passes.count == 1 && twice.passes[0].statistics[0].fills[0].shape == [1, 3])
    }

    @Test func `a size that is used as a value becomes an input`() throws {
        let cut = try Self.cut(try Self.model { graph, x in
            let width = graph.add("Cast", [graph.add("Gather", [graph.add("Shape", [x]), try graph.initializer(int64: [3], dims: [], name: "three")])],
                                  ["to": .int(1)])
            let sum = graph.add("ReduceSum", [x, try graph.initializer(int64: [2, 3], dims: [2], name: "axes")])
            return graph.add("Sub", [x, graph.add("Div", [sum, width])])
        })
        let value = try #require(cut.sizeValues.first)
        #expect(cut.sizeValues.count == 1 && value.shape == [1])
        #expect(try cut.values(forSizeOf: ["x": [1, 3, 50, 70]]) == [value.name: [70]])
    }

    @Test func `what needs all places at once is refused with the node's name`() throws {
        let softmax = try Self.refusal { graph, x in graph.add("Softmax", [x], ["axis": .int(3)], name: "weigh") }
        #expect(softmax == "node weigh (Softmax): weighs every place by all others (softmax), which needs all of them at once")
        let column = try Self.refusal { graph, x in
            let axes = try graph.initializer(int64: [1, 3], dims: [2], name: "axes")
            return graph.add("Mul", [x, graph.add("ReduceMean", [x, axes], name: "column")])
        }
        #expect(column == "node column (ReduceMean): the extents of its result depend on the size of the image")
        let strip = try Self.refusal { graph, x in
            graph.add("LpNormalization", [x], ["axis": .int(3)], name: "strip")
        }
        #expect(strip == "node strip (LpNormalization): takes a statistic for every place along the height, which cannot be added up tile by tile")
        let product = try Self.refusal { graph, x in
            graph.add("Mul", [x, graph.add("ReduceProd", [x, try graph.initializer(int64: [2, 3], dims: [2], name: "axes")], name: "product")])
        }
        #expect(product == "node product (ReduceProd): what it takes from the whole image cannot be added up tile by tile")
        let local = try Self.refusal { graph, x in try Self.conv(graph, x) }
        #expect(local == "the network takes no statistics over the whole image")
    }

    /// Numbers of a tensor, row-major, in tiles along the width; both against sums over the whole.
    @Test(arguments: [[0, 1, 2, 3], [0, 2, 3, 1]]) func `tiles add up to the whole, wherever the channels lie`(order: [Int]) throws {
        let channels = 4, width = 13, height = 5
        let factors: [[Factor]] = [[], [Factor(size: channels, kind: .plain)], [Factor(size: height, kind: .axis(.y))], [Factor(size: width, kind: .axis(.x))]]
        let shape = try #require(TapShape(ImageTensor(dims: order.map { factors[$0] }, maps: [:])))
        let dims = shape.extents
        var random = Randomness(state: 5)
        let values = (0..<(channels * width * height)).map { _ in Float.random(in: 99...101, using: &random) }
        func channel(_ index: Int) -> Int { order == [0, 1, 2, 3] ? index / (width * height) : index % channels }
        let spatial = Set(dims.indices.filter { [2, 3].contains(order[$0]) })
        for reduction in [Statistic.Reduction.moments, .maximum, .minimum, .sum, .magnitudes, .squares] {
            let statistic = Statistic(node: "n", tap: "t", reduction: reduction, axes: spatial, groups: 1, fills: [])
            var sums = statistic.emptySums
            for x in [0..<3, 3..<9, 9..<9, 9..<13] {
                for y in [0..<4, 4..<5] { values.withUnsafeBufferPointer { sums.add($0, shape: shape, of: statistic, x: x, y: y) } }
            }
            #expect(sums.isComplete(for: statistic, over: shape) && sums.isFinite)
            for group in 0..<channels {
                let own = values.enumerated().filter { channel($0.offset) == group }.map { Double($0.element) }
                let mean = own.reduce(0, +) / Double(own.count)
                let deviations: [Double] = own.map { ($0 - mean) * ($0 - mean) }
                let magnitude: Double = own.reduce(0) { $0 + abs($1) }
                let squares: Double = own.reduce(0) { $0 + $1 * $1 }
                let expected: (formula: Statistic.Formula, value: Double) = switch reduction {
                case .moments: (.variance, deviations.reduce(0, +) / Double(own.count))
                case .maximum: (.value, own.max() ?? 0)
                case .minimum: (.value, own.min() ?? 0)
                case .sum: (.mean, mean)
                case .magnitudes: (.value, magnitude)
                case .squares: (.root, squares.squareRoot())
                }
                let found = sums.value(expected.formula, group: group)
                #expect(abs(found - expected.value) <= 1e-9 * max(1, abs(expected.value)))
            }
        }
    }

    @Test func `groups of channels share their numbers, and NaN is not lost`() throws {
        let factors: [[Factor]] = [[], [Factor(size: 4, kind: .plain)], [Factor(size: 1, kind: .axis(.y))], [Factor(size: 2, kind: .axis(.x))]]
        let shape = try #require(TapShape(ImageTensor(dims: factors, maps: [:])))
        let fill = Statistic.Fill(name: "m", shape: [1, 4, 1, 1], formula: .mean)
        let statistic = Statistic(node: "n", tap: "t", reduction: .moments, axes: [1, 2, 3], groups: 2, fills: [fill])
        var sums = statistic.emptySums
        [1, 2, 3, 4, 5, 6, 7, 8].withUnsafeBufferPointer { sums.add($0, shape: shape, of: statistic, x: 0..<2, y: 0..<1) }
        #expect(statistic.values(of: fill, from: sums) == [2.5, 2.5, 6.5, 6.5])
        for reduction in [Statistic.Reduction.maximum, .minimum, .sum] {
            let one = Statistic(node: "n", tap: "t", reduction: reduction, axes: [1, 2, 3], groups: 1, fills: [])
            var sums = one.emptySums
            [1, .nan, 3, 4, 5, 6, 7, 8].withUnsafeBufferPointer { sums.add($0, shape: shape, of: one, x: 0..<2, y: 0..<1) }
            #expect(!sums.isFinite)
        }
    }
}
