extension Model {
    /// The model with the image's size taken out of it, for a network of local operators that a `Reshape` or `Resize` ties to the size it was exported at.
    ///
    /// Exporters that trace a program write the sizes they met into the graph: a pixel shuffle becomes a `Reshape` to [1, 1, 3, 3, 224, 224], an
    /// enlargement a `Resize` to [1, 64, 112, 112]. Where the analysis at the one size knows which of these extents follow the image, they are
    /// computed from the extents of the tensor that is reshaped (`Shape`, `Gather`, `Mul`, `Div`, `Concat`), and the enlargement gets its factors.
    /// At the declared size the result is the same graph.
    ///
    /// - Parameters:
    ///   - analysis: of this model, tied to one size.
    ///   - input: the image's input.
    /// - Returns: the freed model and its analysis; nil where the analysis of the result does not show a local network of many sizes, or there is
    ///   nothing to free.
    public func freedFromItsSize(_ analysis: SpatialAnalysis) -> (model: Model, analysis: SpatialAnalysis)? {
        guard analysis.isTileable, let width = analysis.x.fixedSize, let height = analysis.y.fixedSize,
              let places = analysis.layout.places(rank: analysis.inputTemplate.count),
              let facts = try? facts(with: [analysis.input: analysis.inputShape(width: width, height: height)]) else { return nil }
        let tracer = SpatialTracer(model: self, facts: facts, input: analysis.input, places: places, countsEnds: false)
        // Extents that are partly computed (the batch) and partly written down look computed: they are left alone unless it takes them too.
        for takesComputed in [false, true] {
            var freer = SizeFreer(model: self, facts: facts, tracer: tracer, takesComputed: takesComputed)
            for node in nodes { freer.visit(node) }
            guard freer.isChanged, let freed = rewritten(freer, input: analysis.input, places: places) else { continue }
            let found = SpatialAnalysis.analyse(freed, input: analysis.input, output: analysis.output, layout: analysis.layout)
            if found.isTileable, found.x.isFree(keepingScaleOf: analysis.x), found.y.isFree(keepingScaleOf: analysis.y) { return (freed, found) }
        }
        return nil
    }

    private func rewritten(_ freer: SizeFreer, input: String, places: [ImageAxis?]) -> Model? {
        var proto = proto
        proto.graph.node = freer.nodes
        proto.graph.initializer += freer.constants
        proto.graph.valueInfo.removeAll()
        for index in proto.graph.input.indices where proto.graph.input[index].name == input {
            guard case .tensorType(var tensor)? = proto.graph.input[index].type.value else { return nil }
            for (axis, place) in places.enumerated() where place != nil { tensor.shape.dim[axis] = Onnx_TensorShapeProto.Dimension() }
            proto.graph.input[index].type.value = .tensorType(tensor)
        }
        for index in proto.graph.output.indices {
            guard case .tensorType(var tensor)? = proto.graph.output[index].type.value else { return nil }
            tensor.clearShape()
            proto.graph.output[index].type.value = .tensorType(tensor)
        }
        return try? Model(checking: proto)
    }
}

extension SpatialAnalysis.Axis {
    fileprivate func isFree(keepingScaleOf other: SpatialAnalysis.Axis) -> Bool {
        fixedSize == nil && scaleNumerator == other.scaleNumerator && scaleDenominator == other.scaleDenominator
    }
}

/// Rewrites one node after the other.
private struct SizeFreer {
    private let model: Model
    private let facts: [String: ValueFacts]
    private let tracer: SpatialTracer
    private let takesComputed: Bool
    private let original: [String: Onnx_NodeProto]
    private var taken: Set<String>
    private(set) var nodes: [Onnx_NodeProto] = []
    private(set) var constants: [Onnx_TensorProto] = []
    private(set) var isChanged = false

    init(model: Model, facts: [String: ValueFacts], tracer: SpatialTracer, takesComputed: Bool) {
        (self.model, self.facts, self.tracer, self.takesComputed) = (model, facts, tracer, takesComputed)
        // A value is made once, so that it names the node that makes it.
        original = Dictionary(model.proto.graph.node.flatMap { node in node.output.filter { !$0.isEmpty }.map { ($0, node) } }, uniquingKeysWith: { first, _ in first })
        taken = Set(original.keys).union(model.initializers.keys).union(model.inputs.map(\.name))
    }

