internal import Inference
internal import Vips

/// The image that a network reads, and how its samples become the network's channels.
struct SampleSource: Sendable {
    let image: Image
    let bands: [SampleReader.Band]
}

/// Computes cells of a network's result.
///
/// Any number of threads may render at once; each run has buffers of its own inside the compiled network.
final class TileRunner: Sendable {
    let network: PreparedNetwork
    let geometry: NetworkGeometry
    let grid: TileGrid
    let engine: EngineProvider
    let settings: NeuralSettings
    let precision: Precision
    let channels: Int
    let outputChannels: Int
    let input: SampleSource
    /// `sample = scale * y + bias` for the network's output y.
    let result: (scale: Float, bias: Float)
    let context: ImageContext
    let stage: String
    /// What inputs of the network hold that are neither the picture nor constants.
    let statistics: StatisticsRun?

    init(network: PreparedNetwork, geometry: NetworkGeometry, grid: TileGrid, engine: EngineProvider, settings: NeuralSettings, precision: Precision,
         channels: Int, outputChannels: Int, input: SampleSource, result: (scale: Float, bias: Float), context: ImageContext, stage: String,
         statistics: StatisticsRun? = nil) {
        self.network = network
        self.geometry = geometry
        self.grid = grid
        self.engine = engine
        self.settings = settings
        self.precision = precision
        self.channels = channels
        self.outputChannels = outputChannels
        self.input = input
        self.result = result
        self.context = context
        self.stage = stage
        self.statistics = statistics
    }

    /// Compiles the network for its largest tile: what cannot work fails before the first pixel.
    func prepare() throws(StageError) {
        guard let shape = grid.shapes.first else { return }
        _ = try compiled(width: shape.width, height: shape.height, precision)
    }

    /// Fills `area` of the result, cell by cell.
    func render(_ area: Rect, into output: OutputPixels, _ inputs: InputPixels) throws {
        _ = try statistics?.found()
        let columns = grid.x.index(ofOutput: area.left)...grid.x.index(ofOutput: area.left + area.width - 1)
        let rows = grid.y.index(ofOutput: area.top)...grid.y.index(ofOutput: area.top + area.height - 1)
        for row in rows {
            for column in columns {
                if context.isCancelled { throw StageError.host("given up", stage: stage, code: .cancelled) }
                try render(grid.tile(column: column, row: row), area, output, inputs)
            }
        }
    }

    private func render(_ tile: TileGrid.Tile, _ area: Rect, _ output: OutputPixels, _ inputs: InputPixels) throws {
        do {
            try render(tile, area, output, inputs, precision)
        } catch let error as StageError where error.code == .notFinite && precision != .f32 {
            // Half precision overflows where f32 does not; a second try tells which it was.
            context.note("'\(stage)' gave NaN or infinity in \(precision.rawValue) and was run again in f32 there")
            try render(tile, area, output, inputs, .f32)
        }
    }

    private func render(_ tile: TileGrid.Tile, _ area: Rect, _ output: OutputPixels, _ inputs: InputPixels, _ precision: Precision) throws {
        let width = tile.x.input.count, height = tile.y.input.count
        let compiled = try compiled(width: width, height: height, precision)
        let reader = SampleReader(format: input.image.format, bands: input.image.bands,
                                  columns: tile.x.input.map(geometry.extensionX.source(of:)), rows: tile.y.input.map(geometry.extensionY.source(of:)))
        let layout: SampleReader.Layout = network.door.isNHWC
            ? .interleaved(width: width, bands: channels) : .planar(width: width, height: height)
        do {
            try compiled.run(output: network.door.outputName) { port, values in
                if try statistics?.fill(port, values) == true { return }
                guard port.name == network.door.inputName, values.count == width * height * channels, let target = values.baseAddress else {
                    throw StageError.host("the engine asks for \(values.count) values of '\(port.name)', \(width * height * channels) were expected", stage: stage)
                }
                try inputs.withPixels(of: 0, in: reader.source) { base, rowStride in
                    try reader.copy(from: base, rowStride: rowStride, bands: input.bands, to: target, layout: layout)
                }
            } read: { values, shape in
                try write(values, shape, tile, area, output)
            }
        } catch let error as EngineError {
            throw StageError.host(error.message, stage: stage, code: .internal)
        }
    }

