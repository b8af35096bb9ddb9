internal import Dispatch
internal import Inference
internal import ONNX
internal import Synchronization
internal import Vips

/// Finds a network's global statistics over one image: pass after pass, each over all tiles.
///
/// Nothing is computed until the first value is asked for; who asks meanwhile waits. Memory is that of the tiles that run side by side.
final class StatisticsRun: Sendable {
    let network: PreparedNetwork
    let cut: CutNetwork
    let geometry: NetworkGeometry
    let engine: EngineProvider
    let settings: NeuralSettings
    let precision: Precision
    let source: any TileInput
    let input: NetworkInput
    let context: ImageContext
    let stage: String
    let clock: StageClock
    let grids: [PassGrid]
    private let result = Mutex<Result<[String: TensorData], StageError>?>(nil)

    /// - Parameters:
    ///   - network: the one that was cut.
    ///   - geometry: how the image is extended for it.
    ///   - edge: the tile edge of the run that follows, in input pixels.
    ///   - source: can be read in any order, and more than once.
    /// - Throws: where a pass has no room for its tiles.
    init(_ network: PreparedNetwork, cut: CutNetwork, geometry: NetworkGeometry, edge: Int, engine: EngineProvider, settings: NeuralSettings,
         precision: Precision, source: any TileInput, input: NetworkInput, context: ImageContext, stage: String) throws(StageError) {
        self.network = network
        self.cut = cut
        self.geometry = geometry
        self.engine = engine
        self.settings = settings
        self.precision = precision
        self.source = source
        self.input = input
        self.context = context
        self.stage = stage
        clock = context.clock(of: stage)
        var grids: [PassGrid] = []
        let edges = [edge] + TilePlan.ladder.sorted(by: >)
        for pass in cut.passes {
            let memory = Self.memory(of: pass, network, geometry, channels: input.channels, threads: settings.threads)
            grids.append(try Self.grid(pass, geometry, edges: edges, memory: memory, budget: context.memoryBudget, stage))
        }
        self.grids = grids
    }

    /// Sets an input that holds a statistic. Finds all statistics where nobody has.
    ///
    /// - Returns: false where the input is no statistic.
    func fill(_ port: NetworkPort, _ values: UnsafeMutableBufferPointer<Float>) throws(StageError) -> Bool {
        try Self.fill(port, values, from: try found())
    }

    /// All statistics by the name of the input that they fill.
    func found() throws(StageError) -> [String: TensorData] {
        let found = result.withLock { state -> Result<[String: TensorData], StageError> in
            if let state { return state }
            let made = Result { () throws(StageError) in try find() }
            state = made
            return made
        }
        return try found.get()
    }

    static func fill(_ port: NetworkPort, _ values: UnsafeMutableBufferPointer<Float>, from known: [String: TensorData]) throws(StageError) -> Bool {
        guard let tensor = known[port.name] else { return false }
        guard tensor.values.count == values.count else {
            throw .host("the statistic '\(port.name)' has \(tensor.values.count) values where the network takes \(values.count)", code: .internal)
        }
        _ = values.update(fromContentsOf: tensor.values)
        return true
    }

    private func find() throws(StageError) -> [String: TensorData] {
        var known: [String: TensorData] = [:]
        do {
            let sizes = try cut.model.values(forSizeOf: network.inputShapes(width: geometry.width, height: geometry.height, channels: input.channels))
            for value in cut.model.sizeValues {
                if let values = sizes[value.name] { known[value.name] = try TensorData(shape: value.shape, values: values) }
            }
        } catch {
            throw .host("the network's sizes cannot be computed: \(error)", stage: stage, code: .geometry)
        }
        for (pass, grid) in zip(cut.passes, grids) {
            for (statistic, sums) in zip(pass.part.statistics, try smallerIfNeeded(pass, grid, known)) {
                for fill in statistic.fills {
                    guard let values = statistic.values(of: fill, from: sums), let tensor = try? TensorData(shape: fill.shape, values: values) else {
                        throw .host("the statistic of '\(statistic.node)' does not have the extents \(fill.shape)", stage: stage, code: .internal)
                    }
                    guard values.allSatisfy(\.isFinite) else { throw notFinite(statistic) }
                    known[fill.name] = tensor
                }
            }
        }
        return known
    }