    mutating func visit(_ node: Node) {
        guard let name = node.outputs.first(where: { !$0.isEmpty }), var proto = original[name] else { return }
        if node.op == "Reshape", let shape = freedShape(of: node) {
            proto.input[1] = shape
            isChanged = true
        } else if node.op == "Resize", let scales = factors(of: node) {
            proto.input = [proto.input[0], proto.input.count > 1 ? proto.input[1] : "", scales]
            isChanged = true
        }
        nodes.append(proto)
    }

    /// Whether a target may be computed anew.
    private func isFree(_ target: String) -> Bool {
        if case .constant(let trait)? = tracer.values[target] { takesComputed || !trait.followsSize } else { false }
    }

    /// The name of a value that computes the target of a `Reshape`, whose constant target holds the image's size; nil where it holds none, or more
    /// than can be told.
    private mutating func freedShape(of node: Node) -> String? {
        guard node.inputs.count == 2, let input = node.input(0), isFree(node.inputs[1]), facts[node.inputs[1]]?.folded != nil,
              let output = node.outputs.first, case .image(let made)? = tracer.values[output], let madeDims = facts[output]?.dims,
              case .image(let read)? = tracer.values[input], let readDims = facts[input]?.dims, readDims.count == read.dims.count else { return nil }
        guard made.dims.contains(where: { !ImageTensor.axes(in: $0).isEmpty }) else { return nil }
        var parts: [String] = [], shape: String?
        for (axis, factors) in made.dims.enumerated() {
            let axes = ImageTensor.axes(in: factors)
            guard let image = axes.first else {
                parts.append(constant([madeDims[axis]]))
                continue
            }
            // Both axes of the image in one, as windows that are gathered: what such an extent grows with is not one extent's factor.
            guard axes.count == 1 else { return nil }
            let sources = read.dims.indices.filter { ImageTensor.axes(in: read.dims[$0]) == [image] }
            guard sources.count == 1, let source = sources.first, readDims[source] > 0 else { return nil }
            let ratio = Fraction(madeDims[axis], readDims[source])
            if shape == nil { shape = add("Shape", [input]) }
            guard let shape else { return nil }
            var extent = add("Gather", [shape, constant([source])])
            if ratio.numerator != 1 { extent = add("Mul", [extent, constant([ratio.numerator])]) }
            if ratio.denominator != 1 { extent = add("Div", [extent, constant([ratio.denominator])]) }
            parts.append(extent)
        }
        var axis = Onnx_AttributeProto()
        (axis.name, axis.type, axis.i) = ("axis", .int, 0)
        return add("Concat", parts, [axis])
    }

    /// A constant with the factors of a `Resize` to a constant size; nil where they are not whole, or one by whole.
    private mutating func factors(of node: Node) -> String? {
        guard node.inputs.count == 4, node.input(2).map({ facts[$0]?.dims == [0] }) ?? true, let sizes = node.input(3), node.attributes["axes"] == nil,
              node.string("keep_aspect_ratio_policy") ?? "stretch" == "stretch", isFree(sizes),
              let input = node.input(0), let read = facts[input]?.dims, let output = node.outputs.first, let made = facts[output]?.dims,
              read.count == made.count else { return nil }
        var factors: [Float] = []
        for (before, after) in zip(read, made) {
            guard before > 0, after > 0, before % after == 0 || after % before == 0 else { return nil }
            factors.append(Float(after) / Float(before))
        }
        guard let tensor = try? Tensor(factors, dims: [factors.count], name: unique("factors")) else { return nil }
        constants.append(tensor.proto)
        return tensor.name
    }

    private mutating func constant(_ values: [Int]) -> String {
        var proto = Onnx_TensorProto()
        proto.name = unique("extent")
        proto.dataType = ElementType.int64.rawValue
        proto.dims = [Int64(values.count)]
        proto.int64Data = values.map(Int64.init)
        constants.append(proto)
        return proto.name
    }

    private mutating func add(_ op: String, _ inputs: [String], _ attributes: [Onnx_AttributeProto] = []) -> String {
        var node = Onnx_NodeProto()
        node.opType = op
        node.input = inputs
        node.attribute = attributes
        node.name = unique(op)
        node.output = [node.name]
        nodes.append(node)
        return node.name
    }

    private mutating func unique(_ name: String) -> String {
        var number = 0
        while !taken.insert("aquatint.size.\(name).\(number)").inserted { number += 1 }
        return "aquatint.size.\(name).\(number)"
    }
}
