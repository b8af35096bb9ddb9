/// The element types of network inputs and outputs that the engine converts from and to `Float`.
public enum ElementType: String, Sendable, Hashable, CaseIterable {
    case bool, bf16, f16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64

    public var byteCount: Int {
        switch self {
        case .bool, .i8, .u8: 1
        case .bf16, .f16, .i16, .u16: 2
        case .f32, .i32, .u32: 4
        case .f64, .i64, .u64: 8
        }
    }
}

/// A dense tensor of `Float` in row-major order.
///
/// Whatever element type the network itself has, values cross the module's boundary as `Float`: integers beyond 2^24 lose their last digits.
public struct TensorData: Sendable, Hashable {
    /// The extents, outermost first. A scalar has none.
    public let shape: [Int]
    /// `shape`'s product of values.
    public let values: [Float]

    /// - Throws: `EngineError.mismatch` where the number of values is not the shape's product, or an extent is negative.
    public init(shape: [Int], values: [Float]) throws(EngineError) {
        guard let count = elementCount(of: shape), count == values.count else {
            throw EngineError(.mismatch, "a tensor of shape \(shapeText(shape)) cannot hold \(values.count) values")
        }
        self.shape = shape
        self.values = values
    }
}

/// One input or output of a network.
public struct NetworkPort: Sendable, Hashable {
    /// A name that `CompileRequest`, `run` and `shape(ofOutput:)` take.
    public let name: String
    /// The extents, outermost first, `nil` where the model leaves one open; `nil` altogether where not even their number is known.
    public let shape: [Int?]?
    public let elementType: ElementType

    public init(name: String, shape: [Int?]?, elementType: ElementType) {
        self.name = name
        self.shape = shape
        self.elementType = elementType
    }

    /// The shape, where every extent is known.
    public var fixedShape: [Int]? {
        guard let shape else { return nil }
        let known = shape.compactMap { $0 }
        return known.count == shape.count ? known : nil
    }
}

/// What a model takes and gives, read from the model alone.
public struct NetworkInterface: Sendable, Hashable {
    public let inputs: [NetworkPort]
    public let outputs: [NetworkPort]

    public init(inputs: [NetworkPort], outputs: [NetworkPort]) {
        self.inputs = inputs
        self.outputs = outputs
    }
}

/// The product of `shape`, or nil where an extent is negative or the product does not fit an `Int`.
func elementCount(of shape: [Int]) -> Int? {
    var count = 1
    for extent in shape {
        guard extent >= 0 else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: extent)
        guard !overflow else { return nil }
        count = product
    }
    return count
}

/// `[1, 3, ?, ?]`, as messages show a shape.
func shapeText(_ shape: [Int?]?) -> String {
    guard let shape else { return "[...]" }
    return "[" + shape.map { extent in extent.map { String($0) } ?? "?" }.joined(separator: ", ") + "]"
}

/// `[1, 3, 64, 64]`, as messages show a shape.
func shapeText(_ shape: [Int]) -> String {
    shapeText(shape.map { Optional($0) })
}
