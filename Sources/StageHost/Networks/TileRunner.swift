internal import Inference
internal import ONNX
internal import Synchronization
internal import Vips

/// Computes cells of a network's result.
///
/// Any number of threads may compute at once; each run has buffers of its own inside the compiled network.
final class TileRunner: Sendable {
    let network: PreparedNetwork
    let geometry: NetworkGeometry
    let tiles: TileChoice
    let engine: EngineProvider
    let settings: NeuralSettings
    /// Where the pixels come from.
    let source: any TileInput
    let input: NetworkInput
    let context: ImageContext
    let stage: String
    private let mark: String
    private let clock: StageClock
    /// What inputs of the network hold that are not the picture: statistics over the whole of it.
    let statistics: StatisticsRun?
    /// How often tiles were halved because the engine could not allocate what they need.
    private let halvings = Atomic<Int>(0)
    private let decide: @Sendable () throws(StageError) -> PrecisionDecision
    private let decision = Mutex<Result<PrecisionDecision, StageError>?>(nil)

    private struct Shape: Hashable {
        var width, height: Int
        var precision: Precision
    }

    /// The network for the shapes of its tiles: one or a few.
    private let networks = Mutex<[Shape: any CompiledNetwork]>([:])

    /// - Parameter decide: what the network is computed in; asked once, before anything is compiled.
    init(network: PreparedNetwork, geometry: NetworkGeometry, tiles: TileChoice, engine: EngineProvider, settings: NeuralSettings,
         source: any TileInput, input: NetworkInput, context: ImageContext, stage: String, statistics: StatisticsRun? = nil,
         decide: @escaping @Sendable () throws(StageError) -> PrecisionDecision) {
        self.network = network
        self.geometry = geometry
        self.tiles = tiles
        self.engine = engine
        self.settings = settings
        self.decide = decide
        self.source = source
        self.input = input
        self.context = context
        self.stage = stage
        clock = context.clock(of: stage)
        mark = WorkerBoard.Call.text(stage: stage, plugin: "", function: "the inference engine")
        self.statistics = statistics
    }

    private var grid: TileGrid { tiles.plan.grid }

    /// What the network is computed in. Whoever asks first has it decided; others wait.
    func precision() throws(StageError) -> PrecisionDecision {
        let decided = decision.withLock { decision -> Result<PrecisionDecision, StageError> in
            if let decision { return decision }
            let made = Result { () throws(StageError) in try decide() }
            decision = made
            return made
        }
        return try decided.get()
    }

    /// Compiles the network for its largest tile: what cannot work fails before the first pixel.
    func prepare() throws(StageError) {
        let precision = try precision()
        while true {
            do {
                guard let shape = try self.grid(halved: halvings.load(ordering: .relaxed)).shapes.first else { return }
                _ = try compiled(width: shape.width, height: shape.height, precision.precision)
                return
            } catch let error where error.code == .memory {
                try halve(from: halvings.load(ordering: .relaxed), error)
            }
        }
    }

    /// The cells of the result, each computed by `cell(column:row:)`.
    func cells() -> CellStore {
        let holds = CellStore.Watch { [self] _, row in source.hold(from: firstRow(ofTilesIn: row)) } ends: { [self] _, row in source.release(from: firstRow(ofTilesIn: row)) }
        let store = CellStore(columns: grid.x.count, rows: grid.y.count, workers: tiles.workers, ahead: tiles.ahead, watch: holds,
                              isCancelled: { [context] in context.isCancelled }) { [self] column, row in try cell(column: column, row: row) }
        context.atEnd { [weak store] in store?.close() }
        return store
    }

    /// The first row of the image that the tiles of a row of the grid read.
    private func firstRow(ofTilesIn row: Int) -> Int { grid.y.tile(at: row).input.map(geometry.extensionY.source(of:)).min() ?? 0 }

