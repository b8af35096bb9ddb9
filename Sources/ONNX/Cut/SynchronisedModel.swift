/// A network with global statistics, cut so that tiles give what the whole image gives.
///
/// ```
/// original    image -> A -> [InstanceNorm] -> B -> [GlobalAveragePool] -> C -> result
///
/// pass 1      image -> A                                  over all tiles: mean and variance of A
/// pass 2      image -> A -> (x - m) * f -> B              over all tiles: mean of B;     m, f: inputs
/// remainder   image -> A -> (x - m) * f -> B -> C -> result                              m, f, mean: inputs
/// ```
/// Every pass and the remainder sees fixed neighbourhoods only. Statistics that do not wait for each other share a pass.
public struct SynchronisedModel: Sendable {
    /// One run over all tiles of the image.
    public struct Pass: Sendable {
        /// From the image, and the fills of earlier passes, to the taps.
        public let model: Model
        public let statistics: [Statistic]
        /// The outputs that are added up.
        public let taps: [Tap]
        fileprivate let input: String
        fileprivate let layout: ImageLayout
        fileprivate let known: Set<String>
    }

    /// A value in the middle of the network.
    public struct Tap: Sendable {
        public let name: String
        /// How its places relate to the image's, as for an output.
        public let x: SpatialAnalysis.Axis
        public let y: SpatialAnalysis.Axis
    }

    /// An input that holds what the original graph computes from the size of the whole image: `1 / (H * W)`, say.
    public struct SizeValue: Sendable {
        public let name: String
        public let shape: [Int]
        fileprivate let source: String
    }

    public let passes: [Pass]
    /// From the image and the fills of all passes to the result.
    public let remainder: Model
    public let analysis: SpatialAnalysis
    public let sizeValues: [SizeValue]
    private let original: Model

    /// The values of ``sizeValues`` by name, row-major.
    ///
    /// - Parameter inputShapes: of the whole image, as for ``Model/shapes(with:)`` of the original model.
    public func values(forSizeOf inputShapes: [String: [Int]]) throws(ONNXError) -> [String: [Float]] {
        guard !sizeValues.isEmpty else { return [:] }
        let facts = try original.facts(with: inputShapes)
        var values: [String: [Float]] = [:]
        for value in sizeValues {
            guard let folded = facts[value.source]?.folded else { throw ONNXError("\"\(value.source)\" cannot be computed from the size of the image") }
            values[value.name] = folded.doubles.map { Float($0) }
        }
        return values
    }
}

extension SynchronisedModel.Pass {
    /// How the taps lie in an image of the given size, in the order of ``taps``. An image may be a tile.
    public func tapShapes(width: Int, height: Int) throws(ONNXError) -> [TapShape] {
        var shapes: [TapShape] = []
        for tap in taps {
            let probe = try SizeProbe(model: model, input: input, output: tap.name, layout: layout, statistics: known, isInner: true)
            guard let tensor = try probe.trace(.init(width: width, height: height)).outputTensor, let shape = TapShape(tensor) else {
                throw ONNXError("\"\(tap.name)\" does not lie in the image as it does at other sizes")
            }
            shapes.append(shape)
        }
        return shapes
    }
}

extension SynchronisedModel {
    /// More passes than this are no way to run a network.
    private static let maximumPasses = 128

