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
    /// The nodes that keep the network from being tiled, with reasons; those that are synchronised, where there are passes.
    public var deciding: [String]
    /// How often the picture is read for the network's statistics over the whole of it, before the tiles.
    public var passes = 0
    /// The operations of all passes and tiles over those of one run on the whole picture; nil where they cannot be counted, or there are no passes.
    public var work: Double?
}

/// Runs a network on a picture as a demand-driven libvips image.
///
/// Asked for a cell of its grid, it reads the tile that the cell needs from the image before it, feeds the network, and hands out the part
/// that is exact (tiling.md, "Per axis"). Cells that several consumers need are kept by a tile cache of two rows.
struct NetworkStageImage {
    let network: PreparedNetwork
    let options: NetworkOptions
    let plan: PluginPlan
    let settings: NeuralSettings
    let engine: EngineProvider
    let context: ImageContext
    let stage: String
    /// Whether reading the input twice would compute it twice.
    var inputIsComputed = false

    /// - Returns: the lazily computed result, alpha joined again, and what was decided.
    func make(_ input: Image) throws(StageError) -> (image: Image, report: NetworkReport) {
        var colours = input, alpha: Image?
        if input.hasAlpha, PictureScale(of: input) != .data || input.format.isInteger {
            (colours, alpha) = try VipsStage.splitAlpha(input)
        }
        colours = try displayable(colours)
        let (result, report) = try runFitted(colours)
        var output = try blended(result, with: colours)
        if let alpha { output = try joined(output, alpha, scaleOf: colours) }
        return (output, report)
    }

    // MARK: what goes in

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
    private func runFitted(_ image: Image) throws(StageError) -> (Image, NetworkReport) {
        guard let fixed = network.fixedSize, (image.width, image.height) != fixed else { return try runBands(image) }
        if network.isFixedByGraph {
            context.note("'\(stage)' runs at \(fixed.width) x \(fixed.height), the size its model is made for; the result is scaled back (input_size sets another)")
        }
        let (small, report) = try runBands(try resized(image, width: fixed.width, height: fixed.height))
        let scaleX = Double(small.width) / Double(fixed.width), scaleY = Double(small.height) / Double(fixed.height)
        let width = max(1, Int((Double(image.width) * scaleX).rounded())), height = max(1, Int((Double(image.height) * scaleY).rounded()))
        return (try resized(small, width: width, height: height), report)
    }

    private func resized(_ image: Image, width: Int, height: Int) throws(StageError) -> Image {
        guard (image.width, image.height) != (width, height) else { return image }
        return try VipsStage.unary("resize", image, [
            "scale": .double(Double(width) / Double(image.width)), "vscale": .double(Double(height) / Double(image.height)),
            "kernel": .string(width > image.width ? "linear" : "lanczos3"),
        ])
    }

