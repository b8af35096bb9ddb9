internal import Inference
internal import ONNX
internal import Vips

/// Runs a network on a picture as a demand-driven libvips image.
///
/// Asked for a cell of its grid, it reads the tile that the cell needs from the image before it, feeds the network, and hands out the part
/// that is exact (tiling.md, "Per axis"). `CellStore` keeps cells until all of their pixels were read.
struct NetworkStageImage: Sendable {
    let network: PreparedNetwork
    let options: NetworkOptions
    let plan: any NetworkSizing
    let settings: NeuralSettings
    let engine: EngineProvider
    let context: ImageContext
    let stage: String
    /// Whether reading the input twice would compute it twice.
    var inputIsComputed = false
    private let notes = PlanNotes()

    /// Something the user should know of how the picture will be treated: said only when the network is prepared, since another may run in its place.
    func note(_ text: String) { notes.add(text) }

    /// - Returns: the lazily computed result, alpha joined again, and what was decided.
    func make(_ input: Image) throws(StageError) -> (image: Image, report: NetworkReport) {
        let (image, step) = try planned(input)
        return (image, try step.prepare())
    }

    /// As `make`, with nothing tried or compiled yet: whoever takes the result prepares the step, or drops it.
    func planned(_ input: Image) throws(StageError) -> (image: Image, step: NetworkStep) {
        let findings = network.findings + options.findings + (options.isOutputRangeGiven ? [] : network.door.output.findings)
        if !findings.isEmpty { note("'\(stage)' takes from the graph: \(findings.joined(separator: "; "))") }
        let given = network.door.channels == 3 ? input : try GreyPicture.settled(input)
        let input = try rereadable(given)
        var colours = input, alpha: Image?
        if input.hasAlpha, PictureScale(of: input) != .data || input.format.isInteger {
            alpha = try VipsStage.splitAlpha(input).alpha
            colours = try ExtendedColours.of(input, isComputed: inputIsComputed && input === given, memoryBudget: context.memoryBudget)
        }
        colours = try displayable(colours)
        var (result, step) = try runFitted(colours)
        step.input = input
        step.notes = notes.all
        if options.strength < 1, colours.bands == 1, GreyPicture.isMarked(result) {
            result = try GreyPicture.settled(result)
            step.detour = "the picture is grey, and mixed as such"
        }
        var output = try blended(result, with: colours)
        if let alpha { output = try joined(output, alpha, white: PictureScale(of: input).white) }
        return (output, step)
    }

    // MARK: what goes in

    /// The image, with its pixels kept, once somebody reads them, where they come only once and are needed twice: beside the network (alpha, chroma, `strength`).
    /// Planning reads none: the stage may become part of another network, which reads them then.
    private func rereadable(_ image: Image) throws(StageError) -> Image {
        guard image.isStreamed, image.hasAlpha || options.strength < 1 || network.door.channels.map({ $0 != image.bands }) ?? false else { return image }
        do { return try image.keptOnDemand(memoryBudget: context.memoryBudget) } catch { throw .vips(error) }
    }

    /// Pictures with another profile, and in spaces that no network knows, are brought to sRGB. Data stays as it is.
    private func displayable(_ original: Image) throws(StageError) -> Image {
        let image = try ManagedColour.inSRGB(original)
        if image !== original {
            if original.bands <= 3, !ManagedColour.isAway(image) { note("converted to sRGB for '\(stage)', and left there: its profile has no way back") }
            return image
        }
        switch image.interpretation {
        case .lab, .labs, .labq, .lch, .cmc, .xyz, .yxy, .hsv, .cmyk:
            note("converted from \(image.interpretation.rawValue) to sRGB for '\(stage)'")
            return try ManagedColour.shown(image)
        default:
            return image
        }
    }

    /// Runs the network at the size, and on the bands, that it wants.
    private func runFitted(_ image: Image) throws(StageError) -> (Image, NetworkStep) {
        guard let fixed = network.fixedSize, (image.width, image.height) != fixed else { return try runBands(image) }
        if network.isFixedByGraph {
            note("'\(stage)' runs at \(fixed.width) x \(fixed.height), the size its model is made for; the result is scaled back (input_size sets another)")
        }
        var (small, step) = try runBands(try VipsStage.aligned(image, width: fixed.width, height: fixed.height, interpolator: "bilinear"))
        step.detour = "the picture is scaled to \(fixed.width) x \(fixed.height) for it"
        let scaleX = Double(small.width) / Double(fixed.width), scaleY = Double(small.height) / Double(fixed.height)
        let width = max(1, Int((Double(image.width) * scaleX).rounded())), height = max(1, Int((Double(image.height) * scaleY).rounded()))
        // Between the classes 3 and 5 lies no 4.
        return (try VipsStage.aligned(small, width: width, height: height, interpolator: network.door.output.content == .labels ? "nearest" : "bilinear"), step)
    }

    private func runBands(_ image: Image) throws(StageError) -> (Image, NetworkStep) {
        let scale = PictureScale(of: image)
        let wanted = network.door.channels ?? image.bands
        if wanted == image.bands { return try run(image, sources: Array(0..<wanted), scale) }
        guard case .picture = scale else { throw mismatch(wanted, image) }
        if image.bands == 1, wanted == 3 {
            note("the grey picture is given to all three channels of '\(stage)', and their brightness is the result")
            return try runGrey(image, scale)
        }
        if image.bands == 3, wanted == 1 { return try runLuma(image, scale) }
        throw mismatch(wanted, image)
    }

