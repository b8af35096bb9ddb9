/// Operators that move, cut, join and make arrays.
extension NodeContext {
    func arrangement() throws(ONNXError) -> [ValueFacts]? {
        switch node.op {
        case "Constant": return constant()
        case "Shape": return try shape()
        case "Size": return dims(0).flatMap { product(of: $0) }.map { [Self.scalar($0)] }
        case "ConstantOfShape": return try filled()
        case "Range": return try range()
        case "Reshape": return try result(try reshaped())
        case "Flatten": return try result(try flattened())
        case "Squeeze": return try result(try squeezed())
        case "Unsqueeze": return try result(try unsqueezed())
        case "Transpose": return try transposed()
        case "Concat": return try joined()
        case "Split": return try split()
        case "Slice": return try sliced()
        case "Pad": return try padded().map { [ValueFacts(type: type(0), dims: $0)] }
        case "Expand": return try expanded()
        case "Tile": return try tiled()
        case "Gather": return try gathered()
        case "GatherElements": return [ValueFacts(type: type(0), dims: dims(1))]
        case "GatherND": return try gatheredByTuples()
        case "TopK": return try topK()
        case "EyeLike": return [ValueFacts(type: .float, dims: dims(0))]
        default: return nil
        }
    }

    private static func scalar(_ value: Int) -> ValueFacts {
        ValueFacts(type: .int64, dims: [], folded: Folded(.ints([value]), dims: []))
    }

    /// The same elements in the same order under other extents.
    private func result(_ dims: [Int]?) throws(ONNXError) -> [ValueFacts]? {
        guard let dims else { return nil }
        if let x = self.dims(0), product(of: x) != product(of: dims) { throw fail("the elements of \(x) do not fit \(dims)") }
        return [ValueFacts(type: type(0), dims: dims, folded: folded(0)?.reshaped(dims))]
    }

    private func constant() -> [ValueFacts]? {
        if let tensor = node.tensor("value") { return [ValueFacts(type: tensor.elementType, dims: tensor.dims, folded: Folded(tensor))] }
        if let value = node.int("value_int") { return [Self.scalar(value)] }
        if let value = node.float("value_float") { return [ValueFacts(type: .float, dims: [], folded: Folded(.floats([Double(value)]), dims: []))] }
        if let values = node.ints("value_ints") {
            return [ValueFacts(type: .int64, dims: [values.count], folded: Folded(.ints(values), dims: [values.count]))]
        }
        if let values = node.floats("value_floats") {
            return [ValueFacts(type: .float, dims: [values.count], folded: Folded(.floats(values.map(Double.init)), dims: [values.count]))]
        }
        return nil
    }

    private func shape() throws(ONNXError) -> [ValueFacts]? {
        guard let x = dims(0) else { return nil }
        func bound(_ value: Int) -> Int { min(max(value < 0 ? value &+ x.count : value, 0), x.count) }
        let start = bound(node.int("start") ?? 0)
        let end = max(start, bound(node.int("end") ?? x.count))
        return [ValueFacts(type: .int64, dims: [end - start], folded: Folded(.ints(Array(x[start..<end])), dims: [end - start]))]
    }

    private func filled() throws(ONNXError) -> [ValueFacts]? {
        guard let dims = ints(0) else { return nil }
        guard dims.allSatisfy({ $0 >= 0 }) else { throw fail("cannot fill the extents \(dims)") }
        let value = node.tensor("value")
        var facts = ValueFacts(type: value?.elementType ?? .float, dims: dims)
        if let count = product(of: dims), count <= Folded.maximumCount {
            switch value.map({ Folded($0)?.values }) {
            case .none: facts.folded = Folded(.floats(Array(repeating: 0, count: count)), dims: dims)
            case .ints(let ints)??: facts.folded = ints.first.flatMap { Folded(.ints(Array(repeating: $0, count: count)), dims: dims) }
            case .floats(let floats)??: facts.folded = floats.first.flatMap { Folded(.floats(Array(repeating: $0, count: count)), dims: dims) }
            case .some(.none): break
            }
        }
        return [facts]
    }

