internal import StageHost
internal import Vips

/// The colour space of a file: the image's own, or a profile that the output asks for.
struct ColourOut {
    /// A built-in profile's name or a path; nil keeps what the image has.
    let profile: String?
    /// Whether the file will carry no profile: then its numbers must be sRGB, which is what a reader assumes.
    let isStripped: Bool

    func apply(_ image: Image) throws(VipsError) -> Image {
        let hasProfile = image.blob("icc-profile-data").map { ManagedColour.fits($0, image) } ?? false
        guard let target = profile ?? (isStripped && hasProfile ? "srgb" : nil) else { return image }
        // Without a profile a picture is sRGB already, by every reader's assumption.
        if target == "srgb", !hasProfile, image.interpretation != .cmyk { return image }
        // Floats of 16 bits that an 8-bit saver will shift down itself: as floats they would be taken for 8 bits.
        let source = image.format.isFloat && image.pictureFullScale == 65535 ? try ManagedColour.deep(image) : image
        var arguments: [String: Argument] = ["in": .image(source), "output_profile": .string(target), "embedded": true]
        if source.format == .ushort { arguments["depth"] = 16 }
        if !hasProfile { arguments["input_profile"] = image.interpretation == .cmyk ? "cmyk" : "srgb" }
        return try Operation.image("icc_transform", arguments)
    }
}