    private func mismatch(_ wanted: Int, _ image: Image) -> StageError {
        .host("\(network.title) takes \(wanted) channel\(wanted == 1 ? "" : "s") and the image has \(image.bands) colour band\(image.bands == 1 ? "" : "s")",
              stage: stage, code: .geometry)
    }

    /// A network of three channels on a grey picture, which grey stays: see `GreyPicture`.
    private func runGrey(_ image: Image, _ scale: PictureScale) throws(StageError) -> (Image, NetworkStep) {
        let (result, step) = try run(image, sources: [0, 0, 0], scale)
        guard result.bands == 3, case .picture = PictureScale(of: result) else { return (result, step) }
        return (try GreyPicture.marked(result), step)
    }

    /// A one-channel network on a colour picture: Y of YCbCr (BT.601, full range, as JPEG) goes through it, Cb and Cr are resampled beside it.
    private func runLuma(_ image: Image, _ scale: PictureScale) throws(StageError) -> (Image, NetworkStep) {
        note("'\(stage)' takes one channel: brightness goes through it, colour is kept beside it")
        let toYCC = try matrix([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
        let toRGB = try matrix([[1, 0, 1.402], [1, -0.344136286, -0.714136286], [1, 1.772, 0]])
        let float = try VipsStage.unary("cast", image, ["format": "float"])
        let ycc = try VipsStage.unary("recomb", float, ["m": .image(toYCC)])
        let luma = try tagged(try VipsStage.unary("extract_band", ycc, ["band": 0, "n": 1]), scale, interpretation: image.interpretation)
        var (result, step) = try run(luma, sources: [0], scale)
        step.detour = "only brightness goes through it"
        guard result.bands == 1 else { throw mismatch(1, image) }
        let colour = try VipsStage.unary("extract_band", ycc, ["band": 1, "n": 2])
        let chroma = try VipsStage.aligned(colour, width: result.width, height: result.height, interpolator: "bicubic")
        let joined = try VipsStage.images("bandjoin", [result, chroma])
        let rgb = try VipsStage.unary("recomb", joined, ["m": .image(toRGB)])
        return (try tagged(rgb, scale, interpretation: image.interpretation), step)
    }

    private func matrix(_ rows: [[Double]]) throws(StageError) -> Image {
        do { return try Image.matrix(rows, scale: 1, offset: 0) } catch { throw .vips(error) }
    }

    /// The same pixels, called a picture of this scale.
    func tagged(_ image: Image, _ scale: PictureScale, interpretation: Interpretation) throws(StageError) -> Image {
        let typed = try VipsStage.unary("copy", image, ["interpretation": .string(interpretation.rawValue)])
        guard case .picture(let white) = scale else { return typed }
        do {
            return try typed.settingFields([(PictureScale.field, .double(white)), (WholeSamples.field, .int(1))])
        } catch {
            throw .vips(error)
        }
    }

    // MARK: what comes out

    private func blended(_ result: Image, with input: Image) throws(StageError) -> Image {
        guard options.strength < 1 else { return result }
        guard (result.width, result.height, result.bands) == (input.width, input.height, input.bands) else {
            throw .host("'strength' mixes the result with the stage's input, but the result is \(result.width) x \(result.height) with \(result.bands) bands and the input \(input.width) x \(input.height) with \(input.bands): leave 'strength' at 1",
                        stage: stage, code: .parameter, parameter: "strength")
        }
        let share = Double(options.strength)
        let new = try VipsStage.unary("linear", result, ["a": .doubles([share]), "b": .doubles([0])])
        let old = try VipsStage.unary("linear", input, ["a": .doubles([1 - share]), "b": .doubles([0])])
        let sum = try VipsStage.result(of: "add", ["left": .image(new), "right": .image(old)])
        return try VipsStage.unary("cast", sum, ["format": "float"])
    }

    /// Alpha scaled to the result's size and joined to a picture; data has none.
    ///
    /// - Parameter white: full scale of the alpha.
    private func joined(_ result: Image, _ alpha: Image, white alphaWhite: Double?) throws(StageError) -> Image {
        guard case .picture(let white) = PictureScale(of: result), let between = plan.alphaSizes else { return result }
        var alpha = alpha
        // Light has its white at 1, and is no more when a network has seen it.
        if alpha.format.isFloat, let alphaWhite, alphaWhite != white { alpha = try VipsStage.unary("linear", alpha, ["a": .doubles([white / alphaWhite]), "b": .doubles([0])]) }
        for size in between + [(result.width, result.height)] {
            alpha = try VipsStage.aligned(alpha, width: size.width, height: size.height, interpolator: "bicubic")
            let alphaWhite = PictureScale.white(of: alpha.format) ?? white
            if alphaWhite != white { alpha = try VipsStage.unary("linear", alpha, ["a": .doubles([white / alphaWhite]), "b": .doubles([0])]) }
            alpha = try VipsStage.unary("cast", alpha, ["format": "float"])
        }
        return try ExtendedColours.marked(try VipsStage.images("bandjoin", [result, alpha]))
    }
}
