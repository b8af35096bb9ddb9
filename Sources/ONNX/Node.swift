/// One operation of a graph.
public struct Node: Sendable {
    /// The operator's name; with a domain other than ONNX's own, `domain::name` (`com.microsoft::FusedConv`).
    public let op: String

    /// The node's name; may be empty and need not be unique.
    public let name: String

    /// The values it reads, in the operator's order; `""` stands for an optional input that is left out.
    public let inputs: [String]

    /// The values it makes, in the operator's order; `""` stands for an optional output that is left out.
    public let outputs: [String]

    public let attributes: [String: Attribute]

    /// Values of the surrounding graph that the node's subgraphs (`If`, `Loop`, `Scan`) read.
    public let captures: [String]

    /// How errors and reports call the node: `name (Op)`, or by the first value it makes where it has no name.
    public var label: String {
        let known = name.isEmpty ? outputs.first { !$0.isEmpty } ?? "without a name" : name
        return "\(known) (\(op))"
    }

    /// Whether the node carries a subgraph, as `If`, `Loop` and `Scan` do.
    public let hasSubgraph: Bool

    public func int(_ name: String) -> Int? {
        if case .int(let value)? = attributes[name] { value } else { nil }
    }

    public func float(_ name: String) -> Float? {
        if case .float(let value)? = attributes[name] { value } else { nil }
    }

    public func string(_ name: String) -> String? {
        if case .string(let value)? = attributes[name] { value } else { nil }
    }

    public func ints(_ name: String) -> [Int]? {
        if case .ints(let values)? = attributes[name] { values } else { nil }
    }

    public func floats(_ name: String) -> [Float]? {
        if case .floats(let values)? = attributes[name] { values } else { nil }
    }

    public func tensor(_ name: String) -> Tensor? {
        if case .tensor(let value)? = attributes[name] { value } else { nil }
    }

    /// The value at an input position; `nil` where the position is left out.
    func input(_ index: Int) -> String? {
        inputs.indices.contains(index) && !inputs[index].isEmpty ? inputs[index] : nil
    }
}

extension Node {
    init(_ proto: Onnx_NodeProto, index: Int) throws(ONNXError) {
        let shown = proto.name.isEmpty ? "#\(index)" : proto.name
        guard !proto.opType.isEmpty else { throw ONNXError("has no operator", node: shown) }
        let standard = proto.domain.isEmpty || proto.domain == "ai.onnx"
        op = standard ? proto.opType : "\(proto.domain)::\(proto.opType)"
        name = proto.name
        inputs = proto.input
        outputs = proto.output
        var attributes: [String: Attribute] = [:]
        var captures: Set<String> = []
        var hasSubgraph = false
        for attribute in proto.attribute {
            guard attributes[attribute.name] == nil else {
                throw ONNXError("has two attributes called \"\(attribute.name)\"", node: "\(shown) (\(op))")
            }
            do throws(ONNXError) {
                attributes[attribute.name] = try Attribute(attribute)
                for graph in (attribute.hasG ? [attribute.g] : []) + attribute.graphs {
                    hasSubgraph = true
                    try Subgraph.check(graph)
                    captures.formUnion(Subgraph.captures(of: graph))
                }
            } catch {
                throw ONNXError("attribute \"\(attribute.name)\": \(error)", node: "\(shown) (\(op))")
            }
        }
        self.attributes = attributes
        self.captures = captures.sorted()
        self.hasSubgraph = hasSubgraph
    }
}

/// What the reader needs of the graphs inside `If`, `Loop` and `Scan`: that their tensors are sound, and what they read from outside.
///
/// Recursion is bounded by the depth limit of the decoder.
enum Subgraph {
    static func check(_ graph: Onnx_GraphProto) throws(ONNXError) {
        for tensor in graph.initializer { _ = try Tensor(checking: tensor) }
        guard graph.sparseInitializer.isEmpty else { throw ONNXError("sparse initializers are not supported") }
        for (index, node) in graph.node.enumerated() { _ = try Node(node, index: index) }
    }

    static func captures(of graph: Onnx_GraphProto) -> Set<String> {
        var known = Set(graph.input.map(\.name))
        known.formUnion(graph.initializer.map(\.name))
        for node in graph.node { known.formUnion(node.output) }
        var read = Set(graph.output.map(\.name))
        for node in graph.node {
            read.formUnion(node.input)
            for attribute in node.attribute {
                for inner in (attribute.hasG ? [attribute.g] : []) + attribute.graphs { read.formUnion(captures(of: inner)) }
            }
        }
        read.remove("")
        return read.subtracting(known)
    }
}
