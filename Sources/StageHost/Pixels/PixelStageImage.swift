internal import Vips

/// Runs a plug-in's pixel stage on tiles of a picture as a demand-driven libvips image.
struct PixelStageImage {
    let instance: StageInstance
    let context: ImageContext
    let stage: String

    /// - Parameter inputs: one per declared input; nil where an optional one is absent. The first is the running image.
    /// - Returns: the lazily computed result, with alpha joined again where the host split it off.
    func make(_ inputs: [Image?]) throws(StageError) -> Image {
        let declared = instance.stage.declared
        var doors: [PixelDoor?] = []
        var alpha: Image?
        for (index, image) in inputs.enumerated() {
            guard let image, index < declared.inputs.count else { doors.append(nil); continue }
            var taken = image
            let splits = image.hasAlpha && !declared.takesAlpha && (PictureScale(of: image) != .data || image.format.isInteger)
            if splits {
                taken = try ExtendedColours.of(image, isComputed: true, memoryBudget: context.memoryBudget)
                if index == 0 { alpha = try VipsStage.splitAlpha(image).alpha }
            }
            doors.append(try PixelDoor(taken, for: declared.inputs[index], keepsAlpha: declared.takesAlpha, stage: stage, context: context))
        }
        let plan = try instance.plan(doors.map { $0?.description })
        if plan.isApproximate { context.note("'\(stage)' says that its halo is approximate: tiles may show") }
        guard let output = plan.output, let first = doors.first ?? nil else { throw .host("the stage planned no output", stage: stage) }
        var result = try image(plan, output, doors, first)
        result = try ExtendedColours.forgotten(result)
        if let alpha { result = try joined(result, alpha) }
        return result
    }

    private func image(_ plan: PluginPlan, _ output: PluginImage, _ doors: [PixelDoor?], _ first: PixelDoor) throws(StageError) -> Image {
        let isPicture = output.space != .data
        let white = first.white
        let target = PixelTarget(output, white: isPicture ? white : nil)
        let sources = doors.compactMap { $0?.image }
        let cell = cellSize(plan, output)
        let renderer = PixelRenderer(plan: plan, doors: doors, target: target, output: output, context: context, stage: stage, cell: cell)
        let header = GeneratedHeader(width: output.width, height: output.height, bands: output.bands, format: target.format,
                                     interpretation: target.interpretation(first.image), demand: .smallTile)
        do {
            let lazy = try Image.generated(header, from: sources) { area, pixels, inputs in
                do {
                    try renderer.render(area, into: pixels, inputs)
                } catch let error as StageError {
                    renderer.context.record(error)
                    throw VipsError(operation: nil, message: error.description)
                }
            }
            let columns = (output.width + cell.width - 1) / cell.width
            let cached = try lazy.tileCache(tileWidth: cell.width, tileHeight: cell.height, maxTiles: 2 * columns + 2)
            guard isPicture, target.format == .float, let white else { return cached }
            return try cached.settingFields([(PictureScale.field, .double(white)), (WholeSamples.field, .int(1))])
        } catch {
            throw .vips(error)
        }
    }

    /// Output pixels of a cell: the stage's own wish, or squares that its halo does not dwarf, on the alignment grid.
    private func cellSize(_ plan: PluginPlan, _ output: PluginImage) -> (width: Int, height: Int) {
        guard !plan.needsWholeImage, let reach = plan.reach.first else { return (output.width, output.height) }
        func size(_ halo: Int, _ scale: PluginReach.Scale, _ alignment: Int, _ wanted: Int?, _ whole: Int) -> Int {
            // A wish for tiles of one pixel is not worth its calls.
            let input = max(wanted.map { $0 - halo } ?? max(256, 2 * halo), 32)
            // A multiple of the alignment, and of the denominator, has a whole number of output pixels.
            let step = alignment * scale.denominator
            let aligned = (input + step - 1) / step * step
            return max(1, min(whole, aligned / scale.denominator * scale.numerator))
        }
        return (size(reach.left + reach.right, reach.scaleX, plan.alignment.x, plan.preferredTile?.width, output.width),
                size(reach.top + reach.bottom, reach.scaleY, plan.alignment.y, plan.preferredTile?.height, output.height))
    }

    private func joined(_ result: Image, _ alpha: Image) throws(StageError) -> Image {
        guard case .picture(let white) = PictureScale(of: result) else { return result }
        var alpha = alpha
        if (alpha.width, alpha.height) != (result.width, result.height) {
            alpha = try VipsStage.unary("resize", alpha, [
                "scale": .double(Double(result.width) / Double(alpha.width)), "vscale": .double(Double(result.height) / Double(alpha.height)),
                "kernel": .string(result.width > alpha.width ? "cubic" : "lanczos3"),
            ])
        }
        let from = PictureScale.white(of: alpha.format) ?? white
        if from != white { alpha = try VipsStage.unary("linear", alpha, ["a": .doubles([white / from]), "b": .doubles([0])]) }
        return try ExtendedColours.marked(try VipsStage.images("bandjoin", [result, try VipsStage.unary("cast", alpha, ["format": .string(result.format.rawValue)])]))
    }
}

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

    /// A picture with another profile in sRGB, where the stage says that it wants that, or grey.
    private static func managed(_ image: Image, _ spaces: Set<PluginImage.Space>) throws(StageError) -> Image {
        guard spaces.contains(.srgb) || spaces.contains(.grey), !spaces.contains(.any) else { return image }
        return try ManagedColour.joining(image)
    }

    /// Brings a picture into the first space of the stage's that it can be in without loss.
    private static func inSpace(_ image: Image, _ spaces: Set<PluginImage.Space>, stage: String, context: ImageContext) throws(StageError) -> (Image, PictureScale) {
        let current = space(of: image, PictureScale(of: image))
        if spaces.isEmpty || spaces.contains(.any) || spaces.contains(current) { return (image, PictureScale(of: image)) }
        let targets: [(PluginImage.Space, String)] = [(.srgb, image.format == .ushort ? "rgb16" : "srgb"), (.grey, image.format == .ushort ? "grey16" : "b-w"), (.linear, "scrgb"), (.lab, "lab")]
        guard let (_, name) = targets.first(where: { spaces.contains($0.0) }) else { return (image, PictureScale(of: image)) }
        context.note("converted from \(image.interpretation.rawValue) to \(name) for '\(stage)'")
        let converted = try VipsStage.unary("colourspace", image, ["space": .string(name)])
        return (converted, PictureScale(of: converted))
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
        case .any: return colours == 1 ? (isDeep ? .grey16 : .blackAndWhite) : colours == 3 ? (isDeep ? .rgb16 : .srgb) : input.interpretation
        }
    }
}
