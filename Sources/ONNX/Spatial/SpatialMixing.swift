/// Rules of operators that mix along whole axes: reductions, normalisations, matrix products, attention.
extension SpatialRule {
    /// Says what mixing along axis `dim` of `x` means for the class. Returns the image axes that lie in it.
    @discardableResult
    private mutating func mix(_ x: ImageTensor, _ dim: Int, _ what: String) -> [ImageAxis] {
        let axes = x.axes(in: dim)
        for axis in axes { note(.global, "\(what) over the whole \(axis.name)") }
        if axes.isEmpty, let window = x.dims[dim].first(where: \.isWindow) { note(.block, "\(what) within windows (\(window.size) places)") }
        return axes
    }

    mutating func reduce(axes: [Int], keeps: Bool) throws(Obstacle) -> ImageTensor {
        var x = try image(0)
        let counts = node.op == "ReduceMean" || node.op == "ReduceMax" || node.op == "ReduceMin" || node.op.hasPrefix("Global")
        for axis in axes {
            guard x.dims.indices.contains(axis) else { throw Obstacle("its axes do not exist") }
            if !counts, x.dims[axis].contains(where: { $0.kind == .uniform }) { throw Obstacle("the size of the image is used as a value") }
            for place in mix(x, axis, node.op.hasPrefix("Reduce") ? "reduces" : "pools") { x.maps[place] = nil }
            x.dims[axis] = []
        }
        if !keeps { x.dims = x.dims.indices.filter { !axes.contains($0) }.map { x.dims[$0] } }
        return x
    }

    mutating func normalise() throws -> ImageTensor {
        let x = try image(0)
        let rank = x.dims.count
        let mixed: [Int]
        switch node.op {
        case "BatchNormalization":
            guard x.axes(in: min(1, rank - 1)).isEmpty else { throw Obstacle("takes a place in the image for channels") }
            mixed = node.int("training_mode") == 1 ? (0..<rank).filter { $0 != 1 } : []
        case "InstanceNormalization": mixed = Array((0..<rank).dropFirst(2))
        case "GroupNormalization": mixed = Array((0..<rank).dropFirst(1))
        case "LRN":
            guard rank > 1, x.axes(in: 1).isEmpty else { throw Obstacle("takes a place in the image for channels") }
            mixed = []
        case "LayerNormalization", "RMSNormalization": mixed = Array(try context.axis(node.int("axis") ?? -1, rank: rank)..<rank)
        case "LpNormalization": mixed = [try context.axis(node.int("axis") ?? -1, rank: rank)]
        case "MeanVarianceNormalization":
            mixed = try context.axes((node.ints("axes") ?? [0, 2, 3]).filter { $0 < rank }, rank: rank)
        default:
            // Until opset 12, softmax ran over everything from its axis on.
            let axis = try context.axis(node.int("axis") ?? (context.opset < 13 ? 1 : -1), rank: rank)
            mixed = context.opset < 13 ? Array(axis..<rank) : [axis]
        }
        let perElement = node.op == "LayerNormalization" || node.op == "RMSNormalization"
        for index in inputs.indices.dropFirst() {
            try requirePlaceless(index, "input \(index)")
            guard perElement, case .constant(let trait)? = inputs[index], !trait.isUniform, let extents = context.dims(index) else { continue }
            for (axis, extent) in zip((0..<rank).suffix(extents.count), extents.suffix(rank)) where extent != 1 && !x.axes(in: axis).isEmpty {
                throw Obstacle("its weights differ from place to place along the \(x.axes(in: axis)[0].name)")
            }
        }
        let what = node.op.hasSuffix("Normalization") ? "normalises" : "takes a softmax"
        for axis in mixed { mix(x, axis, what) }
        return x
    }

    mutating func accumulate() throws -> ImageTensor {
        let x = try image(0)
        guard let named = context.ints(1)?.first else { throw Obstacle("its axis is not known") }
        mix(x, try context.axis(named, rank: x.dims.count), "accumulates")
        return x
    }

    mutating func matrixProduct(_ right: Int) throws -> ImageTensor {
        for index in inputs.indices where index != 0 && index != right { try requirePlaceless(index, "input \(index)") }
        let a = try operand(0), b = try operand(right)
        guard a.dims.count >= 2, b.dims.count >= 2 else { throw Obstacle("multiplies a vector") }
        return try multiply(a, b, extents: try extents(0))
    }

    mutating func gemm() throws -> ImageTensor {
        var a = try operand(0), b = try operand(1)
        guard a.dims.count == 2, b.dims.count == 2 else { throw Obstacle("multiplies arrays that are no matrices") }
        if node.int("transA") ?? 0 != 0 { a.dims.swapAt(0, 1) }
        if node.int("transB") ?? 0 != 0 { b.dims.swapAt(0, 1) }
        let result = try multiply(a, b, extents: try extents(0))
        try requirePlaceless(2, "its bias")
        if case .constant(let trait)? = inputs.count > 2 ? inputs[2] : nil, !trait.isUniform, let extents = context.dims(2) {
            for (axis, extent) in zip((0..<2).suffix(extents.count), extents) where extent != 1 && !result.axes(in: axis).isEmpty {
                throw Obstacle("its bias differs from place to place along the \(result.axes(in: axis)[0].name)")
            }
        }
        return result
    }

