internal import Inference
internal import ONNX
internal import Vips

/// The network itself: what it reads, in which tiles, and how its numbers become samples.
extension NetworkStageImage {
    /// - Parameter sources: the band of the image for each channel of the network.
    func run(_ image: Image, sources: [Int], _ scale: PictureScale) throws(StageError) -> (Image, NetworkStep) {
        var geometry = try plan.geometry(of: network, options: options, width: image.width, height: image.height, stage: stage)
        let input = try networkInput(image, sources, scale, geometry)
        if let cut = try synchronisation(geometry, input), let result = try runSynchronised(cut, input, geometry) { return result }
        let tiles: TileChoice
        var haloError: Double?
        do throws(StageError) {
            tiles = try chooseTiles(geometry, input)
        } catch {
            guard error.code == .memory, let measured = try withMeasuredHalo(geometry, input) else { throw error }
            geometry = measured.geometry
            haloError = measured.error
            tiles = try chooseTiles(geometry, input)
        }
        if let fixed = network.fixedTile {
            note("'\(stage)' runs in tiles of \(fixed.width) x \(fixed.height), the only size that its model takes")
        }
        if geometry.isApproximate, haloError == nil {
            note("'\(stage)' uses the halo given by 'tiling', smaller than the derived one: the result is approximate")
        }
        if let tile = network.fixedTile, image.width < tile.width || image.height < tile.height {
            note("'\(stage)' takes \(tile.width) x \(tile.height) and no less: a picture of \(image.width) x \(image.height) is extended by its reflection, and its right and bottom edges are approximate")
        }
        let isPromise = options.tiling == .exact && plan.derivesFromGraph && !tiles.plan.grid.isWhole, settled = geometry
        let runner = TileRunner(
            network: network, geometry: geometry, tiles: tiles, engine: engine, settings: settings, source: tileInput(image, tiles.plan.grid), input: input,
            context: context, stage: stage
        ) { () throws(StageError) in
            if isPromise { try checkClaims() }
            return try choosePrecision(settled, input)
        }
        var report = report(runner)
        report.haloError = haloError
        return (try rendered(runner), step(runner, report))
    }

    private func networkInput(_ image: Image, _ sources: [Int], _ scale: PictureScale, _ geometry: NetworkGeometry) throws(StageError) -> NetworkInput {
        let outputChannels = try geometry.outputChannels(channels: sources.count)
        let resultingScale = pictureScale(scale, image)
        let isPicture = PictureScale.isPictureBands(outputChannels) && resultingScale != .data
            && (network.door.output.content == .samples || options.isOutputRangeGiven)
        return NetworkInput(image: image, sources: sources, scale: scale, resultingScale: resultingScale, bands: bands(sources, scale),
                            outputChannels: outputChannels, isPicture: isPicture, result: isPicture ? resultScale(resultingScale) : (1, 0))
    }

    func chooseTiles(_ geometry: NetworkGeometry, _ input: NetworkInput) throws(StageError) -> TileChoice {
        try TileChooser(
            network: network, geometry: geometry, tiling: options.tiling, channels: input.channels, outputChannels: input.outputChannels, threads: settings.threads,
            isShared: settings.isShared, budget: context.memoryBudget, stage: stage
        ).choose()
    }

    /// Exact tiles are promised only where the engine, asked on small images, does not contradict the graph.
    private func checkClaims() throws(StageError) {
        do throws(EngineError) {
            switch try network.claims.ask(network, engine: engine, threads: settings.threads) {
            case .confirmed: break
            case .refuted(let problem):
                throw EngineError(.failed, "tiles of this network are not exact: \(problem). 'tiling: whole' runs it in one piece")
            case .notTried(let reason): context.note("'\(stage)' is cut into tiles as its graph says, without a probe of the engine: \(reason)")
            }
        } catch {
            throw .host(error.message, stage: stage, code: .unsupported)
        }
    }

    /// The result as an image whose pixels are computed as they are asked for, in whole cells and somewhat ahead.
    func rendered(_ runner: TileRunner) throws(StageError) -> Image {
        let input = runner.input, grid = runner.tiles.plan.grid
        let header = GeneratedHeader(
            width: runner.geometry.outputWidth, height: runner.geometry.outputHeight, bands: input.outputChannels, format: .float,
            interpretation: interpretation(input.outputChannels, input.resultingScale), demand: .fatStrip)
        let cells = runner.cells()
        let result: Image
        do {
            result = try Image.generated(header, from: [runner.source.image]) { area, output, _ in
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
        return try tagged(result, input.resultingScale, interpretation: header.interpretation)
    }

    /// What the stage is, for whoever makes one network of several.
    func step(_ runner: TileRunner, _ report: NetworkReport) -> NetworkStep {
        func unit(_ scale: PictureScale) -> PictureScale { scale == .data ? .data : .picture(fullScale: 1) }
        let input = runner.input
        var enter = bands(input.sources, unit(input.scale)).map { NetworkStep.Line(scale: Double($0.scale), bias: Double($0.bias)) }
        if network.door.isBGR, enter.count == 3 { enter.reverse() }
        let leave: (scale: Float, bias: Float) = input.isPicture ? resultScale(unit(input.resultingScale)) : (1, 0)
        return NetworkStep(input: input.image, host: self, runner: runner, enter: enter, leave: NetworkStep.Line(scale: Double(leave.scale), bias: Double(leave.bias)), report: report)
    }

    /// What can be said before anything was tried: the arithmetic is not chosen yet.
    func report(_ runner: TileRunner) -> NetworkReport {
        let geometry = runner.geometry, grid = runner.tiles.plan.grid
        return NetworkReport(
            kind: geometry.kind, scale: geometry.scaleText, stride: geometry.stride, halo: geometry.halo,
            tile: (grid.x.tile, grid.y.tile), tiles: grid.count, streams: runner.tiles.streams, isWhole: grid.isWhole, isApproximate: geometry.isApproximate,
            precision: .f32, device: settings.device, memory: runner.tiles.plan.memory, deciding: geometry.deciding)
    }

    // MARK: scales

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
    private func resultScale(_ scale: PictureScale) -> (scale: Float, bias: Float) {
        guard case .picture(let white) = scale else { return (1, 0) }
        let factor = Float(white) / (options.outputWhite - options.outputBlack)
        return (factor, -options.outputBlack * factor)
    }

    /// The scale of the picture that the data came from, where the input is data: its tag says.
    private func pictureScale(_ scale: PictureScale, _ image: Image) -> PictureScale {
        if case .picture = scale { return scale }
        if let tag = image.double(PictureScale.field), tag > 0 { return .picture(fullScale: tag) }
        return .data
    }

    private func interpretation(_ channels: Int, _ scale: PictureScale) -> Interpretation {
        guard PictureScale.isPictureBands(channels), case .picture(let white) = scale else { return .multiband }
        switch (channels, white) {
        case (1, 65535): return .grey16
        case (1, _): return .blackAndWhite
        case (_, 65535): return .rgb16
        case (_, 1): return .scrgb
        default: return .srgb
        }
    }

    // MARK: tiles

    /// A file that is being decoded is read in order; everything else where a tile lies.
    private func tileInput(_ image: Image, _ grid: TileGrid) -> any TileInput {
        guard image.isStreamed, !grid.isWhole else { return RandomInput(image: image) }
        // The row of cells that is read and the one computed ahead, and another one for a consumer that looks back.
        return StreamedInput(image, keptRows: grid.y.tile + 2 * grid.y.cell)
    }
}
