/// Why a graph could not be read, built, written or sized.
///
/// `message` is one or two sentences for a person: what is wrong, where, and where it helps what to try.
public struct ONNXError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What failed and why, without the name of the node.
    public let message: String

    /// The node at fault, as `name (Op)` or `#12 (Op)` when it has no name; `nil` when the fault lies in no single node.
    public let node: String?

    public init(_ message: String, node: String? = nil) {
        self.message = message
        self.node = node
    }

    public var description: String {
        node.map { "node \($0): \(message)" } ?? message
    }
}
