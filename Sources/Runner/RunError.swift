/// What ends a run, or a command, before or instead of its images: with the exit status that scripts rely on.
public struct RunError: Error, Sendable, Codable, CustomStringConvertible {
    public let status: ExitStatus
    public let message: String
    /// What to try, in one sentence without a full stop, or nil.
    public let hint: String?

    public init(_ status: ExitStatus, _ message: String, hint: String? = nil) {
        self.status = status
        self.message = message
        self.hint = hint
    }

    public var description: String { hint.map { "\(message) (\($0))" } ?? message }
}

/// The exit statuses of `aquatint`: those of `sysexits.h` where it has one. Thrown where everything was said already.
public enum ExitStatus: Int32, Error, Sendable, Codable {
    /// All done, or nothing to do.
    case done = 0
    /// The run finished, but some images failed.
    case someFailed = 1
    case usage = 64
    case invalidPipeline = 65
    case inputMissing = 66
    /// A plug-in, a model or the inference engine is unavailable.
    case unavailable = 69
    case cannotCreateOutput = 73
    /// An I/O error that stops the run, such as a full disk.
    case inputOutput = 74
    case interrupted = 130
    case terminated = 143
}