    private func runBands(_ image: Image) throws(StageError) -> (Image, NetworkReport) {
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
    private func runLuma(_ image: Image, _ scale: PictureScale) throws(StageError) -> (Image, NetworkReport) {
        context.note("'\(stage)' takes one channel: brightness goes through it, colour is kept beside it")
        let toYCC = try matrix([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
        let toRGB = try matrix([[1, 0, 1.402], [1, -0.344136286, -0.714136286], [1, 1.772, 0]])
        let float = try VipsStage.unary("cast", image, ["format": "float"])
        let ycc = try VipsStage.unary("recomb", float, ["m": .image(toYCC)])
        let luma = try tagged(try VipsStage.unary("extract_band", ycc, ["band": 0, "n": 1]), scale, interpretation: image.interpretation)
        let (result, report) = try run(luma, sources: [0], scale)
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
        return (try tagged(rgb, scale, interpretation: image.interpretation), report)
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

    private func run(_ image: Image, sources: [Int], _ scale: PictureScale) throws(StageError) -> (Image, NetworkReport) {
        let geometry = try NetworkGeometry(network, plan: plan, options: options, width: image.width, height: image.height, stage: stage)
        let channels = sources.count
        let outputChannels = try geometry.outputChannels(channels: channels)
        if let cut = try synchronisation(geometry, channels: channels, outputChannels: outputChannels),
           let result = try runSynchronised(cut, image, sources: sources, scale, geometry, outputChannels: outputChannels) { return result }
        let tiles = try tilePlan(geometry, channels: channels, outputChannels: outputChannels)
        if geometry.isApproximate {
            context.note("'\(stage)' uses the halo given by 'tiling', smaller than the derived one: the result is approximate")
        }
        let precision = options.precision ?? settings.precision
        let runner = TileRunner(
            network: network, geometry: geometry, grid: tiles.grid, engine: engine, settings: settings, precision: precision, channels: channels,
            outputChannels: outputChannels, input: SampleSource(image: image, bands: bands(sources, scale)), result: resultScale(scale, outputChannels, image),
            context: context, stage: stage)
        return (try rendered(runner, outputChannels: outputChannels, scale, image), report(geometry, tiles, precision))
    }

    /// The lazily computed image of what a runner renders.
    func rendered(_ runner: TileRunner, outputChannels: Int, _ scale: PictureScale, _ image: Image) throws(StageError) -> Image {
        let geometry = runner.geometry, grid = runner.grid
        // Fail here, not in the middle of a picture, if the engine cannot take the network at this size.
        try runner.prepare()
        let header = GeneratedHeader(
            width: geometry.outputWidth, height: geometry.outputHeight, bands: outputChannels, format: .float,
            interpretation: interpretation(outputChannels, scale, image), demand: .smallTile)
        let result: Image
        do {
            result = try Image.generated(header, from: [image]) { area, output, inputs in
                do {
                    try runner.render(area, into: output, inputs)
                } catch let error as StageError {
                    runner.context.record(error)
                    throw VipsError(operation: nil, message: error.description)
                }
            }
            .tileCache(tileWidth: grid.x.outputCell, tileHeight: grid.y.outputCell, maxTiles: 2 * grid.x.count + 2)
        } catch {
            throw .vips(error)
        }
        return try self.tagged(result, pictureScale(scale, image), interpretation: header.interpretation)
    }

    /// How each channel of the network reads the image's samples: full scale to 1, then the range, then the network's own scale.
    func bands(_ sources: [Int], _ scale: PictureScale) -> [SampleReader.Band] {
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
    func resultScale(_ scale: PictureScale, _ channels: Int, _ image: Image) -> (scale: Float, bias: Float) {
        guard PictureScale.isPictureBands(channels), case .picture(let white) = pictureScale(scale, image) else { return (1, 0) }
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
    private func joined(_ result: Image, _ alpha: Image, scaleOf input: Image) throws(StageError) -> Image {
        guard case .picture(let white) = PictureScale(of: result) else { return result }
        var alpha = try resized(alpha, width: result.width, height: result.height)
        let alphaWhite = PictureScale.white(of: alpha.format) ?? white
        if alphaWhite != white { alpha = try VipsStage.unary("linear", alpha, ["a": .doubles([white / alphaWhite]), "b": .doubles([0])]) }
        return try VipsStage.images("bandjoin", [result, try VipsStage.unary("cast", alpha, ["format": "float"])])
    }

    // MARK: tiles

    /// Up to this, a picture is run whole: there is nothing to gain from tiles.
    private static let comfortableWhole = 64 << 20
    /// Beyond this, one run of a network gains nothing from a larger tile and loses the overlap with decoding and encoding.
    private static let comfortableRun = 1 << 30
    /// Small tiles stay in the processor's caches, and bound the memory of a run, as long as their halos cost no more than this: measured on
    /// four stages over 1.7 megapixels, tiles of 128 took 3.6 s of processor time and 0.4 GB, the whole picture 6.2 s and 3.3 GB.
    private static let freeRecompute = 1.12

    func tilePlan(_ geometry: NetworkGeometry, channels: Int, outputChannels: Int) throws(StageError) -> TilePlan {
        let budget = context.memoryBudget
        // Runs side by side, and two rows of cells that wait for the consumer.
        let memory = { (width: Int, height: Int) -> Int in
            let isWhole = width >= geometry.width && height >= geometry.height
            let run = network.memory(width: width, height: height, channels: channels)
            let rows = geometry.outputBytes(rows: isWhole ? height : 2 * height, channels: outputChannels)
            let side = run.multipliedReportingOverflow(by: isWhole ? 1 : settings.threads)
            let sum = side.partialValue.addingReportingOverflow(rows)
            return side.overflow || sum.overflow ? Int.max : sum.partialValue
        }
        do {
            let subject = geometry.subject
            if let fixed = network.fixedTile {
                let isOther = switch options.tiling {
                case .auto, .exact, .sync: false
                case .whole: (subject.width, subject.height) != fixed
                case .fixed(let tile, _): (tile, tile) != fixed
                }
                guard !isOther else {
                    throw StageError.host("the model takes \(fixed.width) x \(fixed.height) pixels and no other size: leave 'tiling' out, and the picture is run in tiles of that",
                                          stage: stage, code: .parameter, parameter: "tiling")
                }
                context.note("'\(stage)' runs in tiles of \(fixed.width) x \(fixed.height), the only size that its model takes")
                let grid = TileGrid(x: try TileAxis(size: subject.width, outputSize: subject.outputWidth, geometry: subject.x, tile: fixed.width),
                                    y: try TileAxis(size: subject.height, outputSize: subject.outputHeight, geometry: subject.y, tile: fixed.height))
                return TilePlan(grid: grid, memory: memory(fixed.width, fixed.height))
            }
            switch options.tiling {
            case .whole:
                return try TilePlan.choose(for: subject, budget: budget, ladder: [], memory: memory)
            case .fixed(let tile, _):
                let grid = try subject.grid(tile: tile)
                let plan = TilePlan(grid: grid, memory: memory(grid.x.tile, grid.y.tile))
                guard plan.memory <= budget else {
                    throw tooLarge("a tile of \(tile) pixels needs \(byteText(plan.memory)) and the budget is \(byteText(budget)): a smaller tile, or more --max-memory")
                }
                return plan
            case .auto, .exact, .sync:
                guard geometry.isTileable else {
                    do throws(TilingError) {
                        return try TilePlan.choose(for: subject, budget: budget, ladder: [], memory: memory)
                    } catch {
                        throw tooLarge("\(error.message). The network cannot be cut into tiles: \(geometry.reason). More --max-memory, or a smaller picture, would do\(synchronisationHint())")
                    }
                }
                let whole = TilePlan(grid: try subject.grid(tile: nil), memory: memory(geometry.width, geometry.height))
                if whole.memory <= min(budget, Self.comfortableWhole) { return whole }
                if let plan = smallTiles(subject, budget: budget, memory: memory) { return plan }
                if whole.memory <= min(budget, Self.comfortableRun) { return whole }
                let limit = options.tiling != .auto ? Double.greatestFiniteMagnitude : TilePlan.maximumRecompute
                if let plan = try? TilePlan.choose(for: subject, budget: min(budget, Self.comfortableRun), maximumRecompute: limit, memory: memory) { return plan }
                return try TilePlan.choose(for: subject, budget: budget, maximumRecompute: limit, memory: memory)
            }
        } catch let error as StageError {
            throw error
        } catch let error as TilingError {
            // Only a lack of memory is mended by memory.
            guard case .memory = error.reason else { throw .host("tiling: \(error.message)", stage: stage, code: .parameter) }
            throw tooLarge("\(error.message); a larger --max-memory or a smaller picture would do\(geometry.isTileable ? "" : synchronisationHint())")
        } catch {
            throw tooLarge("\(error)")
        }
    }

    /// The smallest tiles whose halos cost next to nothing.
    private func smallTiles(_ subject: TilePlan.Subject, budget: Int, memory: (Int, Int) -> Int) -> TilePlan? {
        for edge in TilePlan.ladder.sorted() {
            guard let grid = try? subject.grid(tile: edge), !grid.isWhole, grid.recompute <= Self.freeRecompute else { continue }
            let plan = TilePlan(grid: grid, memory: memory(grid.x.tile, grid.y.tile))
            return plan.memory <= budget ? plan : nil
        }
        return nil
    }

    func tooLarge(_ message: String) -> StageError { .host(message, stage: stage, code: .memory) }

    func report(_ geometry: NetworkGeometry, _ tiles: TilePlan, _ precision: Precision) -> NetworkReport {
        NetworkReport(
            kind: geometry.kind, scale: geometry.scaleText, stride: geometry.stride, halo: geometry.halo,
            tile: (tiles.grid.x.tile, tiles.grid.y.tile), tiles: tiles.grid.count, isWhole: tiles.grid.isWhole, isApproximate: geometry.isApproximate,
            precision: precision, device: settings.device, memory: tiles.memory, deciding: geometry.deciding)
    }
}

