import Foundation

/// Counts a file's messages and texts before they are decoded.
///
/// An empty message takes two bytes in the file and hundreds once decoded, so a small hostile file could ask for all the memory of the
/// machine. Real models have some thousand nodes; this walks the file without decoding and refuses one with more than `limit` parts.
/// What is malformed is left to the decoder, which tells it better.
struct MessageCensus {
    static let limit = 1_000_000

    static func check(_ data: Data) throws(ONNXError) {
        let count = data.withUnsafeBytes { bytes in
            var census = MessageCensus(bytes: bytes)
            census.walk(0..<bytes.count, as: .model, depth: 0)
            return census.count
        }
        guard count <= limit else { throw ONNXError("the model has more than \(limit) parts, which no real network needs") }
    }

    /// The messages of onnx.proto, and by field number what each holds. `leaf` is a text, or a message without messages.
    private enum Kind {
        case model, graph, node, attribute, function, training, tensor, sparseTensor, valueInfo, type, tensorType, shape, annotation
        case deviceConfiguration, sharding, shardedDim, leaf

        func kind(of field: UInt64) -> Kind? {
            switch (self, field) {
            case (.model, 7), (.training, 1), (.training, 2), (.attribute, 6), (.attribute, 11): .graph
            case (.model, 8), (.model, 14), (.model, 26), (.training, 3), (.training, 4): .leaf
            case (.model, 20): .training
            case (.model, 25): .function
            case (.function, 7), (.graph, 1): .node
            case (.function, 11), (.node, 5): .attribute
            case (.function, 4), (.function, 5), (.function, 6), (.function, 9), (.function, 14): .leaf
            case (.function, 12), (.graph, 11), (.graph, 12), (.graph, 13): .valueInfo
            case (.graph, 5), (.attribute, 5), (.attribute, 10), (.sparseTensor, 1), (.sparseTensor, 2): .tensor
            case (.graph, 14): .annotation
            case (.graph, 15), (.attribute, 22), (.attribute, 23): .sparseTensor
            case (.graph, 16), (.node, 1), (.node, 2), (.node, 9), (.attribute, 9): .leaf
            case (.node, 10): .deviceConfiguration
            case (.attribute, 14), (.attribute, 15), (.valueInfo, 2): .type
            case (.tensor, 3), (.tensor, 6), (.tensor, 13), (.tensor, 16), (.valueInfo, 4), (.annotation, 2): .leaf
            case (.type, 1), (.type, 8): .tensorType
            // Sequence, Map and Optional hold their element's type in field 1 or 2: read as another value's declaration.
            case (.type, 4), (.type, 5), (.type, 9): .type
            case (.tensorType, 2): .shape
            case (.type, 2), (.shape, 1): .leaf
            case (.deviceConfiguration, 2): .sharding
            case (.sharding, 3): .leaf
            case (.sharding, 4): .shardedDim
            case (.shardedDim, 2): .leaf
            default: nil
            }
        }
    }

    private let bytes: UnsafeRawBufferPointer
    private(set) var count = 0

    private init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    private mutating func walk(_ range: Range<Int>, as kind: Kind, depth: Int) {
        guard depth < Model.maximumDepth else { return }
        var at = range.lowerBound
        while at < range.upperBound, count <= Self.limit {
            guard let key = varint(&at, end: range.upperBound) else { return }
            switch key & 7 {
            case 0:
                guard varint(&at, end: range.upperBound) != nil else { return }
            case 1: at += 8
            case 5: at += 4
            case 2:
                guard let length = varint(&at, end: range.upperBound), length <= UInt64(range.upperBound - at) else { return }
                let inner = at..<(at + Int(length))
                at = inner.upperBound
                guard let innerKind = kind.kind(of: key >> 3) else { continue }
                count += 1
                if innerKind != .leaf { walk(inner, as: innerKind, depth: depth + 1) }
            // Groups are unknown to onnx.proto; their fields are counted as if they stood outside.
            default: continue
            }
        }
    }

    private func varint(_ at: inout Int, end: Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while at < end, shift < 64 {
            let byte = bytes[at]
            at += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        return nil
    }
}
