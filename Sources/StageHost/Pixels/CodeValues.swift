internal import PipelineLanguage
internal import Vips

/// libvips' operations that mean code values, and make nothing sensible of light, whose white is 1: they count or look up whole numbers, have a white of 255, or go down to 8 bits where a
/// picture is not of 16. They get light as a network does, as code values at 16 bits (`ManagedColour`), and it becomes light again when it is saved.
enum CodeValues {
    private static let operations: Set<String> = [
        "invert", "hist_local", "hist_equal", "hist_norm", "hist_find", "hist_find_ndim", "hist_find_indexed", "hist_entropy", "percent", "stdif", "maplut", "falsecolour", "scale", "msb", "morph",
        "boolean", "boolean_const", "bandbool", "icc_transform", "icc_import", "icc_export", "composite", "composite2",
    ]

    static func areMeant(by operation: String, _ arguments: [String: Value]) -> Bool {
        // The other edges are pixels of the picture, black, or numbers that the pipeline gives.
        operations.contains(operation) || (operation == "embed" || operation == "gravity") && arguments["extend"] == .string("white")
    }

    /// Operations that take floats without a white for code values of 8 bits: of numbers from 0 to 1 they make black.
    private static let needWhite: Set<String> = ["sharpen", "hist_equal", "composite", "composite2"]

    /// Throws where an operation would take numbers that are no picture for one.
    static func check(_ image: Image, for operation: String) throws(StageError) {
        guard needWhite.contains(operation), image.format.isFloat, image.interpretation == .blackAndWhite, PictureScale(of: image) == .data else { return }
        throw .host("works on code values, and these floats are data without a white: bring them to 0..255 or 0..65535 and make whole numbers of them before "
            + "(linear: {a: 65535, b: 0}, cast: ushort, copy: {interpretation: grey16})", stage: operation)
    }
}
