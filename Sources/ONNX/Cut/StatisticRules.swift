/// What stands for a node that computes a statistic, once the graph is cut there.
struct NodeCut {
    /// The value over which the statistic runs.
    var tapped: String
    var reduction: Statistic.Reduction
    var axes: Set<Int>
    var groups = 1
    var fills: [Statistic.Fill]
    /// In the node's place; empty where a fill has the name of the node's own result.
    var replacement: [Onnx_NodeProto] = []
}

/// Rules for the operators whose statistics can be added up tile by tile.
///
/// A reduction becomes an input of its result's name. A normalisation becomes `(x - mean) * factor`, with mean and factor as inputs, then its own scale and
/// bias.
struct StatisticRules {
    let model: Model
    let facts: [String: ValueFacts]
    /// Whether the extents of a value are the same for every image.
    let isFixed: (String) -> Bool

    /// - Parameters:
    ///   - node: one that mixes over the whole image.
    ///   - tensor: its first input, as it lies in the image.
    /// - Throws: what makes the cut impossible, naming the node.
    func cut(_ node: Node, _ tensor: ImageTensor, _ surgery: inout GraphSurgery) throws(ONNXError) -> NodeCut {
        let context = NodeContext(node: node, opset: model.opset, inputs: node.inputs.map { facts[$0] })
        guard model.opset >= 7 else { throw context.fail("its statistics cannot be taken apart below opset 7; the model has opset \(model.opset)") }
        guard let result = node.outputs.first, let tapped = node.input(0), let rank = context.dims(0)?.count else {
            throw context.fail("the extents of its input are not known")
        }
        guard node.outputs.dropFirst().allSatisfy({ output in output.isEmpty || !model.nodes.contains { $0.inputs.contains(output) } }) else {
            throw context.fail("its further results are used, which cannot be had tile by tile")
        }
        var found: NodeCut
        switch node.op {
        case let op where OperatorTable.reducing.contains(op) || OperatorTable.globalPools.contains(op):
            found = try reduction(context, tapped: tapped, result: result, rank: rank)
        case let op where OperatorTable.normalising.contains(op):
            found = try normalisation(context, tapped: tapped, result: result, &surgery)
        case "MatMul", "Attention", "Gemm":
            throw context.fail("compares or sums places with each other over the whole image, which needs all of them at once")
        default: throw context.fail("what it takes from the whole image cannot be added up tile by tile")
        }
        for (dim, factors) in tensor.dims.enumerated() where !found.axes.contains(dim) {
            if let axis = ImageTensor.axes(in: factors).first {
                throw context.fail("takes a statistic for every place along the \(axis.name), which cannot be added up tile by tile")
            }
        }
        found.axes.formIntersection(Set(tensor.dims.indices))
        return found
    }

    private func reduction(_ context: NodeContext, tapped: String, result: String, rank: Int) throws(ONNXError) -> NodeCut {
        let node = context.node
        let axes: [Int]
        if OperatorTable.globalPools.contains(node.op) {
            axes = Array((0..<rank).dropFirst(2))
        } else {
            guard let known = try context.reducedAxes() else { throw context.fail("its axes are not known") }
            axes = known
        }
        let (reduction, formula): (Statistic.Reduction, Statistic.Formula)
        switch node.op {
        case "GlobalAveragePool", "ReduceMean": (reduction, formula) = (.sum, .mean)
        case "GlobalMaxPool", "ReduceMax": (reduction, formula) = (.maximum, .value)
        case "ReduceMin": (reduction, formula) = (.minimum, .value)
        case "ReduceSum": (reduction, formula) = (.sum, .value)
        case "ReduceLogSum": (reduction, formula) = (.sum, .logarithm)
        case "ReduceL1": (reduction, formula) = (.magnitudes, .value)
        case "ReduceL2": (reduction, formula) = (.squares, .root)
        case "ReduceSumSquare": (reduction, formula) = (.squares, .value)
        case "GlobalLpPool" where node.int("p") ?? 2 == 2: (reduction, formula) = (.squares, .root)
        case "GlobalLpPool" where node.int("p") == 1: (reduction, formula) = (.magnitudes, .value)
        default: throw context.fail("what it takes from the whole image cannot be added up tile by tile")
        }
        guard let shape = facts[result]?.dims, isFixed(result) else {
            throw context.fail("the extents of its result depend on the size of the image")
        }
        return NodeCut(tapped: tapped, reduction: reduction, axes: Set(axes), fills: [.init(name: result, shape: shape, formula: formula)])
    }

