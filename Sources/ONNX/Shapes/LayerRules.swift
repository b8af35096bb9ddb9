/// Operators with weights, windows or positions: the layers of a network.
extension NodeContext {
    func layer() throws(ONNXError) -> [ValueFacts]? {
        switch node.op {
        case "Conv": return try convolution().map { [ValueFacts(type: type(0), dims: $0.dims)] }
        case "ConvInteger": return try convolution().map { [ValueFacts(type: .int32, dims: $0.dims)] }
        case "QLinearConv": return try convolution(weightIndex: 3).map { [ValueFacts(type: type(7), dims: $0.dims)] }
        case "DeformConv": return try convolution().map { [ValueFacts(type: type(0), dims: $0.dims)] }
        case "ConvTranspose": return try transposedConvolution().map { [ValueFacts(type: type(0), dims: $0.dims)] }
        case "MaxPool", "AveragePool", "LpPool":
            return try pool().map { [ValueFacts(type: type(0), dims: $0.dims), ValueFacts(type: .int64, dims: $0.dims)] }
        case "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool":
            return dims(0).map { [ValueFacts(type: type(0), dims: Array($0.prefix(2)) + Array(repeating: 1, count: max(0, $0.count - 2)))] }
        case "Gemm": return try gemm()
        case "MatMul": return try matrixProduct(0, 1, type: type(0))
        case "MatMulInteger": return try matrixProduct(0, 1, type: .int32)
        case "QLinearMatMul": return try matrixProduct(0, 3, type: type(7))
        case "Attention": return try attention()
        case "QuantizeLinear": return [ValueFacts(type: type(2) ?? .uint8, dims: dims(0))]
        case "DequantizeLinear": return [ValueFacts(type: type(1), dims: dims(0))]
        case "DynamicQuantizeLinear":
            return [ValueFacts(type: .uint8, dims: dims(0)), ValueFacts(type: .float, dims: []), ValueFacts(type: .uint8, dims: [])]
        case "Resize", "Upsample": return try resizeAxes().map { [ValueFacts(type: type(0), dims: $0.map(\.output))] }
        case "DepthToSpace", "SpaceToDepth": return try blocks()
        case "GridSample":
            guard let x = dims(0), let grid = dims(1), x.count >= 3, grid.count == x.count else { return nil }
            return [ValueFacts(type: type(0), dims: Array(x.prefix(2)) + Array(grid[1..<(grid.count - 1)]))]
        default: return nil
        }
    }

    /// Normalisations keep the extents; what else they put out (means, deviations) is not followed.
    func normalised() -> [ValueFacts]? {
        [ValueFacts(type: type(0), dims: dims(0))]
    }

    private func gemm() throws(ONNXError) -> [ValueFacts]? {
        guard let a = dims(0), let b = dims(1) else { return nil }
        guard a.count == 2, b.count == 2 else { throw fail("needs two matrices; they have \(a.count) and \(b.count) axes") }
        let (m, k) = node.int("transA") ?? 0 != 0 ? (a[1], a[0]) : (a[0], a[1])
        let (k2, n) = node.int("transB") ?? 0 != 0 ? (b[1], b[0]) : (b[0], b[1])
        guard k == k2 else { throw fail("a row of \(k) meets a column of \(k2)") }
        return [ValueFacts(type: type(0), dims: [m, n])]
    }

    private func matrixProduct(_ left: Int, _ right: Int, type: ElementType?) throws(ONNXError) -> [ValueFacts]? {
        guard let a = dims(left), let b = dims(right) else { return nil }
        guard !a.isEmpty, !b.isEmpty else { throw fail("has a scalar for a matrix") }
        let rows = a.count == 1 ? [1] + a : a
        let columns = b.count == 1 ? b + [1] : b
        guard rows[rows.count - 1] == columns[columns.count - 2] else {
            throw fail("a row of \(rows[rows.count - 1]) meets a column of \(columns[columns.count - 2])")
        }
        var result = try broadcast([Array(rows.dropLast(2)), Array(columns.dropLast(2))])
        if a.count > 1 { result.append(rows[rows.count - 2]) }
        if b.count > 1 { result.append(columns[columns.count - 1]) }
        return [ValueFacts(type: type, dims: result)]
    }

    /// The extents of an `Attention` node (opset 23): batch, heads, positions and widths of queries, keys and values.
    struct AttentionExtents {
        let batch, queryHeads, keyHeads, queries, keys, width, valueWidth: Int
        let isThreeDimensional: Bool
    }