    /// Computes one cell of the result.
    ///
    /// Where the engine cannot allocate the tile, the cell is put together from smaller ones, as exact as the large one.
    func cell(column: Int, row: Int) throws -> CellPixels {
        _ = try statistics?.found()
        let x = grid.x.tile(at: column).keep, y = grid.y.tile(at: row).keep
        let cell = CellPixels(area: Rect(left: x.lowerBound, top: y.lowerBound, width: x.count, height: y.count), bands: input.outputChannels)
        while true {
            let halved = halvings.load(ordering: .relaxed)
            do {
                try fill(cell, from: try self.grid(halved: halved))
                return cell
            } catch let error as StageError where error.code == .memory {
                try halve(from: halved, error)
            }
        }
    }

    private func fill(_ cell: CellPixels, from grid: TileGrid) throws {
        let area = cell.area
        for row in grid.y.index(ofOutput: area.top)...grid.y.index(ofOutput: area.top + area.height - 1) {
            for column in grid.x.index(ofOutput: area.left)...grid.x.index(ofOutput: area.left + area.width - 1) {
                if context.isCancelled { throw StageError.host("given up", stage: stage, code: .cancelled) }
                try run(grid.tile(column: column, row: row), into: cell)
            }
        }
    }

    /// The grid with its tiles halved some times.
    private func grid(halved times: Int) throws(StageError) -> TileGrid {
        guard times > 0 else { return grid }
        let subject = geometry.subject
        do {
            return TileGrid(x: try TileAxis(size: subject.width, outputSize: subject.outputWidth, geometry: subject.x, tile: grid.x.tile >> times),
                            y: try TileAxis(size: subject.height, outputSize: subject.outputHeight, geometry: subject.y, tile: grid.y.tile >> times))
        } catch {
            throw .host(error.message, stage: stage, code: .geometry)
        }
    }

    /// Goes on with tiles of half the edge, or throws `error` where there are none that keep anything.
    private func halve(from times: Int, _ error: StageError) throws(StageError) {
        guard geometry.isTileable, network.fixedTile == nil, (try? grid(halved: times + 1)) != nil else { throw error }
        let (isFirst, _) = halvings.compareExchange(expected: times, desired: times + 1, ordering: .relaxed)
        guard isFirst else { return }
        context.note("'\(stage)': the engine could not allocate a tile of \(grid.x.tile >> times) x \(grid.y.tile >> times) pixels; it goes on with smaller ones")
    }

    private func run(_ tile: TileGrid.Tile, into cell: CellPixels) throws {
        let precision = try precision()
        do {
            try run(tile, into: cell, precision.precision)
        } catch let error as StageError where error.code == .notFinite && precision.precision != .f32 {
            // Half precision overflows where f32 does not; a second try tells which it was.
            try run(tile, into: cell, .f32)
            context.note("'\(stage)' gave NaN or infinity in \(precision.precision.rawValue) and was run again in f32 there")
            if let key = precision.key { engine.precisions.refute(precision.precision, key: key) }
        }
    }

    private func run(_ tile: TileGrid.Tile, into cell: CellPixels, _ precision: Precision) throws {
        let width = tile.x.input.count, height = tile.y.input.count
        let compiled = try compiled(width: width, height: height, precision)
        let reader = SampleReader(format: source.image.format, bands: source.image.bands,
                                  columns: tile.x.input.map(geometry.extensionX.source(of:)), rows: tile.y.input.map(geometry.extensionY.source(of:)))
        let layout: SampleReader.Layout = network.door.isNHWC
            ? .interleaved(width: width, bands: input.channels) : .planar(width: width, height: height)
        // The pixels come first and the engine's buffers after: a chain that uses one network twice would otherwise wait for buffers that it holds itself.
        try source.withPixels(in: reader.source) { base, rowStride in
            do {
                context.computed(in: precision)
                var watch = NetworkStopwatch(clock)
                try StageMarks.during(mark) {
                    try compiled.run(output: network.door.outputName) { port, values in
                        defer { watch.filled() }
                        if try statistics?.fill(port, values) == true { return }
                        guard port.name == network.door.inputName, values.count == width * height * input.channels, let target = values.baseAddress else {
                            throw StageError.host("the engine asks for \(values.count) values of '\(port.name)', \(width * height * input.channels) were expected", stage: stage)
                        }
                        try reader.copy(from: base, rowStride: rowStride, bands: input.bands, to: target, layout: layout)
                    } read: { values, shape in
                        watch.computed()
                        do {
                            try write(values, shape, tile, cell)
                        } catch let error as StageError where error.code == .notFinite {
                            guard let place = try reader.firstNotFinite(from: base, rowStride: rowStride, bands: input.bands) else { throw error }
                            throw StageError.notFinite(inputAt: place, of: stage)
                        }
                    }
                }
            } catch let error as EngineError {
                throw StageError.host(error.message, stage: stage, code: error.kind == .outOfMemory ? .memory : .internal)
            }
        }
    }

