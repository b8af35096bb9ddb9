/// What the spatial analysis found at one image size.
struct SizeTrace {
    let size: SizeProbe.Size
    let tracer: SpatialTracer
    private let output: String
    /// The nodes between image and output, in order.
    let chain: [Node]
    private let isInner: Bool
    private let strides: [ImageAxis: Int]

    /// - Parameter isInner: whether the output is a value in the middle of a network, whose axes may lie in any way.
    init(size: SizeProbe.Size, tracer: SpatialTracer, output: String, isInner: Bool = false) {
        (self.size, self.tracer, self.output, self.isInner) = (size, tracer, output, isInner)
        chain = tracer.ancestors(of: output)
        var strides: [ImageAxis: Int] = [.x: 1, .y: 1]
        for name in chain.flatMap(\.outputs) {
            guard case .image(let tensor)? = tracer.values[name] else { continue }
            for (axis, map) in tensor.maps {
                // Beyond the bound there are no tiles; the class says so below.
                strides[axis] = leastCommonMultiple(strides[axis] ?? 1, map.advance).flatMap { $0 <= PeriodicMap.maximumAdvance ? $0 : nil }
                    ?? strides[axis]
            }
        }
        self.strides = strides
    }

    /// S: after moving the image by it, every tensor on the way to the output has moved by whole indices.
    func stride(_ axis: ImageAxis) -> Int { strides[axis] ?? 1 }

    private var strideIsWhole: Bool {
        chain.flatMap(\.outputs).allSatisfy { name in
            guard case .image(let tensor)? = tracer.values[name] else { return true }
            return tensor.maps.allSatisfy { stride($0.key) % $0.value.advance == 0 }
        }
    }

    var klass: SpatialAnalysis.Class {
        var klass = SpatialAnalysis.Class.local
        for node in chain {
            for name in node.outputs { for verdict in tracer.verdicts[name] ?? [] { klass = max(klass, verdict.klass) } }
        }
        if tracer.values[output] == .opaque || !strideIsWhole { return .unknown }
        return klass
    }

    /// The nodes that decide for `klass`, with their reasons; `nil` when there is none.
    func reasons(_ klass: SpatialAnalysis.Class) -> [String]? {
        var reasons: [String] = []
        for node in chain {
            var said: [String] = []
            for name in node.outputs {
                for verdict in tracer.verdicts[name] ?? [] where verdict.klass == klass && !said.contains(verdict.reason) { said.append(verdict.reason) }
            }
            if !said.isEmpty { reasons.append("\(node.label): \(said.joined(separator: "; "))") }
        }
        if reasons.isEmpty, !strideIsWhole { reasons = ["the strides of the network have no common multiple up to \(PeriodicMap.maximumAdvance)"] }
        return reasons.isEmpty ? nil : reasons
    }

    /// The output's map of each image axis; `nil` unless it has both, each as an axis of its own (for an inner value: each once).
    var outputMaps: [ImageAxis: PeriodicMap]? {
        guard let tensor = outputTensor else { return nil }
        let found = isInner ? tensor.dims.flatMap { ImageTensor.axes(in: $0) } : tensor.dims.compactMap { ImageTensor.soleAxis($0) }
        return found.count == 2 && Set(found) == [.x, .y] ? tensor.maps : nil
    }

    /// Which of the image's axes each axis of the output follows; `nil` unless it has both, each as an axis of its own.
    var outputPlaces: [ImageAxis?]? {
        guard outputMaps != nil else { return nil }
        return outputTensor?.dims.map { ImageTensor.soleAxis($0) }
    }

    func outputSize(_ axis: ImageAxis) -> Int? {
        outputTensor?.dims.joined().first { $0.kind == .axis(axis) }?.size
    }

    func sizeByLayout(_ layout: ImageLayout, _ axis: ImageAxis) -> Int? {
        guard let dims = tracer.facts[output]?.dims, let size = layout.size(in: dims) else { return nil }
        return axis == .x ? size.width : size.height
    }

    var outputTensor: ImageTensor? {
        guard case .image(let tensor)? = tracer.values[output] else { return nil }
        return try? tensor.normalised()
    }

    /// Operators whose constant inputs say where things go: what comes of it shows in the maps.
    static let arranging: Set<String> = [
        "Reshape", "Expand", "Tile", "Slice", "Split", "Squeeze", "Unsqueeze", "Pad", "Resize", "Upsample", "TopK",
    ]

    /// The first thing that this size and another do not share, as `node: what`; `nil` when the network does the same at both.
    func difference(from other: SizeTrace) -> String? {
        if chain.count != other.chain.count { return "the graph computes other things for other sizes" }
        for node in chain {
            for name in node.outputs where !name.isEmpty {
                if tracer.verdicts[name] != other.tracer.verdicts[name] || !Self.agree(tracer.values[name], other.tracer.values[name]) {
                    return "\(node.label): what it reads depends on the size of the image"
                }
            }
            for name in node.inputs where !Self.arranging.contains(node.op) {
                guard case .constant(let a)? = tracer.values[name], case .constant(let b)? = other.tracer.values[name], a.folded != b.folded else { continue }
                return "\(node.label): the size of the image is used as a value"
            }
        }
        return nil
    }

    /// As `difference`, between sizes that are both multiples of the grid: there, each value must be longer or shorter than the image says by the same number of indices.
    func gridDifference(from other: SizeTrace) -> String? {
        if let difference = difference(from: other) { return difference }
        for node in chain {
            for name in node.outputs where !name.isEmpty && excess(of: name) != other.excess(of: name) {
                return "\(node.label): how much it adds or cuts off depends on the size of the image"
            }
        }
        return nil
    }

    /// How many indices a value has along each image axis beyond those that the image's size gives at its rate, times the rate's denominator.
    ///
    /// A graph that pads to a multiple adds as many as the size lacks: the maps of what is inside are then the same, and the edges are not.
    private func excess(of name: String) -> [ImageAxis: Int] {
        guard case .image(let tensor)? = tracer.values[name] else { return [:] }
        var found: [ImageAxis: Int] = [:]
        for (axis, map) in tensor.maps {
            guard let length = tensor.dims.joined().first(where: { $0.kind == .axis(axis) })?.size else { continue }
            let scale = map.rate.inverse
            found[axis] = length * scale.denominator - size[axis] * scale.numerator
        }
        return found
    }

    /// Whether two values lie in the image in the same way. How many places an axis has differs with the size, and may.
    private static func agree(_ a: TracedValue?, _ b: TracedValue?) -> Bool {
        guard case .image(let a)? = a, case .image(let b)? = b else {
            if case .constant? = a, case .constant? = b { return true }
            return a == b
        }
        guard a.maps == b.maps, a.dims.count == b.dims.count else { return false }
        return zip(a.dims, b.dims).allSatisfy { x, y in
            x.count == y.count && zip(x, y).allSatisfy { $0.kind == $1.kind && ($0.kind != .plain || $0.followsSize || $0.size == $1.size) }
        }
    }
}
