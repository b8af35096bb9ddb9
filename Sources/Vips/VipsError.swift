/// What libvips, or a check made before libvips was asked, had to say about a call that failed.
public struct VipsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The nickname of the operation that failed (`"jpegload"`), where one was involved.
    public let operation: String?

    /// One line: what failed, why, and where possible what to try. It does not repeat the operation's name.
    public let message: String

    public init(operation: String? = nil, message: String) {
        self.operation = operation
        self.message = message
    }

    public var description: String {
        guard let operation else { return message }
        return "\(operation): \(message)"
    }
}
