/// Why an inference engine could not do what was asked.
///
/// `message` is one finished text: what failed, why, and what to try. It carries no trailing newline and no source positions of the engine.
public struct EngineError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What a caller may want to tell apart.
    public enum Kind: Sendable, Hashable {
        /// No engine library in any of the places looked at.
        case notFound
        /// A library was found but cannot be loaded or is of a version that cannot be used.
        case cannotLoad
        /// The model uses operators that the engine does not have: their names, sorted.
        case unsupported(operators: [String])
        /// The bytes are not a model that the engine can read.
        case invalidModel
        /// An input, output or shape does not fit the model.
        case mismatch
        /// The device, or the precision asked of it, is not to be had on this machine.
        case unavailable
        /// The engine could not allocate what the model at these shapes needs.
        case outOfMemory
        /// Anything else that the engine reported.
        case failed
    }

    public let kind: Kind
    public let message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}
