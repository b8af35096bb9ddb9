internal import CAquatintPlugin

/// What went wrong in a call into a plug-in: what a stage reported, or what the host found wrong with its answer.
public struct StageError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of failure of the plug-in interface.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        case parameter, geometry, memory, io, cancelled, unsupported, `internal`
        /// The stage gave NaN or infinity. Found by the host.
        case notFinite

        init(result: Int32) {
            switch Int(result) {
            case AQT_E_PARAM: self = .parameter
            case AQT_E_GEOMETRY: self = .geometry
            case AQT_E_MEMORY: self = .memory
            case AQT_E_IO: self = .io
            case AQT_E_CANCELLED: self = .cancelled
            case AQT_E_UNSUPPORTED: self = .unsupported
            default: self = .internal
            }
        }
    }

    /// The kind of failure.
    public var code: Code
    /// The id of the stage, or an empty text where a whole plug-in failed.
    public var stage: String
    /// The name of the plug-in.
    public var plugin: String
    /// The parameter at fault, if one is.
    public var parameter: String?
    /// What failed and why: one line.
    public var message: String

    public init(code: Code, stage: String, plugin: String, parameter: String? = nil, message: String) {
        self.code = code
        self.stage = stage
        self.plugin = plugin
        self.parameter = parameter
        self.message = message
    }

    /// `halftone: cell: must be ...`, the plug-in's name in front where there is no stage.
    public var description: String {
        [stage.isEmpty ? plugin : stage, parameter ?? "", message].filter { !$0.isEmpty }.joined(separator: ": ")
    }
}