    /// Copies the part of the tile's output that is kept to the cell. Checks every sample of it for NaN and infinity.
    private func write(_ values: UnsafeBufferPointer<Float>, _ shape: [Int], _ tile: TileGrid.Tile, _ cell: CellPixels) throws {
        guard let size = network.door.output.picture(in: shape) else {
            throw StageError.host("the network's output has the shape \(shape), which is no picture", stage: stage)
        }
        let area = cell.area
        let left = max(area.left, tile.x.keep.lowerBound), right = min(area.left + area.width, tile.x.keep.upperBound)
        let top = max(area.top, tile.y.keep.lowerBound), bottom = min(area.top + area.height, tile.y.keep.upperBound)
        let offsetX = tile.x.keepOffset - tile.x.keep.lowerBound, offsetY = tile.y.keepOffset - tile.y.keep.lowerBound
        guard left < right, top < bottom else { return }
        guard left + offsetX >= 0, right + offsetX <= size.width, top + offsetY >= 0, bottom + offsetY <= size.height, size.channels == input.outputChannels,
              let base = values.baseAddress else {
            throw StageError.host("the network gave \(size.width) x \(size.height) with \(size.channels) channels for a tile whose part up to \(right + offsetX) x \(bottom + offsetY) is needed",
                                  stage: stage, code: .internal)
        }
        let step = size.columnStride, rowStep = size.rowStride, plane = size.channelStride
        let isReversed = network.door.isBGR && size.channels == 3
        var sum: Float = 0
        for y in top..<bottom {
            let line = cell.pixel(x: left, y: y)
            for channel in 0..<size.channels {
                var source = base + (isReversed ? 2 - channel : channel) * plane + (y + offsetY) * rowStep + (left + offsetX) * step
                var target = line + channel
                for _ in left..<right {
                    let value = source.pointee
                    // 0 * x is 0 for every number, and NaN for NaN and both infinities: one check for a whole cell.
                    sum += 0 * value
                    target.pointee = input.result.scale * value + input.result.bias
                    source += step
                    target += size.channels
                }
            }
        }
        guard sum == 0 else {
            throw StageError(code: .notFinite, stage: stage, plugin: "", message: "the output '\(network.door.outputName)' of \(network.title), made by \(network.lastNode), holds NaN or infinity in the part from (\(left), \(top)) to (\(right), \(bottom))")
        }
    }

    private func compiled(width: Int, height: Int, _ precision: Precision) throws(StageError) -> any CompiledNetwork {
        let shape = Shape(width: width, height: height, precision: precision)
        if let known = networks.withLock({ $0[shape] }) { return known }
        let made = try compile(width: width, height: height, precision)
        networks.withLock { $0[shape] = made }
        return made
    }

    private func compile(width: Int, height: Int, _ precision: Precision) throws(StageError) -> any CompiledNetwork {
        let request = CompileRequest(
            inputShapes: [network.door.inputName: network.inputShape(width: width, height: height, channels: input.channels)],
            precision: precision, device: settings.device, streams: tiles.streams, threads: settings.threads)
        do {
            return try engine.networks().network(network.model, request: request,
                                                 memory: min(network.memory(width: width, height: height, channels: input.channels), 1 << 40) * tiles.streams)
        } catch {
            throw StageError.host(error.message, stage: stage, code: error.kind == .outOfMemory ? .memory : .unsupported)
        }
    }
}
