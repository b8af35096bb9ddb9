internal import ONNX

/// What makes one map of several.
enum Join: Sendable {
    /// Their sum.
    case add
    /// Their product, element by element.
    case multiply
    /// The channels of all, one after the other.
    case concat

    /// Throws where channels do not fit: maps are added and multiplied channel by channel, or one of one channel with each channel.
    func callAsFunction(_ maps: [Tensor]) throws(NetworkError) -> Tensor {
        guard var result = maps.first else { throw .architecture("nothing to join") }
        switch self {
        case .add: for map in maps.dropFirst() { result = try result + map }
        case .multiply: for map in maps.dropFirst() { result = try result * map }
        case .concat:
            let value = result.trace.concatenated(maps.map(\.value), axis: 1)
            result = Tensor(value, channels: maps.map(\.channels).reduce(0, +))
        }
        return result
    }
}