    private func notFinite(_ statistic: Statistic) -> StageError {
        StageError(code: .notFinite, stage: stage, plugin: "", message: "the statistic that the network's node '\(statistic.node)' takes over the picture is NaN or infinity")
    }

    // MARK: one pass

    /// What a pass adds up, on smaller tiles than planned where the engine cannot allocate what those need.
    private func smallerIfNeeded(_ pass: CutNetwork.Pass, _ planned: PassGrid, _ known: [String: TensorData]) throws(StageError) -> [StatisticSums] {
        var grid = planned
        while true {
            do {
                return try sums(of: pass, grid, known)
            } catch {
                let edges = TilePlan.ladder.sorted(by: >).filter { $0 < max(grid.tile.width, grid.tile.height) }
                guard error.code == .memory, !edges.isEmpty, let smaller = try? Self.grid(pass, geometry, edges: edges, memory: memory(of: pass), budget: .max, stage) else { throw error }
                context.note("'\(stage)': the engine could not allocate a tile of \(grid.tile.width) x \(grid.tile.height) pixels; it goes on with smaller ones")
                grid = smaller
            }
        }
    }

    private static func grid(_ pass: CutNetwork.Pass, _ geometry: NetworkGeometry, edges: [Int], memory: (Int, Int) -> Int, budget: Int, _ stage: String)
        throws(StageError) -> PassGrid {
        try PassGrid(pass.part, width: geometry.width, height: geometry.height, edges: edges, budget: budget, stage: stage, memory: memory)
    }

    /// Bytes that the tiles of a pass need that are computed side by side.
    func memory(of pass: CutNetwork.Pass) -> (Int, Int) -> Int {
        Self.memory(of: pass, network, geometry, channels: input.channels, threads: settings.threads)
    }

    private static func memory(of pass: CutNetwork.Pass, _ network: PreparedNetwork, _ geometry: NetworkGeometry, channels: Int, threads: Int) -> (Int, Int) -> Int {
        { width, height in
            let one = network.memory(of: pass.part.model, width: width, height: height, channels: channels)
            let (all, overflow) = one.multipliedReportingOverflow(by: width >= geometry.width && height >= geometry.height ? 1 : threads)
            return overflow ? .max : all
        }
    }

    /// What a pass adds up over the whole image, one for each of its statistics.
    private func sums(of pass: CutNetwork.Pass, _ grid: PassGrid, _ known: [String: TensorData]) throws(StageError) -> [StatisticSums] {
        let runner = try PassRunner(pass, grid, known, self)
        let count = grid.columns * grid.rows
        let next = Atomic<Int>(0), failure = Mutex<StageError?>(nil)
        // By tile, and merged in their order, so that the result does not depend on which thread was faster.
        let tiles = Mutex<[[StatisticSums]?]>(Array(repeating: nil, count: count))
        DispatchQueue.concurrentPerform(iterations: max(1, min(settings.threads, count))) { _ in
            while failure.withLock({ $0 == nil }) {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                do throws(StageError) {
                    if context.isCancelled { throw StageError.host("given up", stage: stage, code: .cancelled) }
                    let sums = try runner.sums(column: index % grid.columns, row: index / grid.columns)
                    tiles.withLock { $0[index] = sums }
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        var totals = pass.part.statistics.map(\.emptySums)
        for tile in tiles.withLock({ $0 }) {
            for (index, sums) in (tile ?? []).enumerated() { totals[index].merge(sums) }
        }
        for (statistic, total) in zip(pass.part.statistics, totals) {
            guard let tap = pass.part.taps.firstIndex(where: { $0.name == statistic.tap }), total.isComplete(for: statistic, over: grid.shapes[tap]) else {
                throw .host("the tiles do not cover what '\(statistic.node)' reads", stage: stage, code: .internal)
            }
        }
        return totals
    }
}
