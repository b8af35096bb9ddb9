/// Ways in which networks spell out statistics with several reductions, which one pass can find together.
struct ReductionPatterns {
    let model: Model
    let facts: [String: ValueFacts]
    private let readers: [String: [Node]]

    init(model: Model, facts: [String: ValueFacts]) {
        (self.model, self.facts) = (model, facts)
        var readers: [String: [Node]] = [:]
        for node in model.nodes { for name in Set(node.inputs + node.captures) { readers[name, default: []].append(node) } }
        self.readers = readers
    }

    private func axes(_ node: Node) -> Set<Int>? {
        let context = NodeContext(node: node, opset: model.opset, inputs: node.inputs.map { facts[$0] })
        return ((try? context.reducedAxes()) ?? nil).map { Set($0) }
    }

    /// The node that takes the mean, or the sum, of the squared differences from a mean: `mean((x - mean(x))^2)`.
    ///
    /// - Parameter mean: a `ReduceMean`.
    func deviations(from mean: Node) -> Node? {
        guard mean.op == "ReduceMean", let x = mean.input(0), let m = mean.outputs.first, let axes = axes(mean) else { return nil }
        for difference in readers[m] ?? [] where difference.op == "Sub" && Set(difference.inputs) == [x, m] {
            guard let d = difference.outputs.first else { continue }
            for square in readers[d] ?? [] where isSquare(square, of: d) {
                let reductions = readers[square.outputs.first ?? ""] ?? []
                if let found = reductions.first(where: { ["ReduceMean", "ReduceSum"].contains($0.op) && self.axes($0) == axes }) { return found }
            }
        }
        return nil
    }

    private func isSquare(_ node: Node, of name: String) -> Bool {
        if node.op == "Mul" { return node.inputs == [name, name] }
        guard node.op == "Pow", node.input(0) == name, let exponent = node.input(1) else { return false }
        return facts[exponent]?.folded?.doubles == [2]
    }

    /// A second reduction of the same kind that alone reads a first one's result: `x.mean(2).mean(3)`. Together they are one over both axes.
    ///
    /// - Returns: the second node, and all axes of the first one's input.
    func continuation(of first: Node) -> (second: Node, axes: [Int])? {
        let joinable: Set<String> = ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1"]
        guard joinable.contains(first.op), let result = first.outputs.first, let readers = readers[result], readers.count == 1, readers[0].op == first.op,
              !model.outputs.contains(where: { $0.name == result }), let rank = first.input(0).flatMap({ facts[$0]?.dims?.count }),
              let own = axes(first), let further = axes(readers[0]) else { return nil }
        let left = first.int("keepdims") ?? 1 != 0 ? Array(0..<rank) : (0..<rank).filter { !own.contains($0) }
        guard further.allSatisfy(left.indices.contains) else { return nil }
        return (readers[0], own.union(further.map { left[$0] }).sorted())
    }

    /// The model with reductions that continue others joined to them, as often as there are any.
    static func joined(_ model: Model, input: String, facts: (Model) throws(ONNXError) -> [String: ValueFacts]) throws(ONNXError) -> Model {
        var current = model
        // Each turn takes a node away.
        while let next = try joinedOnce(current, input: input, facts: try facts(current)) { current = next }
        return current
    }

    private static func joinedOnce(_ model: Model, input: String, facts: [String: ValueFacts]) throws(ONNXError) -> Model? {
        let patterns = ReductionPatterns(model: model, facts: facts)
        for node in model.nodes {
            guard let (second, axes) = patterns.continuation(of: node), let result = second.outputs.first, let source = node.input(0),
                  let first = node.outputs.first, let shape = facts[result]?.dims, let info = model.outputs.first else { continue }
            var surgery = GraphSurgery(model)
            // Where the axes go depends on both nodes; what is left of the extents is the second one's result all the same.
            let reduced = surgery.unique("\(result)/joined"), extents = surgery.unique("\(result)/extents")
            let rank = facts[source]?.dims?.count ?? 0
            let isKept = shape.count == rank
            guard isKept || shape.count == rank - axes.count else { continue }
            let takesInput = model.opset >= (node.op == "ReduceSum" ? 13 : 18)
            var nodes: [Onnx_NodeProto] = []
            if takesInput {
                nodes.append(try surgery.node("Constant", [], output: extents, ["value": .tensor(try Tensor(int64: axes, dims: [axes.count]))]))
            }
            var attributes: [String: Attribute] = ["keepdims": .int(isKept ? 1 : 0)]
            if !takesInput { attributes["axes"] = .ints(axes) }
            nodes.append(try surgery.node(node.op, takesInput ? [source, extents] : [source], output: reduced, attributes))
            nodes.append(try surgery.node("Identity", [reduced], output: result))
            try surgery.remove(nodeMaking: first)
            try surgery.replace(nodeMaking: result, with: nodes)
            return try surgery.part(making: [info], keepingInput: input)
        }
        return nil
    }
}