    func attentionExtents() throws(ONNXError) -> AttentionExtents? {
        guard let q = dims(0), let k = dims(1), let v = dims(2) else { return nil }
        guard q.count == k.count, k.count == v.count, q.count == 3 || q.count == 4 else {
            throw fail("queries, keys and values have \(q.count), \(k.count) and \(v.count) axes; 3 or 4 each are needed")
        }
        guard q[0] == k[0], k[0] == v[0], k[q.count - 2] == v[q.count - 2] else { throw fail("\(q), \(k) and \(v) do not fit together") }
        var past = 0
        if has(4) {
            guard let known = dims(4), known.count == 4 else { return nil }
            past = known[2]
        }
        if q.count == 4 {
            return AttentionExtents(batch: q[0], queryHeads: q[1], keyHeads: k[1], queries: q[2], keys: k[2] + past, width: q[3],
                                    valueWidth: v[3], isThreeDimensional: false)
        }
        guard let qHeads = node.int("q_num_heads"), let kHeads = node.int("kv_num_heads"), qHeads > 0, kHeads > 0,
              q[2] % qHeads == 0, k[2] % kHeads == 0, v[2] % kHeads == 0 else {
            throw fail("the widths \(q[2]), \(k[2]) and \(v[2]) cannot be cut into \(node.int("q_num_heads") ?? 0) and \(node.int("kv_num_heads") ?? 0) heads")
        }
        return AttentionExtents(batch: q[0], queryHeads: qHeads, keyHeads: kHeads, queries: q[1], keys: k[1] + past, width: q[2] / qHeads,
                                valueWidth: v[2] / kHeads, isThreeDimensional: true)
    }

    private func attention() throws(ONNXError) -> [ValueFacts]? {
        guard let e = try attentionExtents() else { return nil }
        let y: [Int]
        if e.isThreeDimensional {
            guard let width = product(of: [e.queryHeads, e.valueWidth]) else { throw fail("the result is too wide") }
            y = [e.batch, e.queries, width]
        } else {
            y = [e.batch, e.queryHeads, e.queries, e.valueWidth]
        }
        return [ValueFacts(type: type(0), dims: y),
                ValueFacts(type: type(1), dims: [e.batch, e.keyHeads, e.keys, e.width]),
                ValueFacts(type: type(2), dims: [e.batch, e.keyHeads, e.keys, e.valueWidth]),
                ValueFacts(type: type(0), dims: [e.batch, e.queryHeads, e.queries, e.keys])]
    }

    /// `DepthToSpace` and `SpaceToDepth`: pixel shuffle and its inverse.
    private func blocks() throws(ONNXError) -> [ValueFacts]? {
        guard let x = dims(0) else { return nil }
        guard x.count == 4 else { throw fail("needs 4 axes; the input has \(x.count)") }
        guard let block = node.int("blocksize"), block >= 1, block <= 65_536 else { throw fail("has no sound blocksize") }
        let square = block * block
        if node.op == "DepthToSpace" {
            guard x[1] % square == 0 else { throw fail("\(x[1]) channels cannot be cut into blocks of \(square)") }
            return [ValueFacts(type: type(0), dims: [x[0], x[1] / square, x[2] * block, x[3] * block])]
        }
        guard x[2] % block == 0, x[3] % block == 0 else { throw fail("\(x[2]) x \(x[3]) cannot be cut into blocks of \(block)") }
        guard let channels = product(of: [x[1], square]) else { throw fail("the result has too many channels") }
        return [ValueFacts(type: type(0), dims: [x[0], channels, x[2] / block, x[3] / block])]
    }

    /// The axes a `Reduce*` (or `ArgMax`) works on; `nil` when they are not known.
    func reducedAxes() throws(ONNXError) -> [Int]? {
        guard let x = dims(0) else { return nil }
        if node.op.hasPrefix("Arg") { return [try axis(node.int("axis") ?? 0, rank: x.count)] }
        var named = node.ints("axes")
        if has(1) {
            guard let known = ints(1) else { return nil }
            named = known
        }
        guard let named, !named.isEmpty else { return node.int("noop_with_empty_axes") == 1 ? [] : Array(x.indices) }
        return try axes(named, rank: x.count)
    }

    func reduced() throws(ONNXError) -> [ValueFacts]? {
        guard let x = dims(0), let axes = try reducedAxes() else { return nil }
        let keeps = node.int("keepdims") ?? 1 != 0
        var result: [Int] = []
        for (axis, extent) in x.enumerated() {
            if !axes.contains(axis) { result.append(extent) } else if keeps { result.append(1) }
        }
        var facts = ValueFacts(type: node.op.hasPrefix("Arg") ? .int64 : type(0), dims: result)
        if let array = folded(0), axes.count == x.count, let ints = array.ints, let total = reduce(ints) {
            facts.folded = Folded(.ints([total]), dims: result)
        }
        return [facts]
    }

    private func reduce(_ ints: [Int]) -> Int? {
        switch node.op {
        case "ReduceProd": return product(of: ints)
        case "ReduceSum":
            var sum = 0
            for value in ints {
                let (next, overflow) = sum.addingReportingOverflow(value)
                if overflow { return nil }
                sum = next
            }
            return sum
        case "ReduceMax": return ints.max()
        case "ReduceMin": return ints.min()
        default: return nil
        }
    }
}
