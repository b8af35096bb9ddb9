public import Vips

extension StageError {
    /// Something that the host itself found wrong while it applied a stage.
    public static func host(_ message: String, stage: String = "", code: Code = .internal, parameter: String? = nil) -> StageError {
        StageError(code: code, stage: stage, plugin: "", parameter: parameter, message: message)
    }

    /// What libvips said.
    public static func vips(_ error: VipsError) -> StageError {
        .host(error.description)
    }
}
