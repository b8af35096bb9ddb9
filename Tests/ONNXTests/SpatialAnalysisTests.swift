import Testing
@testable import ONNX

@Suite struct SpatialAnalysisTests {
    /// An analysis of a network from [1, 4, h, w].
    private static func analyse(layout: ImageLayout = .nchw, opset: Int = 23, dims: [Dimension]? = nil,
                                _ build: (GraphBuilder, ValueName) throws -> ValueName) throws -> SpatialAnalysis {
        let graph = GraphBuilder()
        let open: [Dimension] = layout == .nchw ? [.symbolic("n"), .fixed(4), .symbolic("h"), .symbolic("w")] : [.fixed(1), .unknown, .unknown, .fixed(4)]
        graph.output(try build(graph, graph.input("x", dims: dims ?? open)), name: "y")
        return SpatialAnalysis.analyse(try graph.finish(opset: opset), layout: layout)
    }

    private static func conv(_ graph: GraphBuilder, _ x: ValueName, _ k: Int = 3, from: Int = 4, to: Int = 4, stride: Int = 1, pad: Int? = nil) throws -> ValueName {
        let w = try graph.initializer([Float](repeating: 1, count: to * from * k * k), dims: [to, from, k, k], name: "w")
        return graph.add("Conv", [x, w], ["pads": .ints(Array(repeating: pad ?? k / 2, count: 4)), "strides": .ints([stride, stride])])
    }

    private static func ints(_ graph: GraphBuilder, _ values: [Int]) throws -> ValueName {
        try graph.initializer(int64: values, dims: [values.count], name: "ints")
    }

    private static func upsample(_ graph: GraphBuilder, _ x: ValueName, by factor: Float = 2, mode: String = "nearest",
                                 coordinates: String = "asymmetric") throws -> ValueName {
        graph.add("Resize", [x, .none, try graph.initializer([1, 1, factor, factor] as [Float], dims: [4], name: "scales")],
                  ["mode": .string(mode), "coordinate_transformation_mode": .string(coordinates), "nearest_mode": .string("floor")])
    }

    private static func expectLocal(_ found: SpatialAnalysis, scale: (Int, Int) = (1, 1), stride: Int = 1, halo: (Int, Int), multiple: Int = 1,
                                    trim: (Int, Int) = (0, 0), at location: SourceLocation = #_sourceLocation) {
        #expect(found.klass == .local, "\(found.decidingNodes)", sourceLocation: location)
        for axis in [found.x, found.y] {
            #expect((axis.scaleNumerator, axis.scaleDenominator) == scale, sourceLocation: location)
            #expect((axis.haloBefore, axis.haloAfter) == halo, sourceLocation: location)
            #expect((axis.stride, axis.needsMultiple) == (stride, multiple), sourceLocation: location)
            #expect((axis.trimBefore, axis.trimAfter) == trim, sourceLocation: location)
        }
    }

    // MARK: Local

    @Test func `two convolutions see two samples`() throws {
        let found = try Self.analyse { try Self.conv($0, try Self.conv($0, $1)) }
        Self.expectLocal(found, halo: (2, 2))
        #expect(try found.outputSize(width: 5, height: 1) == (5, 1))
    }

    @Test func `a strided convolution takes any size`() throws {
        let found = try Self.analyse { try Self.conv($0, $1, stride: 2) }
        Self.expectLocal(found, scale: (1, 2), stride: 2, halo: (1, 0))
        #expect(try found.outputSize(width: 7, height: 8) == (4, 4))
    }

