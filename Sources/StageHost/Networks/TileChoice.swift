internal import Inference

/// How a picture is cut for a network, and how many tiles are computed at a time.
struct TileChoice: Sendable {
    let plan: TilePlan
    /// Tiles computed at the same time, each with its share of the threads.
    let streams: Int

    /// Threads that compute cells ahead of the demand: one tile is filled while others are computed.
    var workers: Int { Self.workers(plan.grid, streams) }
    /// Cells computed ahead that nobody has read yet, at most.
    var ahead: Int { 2 * workers }

    /// Cells that are there at a time: the row that is read, and those ahead.
    static func cells(_ grid: TileGrid, _ streams: Int) -> Int { min(grid.count, grid.x.count + 2 * workers(grid, streams)) }

    private static func workers(_ grid: TileGrid, _ streams: Int) -> Int { grid.count > 1 ? streams + 1 : 0 }
}

/// Chooses tiles: the whole picture, or cells whose halos cost little, within the memory that there is.
///
/// The time of a grid is estimated from what a tile computes and moves. Estimates are only compared with estimates for the same network:
///
///     time of a tile    = operations / speed + bytes moved / bandwidth of what holds them + a fixed cost
///     time of a picture = rounds of `streams` tiles * time of a tile; the streams share the threads
struct TileChooser {
    let network: PreparedNetwork
    let geometry: NetworkGeometry
    let tiling: Tiling
    let channels: Int
    let outputChannels: Int
    /// Threads for inference, all streams together.
    let threads: Int
    /// Whether other pictures keep the threads busy that this one leaves idle.
    let isShared: Bool
    /// Bytes that this picture may take.
    let budget: Int
    let stage: String

    /// Unasked, a picture takes no more than this where tiles can be had that compute each pixel at most `maximumRecompute` times.
    private static let comfortable = 320 << 20
    private static let edges = [64, 96, 128, 192, 256, 320, 384, 512, 640, 768, 1024, 1280, 1536, 2048]

    func choose() throws(StageError) -> TileChoice {
        do {
            if let fixed = network.fixedTile { return try fixedByModel(fixed.width, fixed.height) }
            switch tiling {
            case .whole:
                return try whole(because: geometry.isTileable ? nil : geometry.reason)
            case .sync where !geometry.isTileable:
                return try whole(because: geometry.reason)
            case .fixed(let tile, _), .sync(let tile?):
                guard geometry.isTileable else {
                    throw StageError.host("the network cannot be cut into tiles: \(geometry.reason). With a halo, {tile: \(tile), halo: 64}, it is cut all the same, and the result is approximate",
                                          stage: stage, code: .parameter, parameter: "tiling")
                }
                let grid = try geometry.subject.grid(tile: tile)
                guard let choice = best([grid], within: budget) else {
                    throw lack("a tile of \(tile) pixels needs \(byteText(memory(of: grid, streams: 1))) and the budget is \(byteText(budget)): a smaller tile, or more --max-memory")
                }
                return choice
            case .auto, .exact, .sync:
                guard geometry.isTileable else { return try whole(because: geometry.reason) }
                return try tiled()
            }
        } catch let error as StageError {
            throw error
        } catch let error as TilingError {
            // Only a lack of memory is mended by memory.
            guard case .memory = error.reason else { throw .host("tiling: \(error.message)", stage: stage, code: .parameter) }
            throw lack("\(error.message); a larger --max-memory or a smaller picture would do")
        } catch {
            throw lack("\(error)")
        }
    }

    private func whole(because reason: String?) throws -> TileChoice {
        let grid = try geometry.subject.grid(tile: nil)
        if let choice = best([grid], within: budget) { return choice }
        let need = "the network needs \(byteText(memory(of: grid, streams: 1))) for the whole image of \(geometry.width) x \(geometry.height); the budget is \(byteText(budget))"
        guard let reason else { throw lack("\(need); a larger --max-memory or a smaller picture would do") }
        throw lack("\(need). The network cannot be cut into tiles: \(reason). More --max-memory, or a smaller picture, would do\(network.synchronisationHint)")
    }

    /// The only tile that the model takes.
    private func fixedByModel(_ width: Int, _ height: Int) throws -> TileChoice {
        let subject = geometry.subject
        let isOther = switch tiling {
        case .auto, .exact, .sync(nil): false
        case .whole: (subject.width, subject.height) != (width, height)
        case .fixed(let tile, _), .sync(let tile?): (tile, tile) != (width, height)
        }
        guard !isOther else {
            throw StageError.host("the model takes \(width) x \(height) pixels and no other size: leave 'tiling' out, and the picture is run in tiles of that",
                                  stage: stage, code: .parameter, parameter: "tiling")
        }
        let grid = try subject.grid(tileWidth: width, tileHeight: height)
        guard let choice = best([grid], within: budget) else {
            throw lack("a tile of \(width) x \(height) needs \(byteText(memory(of: grid, streams: 1))) and the budget is \(byteText(budget)): more --max-memory would do")
        }
        return choice
    }

