internal import Vips

/// A picture laid on a colour, for a format that holds no alpha.
enum Flattening {
    /// - Parameters:
    ///   - background: red, green and blue from 0 to 255, of the picture's own colours where it has a profile.
    ///   - white: full scale of the picture.
    /// - Returns: floats on the scale of the picture.
    static func applied(_ image: Image, background: [Double], white: Double) throws(VipsError) -> Image {
        let float = try Operation.image("cast", ["in": .image(image), "format": "float"])
        return try Operation.image("flatten", [
            "in": .image(float), "background": .doubles(try samples(of: background, in: image.interpretation, white)), "max_alpha": .double(white),
        ])
    }

    /// The colour as the samples of a picture in that space.
    private static func samples(of colour: [Double], in space: Interpretation, _ white: Double) throws(VipsError) -> [Double] {
        switch space {
        case .srgb, .rgb, .rgb16: return colour.map { $0 * white / 255 }
        case .blackAndWhite, .grey16: return try converted(colour, to: .blackAndWhite).map { $0 * white / 255 }
        default: return try converted(colour, to: space)
        }
    }

    private static func converted(_ colour: [Double], to space: Interpretation) throws(VipsError) -> [Double] {
        let bytes = colour.map { UInt8(min(max($0.rounded(), 0), 255)) }
        let pixel = try Image.samples(bytes, width: 1, height: 1, bands: 3, format: .uchar, interpretation: .srgb)
        let there = try Operation.image("colourspace", ["in": .image(pixel), "space": .string(space.rawValue)])
        guard case .doubles(let samples)? = try Operation.call("getpoint", ["in": .image(there), "x": 0, "y": 0])["out_array"] else { return [0] }
        return samples
    }
}
