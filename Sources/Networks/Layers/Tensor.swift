internal import ONNX

/// A symbolic map of [1, channels, H, W], H and W known only when the network runs: what modules take and return.
public struct Tensor {
    public let channels: Int
    let value: Value

    init(_ value: Value, channels: Int) {
        self.value = value
        self.channels = channels
    }

    var trace: Trace { value.trace }

    /// The product, element by element; one of one channel multiplies each channel of the other.
    public static func * (left: Tensor, right: Tensor) throws(NetworkError) -> Tensor {
        Tensor(left.value * right.value, channels: try joint(left, right, "multiplied"))
    }

    /// The sum, element by element; one of one channel is added to each channel of the other.
    public static func + (left: Tensor, right: Tensor) throws(NetworkError) -> Tensor {
        Tensor(left.value + right.value, channels: try joint(left, right, "added"))
    }

    private static func joint(_ left: Tensor, _ right: Tensor, _ joined: String) throws(NetworkError) -> Int {
        guard left.channels == right.channels || left.channels == 1 || right.channels == 1 else {
            throw .architecture("maps of \(left.channels) and \(right.channels) channels cannot be \(joined)")
        }
        return max(left.channels, right.channels)
    }

    /// An operator that works on each number by itself.
    func map(_ operation: String, _ attributes: [String: Attribute] = [:]) -> Tensor {
        Tensor(trace.node(operation, [value], attributes), channels: channels)
    }

    func expectChannels(_ expected: Int, for module: some Module) throws(NetworkError) {
        guard channels == expected else { throw .architecture("\(module) takes \(expected) channels, and was given \(channels)") }
    }
}

extension Tensor {
    /// The map as [1, 1, H*W, channels]: one row per position y*W + x.
    ///
    /// The channels go last *before* the positions are joined. The other order of these two steps is the same array, but it puts
    /// the transposition next to the attention, where OpenVINO 2026.4 folds it into the product of queries and keys and then no longer
    /// recognises the whole: at 128 x 128 x 32 it ran in 1.1 GB instead of 134 MB, with the N x N matrix in memory.
    var positions: Value {
        value.transposed(0, 2, 3, 1).reshaped(to: trace.integers([1, 1, -1, channels]))
    }

    /// The inverse of `positions`, for a map of the height and width of `other`.
    init(positions: Value, sizeOf other: Tensor, channels: Int) {
        let trace = positions.trace
        let shape = trace.concatenated([trace.integers([1]), other.size, trace.integers([channels])])
        self.init(positions.reshaped(to: shape).transposed(0, 3, 1, 2), channels: channels)
    }

    /// [H, W].
    var size: Value { trace.node("Shape", [value], ["start": .int(2), "end": .int(4)]) }
}
