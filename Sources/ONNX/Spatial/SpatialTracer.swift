/// Follows the image through a graph whose extents are known, node by node.
///
/// The result holds for these extents only; ``SpatialAnalysis`` compares several.
struct SpatialTracer {
    let model: Model
    let facts: [String: ValueFacts]
    /// Set where ends count.
    private var imageSize: [ImageAxis: Int] = [:]
    private(set) var values: [String: TracedValue] = [:]
    /// By the value whose making they are about.
    private(set) var verdicts: [String: [Verdict]] = [:]

    /// - Parameters:
    ///   - facts: the extents of every value.
    ///   - input: the image.
    ///   - places: which of the image's axes each of the input's axes follows.
    ///   - statistics: inputs that hold what was computed over the whole image, without a place in it.
    ///   - countsEnds: whether an index's own place counts among what it reads (``PeriodicMap/withEnds(size:imageSize:)``); right only at sizes
    ///     that are multiples of S.
    init(model: Model, facts: [String: ValueFacts], input: String, places: [ImageAxis?], statistics: Set<String> = [], countsEnds: Bool) {
        self.model = model
        self.facts = facts
        for (name, facts) in model.constantFacts { values[name] = .constant(Self.trait(facts)) }
        for other in model.inputs {
            if statistics.contains(other.name), let dims = facts[other.name]?.dims {
                values[other.name] = .image(ImageTensor(dims: dims.map { $0 == 1 ? [] : [Factor(size: $0, kind: .plain)] }, maps: [:]))
                continue
            }
            let count = facts[other.name]?.dims.flatMap { product(of: $0) }
            values[other.name] = .constant(ConstantTrait(folded: nil, isUniform: count == 1, followsSize: false))
        }
        let extents = facts[input]?.dims ?? []
        let dims = zip(extents, places).map { extent, axis in [Factor(size: extent, kind: axis.map { .axis($0) } ?? .plain)] }
        values[input] = .image(ImageTensor(dims: dims, maps: [.x: .identity, .y: .identity]))
        for (extent, place) in zip(extents, places) { if countsEnds, let place { imageSize[place] = extent } }
        for node in model.nodes { trace(node) }
    }

    private static func trait(_ facts: ValueFacts) -> ConstantTrait {
        ConstantTrait(folded: facts.folded, isUniform: facts.folded?.isUniform ?? (facts.dims.flatMap { product(of: $0) } == 1), followsSize: false)
    }

    private mutating func trace(_ node: Node) {
        let context = NodeContext(node: node, opset: model.opset, inputs: node.inputs.map { facts[$0] })
        var rule = SpatialRule(context: context, inputs: node.inputs.map { values[$0] },
                               outputs: node.outputs.map { facts[$0] ?? .unknown })
        let captured = node.captures.compactMap { values[$0] }
        let results = rule.apply(captures: captured)
        for (index, name) in node.outputs.enumerated() where !name.isEmpty {
            values[name] = index < results.count ? withEnds(results[index]) : .opaque
            if !rule.verdicts.isEmpty { verdicts[name] = rule.verdicts }
            if index >= results.count, rule.verdicts.isEmpty {
                verdicts[name] = [Verdict(klass: .unknown, reason: "output \(index) of \(node.op) is not followed")]
            }
        }
    }

    private func withEnds(_ value: TracedValue) -> TracedValue {
        guard case .image(var tensor) = value else { return value }
        for factor in tensor.dims.joined() {
            guard case .axis(let axis) = factor.kind, let size = imageSize[axis] else { continue }
            tensor.maps[axis] = tensor.maps[axis]?.withEnds(size: factor.size, imageSize: size)
        }
        return .image(tensor)
    }

    /// The nodes, in order, whose results the value `output` is made from and that see the image.
    func ancestors(of output: String) -> [Node] {
        var needed: Set<String> = [output]
        var chain: [Node] = []
        for node in model.nodes.reversed() where node.outputs.contains(where: { !$0.isEmpty && needed.contains($0) && isImage($0) }) {
            chain.append(node)
            for input in node.inputs + node.captures where !input.isEmpty && isImage(input) { needed.insert(input) }
        }
        return chain.reversed()
    }

    private func isImage(_ name: String) -> Bool {
        switch values[name] {
        case .image, .opaque: true
        default: false
        }
    }
}
