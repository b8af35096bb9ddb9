internal import Inference
internal import ONNX
internal import Vips

/// `tiling: sync`: networks that take statistics over the whole image, in tiles all the same.
extension NetworkStageImage {
    /// The network cut at its statistics, where it is to be run so: because the user says so, or because it is too large to be run whole.
    func synchronisation(_ geometry: NetworkGeometry, _ input: NetworkInput) throws(StageError) -> CutNetwork? {
        guard !geometry.isTileable, network.fixedTile == nil else { return nil }
        switch options.tiling {
        case .sync:
            do {
                return try network.synchronised()
            } catch {
                throw .host("the network cannot be cut at its statistics: \(error). Run it whole (tiling: whole)", stage: stage, code: .unsupported, parameter: "tiling")
            }
        case .auto:
            do {
                _ = try chooseTiles(geometry, input)
                return nil
            } catch {
                guard error.code == .memory else { throw error }
                return try? network.synchronised()
            }
        case .exact, .whole, .fixed: return nil
        }
    }

    /// Finds the statistics when the first pixel is asked for, then runs what is left of the network in tiles.
    ///
    /// - Returns: nil where nothing is gained: the picture is one tile, or so thin that its places cannot be told apart, and can be run whole.
    func runSynchronised(_ cut: CutNetwork, _ input: NetworkInput, _ whole: NetworkGeometry) throws(StageError) -> (Image, NetworkStep)? {
        let geometry = try whole.synchronised(cut)
        let precision = try choosePrecision(whole, input)
        var options = options
        options.tiling = if case .sync(let tile?) = options.tiling { .fixed(tile: tile, halo: nil) } else { .exact }
        let remainder = NetworkStageImage(network: cut.remainder, options: options, plan: plan, settings: settings, engine: engine, context: context, stage: stage)
        let tiles = try remainder.chooseTiles(geometry, input), grid = tiles.plan.grid
        let fitsWhole = (try? chooseTiles(whole, input)) != nil
        if grid.isWhole, fitsWhole { return nil }
        let source = RandomInput(image: try readable(input.image))
        let statistics: StatisticsRun
        do {
            statistics = try StatisticsRun(network, cut: cut, geometry: geometry, edge: max(grid.x.tile, grid.y.tile), engine: engine, settings: settings,
                                           precision: precision.precision, source: source, input: input, context: context, stage: stage)
        } catch {
            if error.code == .geometry, fitsWhole { return nil }
            throw error
        }
        let runner = TileRunner(
            network: cut.remainder, geometry: geometry, tiles: tiles, engine: engine, settings: settings, source: source, input: input,
            context: context, stage: stage, statistics: statistics) { precision }
        let result = try remainder.rendered(runner)
        var report = report(runner)
        report.memory = max(report.memory, statistics.grids.map(\.memory).max() ?? 0)
        report.passes = cut.passes.count
        let runs = statistics.grids.map { ($0.columns * $0.rows, $0.tile.width, $0.tile.height) } + [(grid.count, grid.x.tile, grid.y.tile)]
        report.work = cut.work(of: network, width: geometry.width, height: geometry.height, channels: input.channels, runs: runs)
        note("'\(stage)' takes statistics over the whole picture: it is read \(cut.passes.count == 1 ? "once" : "\(cut.passes.count) times") for them, then run in tiles")
        var step = remainder.step(runner, report)
        step.detour = "it takes statistics over the whole picture first"
        return (result, step)
    }

    /// The image as passes need it: in any order, and again and again without the stages before it being computed again.
    private func readable(_ image: Image) throws(StageError) -> Image {
        guard inputIsComputed || image.isStreamed else { return image }
        do {
            return try image.keptOnDemand(memoryBudget: context.memoryBudget)
        } catch {
            throw .vips(error)
        }
    }
}

extension PreparedNetwork {
    /// What a message about a lack of memory says of `tiling: sync`.
    var synchronisationHint: String {
        do {
            let passes = try synchronised().passes.count
            return "; so would 'tiling: sync', which reads the picture \(passes == 1 ? "once" : "\(passes) times") more"
        } catch {
            return " ('tiling: sync' would not: \(error))"
        }
    }
}