    private func range() throws(ONNXError) -> [ValueFacts]? {
        guard let a = folded(0), let b = folded(1), let c = folded(2), a.count == 1, b.count == 1, c.count == 1 else { return nil }
        if let start = a.ints?.first, let end = b.ints?.first, let step = c.ints?.first {
            let (room, overflow) = end.subtractingReportingOverflow(start)
            guard step != 0, step != .min, !overflow, room != .min else { throw fail("cannot count from \(start) to \(end) by \(step)") }
            let count = (room > 0) == (step > 0) && room != 0 ? (abs(room) - 1) / abs(step) + 1 : 0
            let values = count <= Folded.maximumCount ? Folded(.ints((0..<count).map { start &+ $0 &* step }), dims: [count]) : nil
            return [ValueFacts(type: .int64, dims: [count], folded: values)]
        }
        let (start, end, step) = (a.doubles[0], b.doubles[0], c.doubles[0])
        let exact = ((end - start) / step).rounded(.up)
        guard exact.isFinite, exact <= Double(Self.maximumExtent) else { throw fail("cannot count from \(start) to \(end) by \(step)") }
        let count = exact <= 0 ? 0 : Int(exact)
        let values = count <= Folded.maximumCount ? Folded(.floats((0..<count).map { start + Double($0) * step }), dims: [count]) : nil
        return [ValueFacts(type: type(0), dims: [count], folded: values)]
    }

    private func reshaped() throws(ONNXError) -> [Int]? {
        guard let x = dims(0) else { return nil }
        let asked: [Int]
        if opset < 5, let attribute = node.ints("shape") { asked = attribute } else {
            guard let known = ints(1) else { return nil }
            asked = known
        }
        let zeroMeansZero = node.int("allowzero") == 1
        var result = asked
        for (axis, extent) in asked.enumerated() where extent == 0 && !zeroMeansZero {
            guard axis < x.count else { throw fail("the shape \(asked) copies an axis that \(x) does not have") }
            result[axis] = x[axis]
        }
        let open = result.indices.filter { result[$0] == -1 }
        guard open.count <= 1, result.allSatisfy({ $0 >= -1 }) else { throw fail("\(asked) is not a shape") }
        if let axis = open.first {
            result.remove(at: axis)
            guard let known = product(of: result), let total = product(of: x), known > 0, total % known == 0 else {
                throw fail("the elements of \(x) do not fit \(asked)")
            }
            result.insert(total / known, at: axis)
        }
        return result
    }

    private func flattened() throws(ONNXError) -> [Int]? {
        guard let x = dims(0) else { return nil }
        let asked = node.int("axis") ?? 1
        let axis = asked < 0 ? asked &+ x.count : asked
        guard axis >= 0, axis <= x.count else { throw fail("axis \(asked) does not exist in an array of \(x.count) axes") }
        guard let rows = product(of: x.prefix(axis)), let columns = product(of: x.dropFirst(axis)) else { throw fail("\(x) is too large") }
        return [rows, columns]
    }

    /// The axes that `Squeeze` drops or `Unsqueeze` adds; `nil` when they are not known. `.some(nil)` means all of extent 1.
    func squeezeAxes(rank: Int) throws(ONNXError) -> [Int]?? {
        if opset < 13 {
            guard let named = node.ints("axes") else { return .some(nil) }
            return .some(try axes(named, rank: rank))
        }
        guard has(1) else { return .some(nil) }
        guard let named = ints(1) else { return nil }
        return .some(try axes(named, rank: rank))
    }

    private func squeezed() throws(ONNXError) -> [Int]? {
        guard let x = dims(0), let named = try squeezeAxes(rank: x.count) else { return nil }
        let dropped = named ?? x.indices.filter { x[$0] == 1 }
        for axis in dropped where x[axis] != 1 { throw fail("axis \(axis) has the extent \(x[axis]) and cannot be dropped") }
        return x.indices.filter { !dropped.contains($0) }.map { x[$0] }
    }