    private func normalisation(_ context: NodeContext, tapped: String, result: String, _ surgery: inout GraphSurgery) throws(ONNXError) -> NodeCut {
        let node = context.node
        guard let dims = context.dims(0), dims.count >= 2 else { throw context.fail("the extents of its input are not known") }
        let rank = dims.count, channels = dims[1]
        // Scale and bias by channel, lined up with an array of batch, channels and places.
        let byChannel = [1, channels] + Array(repeating: 1, count: rank - 2)
        var epsilon = Double(node.float("epsilon") ?? 1e-5)
        switch node.op {
        case "InstanceNormalization", "BatchNormalization":
            let axes = node.op == "InstanceNormalization" ? Set(2..<rank) : Set(0..<rank).subtracting([1])
            return try centred(context, tapped, result, axes: axes, shape: dims[0] == 1 ? byChannel : [dims[0], channels] + Array(byChannel.dropFirst(2)),
                               .inverseDeviation(epsilon: epsilon), affine: [(1, "Mul"), (2, "Add")], affineShape: byChannel, &surgery)
        case "GroupNormalization":
            guard let groups = node.int("num_groups"), groups >= 1, channels % groups == 0, dims[0] == 1 else { throw context.fail("its groups make no sense") }
            // Until opset 20 scale and bias went by group.
            let isByGroup = context.dims(1) == [groups] && groups != channels
            return try centred(context, tapped, result, axes: Set(1..<rank), groups: groups, shape: byChannel, .inverseDeviation(epsilon: epsilon),
                               affine: [(1, "Mul"), (2, "Add")], affineShape: byChannel, affineGroups: isByGroup ? groups : nil, &surgery)
        case "LayerNormalization", "RMSNormalization":
            let axis = try context.axis(node.int("axis") ?? -1, rank: rank)
            let shape = dims.enumerated().map { $0 < axis ? $1 : 1 }
            if node.op == "RMSNormalization" {
                return try scaled(context, tapped, result, axes: Set(axis..<rank), shape: shape, .squares, .inverseRootOfMean(epsilon: epsilon),
                                  affine: [(1, "Mul")], &surgery)
            }
            return try centred(context, tapped, result, axes: Set(axis..<rank), shape: shape, .inverseDeviation(epsilon: epsilon),
                               affine: [(1, "Mul"), (2, "Add")], affineShape: nil, &surgery)
        case "MeanVarianceNormalization":
            let axes = Set(try context.axes((node.ints("axes") ?? [0, 2, 3]).filter { $0 < rank }, rank: rank))
            // Operators.md, MeanVarianceNormalization: its function body adds 1e-9 to the deviation.
            epsilon = 1e-9
            return try centred(context, tapped, result, axes: axes, shape: dims.enumerated().map { axes.contains($0) ? 1 : $1 },
                               .inverseOfDeviationPlus(epsilon: epsilon), affine: [], affineShape: nil, &surgery)
        case "LpNormalization":
            let axis = try context.axis(node.int("axis") ?? -1, rank: rank), p = node.int("p") ?? 2
            guard p == 1 || p == 2 else { throw context.fail("has the norm \(p); 1 and 2 are known") }
            let shape = dims.enumerated().map { $0 == axis ? 1 : $1 }
            return try scaled(context, tapped, result, axes: [axis], shape: shape, p == 1 ? .magnitudes : .squares, p == 1 ? .inverse : .inverseRoot,
                              affine: [], &surgery)
        default:
            throw context.fail("weighs every place by all others (softmax), which needs all of them at once")
        }
    }