    /// Cuts a network from an image to an image at each of its global statistics.
    ///
    /// - Parameters:
    ///   - input, output, layout: as for ``SpatialAnalysis/analyse(_:input:output:layout:)``.
    /// - Throws: what keeps the network from being cut, naming the node: attention, a softmax over all places, places that are unknown.
    public init(_ model: Model, input: String, output: String, layout: ImageLayout) throws(ONNXError) {
        guard let info = model.outputs.first(where: { $0.name == output }) else { throw ONNXError("the model has no output \"\(output)\"") }
        var current = try GraphSurgery(model).part(making: [info], keepingInput: input)
        original = current
        current = try ReductionPatterns.joined(current, input: input) { (model) throws(ONNXError) in
            try SizeProbe(model: model, input: input, output: output, layout: layout).workingTrace().tracer.facts
        }
        (current, sizeValues) = try Self.withoutSizeValues(current, input: input, output: output, layout: layout)
        var passes: [Pass] = []
        var known: Set<String> = []
        while let step = try Self.nextStep(current, input: input, output: output, layout: layout, known: known) {
            passes.append(step.pass)
            guard passes.count <= Self.maximumPasses else { throw ONNXError("the network has more than \(Self.maximumPasses) statistics that wait for each other") }
            known.formUnion(step.pass.statistics.flatMap(\.fills).map(\.name))
            current = step.rest
        }
        guard !passes.isEmpty else { throw ONNXError("the network takes no statistics over the whole image") }
        self.passes = passes
        remainder = current
        analysis = SpatialAnalysis.analyse(current, input: input, output: output, layout: layout, statistics: known, isInner: false)
        guard analysis.isTileable else {
            throw ONNXError("cut at its statistics, the network still cannot be tiled: \(analysis.decidingNodes.first ?? "it is \(analysis.klass.rawValue)")")
        }
    }

    /// Turns what nodes compute *with* the size of the image into inputs: a tile would put its own size there.
    private static func withoutSizeValues(_ model: Model, input: String, output: String, layout: ImageLayout) throws(ONNXError) -> (Model, [SizeValue]) {
        let probe = try SizeProbe(model: model, input: input, output: output, layout: layout)
        let base = try probe.workingTrace()
        var size = base.size
        for axis in ImageAxis.allCases { size[axis] += 2 * base.stride(axis) * (axis == .x ? 1 : 2) }
        guard let other = try? probe.trace(size) else { return (model, []) }
        var surgery = GraphSurgery(model)
        var values: [String: SizeValue] = [:], replaced: [String: String] = [:]
        for node in base.chain where !SizeTrace.arranging.contains(node.op) {
            guard let result = node.outputs.first else { continue }
            for name in node.inputs where !name.isEmpty {
                guard case .constant(let a)? = base.tracer.values[name], case .constant(let b)? = other.tracer.values[name], a.folded != b.folded,
                      let folded = a.folded, folded.dims == b.folded?.dims, let facts = base.tracer.facts[name] else { continue }
                let whole = replaced[name] ?? surgery.unique("\(name)/whole")
                if replaced.updateValue(whole, forKey: name) == nil {
                    let input = try surgery.addInput(whole, shape: folded.dims, elementType: facts.type ?? .float)
                    values[name] = SizeValue(name: input.name, shape: input.shape, source: name)
                }
                surgery.redirect(nodeMaking: result, from: name, to: whole)
            }
        }
        guard !values.isEmpty, let info = model.outputs.first else { return (model, []) }
        return (try surgery.part(making: [info], keepingInput: input), values.values.sorted { $0.name < $1.name })
    }

