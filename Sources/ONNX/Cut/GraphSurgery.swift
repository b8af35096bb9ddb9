/// A model's graph while nodes of it are replaced and parts of it are cut out.
struct GraphSurgery {
    private(set) var proto: Onnx_ModelProto
    private var taken: Set<String>

    init(_ model: Model) {
        proto = model.proto
        // What was said of values in between may no longer hold.
        proto.graph.valueInfo = []
        taken = Set(model.inputs.map(\.name)).union(model.initializers.keys).union(model.nodes.flatMap { $0.outputs + $0.captures })
    }

    /// A name that no value of the graph has.
    mutating func unique(_ name: String) -> String {
        var candidate = name, count = 1
        while !taken.insert(candidate).inserted {
            count += 1
            candidate = "\(name)_\(count)"
        }
        return candidate
    }

    /// Declares an input that gives the value `name`, of fixed extents.
    ///
    /// - Returns: what the input is called, and its extents: engines do not take scalars, which become arrays of one number.
    mutating func addInput(_ name: String, shape: [Int], elementType: ElementType) throws(ONNXError) -> (name: String, shape: [Int]) {
        guard shape.isEmpty else {
            proto.graph.input.append(TensorInfo(name: name, elementType: elementType, dims: shape.map { .fixed($0) }).proto)
            return (name, shape)
        }
        let array = unique("\(name)/array"), extents = unique("\(name)/extents")
        proto.graph.input.append(TensorInfo(name: array, elementType: elementType, dims: [.fixed(1)]).proto)
        // In front of its readers, for programs that need the nodes in order.
        proto.graph.node.insert(contentsOf: [
            try node("Constant", [], output: extents, ["value": .tensor(try Tensor(int64: [], dims: [0]))]),
            try node("Reshape", [array, extents], output: name),
        ], at: 0)
        return (array, [1])
    }

    /// Puts `nodes` in the place of the node that makes the value `output`.
    mutating func replace(nodeMaking output: String, with nodes: [Onnx_NodeProto]) throws(ONNXError) {
        guard let index = proto.graph.node.firstIndex(where: { $0.output.contains(output) }) else {
            throw ONNXError("no node makes \"\(output)\"")
        }
        proto.graph.node.replaceSubrange(index...index, with: nodes)
    }

    mutating func remove(nodeMaking output: String) throws(ONNXError) { try replace(nodeMaking: output, with: []) }

    mutating func append(_ node: Onnx_NodeProto) { proto.graph.node.append(node) }

    /// Lets the node that makes `output` read `new` where it read `old`.
    mutating func redirect(nodeMaking output: String, from old: String, to new: String) {
        for index in proto.graph.node.indices where proto.graph.node[index].output.contains(output) {
            proto.graph.node[index].input = proto.graph.node[index].input.map { $0 == old ? new : $0 }
        }
    }

    func node(_ op: String, _ inputs: [String], output: String, _ attributes: [String: Attribute] = [:]) throws(ONNXError) -> Onnx_NodeProto {
        var node = Onnx_NodeProto()
        node.opType = op
        node.name = output
        node.input = inputs
        node.output = [output]
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) { node.attribute.append(try value.proto(name: name)) }
        return node
    }

    /// The model of what `outputs` are made from, and nothing else.
    ///
    /// - Parameters:
    ///   - outputs: values of the graph, with what is declared of them.
    ///   - kept: an input that stays even where nothing reads it.
    func part(making outputs: [TensorInfo], keepingInput kept: String) throws(ONNXError) -> Model {
        var needed = Set(outputs.map(\.name)).union([kept])
        var makers: [String: Int] = [:]
        for (index, node) in proto.graph.node.enumerated() { for output in node.output where !output.isEmpty { makers[output] = index } }
        var isKept = [Bool](repeating: false, count: proto.graph.node.count)
        var waiting = Array(needed)
        while let name = waiting.popLast() {
            guard let index = makers[name], !isKept[index] else { continue }
            isKept[index] = true
            let node = proto.graph.node[index]
            for input in node.input + Self.captures(of: node) where !input.isEmpty && needed.insert(input).inserted { waiting.append(input) }
        }
        var result = proto
        result.graph.node = zip(proto.graph.node, isKept).filter(\.1).map(\.0)
        result.graph.initializer = proto.graph.initializer.filter { needed.contains($0.name) }
        result.graph.input = proto.graph.input.filter { needed.contains($0.name) }
        result.graph.output = outputs.map(\.proto)
        return try Model(checking: result)
    }

    private static func captures(of node: Onnx_NodeProto) -> [String] {
        node.attribute.flatMap { attribute in
            ((attribute.hasG ? [attribute.g] : []) + attribute.graphs).flatMap { Subgraph.captures(of: $0) }
        }
    }
}