    /// Copies the part of the tile's output that is kept and asked for. Checks every sample of it for NaN and infinity.
    private func write(_ values: UnsafeBufferPointer<Float>, _ shape: [Int], _ tile: TileGrid.Tile, _ area: Rect, _ output: OutputPixels) throws {
        let size = try outputSize(shape, values.count)
        let left = max(area.left, tile.x.keep.lowerBound), right = min(area.left + area.width, tile.x.keep.upperBound)
        let top = max(area.top, tile.y.keep.lowerBound), bottom = min(area.top + area.height, tile.y.keep.upperBound)
        let offsetX = tile.x.keepOffset - tile.x.keep.lowerBound, offsetY = tile.y.keepOffset - tile.y.keep.lowerBound
        guard left < right, top < bottom else { return }
        guard left + offsetX >= 0, right + offsetX <= size.width, top + offsetY >= 0, bottom + offsetY <= size.height, size.channels == outputChannels,
              let base = values.baseAddress else {
            throw StageError.host("the network gave \(size.width) x \(size.height) with \(size.channels) channels for a tile whose part up to \(right + offsetX) x \(bottom + offsetY) is needed",
                                  stage: stage, code: .internal)
        }
        let isNHWC = network.door.isNHWC
        let step = isNHWC ? size.channels : 1, rowStep = isNHWC ? size.width * size.channels : size.width
        let plane = isNHWC ? 1 : size.width * size.height
        let isReversed = network.door.isBGR && size.channels == 3
        var sum: Float = 0
        for y in top..<bottom {
            let line = (output.base + (y - area.top) * output.rowStride).assumingMemoryBound(to: Float.self)
            for channel in 0..<size.channels {
                var source = base + (isReversed ? 2 - channel : channel) * plane + (y + offsetY) * rowStep + (left + offsetX) * step
                var target = line + (left - area.left) * size.channels + channel
                for _ in left..<right {
                    let value = source.pointee
                    // 0 * x is 0 for every number, and NaN for NaN and both infinities: one check for a whole cell.
                    sum += 0 * value
                    target.pointee = result.scale * value + result.bias
                    source += step
                    target += size.channels
                }
            }
        }
        guard sum == 0 else {
            throw StageError(code: .notFinite, stage: stage, plugin: "", message: "the network's output holds NaN or infinity in the part from (\(left), \(top)) to (\(right), \(bottom))")
        }
    }

    private func outputSize(_ shape: [Int], _ count: Int) throws -> (channels: Int, height: Int, width: Int) {
        let isNHWC = network.door.isNHWC
        switch shape.count {
        case 4 where shape[0] == 1: return isNHWC ? (shape[3], shape[1], shape[2]) : (shape[1], shape[2], shape[3])
        case 3: return isNHWC ? (shape[2], shape[0], shape[1]) : (shape[0], shape[1], shape[2])
        case 2: return (1, shape[0], shape[1])
        default: throw StageError.host("the network's output has the shape \(shape), which is no picture", stage: stage)
        }
    }

    private func compiled(width: Int, height: Int, _ precision: Precision) throws(StageError) -> any CompiledNetwork {
        let isAlone = grid.isWhole && !settings.isShared
        let request = CompileRequest(
            inputShapes: [network.door.inputName: network.inputShape(width: width, height: height, channels: channels)], constants: network.constants,
            precision: precision, device: settings.device, streams: isAlone ? 1 : settings.threads, threads: settings.threads)
        do {
            return try engine.networks().network(network.model, request: request)
        } catch {
            throw StageError.host(error.message, stage: stage, code: error.kind == .outOfMemory ? .memory : .unsupported)
        }
    }
}
