/// The graph of a model after every check that needs no knowledge of operators.
struct CheckedGraph {
    let inputs: [TensorInfo]
    let outputs: [TensorInfo]
    let nodes: [Node]
    let initializers: [String: Tensor]

    init(_ graph: Onnx_GraphProto) throws(ONNXError) {
        guard graph.sparseInitializer.isEmpty else { throw ONNXError("sparse initializers are not supported") }
        initializers = try Self.initializers(of: graph)
        let constants = initializers
        // Until IR version 4 a constant had to be listed among the inputs as well; such an entry asks for nothing.
        inputs = graph.input.map(TensorInfo.init).filter { constants[$0.name] == nil }
        outputs = graph.output.map(TensorInfo.init)
        var nodes: [Node] = []
        nodes.reserveCapacity(graph.node.count)
        for (index, node) in graph.node.enumerated() { nodes.append(try Node(node, index: index)) }
        let makers = try Self.makers(of: nodes, inputs: inputs, initializers: initializers)
        try Self.checkUses(nodes, makers: makers)
        guard !outputs.isEmpty else { throw ONNXError("the graph has no outputs") }
        for output in outputs where makers[output.name] == nil {
            throw ONNXError("the graph's output \"\(output.name)\" is made by no node")
        }
        self.nodes = try Self.sorted(nodes, makers: makers)
    }

    private static func initializers(of graph: Onnx_GraphProto) throws(ONNXError) -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        tensors.reserveCapacity(graph.initializer.count)
        for proto in graph.initializer {
            guard !proto.name.isEmpty else { throw ONNXError("an initializer has no name") }
            guard tensors.updateValue(try Tensor(checking: proto), forKey: proto.name) == nil else {
                throw ONNXError("two initializers are called \"\(proto.name)\"")
            }
        }
        return tensors
    }

    /// Who makes each value: the index of a node, or -1 for an input or a constant.
    private static func makers(of nodes: [Node], inputs: [TensorInfo],
                               initializers: [String: Tensor]) throws(ONNXError) -> [String: Int] {
        var makers = initializers.mapValues { _ in -1 }
        for input in inputs {
            guard !input.name.isEmpty else { throw ONNXError("an input of the graph has no name") }
            guard makers.updateValue(-1, forKey: input.name) == nil else { throw ONNXError("two inputs are called \"\(input.name)\"") }
        }
        for (index, node) in nodes.enumerated() {
            for output in node.outputs where !output.isEmpty {
                guard makers.updateValue(index, forKey: output) == nil else {
                    throw ONNXError("makes \"\(output)\", which something else makes too", node: node.label)
                }
            }
        }
        return makers
    }

    private static func checkUses(_ nodes: [Node], makers: [String: Int]) throws(ONNXError) {
        for node in nodes {
            for input in node.inputs + node.captures where !input.isEmpty && makers[input] == nil {
                throw ONNXError("reads \"\(input)\", which nothing makes", node: node.label)
            }
        }
    }

    /// Kahn's algorithm, which keeps the file's order wherever that is already right. ONNX asks for sorted files; not all writers obey.
    private static func sorted(_ nodes: [Node], makers: [String: Int]) throws(ONNXError) -> [Node] {
        var waitsFor = [Int](repeating: 0, count: nodes.count)
        var readers = [[Int]](repeating: [], count: nodes.count)
        var alreadySorted = true
        for (index, node) in nodes.enumerated() {
            for input in Set(node.inputs + node.captures) {
                guard let maker = makers[input], maker >= 0 else { continue }
                waitsFor[index] += 1
                readers[maker].append(index)
                if maker >= index { alreadySorted = false }
            }
        }
        if alreadySorted { return nodes }
        var ready = nodes.indices.filter { waitsFor[$0] == 0 }
        var order: [Node] = []
        order.reserveCapacity(nodes.count)
        var next = 0
        while next < ready.count {
            let index = ready[next]
            next += 1
            order.append(nodes[index])
            for reader in readers[index] {
                waitsFor[reader] -= 1
                if waitsFor[reader] == 0 { ready.append(reader) }
            }
        }
        if let stuck = nodes.indices.first(where: { waitsFor[$0] > 0 }) {
            throw ONNXError("is part of a cycle, or waits for one", node: nodes[stuck].label)
        }
        return order
    }
}
