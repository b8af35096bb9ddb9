internal import StageHost
internal import Vips

/// The colour space of a file: the image's own, or a profile that the output asks for.
struct ColourOut {
    /// A built-in profile's name or a path; nil keeps what the image has.
    let profile: String?
    /// Whether the file will carry no profile: then its numbers must be sRGB, which is what a reader assumes.
    let isStripped: Bool

    /// - Parameter white: full scale of a picture; nil for data, and for spaces such as Lab.
    /// - Returns: the image, of 16 bits where it was one of floats and has been converted, and what the user should know about it.
    func apply(_ image: Image, white: Double?) throws(VipsError) -> (image: Image, notes: [String]) {
        let hasProfile = image.blob("icc-profile-data").map { ManagedColour.fits($0, image) } ?? false
        guard let target = profile ?? (isStripped && hasProfile ? "srgb" : nil) else { return (image, []) }
        // Without a profile a picture is sRGB already, by every reader's assumption.
        if target == "srgb", !hasProfile, image.interpretation != .cmyk { return (image, []) }
        var notes: [String] = []
        // libvips converts floats at 8 bits.
        var source = if image.format.isFloat, let white { try ManagedColour.deep(image, white) } else { image }
        if !hasProfile, image.bands - (image.hasAlpha ? 1 : 0) == 1, source.format == .uchar || source.format == .ushort {
            let (grey, colour) = source.format == .ushort ? ("grey16", "rgb16") : ("b-w", "srgb")
            source = try Operation.image("colourspace", ["in": .image(source), "space": .string(colour), "source_space": .string(grey)])
            notes.append("the grey picture has no profile: it is converted to '\(target)' as sRGB is, and stored in the bands of that")
        }
        var arguments: [String: Argument] = ["in": .image(source), "output_profile": .string(target), "embedded": true]
        if source.format == .ushort { arguments["depth"] = 16 }
        if hasProfile, let own = image.blob(ManagedColour.profileField) { arguments["intent"] = .string(ManagedColour.intent(from: own)) }
        if !hasProfile { arguments["input_profile"] = image.interpretation == .cmyk ? "cmyk" : "srgb" }
        return (try Operation.image("icc_transform", arguments), notes)
    }
}