    @Test func `a U-net takes multiples of its stride`() throws {
        let found = try Self.analyse { graph, x in
            let one = graph.add("MaxPool", [x], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
            let two = try Self.conv(graph, one, stride: 2)
            let up = graph.add("Add", [one, try Self.upsample(graph, try Self.conv(graph, two))])
            return graph.add("Concat", [x, try Self.upsample(graph, up)], ["axis": .int(1)])
        }
        // At 4: [-4 - 2, 7 + 2 ...]: two convolutions of 4 and 2 samples before; see the random networks for the rest.
        #expect(found.klass == .local)
        #expect((found.x.stride, found.x.needsMultiple, found.x.haloBefore) == (4, 4, 6))
    }

    @Test func `down and up without a skip still needs its multiple, for the output's size`() throws {
        let found = try Self.analyse { try Self.upsample($0, try Self.conv($0, $1, stride: 2)) }
        #expect((found.x.stride, found.x.needsMultiple) == (2, 2))
        #expect((found.x.scaleNumerator, found.x.scaleDenominator) == (1, 1))
    }

    @Test func `resizing to the size of a skip takes any size that the arithmetic meets, and says which`() throws {
        let found = try Self.analyse { graph, x in
            let down = try Self.conv(graph, x, stride: 2)
            let up = graph.add("Resize", [down, .none, .none, graph.add("Shape", [x])],
                               ["mode": .string("nearest"), "coordinate_transformation_mode": .string("asymmetric"), "nearest_mode": .string("floor")])
            return graph.add("Add", [x, up])
        }
        // At odd sizes the scale is not 2: the shapes fit, but the samples lie elsewhere.
        #expect(found.klass == .local)
        #expect((found.x.stride, found.x.needsMultiple) == (2, 2))
    }

    @Test func `unpadded convolutions trim, and say where`() throws {
        let found = try Self.analyse { try Self.conv($0, try Self.conv($0, $1, 5, pad: 0), pad: 0) }
        Self.expectLocal(found, halo: (0, 6), trim: (3, 3))
        #expect(try found.outputSize(width: 20, height: 7) == (14, 1))
        #expect(throws: ONNXError.self) { try found.outputSize(width: 6, height: 20) }
    }

    @Test func `a pixel shuffle written with Reshape is a pixel shuffle`() throws {
        let direct = try Self.analyse { graph, x in
            graph.add("DepthToSpace", [try Self.conv(graph, x, to: 36)], ["blocksize": .int(3), "mode": .string("CRD")])
        }
        let written = try Self.analyse { graph, x in
            let wide = try Self.conv(graph, x, to: 36)
            let shape = graph.add("Shape", [x])
            func cut(_ a: Int, _ b: Int) throws -> ValueName { graph.add("Slice", [shape, try Self.ints(graph, [a]), try Self.ints(graph, [b])]) }
            let apart = graph.add("Reshape", [wide, graph.add("Concat", [try Self.ints(graph, [-1, 4, 3, 3]), try cut(2, 4)], ["axis": .int(0)])])
            let turned = graph.add("Transpose", [apart], ["perm": .ints([0, 1, 4, 2, 5, 3])])
            let sizes = graph.add("Mul", [try cut(2, 4), try Self.ints(graph, [3])])
            return graph.add("Reshape", [turned, graph.add("Concat", [try Self.ints(graph, [1, 4]), sizes], ["axis": .int(0)])])
        }
        Self.expectLocal(direct, scale: (3, 1), halo: (1, 1))
        Self.expectLocal(written, scale: (3, 1), halo: (1, 1))
    }

    @Test func `SAME padding of a strided layer depends on the size, so only multiples will do`() throws {
        let found = try Self.analyse { graph, x in
            let w = try graph.initializer([Float](repeating: 1, count: 144), dims: [4, 4, 3, 3], name: "w")
            return graph.add("Conv", [x, w], ["auto_pad": .string("SAME_UPPER"), "strides": .ints([2, 2])])
        }
        Self.expectLocal(found, scale: (1, 2), stride: 2, halo: (0, 1), multiple: 2)
    }

    @Test func `a graph that pads to a multiple and cuts again works on that multiple`() throws {
        let found = try Self.analyse { graph, x in
            let shape = graph.add("Shape", [x])
            func cut(_ a: Int, _ b: Int) throws -> ValueName { graph.add("Slice", [shape, try Self.ints(graph, [a]), try Self.ints(graph, [b])]) }
            let sides = try cut(2, 4), eight = try Self.ints(graph, [8, 8])
            let lacking = graph.add("Mod", [graph.add("Sub", [eight, graph.add("Mod", [sides, eight])]), eight])
            let amounts = graph.add("Concat", [try Self.ints(graph, [0, 0, 0, 0, 0, 0]), lacking], ["axis": .int(0)])
            let padded = graph.add("Pad", [x, amounts], ["mode": .string("reflect")])
            let half = graph.add("AveragePool", [padded], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
            let twice = graph.add("DepthToSpace", [try Self.conv(graph, half, to: 12)], ["blocksize": .int(2)])
            return graph.add("Slice", [twice, try Self.ints(graph, [0, 0]), sides, try Self.ints(graph, [2, 3])])
        }
        #expect(found.klass == .unknown || (found.x.stride == 8 && found.y.stride == 8), "\(found)")
    }

    @Test func `a network of channels-last images is followed through its transposes`() throws {
        let found = try Self.analyse(layout: .nhwc) { graph, x in
            let inside = try Self.conv(graph, graph.add("Transpose", [x], ["perm": .ints([0, 3, 1, 2])]), 5)
            let back = graph.add("Transpose", [inside], ["perm": .ints([0, 2, 3, 1])])
            let normal = graph.add("LayerNormalization", [back, try graph.initializer([1, 2, 3, 4] as [Float], dims: [4], name: "scale")])
            return graph.add("MatMul", [normal, try graph.initializer([Float](repeating: 1, count: 12), dims: [4, 3], name: "dense")])
        }
        Self.expectLocal(found, halo: (2, 2))
        #expect(try found.outputSize(width: 9, height: 5) == (9, 5))
    }

    @Test func `padding to a multiple inside the graph is followed`() throws {
        let model = try ShapeTests.sizeArithmetic()
        let found = SpatialAnalysis.analyse(model)
        #expect(found.klass == .local, "\(found.decidingNodes)")
        #expect((found.x.stride, found.x.needsMultiple, found.x.haloBefore, found.x.haloAfter) == (8, 8, 0, 0), "else the output is larger than the image")
    }

    @Test func `bilinear enlargement reads a neighbour on each side`() throws {
        Self.expectLocal(try Self.analyse { try Self.upsample($0, $1, mode: "linear", coordinates: "half_pixel") }, scale: (2, 1), halo: (1, 1))
        Self.expectLocal(try Self.analyse { try Self.upsample($0, $1, mode: "linear") }, scale: (2, 1), halo: (0, 1))
        Self.expectLocal(try Self.analyse { try Self.upsample($0, $1) }, scale: (2, 1), halo: (0, 0))
    }

    // MARK: Block

    @Test func `attention within windows is a block network on the grid of its windows`() throws {
        let found = SpatialAnalysis.analyse(try ShapeTests.windowAttention())
        #expect(found.klass == .block)
        #expect((found.x.stride, found.x.needsMultiple) == (4, 4))
        #expect((found.x.haloBefore, found.x.haloAfter) == (0, 0))
        #expect(found.isTileable)
    }

    // MARK: Global

    @Test(arguments: ["InstanceNormalization", "GroupNormalization", "GlobalAveragePool", "ReduceMean", "Softmax"])
    func `statistics over the image are global, and the node is named`(op: String) throws {
        let found = try Self.analyse(opset: op == "GroupNormalization" ? 18 : 17) { graph, x in
            let y = try Self.conv(graph, x)
            let ones = try graph.initializer([1, 1, 1, 1] as [Float], dims: [4], name: "ones")
            switch op {
            case "InstanceNormalization": return graph.add(op, [y, ones, ones])
            case "GroupNormalization": return graph.add(op, [y, ones, ones], ["num_groups": .int(4)])
            case "ReduceMean": return graph.add("Mul", [y, graph.add(op, [y], ["axes": .ints([2, 3])])])
            case "Softmax": return graph.add(op, [y], ["axis": .int(3)])
            default: return graph.add("Mul", [y, graph.add("Sigmoid", [graph.add(op, [y])])])
            }
        }
        #expect(found.klass == .global)
        #expect(found.decidingNodes.count == 1)
        #expect(found.decidingNodes.first?.hasPrefix("\(op) (\(op)): ") == true)
        #expect((found.x.haloBefore, found.x.scaleNumerator, found.x.needsMultiple) == (1, 1, 1))
    }

    @Test func `attention over all positions is global, as operator and as products`() throws {
        func tokens(_ graph: GraphBuilder, _ x: ValueName) throws -> ValueName {
            graph.add("Transpose", [graph.add("Reshape", [x, try Self.ints(graph, [0, 4, -1])])], ["perm": .ints([0, 2, 1])])
        }
        func image(_ graph: GraphBuilder, _ y: ValueName, _ x: ValueName) -> ValueName {
            graph.add("Reshape", [graph.add("Transpose", [y], ["perm": .ints([0, 2, 1])]), graph.add("Shape", [x])])
        }
        let whole = try Self.analyse { graph, x in
            let t = try tokens(graph, x)
            return image(graph, graph.add("Attention", [t, t, t], ["q_num_heads": .int(2), "kv_num_heads": .int(2)]), x)
        }
        let written = try Self.analyse { graph, x in
            let t = try tokens(graph, x)
            let scores = graph.add("MatMul", [t, graph.add("Transpose", [t], ["perm": .ints([0, 2, 1])])])
            return image(graph, graph.add("MatMul", [graph.add("Softmax", [scores]), t]), x)
        }
        for found in [whole, written] {
            #expect(found.klass == .global, "\(found.decidingNodes)")
            #expect((found.x.scaleNumerator, found.x.scaleDenominator) == (1, 1))
        }
        #expect(whole.decidingNodes == ["Attention (Attention): attends over the whole height; attends over the whole width"])
    }

    @Test func `a pooled value spread over the image again keeps the network global, not unknown`() throws {
        let found = try Self.analyse { graph, x in
            let pooled = graph.add("GlobalAveragePool", [x])
            let spread = graph.add("Resize", [pooled, .none, .none, graph.add("Shape", [x])], ["mode": .string("linear")])
            return graph.add("Concat", [x, spread], ["axis": .int(1)])
        }
        #expect(found.klass == .global, "\(found.decidingNodes)")
    }

    // MARK: Unknown

    @Test func `what depends on the size or on the place is unknown, with the reason`() throws {
        func reason(_ build: (GraphBuilder, ValueName) throws -> ValueName) throws -> String {
            let found = try Self.analyse(build)
            #expect(found.klass == .unknown)
            #expect(!found.isTileable)
            return found.decidingNodes.first ?? ""
        }
        #expect(try reason { try Self.upsample($0, $1, mode: "linear", coordinates: "align_corners") }
            == "Resize (Resize): where it reads depends on the size of the image (align_corners)")
        #expect(try reason { graph, x in
            graph.add("GridSample", [x, graph.add("Transpose", [graph.add("Slice", [x, try Self.ints(graph, [0]), try Self.ints(graph, [2]),
                                                                                   try Self.ints(graph, [1])])], ["perm": .ints([0, 2, 3, 1])])])
        } == "GridSample (GridSample): reads where its grid says, which may be anywhere")
        #expect(try reason { graph, x in
            graph.add("Div", [x, graph.add("Cast", [graph.add("ReduceProd", [graph.add("Shape", [x])])], ["to": .int(1)])])
        } == "Div (Div): the size of the image is used as a value")
        #expect(try reason { graph, x in
            // The right half, joined to the left.
            let half = graph.add("Div", [graph.add("Shape", [x], ["start": .int(3)]), try Self.ints(graph, [2])])
            let right = graph.add("Slice", [x, half, try Self.ints(graph, [1 << 40]), try Self.ints(graph, [3])])
            let left = graph.add("Slice", [x, try Self.ints(graph, [0]), half, try Self.ints(graph, [3])])
            return graph.add("Add", [left, right])
        } == "Slice (Slice): what it reads depends on the size of the image")
        #expect(try reason { graph, x in graph.add("acme::Grain", [x]) } == "Grain (acme::Grain): the reach of this operator is not known")
        #expect(try reason { graph, x in graph.add("Pad", [x, try Self.ints(graph, [0, 0, 1, 1, 0, 0, 1, 1])], ["mode": .string("wrap")]) }
            == "Pad (Pad): reads the opposite edge (wrap)")
        #expect(try reason { graph, x in
            graph.add("Slice", [x, try Self.ints(graph, [-1]), try Self.ints(graph, [.min]), try Self.ints(graph, [3]), try Self.ints(graph, [-1])])
        } == "Slice (Slice): reads the width backwards")
    }

    @Test func `a constant that differs from place to place ties a network to one size and is no tile`() throws {
        let found = try Self.analyse(dims: [.fixed(1), .fixed(4), .fixed(16), .fixed(16)]) { graph, x in
            graph.add("Add", [x, try graph.initializer((0..<256).map { Float($0) }, dims: [1, 1, 16, 16], name: "positions")])
        }
        #expect(found.klass == .unknown)
        #expect(found.decidingNodes == ["Add (Add): meets a constant that differs from place to place along the height"])
        #expect(found.x.fixedSize == 16)
    }

    @Test func `coordinates made from the size are no tile`() throws {
        let found = try Self.analyse { graph, x in
            let width = graph.add("Squeeze", [graph.add("Shape", [x], ["start": .int(3)])])
            let zero = try graph.initializer(int64: [0], dims: [], name: "zero"), one = try graph.initializer(int64: [1], dims: [], name: "one")
            return graph.add("Add", [x, graph.add("Cast", [graph.add("Range", [zero, width, one])], ["to": .int(1)])])
        }
        #expect(found.klass == .unknown)
        #expect(found.decidingNodes == ["Add (Add): meets a constant that differs from place to place along the width"])
    }

    @Test func `a subgraph is unknown`() throws {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(1), .unknown, .unknown])
        graph.output(graph.add("Loop", [x]))
        let found = SpatialAnalysis.analyse(try graph.finish())
        #expect(found.klass == .unknown)
    }

    @Test func `names that do not exist are told`() throws {
        let model = try GraphBuilderTests.small()
        #expect(SpatialAnalysis.analyse(model, input: "picture").decidingNodes == ["the model has no input \"picture\"; it has image"])
        #expect(SpatialAnalysis.analyse(model, output: "mask").decidingNodes == ["the model has no output \"mask\"; it has result"])
    }

    @Test(arguments: [3, 5, 6, 7, 12]) func `blocks that common sizes do not divide are found`(block: Int) throws {
        let found = try Self.analyse { graph, x in
            graph.add("DepthToSpace", [graph.add("SpaceToDepth", [x], ["blocksize": .int(block)])], ["blocksize": .int(block)])
        }
        Self.expectLocal(found, stride: block, halo: (0, 0), multiple: block)
    }
}
