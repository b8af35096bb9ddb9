extension Model {
    /// The extents of every value of the graph, for given extents of its inputs.
    ///
    /// Sizes that the graph computes with its own operators (`Shape`, `Gather`, `Concat`, ... `Reshape`) are followed.
    /// - Parameter inputShapes: extents by input name. An input that is left out has those that the model declares, if it declares all.
    /// - Returns: extents by value name. A value whose extents depend on pixels, or come from an operator that is not known here, is left out.
    /// - Throws: when the graph cannot work on such inputs; the error names the node where two things do not fit together.
    public func shapes(with inputShapes: [String: [Int]]) throws(ONNXError) -> [String: [Int]] {
        try facts(with: inputShapes).compactMapValues(\.dims)
    }

    /// What can be known of every value, for given extents of the inputs.
    func facts(with inputShapes: [String: [Int]]) throws(ONNXError) -> [String: ValueFacts] {
        var facts = constantFacts
        var foldingLeft = Self.foldingBudget
        for name in inputShapes.keys where !inputs.contains(where: { $0.name == name }) {
            throw ONNXError("the model has no input \"\(name)\"; it has \(inputs.map(\.name).joined(separator: ", "))")
        }
        for input in inputs {
            let shape = inputShapes[input.name] ?? input.staticShape
            if let shape { try check(shape, for: input) }
            facts[input.name] = ValueFacts(type: input.elementType, dims: shape)
        }
        for node in nodes {
            let context = NodeContext(node: node, opset: opset, inputs: node.inputs.map { facts[$0] })
            let results = try context.infer()
            for (name, found) in zip(node.outputs, results) where !name.isEmpty {
                var result = found
                foldingLeft -= result.folded?.count ?? 0
                if foldingLeft < 0 { result.folded = nil }
                guard result.dims?.count ?? 0 <= Tensor.maximumRank else { throw context.fail("\"\(name)\" would have \(result.dims?.count ?? 0) axes") }
                for extent in result.dims ?? [] where extent < 0 || extent > NodeContext.maximumExtent {
                    throw context.fail("\"\(name)\" would have the extents \(result.dims ?? [])")
                }
                facts[name] = result
            }
        }
        for output in outputs where facts[output.name]?.dims == nil {
            if let dims = declaredExtents(of: output, inputShapes) { facts[output.name] = ValueFacts(type: output.elementType, dims: dims) }
        }
        return facts
    }

    /// The extents that the file declares for an output, with the names that the inputs' extents give numbers to: what is left where a subgraph or
    /// an unknown operator stands in the way. `nil` where a name has no number, or the inputs differ from what they declare.
    private func declaredExtents(of output: TensorInfo, _ inputShapes: [String: [Int]]) -> [Int]? {
        var numbers: [String: Int] = [:]
        for input in inputs {
            for (dim, extent) in zip(input.dims ?? [], inputShapes[input.name] ?? input.staticShape ?? []) {
                switch dim {
                case .symbolic(let name): if let known = numbers.updateValue(extent, forKey: name), known != extent { return nil }
                case .fixed(let n): if n != extent { return nil }
                case .unknown: continue
                }
            }
        }
        var dims: [Int] = []
        for dim in output.dims ?? [] {
            switch dim {
            case .fixed(let n): dims.append(n)
            case .symbolic(let name): if let n = numbers[name] { dims.append(n) } else { return nil }
            case .unknown: return nil
            }
        }
        return output.dims == nil ? nil : dims
    }

    private func check(_ shape: [Int], for input: TensorInfo) throws(ONNXError) {
        guard shape.allSatisfy({ $0 >= 0 && $0 <= NodeContext.maximumExtent }) else {
            throw ONNXError("input \"\(input.name)\" cannot have the extents \(shape)")
        }
        if let dims = input.dims, dims.count != shape.count {
            throw ONNXError("input \"\(input.name)\" has \(dims.count) axes; \(shape.count) were given: \(shape)")
        }
    }

    /// How many numbers may be folded in one pass. Sizes take some hundred; a hostile file could ask for all of the memory.
    private static let foldingBudget = 1 << 23

    /// What is known of the constants. Weights are not looked into, but small arrays are, whose values may be sizes or factors.
    static func constantFacts(_ initializers: [String: Tensor]) -> [String: ValueFacts] {
        var left = foldingBudget
        return initializers.mapValues { tensor in
            var facts = ValueFacts(type: tensor.elementType, dims: tensor.dims)
            if left >= tensor.count, tensor.count <= (tensor.elementType.isInteger ? Folded.maximumCount : 1024) {
                facts.folded = Folded(tensor)
                left -= tensor.count
            }
            return facts
        }
    }
}

extension NodeContext {
    /// What the node makes, one entry for each of its outputs.
    func infer() throws(ONNXError) -> [ValueFacts] {
        var results = try rule() ?? []
        if results.count < node.outputs.count {
            results += Array(repeating: .unknown, count: node.outputs.count - results.count)
        }
        return results
    }

    /// `nil` where the operator, or something its result depends on, is not known.
    private func rule() throws(ONNXError) -> [ValueFacts]? {
        guard !node.hasSubgraph else { return nil }
        if OperatorTable.unary.contains(node.op) || OperatorTable.broadcasting.contains(node.op) { return try elementwise() }
        if OperatorTable.normalising.contains(node.op) { return normalised() }
        if OperatorTable.rearranging.contains(node.op) { return [ValueFacts(type: type(0), dims: dims(0))] }
        if OperatorTable.reducing.contains(node.op) || node.op == "ArgMax" || node.op == "ArgMin" { return try reduced() }
        if let results = try layer() { return results }
        return try arrangement()
    }
}
