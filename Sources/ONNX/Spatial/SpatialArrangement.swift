/// Rules of operators that move, cut and join without looking at values.
extension SpatialRule {
    func transpose() throws -> ImageTensor {
        guard case .image(let x)? = inputs[0] else { throw Obstacle("the image is where a constant is expected") }
        let order = try context.permutation(rank: x.dims.count)
        return ImageTensor(dims: order.map { x.dims[$0] }, maps: x.maps)
    }

    func squeeze() throws -> ImageTensor {
        guard case .image(var x)? = inputs[0] else { throw Obstacle("the image is where a constant is expected") }
        if node.op == "Unsqueeze" {
            guard let (rank, axes) = try context.unsqueezeAxes() else { throw Obstacle("its axes are not known") }
            var rest = x.dims[...]
            x.dims = (0..<rank).map { axes.contains($0) ? [] : rest.removeFirst() }
            return x
        }
        guard let named = try context.squeezeAxes(rank: x.dims.count), let extents = context.dims(0) else { throw Obstacle("its axes are not known") }
        let dropped = named ?? extents.indices.filter { extents[$0] == 1 }
        for axis in dropped where !x.axes(in: axis).isEmpty { throw Obstacle("drops the \(x.axes(in: axis)[0].name), which is 1 at this size only") }
        x.dims = x.dims.indices.filter { !dropped.contains($0) }.map { x.dims[$0] }
        return x
    }

    /// Cuts the parts of all axes, outermost first, into the new axes.
    ///
    /// Where an axis of the image must be cut, its outer part goes on to follow the image, in steps of the inner one: windows.
    func reshape() throws -> ImageTensor {
        guard case .image(let x)? = inputs[0] else { throw Obstacle("the image is where a constant is expected") }
        var maps = x.maps
        var parts = Array(x.dims.joined().filter { $0.size != 1 || ImageTensor.soleAxis([$0]) != nil }.reversed())
        for part in parts where part.size <= 1 { throw Obstacle("reshapes an axis of the image that is \(part.size) at this size") }
        var dims: [[Factor]] = []
        for extent in try extents(0) {
            var dim: [Factor] = []
            var left = extent
            while left > 1 {
                guard let part = parts.popLast() else { throw Obstacle("its shape does not fit") }
                if left % part.size == 0 {
                    dim.append(part)
                    left /= part.size
                    continue
                }
                guard part.size % left == 0 else { throw Obstacle("cuts the image where it does not divide (\(part.size) into \(left))") }
                let inner = part.size / left
                var outer = part
                outer.size = left
                var rest = Factor(size: inner, kind: part.kind, isWindow: part.isWindow)
                if case .axis(let axis) = part.kind {
                    guard let blocked = maps[axis]?.blocked(inner) else { throw Obstacle("reaches too far, or repeats over too long a stretch") }
                    maps[axis] = blocked
                    rest = Factor(size: inner, kind: .plain, isWindow: true)
                }
                dim.append(outer)
                parts.append(rest)
                left = 1
            }
            dims.append(dim)
        }
        guard parts.isEmpty else { throw Obstacle("its shape does not fit") }
        return ImageTensor(dims: dims, maps: maps)
    }

    func split() throws -> [ImageTensor] {
        let x = try image(0)
        guard let (axis, sizes) = try context.splitParts() else { throw Obstacle("the sizes of its parts are not known") }
        var start = 0
        var results: [ImageTensor] = []
        for size in sizes {
            var part = x
            try take(SliceRange(start: start, step: 1, count: size), of: &part, axis)
            results.append(part)
            start += size
        }
        return results
    }

    func slice() throws -> ImageTensor {
        var x = try image(0)
        guard let ranges = try context.sliceRanges() else { throw Obstacle("what it takes is not known") }
        for (axis, range) in ranges.enumerated() { try take(range, of: &x, axis) }
        return x
    }

