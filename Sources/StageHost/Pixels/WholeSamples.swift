internal import CSamples
public import Vips

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
        let whole: Image
        do { whole = try image.rounded(to: white == 255 ? .uchar : .ushort) } catch { throw .vips(error) }
        let deep: [Interpretation: Interpretation] = [.srgb: .rgb16, .blackAndWhite: .grey16]
        guard white == 65535, let space = deep[whole.interpretation] else { return whole }
        return try VipsStage.unary("copy", whole, ["interpretation": .string(space.rawValue)])
    }
}

extension Image {
    /// A picture of floats as integers: rounded half up, and clipped. What is not a number becomes 0.
    ///
    /// - Parameter format: `uchar` or `ushort`.
    public func rounded(to format: BandFormat) throws(VipsError) -> Image {
        guard self.format == .float else {
            let raised = try Operation.image("linear", ["in": .image(self), "a": .doubles([1]), "b": .doubles([0.5])])
            return try Operation.image("cast", ["in": .image(raised), "format": .string(format.rawValue)])
        }
        // libvips takes three times as long for the two in a row.
        let header = GeneratedHeader(width: width, height: height, bands: bands, format: format, interpretation: interpretation, demand: .any)
        let bands = bands
        return try Image.generated(header, from: [self]) { area, output, inputs in
            try inputs.withPixels(of: 0, in: area) { base, rowStride in
                for row in 0..<area.height {
                    let from = (base + row * rowStride).assumingMemoryBound(to: Float.self), to = output.base + row * output.rowStride
                    if format == .uchar {
                        aqt_bytes_of_floats(from, to.assumingMemoryBound(to: UInt8.self), area.width * bands)
                    } else {
                        aqt_words_of_floats(from, to.assumingMemoryBound(to: UInt16.self), area.width * bands)
                    }
                }
            }
        }
    }
}
