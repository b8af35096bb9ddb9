internal import StageHost
internal import Vips

/// The colour space of a file: the image's own, or a profile that the output asks for.
struct ColourOut {
    /// A built-in profile's name or a path; nil keeps what the image has.
    let profile: String?
    /// Whether the file will carry no profile: then its numbers must be sRGB, which is what a reader assumes.
    let isStripped: Bool

    func apply(_ image: Image) throws(VipsError) -> Image {
        // Back to the input's own profile, unless another is wanted.
        let image = profile == nil && !isStripped ? try ManagedColour.restored(image) : image
        let hasProfile = image.fields.contains("icc-profile-data")
        guard let target = profile ?? (isStripped && hasProfile ? "srgb" : nil) else { return image }
        // Without a profile a picture is sRGB already, by every reader's assumption.
        if target == "srgb", !hasProfile, image.interpretation != .cmyk { return image }
        var arguments: [String: Argument] = ["in": .image(image), "output_profile": .string(target), "embedded": true]
        if image.format == .ushort { arguments["depth"] = 16 }
        if !hasProfile { arguments["input_profile"] = image.interpretation == .cmyk ? "cmyk" : "srgb" }
        return try Operation.image("icc_transform", arguments)
    }
}
