public import Inference
internal import ONNX
internal import Vips

/// What a network stage turned out to be for one image: what `explain` shows and reports record.
public struct NetworkReport: Sendable {
    public struct Halo: Sendable, Hashable {
        public var left, right, top, bottom: Int

        func covers(_ other: Halo) -> Bool { left >= other.left && right >= other.right && top >= other.top && bottom >= other.bottom }
    }

    /// `local`, `block`, `global` or `unknown`.
    public var kind: String
    /// Output pixels per input pixel, as text: `4`, `1/2`.
    public var scale: (x: String, y: String)
    public var stride: (x: Int, y: Int)
    public var halo: Halo
    /// Input pixels of a tile; the image's own size where it is run whole.
    public var tile: (width: Int, height: Int)
    public var tiles: Int
    public var isWhole: Bool
    /// Whether a halo that the user gave overrules the derived one.
    public var isApproximate: Bool
    public var precision: Precision
    public var device: String
    /// Bytes that one run needs, roughly.
    public var memory: Int
    /// The nodes that keep the network from being tiled, with reasons.
    public var deciding: [String]
}

/// Runs a network on a picture as a demand-driven libvips image.
///
/// Asked for a cell of its grid, it reads the tile that the cell needs from the image before it, feeds the network, and hands out the part
/// that is exact (tiling.md, "Per axis"). Cells that several consumers need are kept by a tile cache of two rows.
struct NetworkStageImage {
    let network: PreparedNetwork
    let options: NetworkOptions
    let plan: any NetworkSizing
    let settings: NeuralSettings
    let engine: EngineProvider
    let context: ImageContext
    let stage: String

    /// - Returns: the lazily computed result, alpha joined again, and what was decided.
    func make(_ input: Image) throws(StageError) -> (image: Image, report: NetworkReport) {
        let (image, step) = try planned(input)
        // Fail here, not in the middle of a picture, if the engine cannot take the network at this size.
        try step.runner.prepare()
        return (image, step.report)
    }

    /// As `make`, without compiling the network: whoever takes the result prepares its runner, or drops it.
    func planned(_ input: Image) throws(StageError) -> (image: Image, step: NetworkStep) {
        let input = try rereadable(input)
        var colours = input, alpha: Image?
        if input.hasAlpha, PictureScale(of: input) != .data || input.format.isInteger {
            (colours, alpha) = try VipsStage.splitAlpha(input)
        }
        colours = try displayable(colours)
        var (result, step) = try runFitted(colours)
        step.input = input
        var output = try blended(result, with: colours)
        if let alpha { output = try joined(output, alpha) }
        return (output, step)
    }

    // MARK: what goes in

    /// The image, with its pixels kept where they come only once and are needed twice: beside the network (alpha, chroma, `strength`).
    private func rereadable(_ image: Image) throws(StageError) -> Image {
        guard image.isStreamed, image.hasAlpha || options.strength < 1 || network.door.channels.map({ $0 != image.bands }) ?? false else { return image }
        do { return try KeptPixels.of(image, budget: context.memoryBudget) } catch { throw .vips(error) }
    }

    /// Pictures in spaces that no network knows are brought to sRGB. Data stays as it is.
    private func displayable(_ image: Image) throws(StageError) -> Image {
        switch image.interpretation {
        case .lab, .labs, .labq, .lch, .cmc, .xyz, .yxy, .hsv, .cmyk:
            context.note("converted from \(image.interpretation.rawValue) to sRGB for '\(stage)'")
            return try VipsStage.unary("colourspace", image, ["space": "srgb"])
        default:
            return image
        }
    }

