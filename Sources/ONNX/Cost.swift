extension Model {
    /// The most bytes that intermediate values take at one time, weights left out, when nodes run in order and a value is freed after its
    /// last use.
    ///
    /// An engine may need less (it fuses, and works in place) or more (it copies layouts, and holds workspaces): an estimate to plan by.
    /// Operators that only rename their input (`Reshape`, `Identity`, ...) take nothing. `nil` when some extents are not known.
    /// - Parameter inputShapes: extents by input name, as for ``shapes(with:)``.
    public func peakActivationBytes(with inputShapes: [String: [Int]]) throws(ONNXError) -> Int? {
        let facts = try facts(with: inputShapes)
        var buffers = Buffers(model: self, facts: facts)
        return buffers.peak()
    }

    /// The floating-point operations of one run: two for each multiplication with addition, one for each element of other operators.
    ///
    /// `nil` when some extents are not known.
    /// - Parameter inputShapes: extents by input name, as for ``shapes(with:)``.
    public func flops(with inputShapes: [String: [Int]]) throws(ONNXError) -> Double? {
        let facts = try facts(with: inputShapes)
        var total = 0.0
        for node in nodes {
            // What is folded is computed once, when the engine compiles the graph.
            if let name = node.outputs.first(where: { !$0.isEmpty }), facts[name]?.folded != nil { continue }
            guard let cost = Self.flops(of: NodeContext(node: node, opset: opset, inputs: node.inputs.map { facts[$0] }),
                                        output: node.outputs.first.flatMap { facts[$0]?.dims }) else { return nil }
            total += cost
        }
        return total
    }

    private static func flops(of context: NodeContext, output: [Int]?) -> Double? {
        func elements(_ dims: [Int]?) -> Double? { dims.map { $0.reduce(1.0) { $0 * Double($1) } } }
        guard let made = elements(output) else { return nil }
        let node = context.node
        switch node.op {
        case "Conv", "ConvInteger", "QLinearConv", "DeformConv":
            // Weights are [out, in / group, kernel...]: each result sums in / group * kernel products.
            return context.dims(node.op == "QLinearConv" ? 3 : 1).flatMap { elements(Array($0.dropFirst())) }.map { 2 * made * $0 }
        case "ConvTranspose":
            guard let read = elements(context.dims(0)), let w = elements(context.dims(1).map { Array($0.dropFirst()) }) else { return nil }
            return 2 * read * w
        case "Gemm": return context.dims(0).flatMap { dims in
            dims.count == 2 ? 2 * made * Double(node.int("transA") ?? 0 != 0 ? dims[0] : dims[1]) : nil
        }
        case "MatMul", "MatMulInteger", "QLinearMatMul": return context.dims(0).flatMap(\.last).map { 2 * made * Double($0) }
        case "Attention":
            guard let e = try? context.attentionExtents() else { return nil }
            return 2 * Double(e.batch) * Double(e.queryHeads) * Double(e.queries) * Double(e.keys) * Double(e.width + e.valueWidth)
        case let op where OperatorTable.pools.contains(op):
            return (node.ints("kernel_shape") ?? []).reduce(made) { $0 * Double($1) }
        case let op where OperatorTable.globalPools.contains(op) || OperatorTable.reducing.contains(op): return elements(context.dims(0))
        case let op where Buffers.renaming.contains(op) || op == "Shape" || op == "Constant": return 0
        default: return made
        }
    }
}

/// Which values are alive while the nodes run in order.
private struct Buffers {
    static let renaming: Set<String> = ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"]

    let model: Model
    let facts: [String: ValueFacts]
    /// The value in whose memory a renamed one lies.
    private var owner: [String: String] = [:]

    init(model: Model, facts: [String: ValueFacts]) {
        self.model = model
        self.facts = facts
    }

    mutating func peak() -> Int? {
        for node in model.nodes where Self.renaming.contains(node.op) {
            if let input = node.input(0), let output = node.outputs.first { owner[output] = owner[input] ?? input }
        }
        var lastUse: [String: Int] = [:]
        for (index, node) in model.nodes.enumerated() {
            for name in node.inputs + node.captures { lastUse[holder(name)] = index }
        }
        for output in model.outputs { lastUse[holder(output.name)] = model.nodes.count }
        var expiring = [Int: [String]]()
        for (name, index) in lastUse { expiring[index, default: []].append(name) }

        var current = 0
        for input in model.inputs {
            guard let bytes = bytes(input.name) else { return nil }
            current = current.saturatingAdd(bytes)
        }
        var peak = current
        for (index, node) in model.nodes.enumerated() {
            for output in node.outputs where !output.isEmpty && owner[output] == nil {
                guard lastUse[output] != nil else { continue }
                guard let bytes = bytes(output) else { return nil }
                current = current.saturatingAdd(bytes)
            }
            peak = max(peak, current)
            for name in expiring[index] ?? [] where !name.isEmpty && model.initializers[name] == nil {
                current -= bytes(name) ?? 0
            }
        }
        return peak == .max ? nil : peak
    }

    private func holder(_ name: String) -> String { owner[name] ?? name }

    /// Folded values are constants of the compiled graph.
    private func bytes(_ name: String) -> Int? {
        guard let found = facts[name] else { return nil }
        if found.folded != nil { return 0 }
        guard let dims = found.dims, let count = product(of: dims) else { return nil }
        return (found.type ?? .float).byteCount(of: count)
    }
}

extension Int {
    fileprivate func saturatingAdd(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