    /// Cuts at the first statistics, those that wait for no other; `nil` when there is none.
    private static func nextStep(_ model: Model, input: String, output: String, layout: ImageLayout, known: Set<String>)
        throws(ONNXError) -> (pass: Pass, rest: Model)? {
        let probe = try SizeProbe(model: model, input: input, output: output, layout: layout, statistics: known)
        let base = try probe.workingTrace()
        let first = firstGlobal(base)
        guard !first.isEmpty, let info = model.outputs.first else { return nil }
        var size = base.size
        for axis in ImageAxis.allCases { size[axis] += base.stride(axis) }
        let other = try? probe.trace(size)
        let rules = StatisticRules(model: model, facts: base.tracer.facts) { name in
            base.tracer.facts[name]?.dims == other?.tracer.facts[name]?.dims
        }
        let patterns = ReductionPatterns(model: model, facts: base.tracer.facts)
        var surgery = GraphSurgery(model)
        var statistics: [Statistic] = []
        var taps: [TensorInfo] = []
        var tapping = surgery
        for node in first {
            guard let result = node.outputs.first, let name = node.input(0), case .image(let raw)? = base.tracer.values[name], let tensor = try? raw.normalised() else {
                throw ONNXError("how its input lies in the image is not known", node: node.label)
            }
            var cut = try rules.cut(node, tensor, &surgery)
            if let deviations = patterns.deviations(from: node), let name = deviations.outputs.first, let shape = base.tracer.facts[name]?.dims, rules.isFixed(name) {
                cut.reduction = .moments
                cut.fills.append(.init(name: name, shape: shape, formula: deviations.op == "ReduceMean" ? .variance : .squaredDeviations))
                try surgery.remove(nodeMaking: name)
            }
            let type = base.tracer.facts[cut.tapped]?.type ?? .float
            if !taps.contains(where: { $0.name == cut.tapped }) { taps.append(TensorInfo(name: cut.tapped, elementType: type, dims: nil)) }
            if cut.replacement.isEmpty {
                try surgery.remove(nodeMaking: result)
            } else {
                try surgery.replace(nodeMaking: result, with: cut.replacement)
            }
            var fills: [Statistic.Fill] = []
            for fill in cut.fills {
                let input = try surgery.addInput(fill.name, shape: fill.shape, elementType: type)
                fills.append(.init(name: input.name, shape: input.shape, formula: fill.formula))
            }
            statistics.append(Statistic(node: node.label, tap: cut.tapped, reduction: cut.reduction, axes: cut.axes, groups: cut.groups, fills: fills))
        }
        let pass = try tapping.pass(statistics, taps, input: input, layout: layout, known: known)
        return (pass, try surgery.part(making: [info], keepingInput: input))
    }

    /// The nodes that mix over the whole image, and read nothing that another one has mixed.
    private static func firstGlobal(_ trace: SizeTrace) -> [Node] {
        var mixed: Set<String> = [], found: [Node] = []
        for node in trace.chain {
            let waits = (node.inputs + node.captures).contains { mixed.contains($0) }
            let isGlobal = node.outputs.contains { output in trace.tracer.verdicts[output]?.contains { $0.klass == .global } ?? false }
            if isGlobal, !waits { found.append(node) }
            if isGlobal || waits { mixed.formUnion(node.outputs.filter { !$0.isEmpty }) }
        }
        return found
    }
}

extension GraphSurgery {
    /// The model that makes the taps. An input of the graph cannot be its output as well: an `Identity` gives it a second name.
    fileprivate mutating func pass(_ statistics: [Statistic], _ taps: [TensorInfo], input: String, layout: ImageLayout, known: Set<String>)
        throws(ONNXError) -> SynchronisedModel.Pass {
        var names: [String: String] = [:]
        var outputs: [TensorInfo] = []
        for tap in taps {
            guard tap.name == input else { outputs.append(tap); continue }
            let name = unique("\(tap.name)/copy")
            try append(node("Identity", [tap.name], output: name))
            names[tap.name] = name
            outputs.append(TensorInfo(name: name, elementType: tap.elementType, dims: nil))
        }
        let model = try part(making: outputs, keepingInput: input)
        var analysed: [SynchronisedModel.Tap] = []
        for tap in outputs {
            let found = SpatialAnalysis.analyse(model, input: input, output: tap.name, layout: layout, statistics: known, isInner: true)
            guard found.isTileable else {
                let node = statistics.first { (names[$0.tap] ?? $0.tap) == tap.name }?.node ?? tap.name
                throw ONNXError("what \(node) reads cannot be computed in tiles: \(found.decidingNodes.first ?? "it is \(found.klass.rawValue)")")
            }
            analysed.append(.init(name: tap.name, x: found.x, y: found.y))
        }
        let renamed = statistics.map {
            Statistic(node: $0.node, tap: names[$0.tap] ?? $0.tap, reduction: $0.reduction, axes: $0.axes, groups: $0.groups, fills: $0.fills)
        }
        return .init(model: model, statistics: renamed, taps: analysed, input: input, layout: layout, known: known)
    }
}
