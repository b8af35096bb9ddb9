/// Element by element rules: how several tensors meet.
extension SpatialRule {
    func unary() throws(Obstacle) -> ImageTensor {
        for index in inputs.indices.dropFirst() { try requirePlaceless(index, "input \(index)") }
        guard inputs.indices.contains(0), case .image(let tensor)? = inputs[0] else { throw Obstacle("the image is where a constant is expected") }
        return tensor
    }

    /// A participant of a join, with its axes lined up from the right.
    private struct Part {
        let offset: Int
        let extents: [Int]
        let value: TracedValue
    }

    /// The tensor of `extents` that broadcasting the inputs at `indices` to each other makes.
    func join(_ indices: [Int], extents: [Int]) throws(Obstacle) -> ImageTensor {
        var parts: [Part] = []
        for index in indices {
            guard let value = inputs[index] else { continue }
            guard let dims = context.dims(index) else { throw Obstacle("the extents of input \(index) are not known") }
            guard dims.count <= extents.count else { throw Obstacle("its inputs are lined up in an old way") }
            var normal = value
            if case .image(let tensor) = value { normal = .image(try tensor.normalised()) }
            parts.append(Part(offset: extents.count - dims.count, extents: dims, value: normal))
        }
        var dims: [[Factor]] = []
        for axis in extents.indices { dims.append(try joinedAxis(axis, extent: extents[axis], parts)) }
        var images: [ImageTensor] = []
        for part in parts { if case .image(let tensor) = part.value { images.append(tensor) } }
        return try Self.assemble(dims, from: images)
    }

    private func joinedAxis(_ axis: Int, extent: Int, _ parts: [Part]) throws(Obstacle) -> [Factor] {
        var result: [Factor] = []
        for part in parts {
            guard case .image(let tensor) = part.value, axis >= part.offset else { continue }
            result = try Self.merge(result, tensor.dims[axis - part.offset], extent: extent)
        }
        for part in parts {
            guard case .constant(let trait) = part.value else { continue }
            if trait.followsSize && trait.folded == nil { throw Obstacle("the size of the image is used as a value") }
            guard axis >= part.offset, part.extents[axis - part.offset] != 1, !trait.isUniform else {
                if result.isEmpty, extent != 1 { result = [Factor(size: extent, kind: .uniform)] }
                continue
            }
            guard ImageTensor.axes(in: result).isEmpty else {
                throw Obstacle("meets a constant that differs from place to place along the \(ImageTensor.axes(in: result)[0].name)")
            }
            if result.isEmpty || result.allSatisfy({ $0.kind == .uniform }) { result = [Factor(size: extent, kind: .plain)] }
        }
        return result
    }

    /// The factors of an axis that two image tensors share.
    static func merge(_ a: [Factor], _ b: [Factor], extent: Int) throws(Obstacle) -> [Factor] {
        func isSpread(_ factors: [Factor]) -> Bool { factors.allSatisfy { $0.kind == .uniform } }
        for factors in [a, b] where !factors.isEmpty && product(of: factors.map(\.size)) != extent {
            throw Obstacle("a single place is spread over others")
        }
        if isSpread(b) { return a.isEmpty ? b : a }
        if isSpread(a) { return b }
        guard a.count == b.count, zip(a, b).allSatisfy({ $0.kind == $1.kind && $0.size == $1.size }) else {
            throw Obstacle("its inputs lie differently in the image")
        }
        return zip(a, b).map { Factor(size: $0.size, kind: $0.kind, isWindow: $0.isWindow || $1.isWindow, followsSize: $0.followsSize || $1.followsSize) }
    }

    /// A tensor of the axes `dims`, each place of which reads what the same place of every image tensor reads.
    static func assemble(_ dims: [[Factor]], from images: [ImageTensor]) throws(Obstacle) -> ImageTensor {
        let found = dims.flatMap { ImageTensor.axes(in: $0) }
        guard Set(found).count == found.count else { throw Obstacle("every place meets every other along the \(found[0].name)") }
        var maps: [ImageAxis: PeriodicMap] = [:]
        for axis in found {
            for image in images {
                guard let map = image.maps[axis] else { continue }
                guard let known = maps[axis] else {
                    maps[axis] = map
                    continue
                }
                guard let union = known.union(map) else { throw Obstacle("its inputs have different scales along the \(axis.name)") }
                maps[axis] = union
            }
        }
        return ImageTensor(dims: dims, maps: maps)
    }

    func concatenate() throws(Obstacle) -> ImageTensor {
        let extents = try extents(0)
        guard let named = node.int("axis") ?? (context.opset < 4 ? 1 : nil), let axis = try? context.axis(named, rank: extents.count) else {
            throw Obstacle("its axis is not known")
        }
        var images: [ImageTensor] = []
        for value in inputs {
            guard case .image(let tensor)? = value else { continue }
            let normal = try tensor.normalised()
            guard normal.axes(in: axis).isEmpty else { throw Obstacle("joins pieces along the image's \(normal.axes(in: axis)[0].name)") }
            images.append(normal)
        }
        var dims: [[Factor]] = []
        for other in extents.indices {
            guard other != axis else {
                dims.append([Factor(size: extents[other], kind: .plain, isWindow: images.contains { $0.dims[axis].contains(where: \.isWindow) })])
                continue
            }
            var result: [Factor] = []
            for image in images { result = try Self.merge(result, image.dims[other], extent: extents[other]) }
            for value in inputs {
                guard case .constant(let trait)? = value, !trait.isUniform || trait.followsSize else { continue }
                if trait.followsSize && trait.folded == nil { throw Obstacle("the size of the image is used as a value") }
                guard ImageTensor.axes(in: result).isEmpty else {
                    throw Obstacle("meets a constant that differs from place to place along the \(ImageTensor.axes(in: result)[0].name)")
                }
                if result.allSatisfy({ $0.kind == .uniform }), extents[other] != 1 { result = [Factor(size: extents[other], kind: .plain)] }
            }
            dims.append(result)
        }
        return try Self.assemble(dims, from: images)
    }
}