    /// `(x - mean) * factor`, then scale and bias.
    private func centred(
        _ context: NodeContext, _ tapped: String, _ result: String, axes: Set<Int>, groups: Int = 1, shape: [Int], _ factor: Statistic.Formula,
        affine: [(input: Int, op: String)], affineShape: [Int]?, affineGroups: Int? = nil, _ surgery: inout GraphSurgery
    ) throws(ONNXError) -> NodeCut {
        let mean = surgery.unique("\(result)/mean"), scale = surgery.unique("\(result)/factor"), apart = surgery.unique("\(result)/centred")
        var nodes = [try surgery.node("Sub", [tapped, mean], output: apart)]
        nodes += try affineSteps(context, "Mul", [apart, scale], affine, shape: affineShape, groups: affineGroups, result: result, &surgery)
        return NodeCut(tapped: tapped, reduction: .moments, axes: axes, groups: groups,
                       fills: [.init(name: mean, shape: shape, formula: .mean), .init(name: scale, shape: shape, formula: factor)], replacement: nodes)
    }

    /// `x * factor`, then scale.
    private func scaled(
        _ context: NodeContext, _ tapped: String, _ result: String, axes: Set<Int>, shape: [Int], _ reduction: Statistic.Reduction,
        _ factor: Statistic.Formula, affine: [(input: Int, op: String)], _ surgery: inout GraphSurgery
    ) throws(ONNXError) -> NodeCut {
        let scale = surgery.unique("\(result)/factor")
        let nodes = try affineSteps(context, "Mul", [tapped, scale], affine, shape: nil, groups: nil, result: result, &surgery)
        return NodeCut(tapped: tapped, reduction: reduction, axes: axes, fills: [.init(name: scale, shape: shape, formula: factor)], replacement: nodes)
    }

    /// A first step and those of scale and bias, where the node has them; the last makes `result`.
    private func affineSteps(
        _ context: NodeContext, _ op: String, _ inputs: [String], _ affine: [(input: Int, op: String)], shape: [Int]?, groups: Int?, result: String,
        _ surgery: inout GraphSurgery
    ) throws(ONNXError) -> [Onnx_NodeProto] {
        var nodes: [Onnx_NodeProto] = []
        var steps: [(op: String, inputs: [String])] = [(op, inputs)]
        for (index, op) in affine {
            guard let name = context.node.input(index) else { continue }
            var operand = name
            if let groups, let shape {
                operand = try reshaped(operand, [groups, 1], result, &nodes, &surgery)
                operand = try arranged("Expand", operand, [groups, shape[1] / groups], result, &nodes, &surgery)
            }
            if let shape { operand = try reshaped(operand, shape, result, &nodes, &surgery) }
            steps.append((op, [operand]))
        }
        var value = ""
        for (index, step) in steps.enumerated() {
            let name = index == steps.count - 1 ? result : surgery.unique("\(result)/step")
            nodes.append(try surgery.node(step.op, index == 0 ? step.inputs : [value] + step.inputs, output: name))
            value = name
        }
        return nodes
    }

    private func reshaped(_ name: String, _ shape: [Int], _ result: String, _ nodes: inout [Onnx_NodeProto], _ surgery: inout GraphSurgery) throws(ONNXError) -> String {
        try arranged("Reshape", name, shape, result, &nodes, &surgery)
    }

    private func arranged(_ op: String, _ name: String, _ shape: [Int], _ result: String, _ nodes: inout [Onnx_NodeProto], _ surgery: inout GraphSurgery)
        throws(ONNXError) -> String {
        let extents = surgery.unique("\(result)/extents"), output = surgery.unique("\(result)/arranged")
        nodes.append(try surgery.node("Constant", [], output: extents, ["value": .tensor(try Tensor(int64: shape, dims: [shape.count]))]))
        nodes.append(try surgery.node(op, [name, extents], output: output))
        return output
    }
}