    /// The rank that `Unsqueeze` makes, and the axes that are new in it.
    func unsqueezeAxes() throws(ONNXError) -> (rank: Int, axes: [Int])? {
        guard let x = dims(0) else { return nil }
        let count: Int
        if opset < 13 { count = node.ints("axes")?.count ?? 0 } else {
            guard let known = ints(1) else { return nil }
            count = known.count
        }
        guard let named = try squeezeAxes(rank: x.count + count), let axes = named else { throw fail("has no axes") }
        return (x.count + count, axes)
    }

    private func unsqueezed() throws(ONNXError) -> [Int]? {
        guard let x = dims(0), let (rank, axes) = try unsqueezeAxes() else { return nil }
        var rest = x[...]
        return (0..<rank).map { axes.contains($0) ? 1 : rest.removeFirst() }
    }

    /// The order of axes of a `Transpose`: output axis i is input axis `permutation[i]`.
    func permutation(rank: Int) throws(ONNXError) -> [Int] {
        guard let named = node.ints("perm") else { return Array((0..<rank).reversed()) }
        guard named.count == rank, named.sorted() == Array(0..<rank) else { throw fail("\(named) is no order of \(rank) axes") }
        return named
    }

    private func transposed() throws(ONNXError) -> [ValueFacts]? {
        guard let x = dims(0) else { return nil }
        let order = try permutation(rank: x.count)
        let dims = order.map { x[$0] }
        var facts = ValueFacts(type: type(0), dims: dims)
        if let array = folded(0) {
            let strides = rowMajorStrides(x)
            facts.folded = array.picking(Self.coordinates(dims).map { zip($0, order).reduce(0) { $0 + $1.0 * strides[$1.1] } }, dims: dims)
        }
        return [facts]
    }

    /// All coordinates of an array in row-major order.
    private static func coordinates(_ dims: [Int]) -> [[Int]] {
        dims.contains(0) ? [] : dims.reduce([[]]) { partial, extent in partial.flatMap { head in (0..<extent).map { head + [$0] } } }
    }

    private func joined() throws(ONNXError) -> [ValueFacts]? {
        guard let first = dims(0) else { return nil }
        guard let named = node.int("axis") ?? (opset < 4 ? 1 : nil) else { throw fail("has no axis") }
        let axis = try axis(named, rank: first.count)
        var total = 0
        for index in node.inputs.indices {
            guard let x = dims(index) else { return nil }
            guard x.count == first.count, x.indices.allSatisfy({ $0 == axis || x[$0] == first[$0] }) else {
                throw fail("arrays of extents \(first) and \(x) cannot be joined along axis \(axis)")
            }
            total += x[axis]
        }
        var dims = first
        dims[axis] = total
        var facts = ValueFacts(type: type(0), dims: dims)
        if dims.count == 1 {
            let parts = node.inputs.indices.map { folded($0)?.ints }
            if !parts.contains(nil) { facts.folded = Folded(.ints(parts.compactMap(\.self).flatMap(\.self)), dims: dims) }
            else {
                let arrays = node.inputs.indices.compactMap { folded($0) }
                if arrays.count == node.inputs.count { facts.folded = Folded(.floats(arrays.flatMap(\.doubles)), dims: dims) }
            }
        }
        return [facts]
    }

    private func split() throws(ONNXError) -> [ValueFacts]? {
        guard let x = dims(0), let (axis, sizes) = try splitParts() else { return nil }
        var start = 0
        return sizes.map { size in
            var dims = x
            dims[axis] = size
            defer { start += size }
            let values = x.count == 1 ? folded(0)?.picking(Array(start..<(start + size)), dims: dims) : nil
            return ValueFacts(type: type(0), dims: dims, folded: values)
        }
    }