    /// An input as a tensor, a constant as one that follows no axis of the image.
    private func operand(_ index: Int) throws(Obstacle) -> ImageTensor {
        try requireKnownValue(index)
        if inputs.indices.contains(index), case .image(let tensor)? = inputs[index] { return try tensor.normalised() }
        guard let dims = context.dims(index) else { throw Obstacle("the extents of input \(index) are not known") }
        return ImageTensor(dims: dims.map { $0 == 1 ? [] : [Factor(size: $0, kind: .plain)] }, maps: [:])
    }

    private func requireKnownValue(_ index: Int) throws(Obstacle) {
        if inputs.indices.contains(index), case .constant(let trait)? = inputs[index], trait.followsSize, trait.folded == nil {
            throw Obstacle("the size of the image is used as a value")
        }
    }

    /// `a` times `b`, both with their matrices in the last two axes.
    private mutating func multiply(_ a: ImageTensor, _ b: ImageTensor, extents: [Int]) throws(Obstacle) -> ImageTensor {
        var (a, b) = (a, b)
        let aRank = a.dims.count, bRank = b.dims.count
        guard extents.count >= 2 else { throw Obstacle("multiplies a vector") }
        // A product with weights over the inside of a window is a strided convolution; only places that meet each other make it a block.
        if a.isPlaceless || b.isPlaceless {
            for place in a.axes(in: aRank - 1) { note(.global, "sums over the whole \(place.name)") }
        } else {
            mix(a, aRank - 1, "sums")
        }
        for place in a.axes(in: aRank - 1) { a.maps[place] = nil }
        for place in b.axes(in: bRank - 2) {
            if !verdicts.contains(where: { $0.klass == .global }) { note(.global, "sums over the whole \(place.name)") }
            b.maps[place] = nil
        }
        let rows = a.dims[aRank - 2]
        var columns = b.dims[bRank - 1]
        let own = Set(a.dims.dropLast().flatMap { ImageTensor.axes(in: $0) })
        let met = ImageTensor.axes(in: columns).filter(own.contains)
        if !met.isEmpty {
            note(.global, "compares every place with every other along the \(met.map(\.name).joined(separator: " and "))")
            columns = [Factor(size: product(of: columns.map(\.size)) ?? 1, kind: .plain, followsSize: true)]
            for place in met { b.maps[place] = nil }
        }
        var dims: [[Factor]] = []
        for (axis, extent) in extents.dropLast(2).enumerated() {
            let ai = axis - (extents.count - aRank), bi = axis - (extents.count - bRank)
            dims.append(try Self.merge(ai >= 0 ? a.dims[ai] : [], bi >= 0 ? b.dims[bi] : [], extent: extent))
        }
        return try Self.assemble(dims + [rows, columns], from: [a, b])
    }

    /// `Attention` of opset 23: queries, keys and values as [batch, positions, width] or [batch, heads, positions, width].
    mutating func attention() throws -> ImageTensor {
        guard let e = try context.attentionExtents() else { throw Obstacle("the extents of its inputs are not known") }
        guard !context.has(4), !context.has(5) else { throw Obstacle("continues from past keys") }
        var q = try operand(0), k = try operand(1), v = try operand(2)
        let rank = q.dims.count
        let positions = rank - 2
        for tensor in [q, k, v] {
            for axis in tensor.axes(in: rank - 1) { throw Obstacle("takes the \(axis.name) of the image for channels") }
        }
        let places = mix(k, positions, "attends")
        for place in v.axes(in: positions) where !places.contains(place) { note(.global, "attends over the whole \(place.name)") }
        if node.int("is_causal") == 1, !q.axes(in: positions).isEmpty { throw Obstacle("what a place sees depends on its number (is_causal)") }
        try checkMask(queries: q, rank: rank)
        let result = try extents(0)
        for place in k.axes(in: positions) { k.maps[place] = nil }
        for place in v.axes(in: positions) { v.maps[place] = nil }
        var dims = [try Self.merge(try Self.merge(q.dims[0], k.dims[0], extent: e.batch), v.dims[0], extent: e.batch)]
        if rank == 4 {
            for tensor in [q, k, v] where !tensor.axes(in: 1).isEmpty && e.queryHeads != e.keyHeads { throw Obstacle("shares heads that lie in the image") }
            dims.append(e.queryHeads == e.keyHeads ? try Self.merge(try Self.merge(q.dims[1], k.dims[1], extent: e.queryHeads), v.dims[1], extent: e.queryHeads)
                                                   : q.dims[1])
        }
        q.dims[rank - 1] = [Factor(size: result[rank - 1], kind: .plain)]
        dims += [q.dims[positions], q.dims[rank - 1]]
        return try Self.assemble(dims, from: [q, k, v])
    }

    private func checkMask(queries: ImageTensor, rank: Int) throws(Obstacle) {
        guard context.has(3), let mask = inputs[3] else { return }
        try requirePlaceless(3, "its mask")
        guard case .constant(let trait) = mask, !trait.isUniform, let extents = context.dims(3) else { return }
        // The mask is broadcast to [batch, heads, queries, keys]; a key's place is mixed away.
        let lined = Array(repeating: 1, count: max(0, 4 - extents.count)) + extents
        let followed = [(0, queries.axes(in: 0)), (1, rank == 4 ? queries.axes(in: 1) : []), (2, queries.axes(in: rank - 2))]
        for (axis, places) in followed where lined[axis] != 1 {
            guard places.isEmpty else { throw Obstacle("its mask differs from place to place along the \(places[0].name)") }
        }
    }
}
