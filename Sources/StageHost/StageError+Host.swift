public import Vips

extension StageError {
    /// Something that the host itself found wrong while it applied a stage.
    public static func host(_ message: String, stage: String = "", code: Code = .internal, parameter: String? = nil) -> StageError {
        StageError(code: code, stage: stage, plugin: "", parameter: parameter, message: message)
    }

    /// NaN or infinity that a network was given, not one that it made.
    static func notFinite(inputAt place: (x: Int, y: Int), of stage: String) -> StageError {
        .host("the picture that goes into it holds NaN or infinity at (\(place.x), \(place.y)): the file has it, or a stage before made it", stage: stage, code: .notFinite)
    }

    /// What libvips said.
    public static func vips(_ error: VipsError) -> StageError {
        .host(error.description)
    }
}
