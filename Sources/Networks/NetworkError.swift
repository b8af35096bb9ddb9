/// Why a module could not be made into a network.
public enum NetworkError: Error, Sendable, CustomStringConvertible {
    /// The weights file cannot be read, or is not one of this module.
    case weights(WeightsError)
    /// The module itself cannot be: widths that do not fit each other.
    case architecture(String)
    /// The graph that the modules made is not a valid ONNX model.
    case graph(String)

    public var description: String {
        switch self {
        case .weights(let error): error.description
        case .architecture(let message), .graph(let message): message
        }
    }

    /// The message in at most `maximumBytes` bytes of UTF-8, see ``WeightsError/summary(maximumBytes:)``.
    public func summary(maximumBytes: Int) -> String {
        switch self {
        case .weights(let error): error.summary(maximumBytes: maximumBytes)
        case .architecture(let message), .graph(let message): message.prefix(utf8Count: maximumBytes)
        }
    }
}
