/// One node's step of the spatial analysis.
struct SpatialRule {
    let context: NodeContext
    /// `nil` for an input that is left out.
    let inputs: [TracedValue?]
    let outputs: [ValueFacts]
    private(set) var verdicts: [Verdict] = []

    var node: Node { context.node }

    init(context: NodeContext, inputs: [TracedValue?], outputs: [ValueFacts]) {
        self.context = context
        self.inputs = zip(context.node.inputs, inputs).map { $0.isEmpty ? nil : $1 }
        self.outputs = outputs
    }

    /// What the node makes. A result that is missing from the array is not followed.
    mutating func apply(captures: [TracedValue]) -> [TracedValue] {
        if node.op == "Shape" || node.op == "Size" { return outputs.map { .constant(trait($0, followsSize: true)) } }
        let read = inputs.compactMap(\.self) + captures
        if read.contains(.opaque) { return outputs.map { _ in .opaque } }
        guard read.contains(where: { if case .image = $0 { true } else { false } }) else {
            return outputs.map { .constant(trait($0, followsSize: inputsFollowSize)) }
        }
        do {
            return try imageRule().enumerated().map { .image(try sound($1, as: $0)) }
        } catch let obstacle as Obstacle {
            verdicts = [Verdict(klass: .unknown, reason: obstacle.reason)]
        } catch {
            verdicts = [Verdict(klass: .unknown, reason: "\(error)")]
        }
        return outputs.map { _ in .opaque }
    }

    /// A rule's result, if it has the extents that shape inference found: later rules rely on it.
    private func sound(_ tensor: ImageTensor, as output: Int) throws(Obstacle) -> ImageTensor {
        guard output < outputs.count else { return tensor }
        guard try extents(output) == tensor.dims.map({ product(of: $0.map(\.size)) ?? -1 }) else { throw Obstacle("how it arranges the image is not followed") }
        return tensor
    }

    mutating func note(_ klass: SpatialAnalysis.Class, _ reason: String) {
        verdicts.append(Verdict(klass: klass, reason: reason))
    }

    private func trait(_ facts: ValueFacts, followsSize: Bool) -> ConstantTrait {
        ConstantTrait(folded: facts.folded, isUniform: facts.folded?.isUniform ?? staysUniform, followsSize: followsSize)
    }

    /// The inputs of operators that only arrange say where things go, not what they are.
    private static let arranging: Set<String> = [
        "ConstantOfShape", "Expand", "Reshape", "Tile", "Slice", "Split", "Squeeze", "Unsqueeze", "Pad", "Resize", "Upsample",
    ]

    private var inputsFollowSize: Bool {
        if node.op == "ConstantOfShape" { return false }
        let valued = Self.arranging.contains(node.op) && node.op != "Pad" ? Array(inputs.prefix(1)) : inputs
        return valued.contains { if case .constant(let trait)? = $0 { trait.followsSize } else { false } }
    }

    private var staysUniform: Bool {
        let uniform = inputs.compactMap { value -> Bool? in
            if case .constant(let trait)? = value { trait.isUniform } else { nil }
        }
        switch node.op {
        case "ConstantOfShape": return true
        case "Expand", "Reshape", "Tile", "Slice", "Split", "Squeeze", "Unsqueeze", "Transpose", "Flatten": return uniform.first ?? false
        case let op where OperatorTable.unary.contains(op) || OperatorTable.broadcasting.contains(op):
            return !uniform.isEmpty && !uniform.contains(false)
        default: return false
        }
    }

    private mutating func imageRule() throws -> [ImageTensor] {
        guard !node.hasSubgraph else { throw Obstacle("what its subgraph reads is not followed") }
        let op = node.op
        switch op {
        case let op where OperatorTable.unary.contains(op): return [try unary()]
        case let op where OperatorTable.broadcasting.contains(op): return [try join(Array(inputs.indices), extents: try extents(0))]
        case "QuantizeLinear", "DequantizeLinear": return [try unary()]
        case "Conv", "ConvInteger": return [try convolution(weights: 1)]
        case "QLinearConv": return [try convolution(weights: 3)]
        case "ConvTranspose": return [try transposedConvolution()]
        case let op where OperatorTable.pools.contains(op): return [try pool()]
        case let op where OperatorTable.globalPools.contains(op): return [try reduce(axes: Array(try rank(0).dropFirst(2)), keeps: true)]
        case let op where OperatorTable.reducing.contains(op) || op == "ArgMax" || op == "ArgMin":
            guard let axes = try context.reducedAxes() else { throw Obstacle("its axes are not known") }
            return [try reduce(axes: axes, keeps: node.int("keepdims") ?? 1 != 0)]
        case let op where OperatorTable.normalising.contains(op): return [try normalise()]
        case "CumSum", "CumProd": return [try accumulate()]
        case "MatMul", "MatMulInteger": return [try matrixProduct(1)]
        case "QLinearMatMul": return [try matrixProduct(3)]
        case "Gemm": return [try gemm()]
        case "Attention": return [try attention()]
        case "Resize", "Upsample": return [try resize()]
        case "DepthToSpace", "SpaceToDepth": return [try blocks()]
        case "Reshape", "Flatten": return [try reshape()]
        case "Squeeze", "Unsqueeze": return [try squeeze()]
        case "Transpose": return [try transpose()]
        case "Concat": return [try concatenate()]
        case "Split": return try split()
        case "Slice": return [try slice()]
        case "Pad": return [try pad()]
        case "Gather": return [try gather()]
        case "Expand": return [try expand()]
        case "Tile": return [try tile()]
        case "TopK": return try topK()
        case "GridSample": throw Obstacle("reads where its grid says, which may be anywhere")
        default: throw Obstacle("the reach of this operator is not known")
        }
    }
}

// MARK: What rules read of their inputs

extension SpatialRule {
    func extents(_ output: Int) throws(Obstacle) -> [Int] {
        guard outputs.indices.contains(output), let dims = outputs[output].dims else { throw Obstacle("the extents of its result are not known") }
        return dims
    }

    func rank(_ input: Int) throws(Obstacle) -> Range<Int> {
        guard let dims = context.dims(input) else { throw Obstacle("the extents of its input are not known") }
        return dims.indices
    }

    /// An input that must be the image's.
    func image(_ index: Int) throws(Obstacle) -> ImageTensor {
        guard inputs.indices.contains(index), case .image(let tensor)? = inputs[index] else {
            throw Obstacle("the image is where a constant is expected")
        }
        return try tensor.normalised()
    }

    /// Weights, slopes, bounds and the like must not differ from place to place.
    func requirePlaceless(_ index: Int, _ what: String) throws(Obstacle) {
        guard inputs.indices.contains(index), let value = inputs[index] else { return }
        switch value {
        case .constant(let trait):
            if trait.followsSize && trait.folded == nil { throw Obstacle("\(what) is computed from the size of the image") }
        case .image(let tensor):
            guard tensor.isPlaceless else { throw Obstacle("\(what) depends on the image, place by place") }
        case .opaque:
            throw Obstacle("\(what) depends on the image")
        }
    }
}