    /// Runs the network at the size, and on the bands, that it wants.
    private func runFitted(_ image: Image) throws(StageError) -> (Image, NetworkStep) {
        guard let fixed = network.fixedSize, (image.width, image.height) != fixed else { return try runBands(image) }
        if network.isFixedByGraph {
            context.note("'\(stage)' runs at \(fixed.width) x \(fixed.height), the size its model is made for; the result is scaled back (input_size sets another)")
        }
        var (small, step) = try runBands(try resized(image, width: fixed.width, height: fixed.height))
        let scaleX = Double(small.width) / Double(fixed.width), scaleY = Double(small.height) / Double(fixed.height)
        let width = max(1, Int((Double(image.width) * scaleX).rounded())), height = max(1, Int((Double(image.height) * scaleY).rounded()))
        step.detour = "the picture is scaled to \(fixed.width) x \(fixed.height) for it"
        return (try resized(small, width: width, height: height), step)
    }

    private func resized(_ image: Image, width: Int, height: Int) throws(StageError) -> Image {
        guard (image.width, image.height) != (width, height) else { return image }
        return try VipsStage.unary("resize", image, [
            "scale": .double(Double(width) / Double(image.width)), "vscale": .double(Double(height) / Double(image.height)),
            "kernel": .string(width > image.width ? "linear" : "lanczos3"),
        ])
    }

    private func runBands(_ image: Image) throws(StageError) -> (Image, NetworkStep) {
        let scale = PictureScale(of: image)
        let wanted = network.door.channels ?? image.bands
        if wanted == image.bands { return try run(image, sources: Array(0..<wanted), scale) }
        guard case .picture = scale else { throw mismatch(wanted, image) }
        if image.bands == 1, wanted == 3 {
            context.note("the grey picture is given to all three channels of '\(stage)'")
            return try run(image, sources: [0, 0, 0], scale)
        }
        if image.bands == 3, wanted == 1 { return try runLuma(image, scale) }
        throw mismatch(wanted, image)
    }

    private func mismatch(_ wanted: Int, _ image: Image) -> StageError {
        .host("the network takes \(wanted) channel\(wanted == 1 ? "" : "s") and the image has \(image.bands) colour band\(image.bands == 1 ? "" : "s")",
              stage: stage, code: .geometry)
    }

