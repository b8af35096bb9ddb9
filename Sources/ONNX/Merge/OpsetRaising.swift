/// The operator set of a model raised to a newer one that says the same.
extension Model {
    /// The model in the words of a newer version of ONNX's operator set; itself where it has that version already.
    ///
    /// Operators whose meaning did not change stay as they are; well-known ones that did are rewritten (attributes that became inputs,
    /// `Upsample`, the axis of `Softmax`). Nodes of other domains are left alone.
    /// - Throws: where a node cannot be carried over with certainty; the error names it and says why.
    public func raised(toOpset target: Int) throws(ONNXError) -> Model {
        guard target != opset else { return self }
        guard target > opset else { throw ONNXError("operator set \(opset) cannot be lowered to \(target)") }
        guard OpsetHistory.known.contains(opset), OpsetHistory.known.contains(target), target > 10 else {
            throw ONNXError("operator sets \(opset) and \(target) are not both within what is known: from \(OpsetHistory.known.lowerBound), to 11 ... \(OpsetHistory.known.upperBound)")
        }
        guard proto.functions.isEmpty else { throw ONNXError("the model has functions of its own, whose operators are not looked into") }
        var result = proto
        var raising = OpsetRaising(model: self, to: target)
        result.graph = try raising.raised(proto.graph)
        result.irVersion = max(result.irVersion, GraphBuilder.irVersion(forOpset: target))
        result.opsetImport = result.opsetImport.map { entry in
            var entry = entry
            if entry.domain.isEmpty || entry.domain == "ai.onnx" { entry.version = Int64(target) }
            return entry
        }
        return try Model(checking: result)
    }
}

/// Rewrites nodes from one version of the operator set to another.
struct OpsetRaising {
    private let model: Model
    private let target: Int
    private var taken: Set<String>

    init(model: Model, to target: Int) {
        self.model = model
        self.target = target
        taken = Self.names(in: model.proto.graph)
    }

    /// A graph, or a subgraph, with every node rewritten. What intermediate values are declared to be is dropped: rewriting adds some.
    mutating func raised(_ graph: Onnx_GraphProto) throws(ONNXError) -> Onnx_GraphProto {
        var result = graph
        result.valueInfo = []
        result.node = []
        for node in graph.node { result.node += try raised(node) }
        return result
    }

    private mutating func raised(_ proto: Onnx_NodeProto) throws(ONNXError) -> [Onnx_NodeProto] {
        guard proto.domain.isEmpty || proto.domain == "ai.onnx" else { return [proto] }
        var proto = proto
        for index in proto.attribute.indices where proto.attribute[index].hasG {
            proto.attribute[index].g = try raised(proto.attribute[index].g)
        }
        var rewrite = NodeRewrite(node: proto, model: model)
        guard let changes = OpsetHistory.changes(of: proto.opType) else {
            throw rewrite.refusal("it is not known whether versions \(model.opset) and \(target) of the operator mean the same")
        }
        for version in changes where version > model.opset && version <= target {
            // A change may have made the node another operator, whose own history goes on from there.
            guard OpsetHistory.changes(of: rewrite.node.opType)?.contains(version) == true else { continue }
            try rewrite.cross(version)
        }
        if rewrite.node.opType != proto.opType {
            for version in OpsetHistory.changes(of: rewrite.node.opType) ?? [] where version > 11 && version > model.opset && version <= target {
                try rewrite.cross(version)
            }
        }
        return rewrite.nodes { base in
            var name = base, number = 1
            while !taken.insert(name).inserted {
                name = "\(base)_\(number)"
                number += 1
            }
            return name
        }
    }

    /// Every name of a graph and of the graphs within it.
    private static func names(in graph: Onnx_GraphProto) -> Set<String> {
        var names = Set(graph.input.map(\.name) + graph.initializer.map(\.name) + graph.output.map(\.name) + graph.valueInfo.map(\.name))
        for node in graph.node {
            names.formUnion(node.input + node.output)
            for attribute in node.attribute {
                for inner in (attribute.hasG ? [attribute.g] : []) + attribute.graphs { names.formUnion(Self.names(in: inner)) }
            }
        }
        return names
    }
}
