internal import Vips

/// Pictures that networks and plug-ins have made, for libvips' operations that mean another thing with floats.
///
/// The host keeps what networks make as floats on the scale of the input's integers, so that a next stage loses nothing. Most operations do not mind. But `invert` of a
/// float is its negative, `gamma` takes its white for 1, `embed` has a white of 255, colour profiles are applied at 8 bits, and histograms refuse it: for those, the
/// picture becomes again what it would be as a file, integers of its depth.
enum WholeSamples {
    /// On results of networks and plug-ins. A float that libvips' own stages have made stays as libvips makes it.
    static let field = "aquatint-made-by-stage"

    static let operations: Set<String> = [
        "invert", "gamma", "icc_transform", "icc_import", "icc_export", "embed", "gravity", "cast", "hist_local", "hist_equal", "hist_norm", "hist_find", "hist_find_ndim",
        "hist_find_indexed", "hist_entropy", "hist_plot", "stdif", "msb", "maplut", "percent", "morph", "boolean", "boolean_const", "bandbool",
    ]

    /// The image as `operation` is to get it.
    static func settled(_ image: Image, for operation: String) throws(StageError) -> Image {
        guard operations.contains(operation), image.format.isFloat, image.int(field) != nil, let white = image.pictureFullScale, white == 255 || white == 65535 else { return image }
        let raised = try VipsStage.unary("linear", image, ["a": .doubles([1]), "b": .doubles([0.5])])
        let whole = try VipsStage.unary("cast", raised, ["format": white == 255 ? "uchar" : "ushort"])
        let deep: [Interpretation: Interpretation] = [.srgb: .rgb16, .blackAndWhite: .grey16]
        guard white == 65535, let space = deep[whole.interpretation] else { return whole }
        return try VipsStage.unary("copy", whole, ["interpretation": .string(space.rawValue)])
    }
}