    /// A one-channel network on a colour picture: Y of YCbCr (BT.601, full range, as JPEG) goes through it, Cb and Cr are resampled beside it.
    private func runLuma(_ image: Image, _ scale: PictureScale) throws(StageError) -> (Image, NetworkStep) {
        context.note("'\(stage)' takes one channel: brightness goes through it, colour is kept beside it")
        let toYCC = try matrix([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
        let toRGB = try matrix([[1, 0, 1.402], [1, -0.344136286, -0.714136286], [1, 1.772, 0]])
        let float = try VipsStage.unary("cast", image, ["format": "float"])
        let ycc = try VipsStage.unary("recomb", float, ["m": .image(toYCC)])
        let luma = try tagged(try VipsStage.unary("extract_band", ycc, ["band": 0, "n": 1]), scale, interpretation: image.interpretation)
        var (result, step) = try run(luma, sources: [0], scale)
        step.detour = "only brightness goes through it"
        guard result.bands == 1 else { throw mismatch(1, image) }
        var chroma = try VipsStage.unary("extract_band", ycc, ["band": 1, "n": 2])
        if (result.width, result.height) != (image.width, image.height) {
            chroma = try VipsStage.unary("resize", chroma, [
                "scale": .double(Double(result.width) / Double(image.width)),
                "vscale": .double(Double(result.height) / Double(image.height)), "kernel": "cubic",
            ])
        }
        let joined = try VipsStage.images("bandjoin", [result, chroma])
        let rgb = try VipsStage.unary("recomb", joined, ["m": .image(toRGB)])
        return (try tagged(rgb, scale, interpretation: image.interpretation), step)
    }

    private func matrix(_ rows: [[Double]]) throws(StageError) -> Image {
        do { return try Image.matrix(rows, scale: 1, offset: 0) } catch { throw .vips(error) }
    }

    /// The same pixels, called a picture of this scale.
    private func tagged(_ image: Image, _ scale: PictureScale, interpretation: Interpretation) throws(StageError) -> Image {
        let typed = try VipsStage.unary("copy", image, ["interpretation": .string(interpretation.rawValue)])
        guard case .picture(let white) = scale else { return typed }
        do {
            return try typed.settingFields([(PictureScale.field, .double(white))])
        } catch {
            throw .vips(error)
        }
    }

    // MARK: the network itself

    private func run(_ image: Image, sources: [Int], _ scale: PictureScale) throws(StageError) -> (Image, NetworkStep) {
        let geometry = try plan.geometry(of: network, options: options, width: image.width, height: image.height, stage: stage)
        let channels = sources.count
        let outputChannels = try geometry.outputChannels(channels: channels)
        let tiles = try TileChooser(
            network: network, geometry: geometry, tiling: options.tiling, channels: channels, outputChannels: outputChannels, threads: settings.threads,
            isShared: settings.isShared, budget: context.memoryBudget, stage: stage
        ).choose()
        if let fixed = network.fixedTile {
            context.note("'\(stage)' runs in tiles of \(fixed.width) x \(fixed.height), the only size that its model takes")
        }
        if geometry.isApproximate {
            context.note("'\(stage)' uses the halo given by 'tiling', smaller than the derived one: the result is approximate")
        }
        let precision = options.precision ?? settings.precision
        let source = SampleSource(input: tileInput(image, tiles.plan.grid), bands: bands(sources, scale))
        let runner = TileRunner(
            network: network, geometry: geometry, tiles: tiles, engine: engine, settings: settings, precision: precision, channels: channels,
            outputChannels: outputChannels, source: source, result: resultScale(outputChannels, pictureScale(scale, image)), context: context, stage: stage)
        let header = GeneratedHeader(
            width: geometry.outputWidth, height: geometry.outputHeight, bands: outputChannels, format: .float,
            interpretation: interpretation(outputChannels, scale, image), demand: .fatStrip)
        let result = try lazy(header, from: image, runner)
        let tagged = try self.tagged(result, pictureScale(scale, image), interpretation: header.interpretation)
        return (tagged, step(geometry, tiles.plan, precision, sources: sources, from: scale, to: pictureScale(scale, image), runner))
    }

    private func step(_ geometry: NetworkGeometry, _ tiles: TilePlan, _ precision: Precision, sources: [Int], from scale: PictureScale, to resultingScale: PictureScale,
                      _ runner: TileRunner) -> NetworkStep {
        func unit(_ scale: PictureScale) -> PictureScale { scale == .data ? .data : .picture(fullScale: 1) }
        func white(_ scale: PictureScale) -> Double? { if case .picture(let white) = scale { white } else { nil } }
        var enter = bands(sources, unit(scale)).map { NetworkStep.Line(scale: Double($0.scale), bias: Double($0.bias)) }
        if network.door.isBGR, enter.count == 3 { enter.reverse() }
        let leave = resultScale(runner.outputChannels, unit(resultingScale))
        let isPicture = PictureScale.isPictureBands(runner.outputChannels)
        return NetworkStep(
            input: runner.source.input.image, stage: stage, network: network, options: options, geometry: geometry, tiles: tiles, whiteIn: white(scale), whiteOut: isPicture ? white(resultingScale) : nil,
            sources: sources, outputChannels: runner.outputChannels, enter: enter,
            leave: NetworkStep.Line(scale: Double(leave.scale), bias: Double(leave.bias)), report: report(geometry, tiles, precision), runner: runner)
    }

    /// How each channel of the network reads the image's samples: full scale to 1, then the range, then the network's own scale.
    private func bands(_ sources: [Int], _ scale: PictureScale) -> [SampleReader.Band] {
        var order = sources
        if network.door.isBGR, order.count == 3 { order.reverse() }
        return order.indices.map { channel in
            var factor: Float = 1, offset: Float = 0
            if case .picture(let white) = scale {
                factor = (options.white - options.black) / Float(white)
                offset = options.black
            }
            // in_scale and in_bias go by the picture's bands: red first, whatever order the graph has.
            let band = network.door.isBGR && order.count == 3 ? 2 - channel : channel
            let own = Self.element(network.scale, band, 1), bias = Self.element(network.bias, band, 0)
            return SampleReader.Band(source: order[channel], scale: own * factor, bias: own * offset + bias)
        }
    }

    private static func element(_ list: [Float], _ index: Int, _ fallback: Float) -> Float {
        list.count == 1 ? list[0] : index < list.count ? list[index] : fallback
    }

    /// `value = scale * y + bias` for what the network gives.
    private func resultScale(_ channels: Int, _ scale: PictureScale) -> (scale: Float, bias: Float) {
        guard PictureScale.isPictureBands(channels), case .picture(let white) = scale else { return (1, 0) }
        let factor = Float(white) / (options.outputWhite - options.outputBlack)
        return (factor, -options.outputBlack * factor)
    }

    /// The scale of the picture that the data came from, where the input is data: its tag says.
    private func pictureScale(_ scale: PictureScale, _ image: Image) -> PictureScale {
        if case .picture = scale { return scale }
        if let tag = image.double(PictureScale.field), tag > 0 { return .picture(fullScale: tag) }
        return .data
    }

    private func interpretation(_ channels: Int, _ scale: PictureScale, _ image: Image) -> Interpretation {
        guard PictureScale.isPictureBands(channels), case .picture(let white) = pictureScale(scale, image) else { return .multiband }
        switch (channels, white) {
        case (1, 65535): return .grey16
        case (1, _): return .blackAndWhite
        case (_, 65535): return .rgb16
        case (_, 1): return .scrgb
        default: return .srgb
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
    private func joined(_ result: Image, _ alpha: Image) throws(StageError) -> Image {
        guard case .picture(let white) = PictureScale(of: result), let between = plan.alphaSizes else { return result }
        var alpha = alpha
        for size in between + [(result.width, result.height)] {
            alpha = try resized(alpha, width: size.width, height: size.height)
            let alphaWhite = PictureScale.white(of: alpha.format) ?? white
            if alphaWhite != white { alpha = try VipsStage.unary("linear", alpha, ["a": .doubles([white / alphaWhite]), "b": .doubles([0])]) }
            alpha = try VipsStage.unary("cast", alpha, ["format": "float"])
        }
        return try VipsStage.images("bandjoin", [result, alpha])
    }

    // MARK: tiles

    /// A file that is being decoded is read in order; everything else where a tile lies.
    private func tileInput(_ image: Image, _ grid: TileGrid) -> any TileInput {
        guard image.isStreamed, !grid.isWhole else { return RandomInput(image: image) }
        // The row of cells that is read and the one computed ahead, and another one for a consumer that looks back.
        return StreamedInput(image, keptRows: grid.y.tile + 2 * grid.y.cell)
    }

    /// The result as an image whose pixels are computed as they are asked for, in whole cells and somewhat ahead.
    private func lazy(_ header: GeneratedHeader, from image: Image, _ runner: TileRunner) throws(StageError) -> Image {
        let cells = runner.cells(), grid = runner.tiles.plan.grid
        do {
            return try Image.generated(header, from: [image]) { area, output, _ in
                let columns = grid.x.index(ofOutput: area.left)...grid.x.index(ofOutput: area.left + area.width - 1)
                let rows = grid.y.index(ofOutput: area.top)...grid.y.index(ofOutput: area.top + area.height - 1)
                do {
                    try cells.read(area, columns: columns, rows: rows, into: output)
                } catch let error as StageError {
                    runner.context.record(error)
                    throw VipsError(operation: nil, message: error.description)
                }
            }
        } catch {
            throw .vips(error)
        }
    }

    private func report(_ geometry: NetworkGeometry, _ tiles: TilePlan, _ precision: Precision) -> NetworkReport {
        NetworkReport(
            kind: geometry.kind, scale: geometry.scaleText, stride: geometry.stride, halo: geometry.halo,
            tile: (tiles.grid.x.tile, tiles.grid.y.tile), tiles: tiles.grid.count, isWhole: tiles.grid.isWhole, isApproximate: geometry.isApproximate,
            precision: precision, device: settings.device, memory: tiles.memory, deciding: geometry.deciding)
    }
}