    private func tiled() throws -> TileChoice {
        let grids = try candidates()
        let cheap = grids.filter { $0.cost <= TilePlan.maximumRecompute }
        if let choice = best(cheap, within: min(budget, Self.comfortable)) { return choice }
        // More memory than is comfortable, but no more of it than has to be.
        let smallFirst = (tiling != .auto ? grids : cheap).sorted { estimatedMemory(of: $0, streams: 1) < estimatedMemory(of: $1, streams: 1) }
        for grid in smallFirst where memory(of: grid, streams: 1) <= budget {
            return TileChoice(plan: TilePlan(grid: grid, memory: memory(of: grid, streams: 1)), streams: 1)
        }
        let limit = tiling != .auto ? Double.greatestFiniteMagnitude : TilePlan.maximumRecompute
        let plan = try TilePlan.choose(for: geometry.subject, budget: budget, maximumRecompute: limit) { width, height in
            network.memory(width: width, height: height, channels: channels)
        }
        return TileChoice(plan: plan, streams: 1)
    }

    /// The whole picture, and every grid that is worth a thought: cut in one direction or both, with tiles that are not too slim.
    private func candidates() throws -> [TileGrid] {
        let subject = geometry.subject
        var grids = [try subject.grid(tile: nil)]
        let edges: [Int?] = [nil] + Self.edges
        for width in edges {
            for height in edges {
                let isSlim = if let width, let height { max(width, height) > 4 * min(width, height) } else { false }
                guard !isSlim, let grid = try? subject.grid(tileWidth: width, tileHeight: height), !grid.isWhole else { continue }
                grids.append(grid)
            }
        }
        return grids
    }

    /// The grid that is estimated to be the fastest among those within the budget, with its streams.
    private func best(_ grids: [TileGrid], within budget: Int) -> TileChoice? {
        let choices = grids.flatMap { grid in streamCounts(grid).map { (grid: grid, streams: $0, time: time(of: grid, streams: $0)) } }
        for choice in choices.sorted(by: { $0.time < $1.time }) {
            // Estimates are for choosing; what is promised is counted.
            guard grids.count == 1 || estimatedMemory(of: choice.grid, streams: choice.streams) <= budget else { continue }
            let memory = memory(of: choice.grid, streams: choice.streams)
            if memory <= budget { return TileChoice(plan: TilePlan(grid: choice.grid, memory: memory), streams: choice.streams) }
        }
        return nil
    }

    /// From one tile at a time with all threads to as many tiles as threads.
    private func streamCounts(_ grid: TileGrid) -> [Int] {
        if grid.isWhole, !isShared { return [1] }
        var counts = [threads]
        while let last = counts.last, last > 1 { counts.append(last / 2) }
        return counts
    }

    // MARK: estimates

    /// In nanoseconds on a processor core that was measured, for the whole picture.
    private func time(of grid: TileGrid, streams: Int) -> Double {
        let profile = network.profile(channels: channels)
        let pixels = Double(grid.x.tile) * Double(grid.y.tile)
        let resident = pixels * profile.memory
        // Bytes in a nanosecond out of a core's own cache, the shared one, and memory.
        let bandwidth = resident < 1e6 ? 60.0 : resident < 12e6 ? 25 : 8
        let tile = pixels * (profile.operations / 50 + profile.traffic / bandwidth) + 200_000
        let share = Double(threads) / Double(streams)
        // Threads that share a tile meet after every layer.
        let one = share > 1 ? tile / share + Double(profile.layers) * 10_000 : tile
        return isShared ? one * Double(grid.count) / Double(streams) : one * Double((grid.count + streams - 1) / streams)
    }

    private func estimatedMemory(of grid: TileGrid, streams: Int) -> Int {
        let pixels = Double(grid.x.tile) * Double(grid.y.tile)
        return Int(min(pixels * network.profile(channels: channels).memory, 1e15)) * min(streams, grid.count) + min(waiting(grid, streams), 1 << 60)
    }

    /// Bytes of the runs side by side, and of what waits beside them.
    private func memory(of grid: TileGrid, streams: Int) -> Int {
        let run = network.memory(width: grid.x.tile, height: grid.y.tile, channels: channels)
        let side = run.multipliedReportingOverflow(by: min(streams, grid.count))
        let sum = side.partialValue.addingReportingOverflow(waiting(grid, streams))
        return side.overflow || sum.overflow ? Int.max : sum.partialValue
    }

    /// Bytes of the cells that wait for the consumer, and of the tile that is filled or read while another is computed.
    private func waiting(_ grid: TileGrid, _ streams: Int) -> Int {
        let row = geometry.outputBytes(rows: grid.y.cell, channels: outputChannels)
        if grid.isWhole || row > 1 << 50 { return row }
        let scale = Double(geometry.x.scaleNumerator * geometry.y.scaleNumerator) / Double(geometry.x.scaleDenominator * geometry.y.scaleDenominator)
        let tile = Double(grid.x.tile) * Double(grid.y.tile) * 4 * (Double(channels) + scale * Double(outputChannels))
        return row / grid.x.count * TileChoice.cells(grid, streams) + 2 * Int(min(tile, 1e15))
    }

    private func lack(_ message: String) -> StageError {
        let culprit = network.largestValue(width: min(geometry.width, Self.smallTile(geometry.x)), height: min(geometry.height, Self.smallTile(geometry.y)), channels: channels)
        let text = culprit.map { "\(message). Even a small tile holds \(byteText($0.bytes)) of what \($0.node) makes" } ?? message
        return .host(network.file.map { "\($0): \(text)" } ?? text, stage: stage, code: .memory)
    }

    private static func smallTile(_ axis: AxisGeometry) -> Int { (128 + axis.alignment - 1) / axis.alignment * axis.alignment }
}
