internal import StageHost
internal import Vips

/// The colour space of a file: the image's own, or a profile that the output asks for.
struct ColourOut {
    /// A built-in profile's name or a path; nil keeps what the image has.
    let profile: String?
    /// Whether the file will carry no profile of the image's own: then its numbers must be sRGB, which is what a reader assumes.
    let isStripped: Bool

    /// - Parameters:
    ///   - white: full scale of a picture; nil for data, and for spaces such as Lab.
    ///   - holdsInks: whether the file can be one of CMYK.
    /// - Returns: the image, of floats or 16 bits where it has been converted, and what the user should know about it.
    func apply(_ image: Image, white: Double?, holdsInks: Bool = true) throws(VipsError) -> (image: Image, notes: [String]) {
        let own = image.blob(ManagedColour.profileField).flatMap { ManagedColour.fits($0, image) ? $0 : nil }
        let isInk = image.interpretation == .cmyk && !holdsInks
        guard let target = profile ?? (isStripped && own != nil || isInk ? "srgb" : nil) else { return (image, []) }
        // Without a profile a picture is sRGB already, by every reader's assumption.
        if target == "srgb", own == nil, image.interpretation != .cmyk { return (image, []) }
        let wanted = target == "srgb" ? nil : try ManagedColour.named(target)
        guard wanted == nil || wanted != own else { return (image, []) }
        let colours = image.bands - (image.hasAlpha ? 1 : 0)
        if let white, colours == 1, let grey = try self.grey(image, own, wanted, white, target) { return grey }
        if let white, colours == 3, image.interpretation != .cmyk {
            if wanted == nil, let own, ManagedColour.isSRGB(own, bands: 3) { return (image, []) }
            if let conversion = ColourConversion.between(own, wanted, bands: 3) {
                let converted = try conversion.applied(to: image, white: white, clips: true)
                return (try converted.settingFields([(ManagedColour.profileField, (wanted ?? ManagedColour.srgbProfile).map { .blob($0) })]), [])
            }
        }
        // libvips knows another one by that name.
        guard let file = target == "p3" ? ManagedColour.file(of: DisplayP3.profile) : target else { throw VipsError(message: "a profile cannot be written to the temporary folder") }
        return (try transformed(image, own, white, to: file), [])
    }

    /// A grey picture stays grey, unless the profile that is asked for is one of colours.
    ///
    /// - Returns: nil where one of the profiles is none of curves and a matrix.
    private func grey(_ image: Image, _ own: [UInt8]?, _ wanted: [UInt8]?, _ white: Double, _ target: String) throws(VipsError) -> (Image, [String])? {
        if let conversion = ColourConversion.between(own, wanted, bands: 1) {
            let converted = try conversion.applied(to: image, white: white, clips: true)
            return (try converted.settingFields([(ManagedColour.profileField, wanted.map { .blob($0) })]), [])
        }
        guard let wanted, let plain = ColourConversion.between(own, nil, bands: 1), let conversion = ColourConversion.between(nil, wanted, bands: 3) else { return nil }
        let shown = try plain.applied(to: image, white: white, clips: true)
        let grey = try Operation.image("extract_band", ["in": .image(shown), "band": 0])
        var bands = [grey, grey, grey]
        if image.hasAlpha { bands.append(try Operation.image("extract_band", ["in": .image(shown), "band": 1])) }
        let joined = try Operation.image("copy", ["in": .image(try Operation.image("bandjoin", ["in": .images(bands)])), "interpretation": "srgb"])
        let converted = try conversion.applied(to: joined, white: white, clips: true)
        let origin = own == nil ? "the grey picture has no profile: it is converted to '\(target)' as sRGB is" : "the grey picture is converted to '\(target)'"
        return (try converted.settingFields([(ManagedColour.profileField, .blob(wanted))]), ["\(origin), and stored in the bands of that"])
    }

    /// By lcms: for profiles of tables.
    private func transformed(_ image: Image, _ own: [UInt8]?, _ white: Double?, to target: String) throws(VipsError) -> Image {
        // libvips converts floats at 8 bits.
        var source = if let white { try ManagedColour.deep(image, white) } else { image }
        if own == nil, source.interpretation == .grey16 { source = try Operation.image("colourspace", ["in": .image(source), "space": "rgb16", "source_space": "grey16"]) }
        var arguments: [String: Argument] = ["in": .image(source), "output_profile": .string(target), "embedded": true]
        if source.format == .ushort { arguments["depth"] = 16 }
        if let own { arguments["intent"] = .string(ManagedColour.intent(from: own)) }
        if own == nil { arguments["input_profile"] = image.interpretation == .cmyk ? "cmyk" : "srgb" }
        return try Operation.image("icc_transform", arguments)
    }
}