    private func sliced() throws(ONNXError) -> [ValueFacts]? {
        guard let x = dims(0), let ranges = try sliceRanges() else { return nil }
        let dims = ranges.map(\.count)
        var facts = ValueFacts(type: type(0), dims: dims)
        if let array = folded(0) {
            let strides = rowMajorStrides(x)
            let indices = Self.coordinates(dims).map { coordinate in
                coordinate.indices.reduce(0) { $0 + (ranges[$1].start + ranges[$1].step * coordinate[$1]) * strides[$1] }
            }
            facts.folded = array.picking(indices, dims: dims)
        }
        return [facts]
    }

    private func expanded() throws(ONNXError) -> [ValueFacts]? {
        guard let x = dims(0), let shape = ints(1) else { return nil }
        guard shape.allSatisfy({ $0 >= 0 }) else { throw fail("\(shape) is not a shape") }
        let dims = try broadcast([x, shape])
        var facts = ValueFacts(type: type(0), dims: dims)
        if let array = folded(0), let indices = Folded.broadcastIndices(from: x, to: dims) { facts.folded = array.picking(indices, dims: dims) }
        return [facts]
    }

    private func tiled() throws(ONNXError) -> [ValueFacts]? {
        guard let x = dims(0), let repeats = ints(1) else { return nil }
        guard repeats.count == x.count, repeats.allSatisfy({ $0 >= 0 }) else { throw fail("cannot repeat \(x) by \(repeats)") }
        var dims: [Int] = []
        for (extent, times) in zip(x, repeats) {
            guard let size = product(of: [extent, times]) else { throw fail("cannot repeat \(x) by \(repeats)") }
            dims.append(size)
        }
        var facts = ValueFacts(type: type(0), dims: dims)
        if let array = folded(0), let count = product(of: dims), count <= Folded.maximumCount {
            let strides = rowMajorStrides(x)
            facts.folded = array.picking(Self.coordinates(dims).map { c in c.indices.reduce(0) { $0 + (c[$1] % x[$1]) * strides[$1] } }, dims: dims)
        }
        return [facts]
    }

    private func gathered() throws(ONNXError) -> [ValueFacts]? {
        guard let x = dims(0), let picks = dims(1) else { return nil }
        let axis = try axis(node.int("axis") ?? 0, rank: x.count)
        let dims = Array(x.prefix(axis)) + picks + Array(x.dropFirst(axis + 1))
        var facts = ValueFacts(type: type(0), dims: dims)
        if let indices = ints(1) {
            let extent = x[axis]
            for index in indices where index < -extent || index >= extent { throw fail("index \(index) is outside an axis of \(extent)") }
            if let array = folded(0), x.count == 1 { facts.folded = array.picking(indices.map { $0 < 0 ? $0 + extent : $0 }, dims: dims) }
        }
        return [facts]
    }

    private func gatheredByTuples() throws(ONNXError) -> [ValueFacts]? {
        guard let x = dims(0), let tuples = dims(1), let width = tuples.last else { return nil }
        let batch = node.int("batch_dims") ?? 0
        guard batch >= 0, batch < tuples.count, width >= 0, batch + width <= x.count else { throw fail("\(tuples) does not index \(x)") }
        return [ValueFacts(type: type(0), dims: Array(tuples.dropLast()) + Array(x.dropFirst(batch + width)))]
    }

    private func topK() throws(ONNXError) -> [ValueFacts]? {
        guard var dims = dims(0) else { return nil }
        let axis = try axis(node.int("axis") ?? -1, rank: dims.count)
        guard let count = opset < 10 ? node.int("k") : ints(1)?.first else { return nil }
        guard count >= 0, count <= dims[axis] else { throw fail("cannot take \(count) of \(dims[axis])") }
        dims[axis] = count
        return [ValueFacts(type: type(0), dims: dims), ValueFacts(type: .int64, dims: dims)]
    }
}
