/// What is known of one value of a graph, for given sizes of its inputs.
struct ValueFacts: Sendable, Hashable {
    var type: ElementType?
    /// `nil` when the extents could not be found.
    var dims: [Int]?
    /// The elements, where the value is a small constant, or computed from sizes and constants alone.
    var folded: Folded?

    static let unknown = ValueFacts()
}

/// A node with what is known of its inputs: all that a shape rule reads.
struct NodeContext {
    /// An extent beyond this is refused: no image or feature map has it, and products with `maximumAttribute` stay far from overflow.
    static let maximumExtent = 1 << 31
    /// The largest kernel, stride, dilation or padding.
    static let maximumAttribute = 1 << 24

    let node: Node
    let opset: Int
    let inputs: [ValueFacts?]

    func has(_ index: Int) -> Bool { node.input(index) != nil }

    func dims(_ index: Int) -> [Int]? {
        inputs.indices.contains(index) ? inputs[index]?.dims : nil
    }

    func type(_ index: Int) -> ElementType? {
        inputs.indices.contains(index) ? inputs[index]?.type : nil
    }

    func folded(_ index: Int) -> Folded? {
        inputs.indices.contains(index) ? inputs[index]?.folded : nil
    }

    /// The elements of a folded integer input.
    func ints(_ index: Int) -> [Int]? { folded(index)?.ints }

    func fail(_ message: String) -> ONNXError { ONNXError(message, node: node.label) }

    /// An axis as ONNX counts it: from the end where negative.
    func axis(_ axis: Int, rank: Int) throws(ONNXError) -> Int {
        let counted = axis < 0 ? axis &+ rank : axis
        guard counted >= 0, counted < rank else { throw fail("axis \(axis) does not exist in an array of \(rank) axes") }
        return counted
    }

    /// Distinct axes, counted from the front.
    func axes(_ axes: [Int], rank: Int) throws(ONNXError) -> [Int] {
        var counted: [Int] = []
        for value in axes {
            let axis = try axis(value, rank: rank)
            guard !counted.contains(axis) else { throw fail("axis \(value) is named twice") }
            counted.append(axis)
        }
        return counted
    }

    /// The extents that arrays broadcast to (Broadcasting.md, "Multidirectional").
    func broadcast(_ shapes: [[Int]]) throws(ONNXError) -> [Int] {
        let rank = shapes.map(\.count).max() ?? 0
        var result = [Int](repeating: 1, count: rank)
        for shape in shapes {
            for (axis, extent) in zip((rank - shape.count)..<rank, shape) where extent != 1 {
                guard result[axis] == 1 || result[axis] == extent else {
                    throw fail("arrays of extents \(shapes.map(\.description).joined(separator: " and ")) do not fit together")
                }
                result[axis] = extent
            }
        }
        return result
    }

    /// An attribute that sizes a window: one number per spatial axis, each in range.
    func perAxis(_ name: String, count: Int, minimum: Int, fallback: Int) throws(ONNXError) -> [Int] {
        guard let values = node.ints(name) else { return Array(repeating: fallback, count: count) }
        guard values.count == count else { throw fail("\(name) has \(values.count) numbers; \(count) are needed") }
        for value in values where value < minimum || value > Self.maximumAttribute {
            throw fail("\(name) has the value \(value), which is out of range")
        }
        return values
    }
}
