/// The elements of a small constant array, as found by folding.
///
/// Networks compute sizes with their own operators (`Shape`, `Gather`, `Mul`, `Concat`, ... then `Reshape`); shapes can only be known by doing the
/// same. Integers stay integers, since their division is another.
struct Folded: Hashable, Sendable {
    enum Values: Hashable, Sendable {
        case ints([Int])
        case floats([Double])
    }

    /// Arrays with more elements are not folded: sizes are computed on few, and weights are not looked into.
    static let maximumCount = 1 << 14

    let dims: [Int]
    let values: Values

    /// `nil` when the values are not as many as the extents say, or too many.
    init?(_ values: Values, dims: [Int]) {
        let count = switch values {
        case .ints(let ints): ints.count
        case .floats(let floats): floats.count
        }
        guard count <= Self.maximumCount, product(of: dims) == count else { return nil }
        self.dims = dims
        self.values = values
    }

    /// `nil` for a type without numbers, or more than `maximumCount` elements.
    init?(_ tensor: Tensor) {
        if tensor.elementType.isInteger, let ints = tensor.integers(limit: Self.maximumCount) {
            self.init(.ints(ints), dims: tensor.dims)
        } else if let floats = tensor.doubles(limit: Self.maximumCount) {
            self.init(.floats(floats), dims: tensor.dims)
        } else {
            return nil
        }
    }

    var count: Int {
        switch values {
        case .ints(let ints): ints.count
        case .floats(let floats): floats.count
        }
    }

    var ints: [Int]? {
        if case .ints(let ints) = values { ints } else { nil }
    }

    var doubles: [Double] {
        switch values {
        case .ints(let ints): ints.map(Double.init)
        case .floats(let floats): floats
        }
    }

    /// Whether every element is the same number.
    var isUniform: Bool {
        switch values {
        case .ints(let ints): ints.allSatisfy { $0 == ints.first }
        case .floats(let floats): floats.allSatisfy { $0 == floats.first }
        }
    }

    func reshaped(_ dims: [Int]) -> Folded? {
        Folded(values, dims: dims)
    }

    /// The array of the elements at `indices` of this one's row-major order.
    func picking(_ indices: [Int], dims: [Int]) -> Folded? {
        guard indices.allSatisfy({ $0 >= 0 && $0 < count }) else { return nil }
        return switch values {
        case .ints(let ints): Folded(.ints(indices.map { ints[$0] }), dims: dims)
        case .floats(let floats): Folded(.floats(indices.map { floats[$0] }), dims: dims)
        }
    }
}

extension Folded {
    /// The row-major index, within an array of extents `source`, of every element of an array of extents `target` that it is broadcast to.
    static func broadcastIndices(from source: [Int], to target: [Int]) -> [Int]? {
        guard let count = product(of: target), count <= maximumCount, source.count <= target.count else { return nil }
        let strides = rowMajorStrides(source)
        let offset = target.count - source.count
        guard source.indices.allSatisfy({ source[$0] == 1 || source[$0] == target[$0 + offset] }) else { return nil }
        return (0..<count).map { flat in
            var rest = flat
            var index = 0
            for axis in target.indices.reversed() {
                let coordinate = rest % target[axis]
                rest /= target[axis]
                if axis >= offset, source[axis - offset] != 1 { index += coordinate * strides[axis - offset] }
            }
            return index
        }
    }

    /// Element by element, with broadcasting to `dims`; `nil` where the operation has no exact result.
    static func combine(_ a: Folded, _ b: Folded, dims: [Int], ints: (Int, Int) -> Int?, floats: (Double, Double) -> Double?) -> Folded? {
        guard let left = broadcastIndices(from: a.dims, to: dims), let right = broadcastIndices(from: b.dims, to: dims) else { return nil }
        if case .ints(let x) = a.values, case .ints(let y) = b.values {
            let results = zip(left, right).map { ints(x[$0], y[$1]) }
            return results.contains(nil) ? nil : Folded(.ints(results.compactMap(\.self)), dims: dims)
        }
        let (x, y) = (a.doubles, b.doubles)
        let results = zip(left, right).map { floats(x[$0], y[$1]) }
        return results.contains(nil) ? nil : Folded(.floats(results.compactMap(\.self)), dims: dims)
    }

    /// Element by element; `nil` where the operation has no exact result.
    func map(ints: (Int) -> Int?, floats: (Double) -> Double?) -> Folded? {
        switch values {
        case .ints(let values):
            let results = values.map(ints)
            return results.contains(nil) ? nil : Folded(.ints(results.compactMap(\.self)), dims: dims)
        case .floats(let values):
            let results = values.map(floats)
            return results.contains(nil) ? nil : Folded(.floats(results.compactMap(\.self)), dims: dims)
        }
    }
}

/// The distance in a row-major array between neighbours along each axis. The extents' product must fit an `Int`.
func rowMajorStrides(_ dims: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: dims.count)
    for axis in dims.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] &* dims[axis + 1] }
    return strides
}
