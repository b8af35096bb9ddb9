/// The file format and operator sets of the models that were merged into a graph.
struct GraftedVersions {
    var irVersion: Int64 = 0
    /// Of ONNX's own operators; nil before the first model.
    var opset: Int?
    /// Of other domains, by name.
    var domains: [String: Int64] = [:]
    /// The other domains that the merged nodes use, those within subgraphs too.
    var used: Set<String> = []
}

extension GraphBuilder {
    /// What a merged model has become.
    public struct Graft: Sendable {
        /// The values that were asked for, in their order.
        public let outputs: [ValueName]
        /// The model's inputs that nothing feeds, by their old names: inputs of the graph being built, under new names.
        public let inputs: [String: ValueName]
    }

    /// Adds the nodes and constants of a model that the wanted outputs need, and leaves out the rest.
    ///
    /// Every name of the model gets `prefix` and a slash before it, also within subgraphs, so that models that share names, or are the same,
    /// do not meet. An input that is not fed becomes an input of this graph, with the shape that the model declares.
    ///
    /// - Parameters:
    ///   - prefix: not yet used in this graph, without a slash.
    ///   - feeding: the values that take the place of the model's inputs, by input name.
    ///   - outputs: names of values of the model.
    /// - Throws: operator sets that differ from those of a model merged before (``Model/raised(toOpset:)`` may help), functions of the
    ///   model's own, names that it does not have.
    public func graft(_ model: Model, as prefix: String, feeding: [String: ValueName] = [:], outputs: [String]) throws(ONNXError) -> Graft {
        try join(versionsOf: model)
        for name in feeding.keys.sorted() where !model.inputs.contains(where: { $0.name == name }) {
            throw ONNXError("the model has no input \"\(name)\" to feed; it has \(model.inputs.map(\.name).joined(separator: ", "))")
        }
        let kept = try LiveNodes(of: model, for: outputs)
        let renaming = Renaming(prefix: prefix + "/", replacing: feeding.mapValues(\.text))

        var open: [String: ValueName] = [:]
        for info in model.inputs where feeding[info.name] == nil && kept.values.contains(info.name) {
            let renamed = TensorInfo(name: renaming(info.name), elementType: info.elementType, dims: info.dims?.map { dim in
                if case .symbolic(let name) = dim { .symbolic(renaming.prefix + name) } else { dim }
            })
            try take(renamed.name)
            inputs.append(renamed)
            open[info.name] = ValueName(text: renamed.name)
        }
        for proto in model.proto.graph.initializer where kept.values.contains(proto.name) {
            try take(renaming(proto.name))
            constants.append(renaming.renamed(proto))
        }
        for proto in kept.nodes {
            let node = renaming.renamed(proto)
            for output in node.output where !output.isEmpty { try take(output) }
            grafted.used.formUnion(Self.domains(of: [node]))
            nodes.append(node)
        }
        return Graft(outputs: outputs.map { ValueName(text: renaming($0)) }, inputs: open)
    }

    private static func domains(of nodes: [Onnx_NodeProto]) -> Set<String> {
        var result: Set<String> = []
        for node in nodes {
            result.insert(node.domain)
            for attribute in node.attribute {
                for graph in (attribute.hasG ? [attribute.g] : []) + attribute.graphs { result.formUnion(domains(of: graph.node)) }
            }
        }
        return result
    }

    private func take(_ name: String) throws(ONNXError) {
        guard taken.insert(name).inserted else { throw ONNXError("the name \"\(name)\" of a merged model is taken") }
    }

    /// One file has one version of each operator set.
    private func join(versionsOf model: Model) throws(ONNXError) {
        guard model.proto.functions.isEmpty else { throw ONNXError("the model has functions of its own, which cannot be merged") }
        if let opset = grafted.opset, opset != model.opset {
            throw ONNXError("the models are written in ONNX operator sets \(opset) and \(model.opset)")
        }
        grafted.opset = model.opset
        grafted.irVersion = max(grafted.irVersion, model.proto.irVersion)
        for entry in model.proto.opsetImport where !entry.domain.isEmpty && entry.domain != "ai.onnx" {
            if let other = grafted.domains[entry.domain], other != entry.version {
                throw ONNXError("the models use versions \(other) and \(entry.version) of the operators of \(entry.domain)")
            }
            grafted.domains[entry.domain] = entry.version
        }
    }
}

/// The nodes that some values of a model need, each after those whose values it reads.
private struct LiveNodes {
    private(set) var nodes: [Onnx_NodeProto] = []
    /// Everything that they read and make, and the values themselves.
    private(set) var values: Set<String>

    init(of model: Model, for outputs: [String]) throws(ONNXError) {
        var makers: [String: Onnx_NodeProto] = [:]
        for proto in model.proto.graph.node {
            for output in proto.output where !output.isEmpty { makers[output] = proto }
        }
        for name in outputs where makers[name] == nil && model.initializers[name] == nil && !model.inputs.contains(where: { $0.name == name }) {
            throw ONNXError("the model has no value \"\(name)\"")
        }
        values = Set(outputs)
        for node in model.nodes.reversed() where node.outputs.contains(where: values.contains) {
            guard let maker = node.outputs.lazy.compactMap({ makers[$0] }).first else { continue }
            nodes.append(maker)
            values.formUnion(node.inputs)
            values.formUnion(node.captures)
            values.formUnion(node.outputs)
        }
        values.remove("")
        nodes.reverse()
    }
}

/// New names for everything in a graph.
private struct Renaming {
    let prefix: String
    /// Values that others take the place of.
    let replacing: [String: String]

    func callAsFunction(_ name: String) -> String {
        name.isEmpty ? "" : replacing[name] ?? prefix + name
    }

    func renamed(_ tensor: Onnx_TensorProto) -> Onnx_TensorProto {
        var tensor = tensor
        tensor.name = self(tensor.name)
        return tensor
    }

    func renamed(_ node: Onnx_NodeProto) -> Onnx_NodeProto {
        var node = node
        if !node.name.isEmpty { node.name = prefix + node.name }
        // Older readers know ONNX's own domain by the empty name alone.
        if node.domain == "ai.onnx" { node.domain = "" }
        node.input = node.input.map(callAsFunction)
        node.output = node.output.map(callAsFunction)
        for index in node.attribute.indices {
            if node.attribute[index].hasG { node.attribute[index].g = renamed(node.attribute[index].g) }
            for inner in node.attribute[index].graphs.indices {
                node.attribute[index].graphs[inner] = renamed(node.attribute[index].graphs[inner])
            }
        }
        return node
    }

    /// A subgraph: it reads values of the graphs around it by name. Recursion ends at the depth that the reader allows.
    private func renamed(_ graph: Onnx_GraphProto) -> Onnx_GraphProto {
        func info(_ info: Onnx_ValueInfoProto) -> Onnx_ValueInfoProto {
            var info = info
            info.name = self(info.name)
            return info
        }
        var graph = graph
        graph.node = graph.node.map(renamed)
        graph.initializer = graph.initializer.map(renamed)
        graph.input = graph.input.map(info)
        graph.output = graph.output.map(info)
        graph.valueInfo = graph.valueInfo.map(info)
        graph.quantizationAnnotation = []
        return graph
    }
}