    private func take(_ range: SliceRange, of x: inout ImageTensor, _ axis: Int) throws(Obstacle) {
        guard let extent = product(of: x.dims[axis].map(\.size)), range.start != 0 || range.step != 1 || range.count != extent else { return }
        if let place = ImageTensor.soleAxis(x.dims[axis]) {
            guard range.step > 0 else { throw Obstacle("reads the \(place.name) backwards") }
            guard let map = x.maps[place]?.sliced(start: range.start, step: range.step) else { throw Obstacle("reaches too far") }
            x.maps[place] = map
            x.dims[axis] = [Factor(size: range.count, kind: .axis(place))]
        } else {
            guard x.axes(in: axis).isEmpty else { throw Obstacle("cuts an axis that holds more than the \(x.axes(in: axis)[0].name)") }
            let isUniform = x.dims[axis].allSatisfy { $0.kind == .uniform }
            x.dims[axis] = range.count == 1 ? []
                : [Factor(size: range.count, kind: isUniform ? .uniform : .plain, isWindow: x.dims[axis].contains(where: \.isWindow))]
        }
    }

    func pad() throws -> ImageTensor {
        var x = try image(0)
        if context.opset >= 11 { try requirePlaceless(2, "what it pads with") }
        let mode = node.string("mode") ?? "constant"
        guard let amounts = try context.padAmounts() else { throw Obstacle("how much it pads is not known") }
        let extents = try extents(0)
        for (axis, amount) in amounts.enumerated() where amount.before != 0 || amount.after != 0 {
            if let place = ImageTensor.soleAxis(x.dims[axis]) {
                guard mode != "wrap" else { throw Obstacle("reads the opposite edge (wrap)") }
                guard let map = x.maps[place]?.sliced(start: -amount.before, step: 1) else { throw Obstacle("reaches too far") }
                x.maps[place] = map
                x.dims[axis] = [Factor(size: extents[axis], kind: .axis(place))]
            } else {
                guard x.axes(in: axis).isEmpty else { throw Obstacle("pads an axis that holds more than the \(x.axes(in: axis)[0].name)") }
                x.dims[axis] = [Factor(size: extents[axis], kind: .plain, isWindow: x.dims[axis].contains(where: \.isWindow))]
            }
        }
        return x
    }

    func gather() throws -> ImageTensor {
        let x = try image(0)
        guard inputs.count > 1, case .constant? = inputs[1], let picks = context.dims(1) else { throw Obstacle("reads where the image says") }
        let axis = try context.axis(node.int("axis") ?? 0, rank: x.dims.count)
        guard x.axes(in: axis).isEmpty else { throw Obstacle("picks places along the image's \(x.axes(in: axis)[0].name)") }
        let inserted = picks.map { $0 == 1 ? [] : [Factor(size: $0, kind: .plain)] }
        return ImageTensor(dims: Array(x.dims.prefix(axis)) + inserted + Array(x.dims.dropFirst(axis + 1)), maps: x.maps)
    }

    func expand() throws -> ImageTensor {
        let x = try image(0)
        let extents = try extents(0)
        let offset = extents.count - x.dims.count
        guard offset >= 0 else { throw Obstacle("its shape does not fit") }
        var dims: [[Factor]] = []
        for (axis, extent) in extents.enumerated() {
            let own = axis >= offset ? x.dims[axis - offset] : []
            guard own.isEmpty || product(of: own.map(\.size)) == extent else { throw Obstacle("a single place is spread over others") }
            dims.append(own.isEmpty && extent != 1 ? [Factor(size: extent, kind: .uniform)] : own)
        }
        return ImageTensor(dims: dims, maps: x.maps)
    }

    func tile() throws -> ImageTensor {
        var x = try image(0)
        guard let repeats = context.ints(1), repeats.count == x.dims.count else { throw Obstacle("how often it repeats is not known") }
        for (axis, times) in repeats.enumerated() where times != 1 {
            guard x.axes(in: axis).isEmpty else { throw Obstacle("repeats the image along its \(x.axes(in: axis)[0].name)") }
            let isUniform = x.dims[axis].allSatisfy { $0.kind == .uniform }
            x.dims[axis] = [Factor(size: try extents(0)[axis], kind: isUniform ? .uniform : .plain)]
        }
        return x
    }

    func topK() throws -> [ImageTensor] {
        var x = try image(0)
        let axis = try context.axis(node.int("axis") ?? -1, rank: x.dims.count)
        guard x.axes(in: axis).isEmpty else { throw Obstacle("sorts places along the image's \(x.axes(in: axis)[0].name)") }
        x.dims[axis] = [Factor(size: try extents(0)[axis], kind: .plain)]
        return [x, x]
    }
}
