internal import CAquatintPlugin

/// Why a stage cannot do what it was asked.
///
/// The only error type that a stage throws. The SDK hands it to the host as an `aqt_error`; no Swift error crosses the
/// library's boundary. Say in `message` what failed, on what, and what to try; the host adds the stage's and the
/// plug-in's name. The host keeps the first 439 bytes, so put the gist first.
public struct StageError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of failure it was. The host chooses from it what happens next.
    public enum Code: Int32, Sendable, Hashable {
        /// A parameter's value cannot be used.
        case parameter = -1
        /// An image's size or band count cannot be used.
        case geometry = -2
        /// Memory could not be had.
        case memory = -3
        /// A file could not be read.
        case io = -4
        /// The host asked to stop.
        case cancelled = -5
        /// Something that the stage does not do.
        case unsupported = -6
        /// A fault of the stage itself.
        case `internal` = -7
    }

    /// The kind of failure.
    public var code: Code
    /// The parameter at fault, if one is.
    public var parameter: String?
    /// What failed, why, and what to try. One line, no full stop.
    public var message: String

    public init(_ code: Code, _ message: String, parameter: String? = nil) {
        self.code = code
        self.parameter = parameter
        self.message = message
    }

    /// The value of `parameter` cannot be used.
    public static func parameter(_ parameter: String, _ message: String) -> StageError {
        StageError(.parameter, message, parameter: parameter)
    }

    /// The size or the band count of an input cannot be used.
    public static func geometry(_ message: String) -> StageError { StageError(.geometry, message) }

    /// A file could not be read. `parameter` is the one that named it.
    public static func io(_ message: String, parameter: String? = nil) -> StageError {
        StageError(.io, message, parameter: parameter)
    }

    /// The stage does not do this.
    public static func unsupported(_ message: String) -> StageError { StageError(.unsupported, message) }

    /// The stage itself is at fault.
    public static func `internal`(_ message: String) -> StageError { StageError(.internal, message) }

    /// The host gave the image up.
    public static var cancelled: StageError { StageError(.cancelled, "cancelled") }

    public var description: String {
        parameter.map { "\($0): \(message)" } ?? message
    }
}
