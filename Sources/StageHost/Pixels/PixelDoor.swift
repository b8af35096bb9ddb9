internal import Vips

/// One input of a pixel stage: the image in a format and space that the stage takes.
struct PixelDoor: Sendable {
    let image: Image
    let description: PluginImage
    /// Full scale of the image's samples, or nil for data.
    let white: Double?

    init(_ given: Image, for input: DeclaredInput, keepsAlpha: Bool, stage: String, context: ImageContext) throws(StageError) {
        var image = given
        var scale = PictureScale(of: image)
        if case .picture = scale { (image, scale) = try Self.inSpace(try Self.managed(image, input.spaces), input.spaces, stage: stage, context: context) }
        let space = Self.space(of: image, scale)
        guard input.spaces.isEmpty || input.spaces.contains(.any) || input.spaces.contains(space) else {
            throw .host("the stage does not take \(space == .data ? "data (an image of numbers that are no picture)" : "images in \(image.interpretation.rawValue)")", stage: stage, code: .geometry)
        }
        let format = try Self.format(for: image, input.formats, isData: scale == .data, stage: stage)
        if format == .uint8 || format == .uint16 { image = try Self.integers(image, format == .uint8 ? .uchar : .ushort, scale) }
        self.image = image
        if case .picture(let full) = PictureScale(of: image) { white = full } else { white = nil }
        description = PluginImage(width: image.width, height: image.height, bands: image.bands, format: format, space: space,
                                  hasAlpha: keepsAlpha && image.hasAlpha)
    }

    /// A picture with another profile, or of light, in sRGB, where the stage says what it wants, and that is none of the two.
    private static func managed(_ image: Image, _ spaces: Set<PluginImage.Space>) throws(StageError) -> Image {
        guard !spaces.isEmpty, !spaces.contains(.any), !(spaces.contains(.linear) && PictureScale.isLight(image)) else { return image }
        return try ManagedColour.joining(image)
    }

    /// Brings a picture into the first space of the stage's that it can be in without loss.
    private static func inSpace(_ image: Image, _ spaces: Set<PluginImage.Space>, stage: String, context: ImageContext) throws(StageError) -> (Image, PictureScale) {
        let current = space(of: image, PictureScale(of: image))
        if spaces.isEmpty || spaces.contains(.any) || spaces.contains(current) { return (image, PictureScale(of: image)) }
        guard let wanted = [PluginImage.Space.srgb, .grey, .linear, .lab].first(where: { spaces.contains($0) }) else { return (image, PictureScale(of: image)) }
        let converted = try converted(image, from: current, to: wanted)
        context.note("converted from \(image.interpretation.rawValue) to \(converted.interpretation.rawValue) for '\(stage)'")
        return (converted, PictureScale(of: converted))
    }

    /// A picture of one space in another: floats and 16 bits stay as deep as they are.
    private static func converted(_ image: Image, from current: PluginImage.Space, to wanted: PluginImage.Space) throws(StageError) -> Image {
        switch (current, wanted) {
        case (.grey, .srgb): return try JoinedColour.widened(image)
        case (.lab, .srgb): return try ManagedColour.shown(image)
        case (.srgb, .linear), (.grey, .linear): return try ManagedColour.inLight(image)
        default: break
        }
        // libvips makes 8 bits of floats.
        var source = image
        if image.format.isFloat, let white = PictureScale(of: image).white {
            do { source = try ManagedColour.deep(image, white) } catch { throw .vips(error) }
        }
        let names: [PluginImage.Space: String] = [.grey: source.format == .ushort ? "grey16" : "b-w", .linear: "scrgb", .lab: "lab"]
        return try VipsStage.unary("colourspace", source, ["space": .string(names[wanted] ?? "srgb")])
    }

    private static func space(of image: Image, _ scale: PictureScale) -> PluginImage.Space {
        switch image.interpretation {
        case .lab: return .lab
        case .scrgb: return .linear
        default: break
        }
        guard case .picture = scale else { return .data }
        return image.bands - (image.hasAlpha ? 1 : 0) == 1 ? .grey : .srgb
    }

    /// The stage's format that loses least: the image's own, else the deepest.
    private static func format(for image: Image, _ formats: Set<PluginImage.Format>, isData: Bool, stage: String) throws(StageError) -> PluginImage.Format {
        func takes(_ format: PluginImage.Format) -> Bool { formats.isEmpty || formats.contains(format) }
        if isData || image.interpretation == .lab {
            guard takes(.float32) else { throw .host("the stage does not take floats, and the image's numbers need them", stage: stage, code: .geometry) }
            return .float32
        }
        if image.format == .uchar, takes(.uint8) { return .uint8 }
        if image.format == .ushort, takes(.uint16) { return .uint16 }
        for format in [PluginImage.Format.float32, .uint16, .float16, .uint8] where takes(format) { return format }
        throw .host("the stage takes no sample format that the host knows", stage: stage, code: .unsupported)
    }

    private static func integers(_ image: Image, _ format: BandFormat, _ scale: PictureScale) throws(StageError) -> Image {
        guard image.format != format, case .picture(let from) = scale, let to = PictureScale.white(of: format) else { return image }
        let scaled = try VipsStage.unary("linear", image, ["a": .doubles([to / from]), "b": .doubles([0.5])])
        let cast = try VipsStage.unary("cast", scaled, ["format": .string(format.rawValue)])
        let interpretation: Interpretation = switch (image.interpretation, format) {
        case (.rgb16, .uchar), (.srgb, .uchar): .srgb
        case (.srgb, .ushort), (.rgb16, .ushort): .rgb16
        case (.grey16, .uchar): .blackAndWhite
        case (.blackAndWhite, .ushort): .grey16
        case (let other, _): other
        }
        return try VipsStage.unary("copy", cast, ["interpretation": .string(interpretation.rawValue)])
    }
}

/// The output of a pixel stage as libvips holds it.
struct PixelTarget: Sendable {
    let format: BandFormat
    /// What a float of 1 becomes: full scale of the picture, or 1 for data.
    let factor: Float
    private let space: PluginImage.Space
    private let colours: Int

    init(_ output: PluginImage, white: Double?) {
        space = output.space
        colours = output.bands - (output.hasAlpha ? 1 : 0)
        switch output.format {
        case .uint8: format = .uchar
        case .uint16: format = .ushort
        case .float16, .float32: format = .float
        }
        factor = output.space == .lab || output.space == .linear ? 1 : Float(white ?? 1)
    }

    func interpretation(_ input: Image) -> Interpretation {
        let isDeep = format == .ushort || (format == .float && factor == 65535)
        switch space {
        case .grey: return isDeep ? .grey16 : .blackAndWhite
        case .srgb: return isDeep ? .rgb16 : .srgb
        case .linear: return .scrgb
        case .lab: return .lab
        case .data: return .multiband
        case .any where colours == 3 && input.interpretation == .scrgb: return .scrgb
        case .any: return colours == 1 ? (isDeep ? .grey16 : .blackAndWhite) : colours == 3 ? (isDeep ? .rgb16 : .srgb) : input.interpretation
        }
    }
}
