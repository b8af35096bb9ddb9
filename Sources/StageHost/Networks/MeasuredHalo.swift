internal import Inference
internal import ONNX
internal import Vips

/// A halo smaller than the derived one, found on parts of the picture itself: what `tiling: auto` falls back to where exact tiles would cost too much.
///
/// Deep networks have halos of hundreds of pixels whose outer part hardly matters. Around each of a few places of the picture a small core is computed twice,
///
///     |<------- full halo ------->|  core  |<------- full halo ------->|      the result that counts
///                       |<- halo ->|  core  |<- halo ->|                       must be the same to half a code value
///
/// in f32, with the smallest halo first. The first one that passes everywhere is taken. That is a measurement, not a proof: other parts of the picture may
/// differ by more, and the run says so.
struct MeasuredHalo {
    let network: PreparedNetwork
    let geometry: NetworkGeometry
    let source: NetworkInput
    /// The number that means white.
    let white: Float
    /// Tiles of the same shape come again with every picture.
    let networks: NetworkCache
    let settings: NeuralSettings

    /// Input pixels of a core, before alignment.
    private static let core = 64
    /// The halos that are tried for a geometry, the smallest first, in sixteenths of the full one.
    static func candidates(for geometry: NetworkGeometry) -> [Int] {
        let full = max(geometry.x.haloBefore, geometry.x.haloAfter, geometry.y.haloBefore, geometry.y.haloAfter)
        return [1, 2, 3, 4, 6, 8, 12].map { (full * $0 + 15) / 16 }
    }

    struct Finding {
        /// Input pixels on each side.
        let halo: Int
        /// The largest difference that was seen, in code values of 8 bits.
        let error: Double
    }

    /// Half a code value of the picture's depth, in code values of 8 bits: for floats that of 16 bits.
    private var limit: Double { white == 255 ? 0.5 : 0.5 / 257 }

    /// The smallest halo that passes; nil where none does that is smaller than the full one, or the picture has no room to compare.
    ///
    /// - Parameters:
    ///   - fits: whether a tile of so many pixels may be run.
    ///   - helps: whether there are tiles for a halo; not worth a measurement where not.
    /// - Throws: `EngineError`, or what reading the picture throws.
    func measure(fits: (_ width: Int, _ height: Int) -> Bool, helps: (_ halo: Int) -> Bool) throws -> Finding? {
        let candidates = Self.candidates(for: geometry)
        guard helps(candidates[0]), let exact = try? grid(geometry.x, geometry.y), fits(exact.x.tile, exact.y.tile) else { return nil }
        let places = try ProbeTiles(image: source.image, bands: source.bands, white: white).centres()
        let references = try outputs(at: places, exact)

        for halo in candidates {
            // A larger halo needs larger tiles.
            guard helps(halo) else { return nil }
            guard let reduced = try? geometry.withHalo(atMost: halo), let candidate = try? grid(reduced.x, reduced.y), candidate != exact else { continue }
            let found = try outputs(at: places, candidate)
            var worst = 0.0
            for (output, reference) in zip(found, references) { worst = max(worst, difference(output, reference)) }
            // Also false where the difference is no number.
            if worst <= limit { return Finding(halo: halo, error: worst) }
        }
        return nil
    }

    // MARK: tiles

    /// A tile's output and the part of it that is kept.
    private struct Output {
        let tile: TileGrid.Tile
        let values: [Float]
        /// How the tile's picture lies in `values`.
        let picture: PictureExtents

        /// A sample by pixels of the whole result; nil where the network gave fewer pixels than are kept.
        func value(_ channel: Int, _ x: Int, _ y: Int) -> Float? {
            let column = x - tile.x.keep.lowerBound + tile.x.keepOffset, row = y - tile.y.keep.lowerBound + tile.y.keepOffset
            guard (0..<picture.width).contains(column), (0..<picture.height).contains(row) else { return nil }
            let index = channel * picture.channelStride + row * picture.rowStride + column * picture.columnStride
            return values.indices.contains(index) ? values[index] : nil
        }
    }

    /// Cells of the same size whatever the halo, so that they cover the same pixels.
    private func grid(_ x: AxisGeometry, _ y: AxisGeometry) throws(TilingError) -> TileGrid {
        func axis(_ size: Int, _ outputSize: Int, _ axis: AxisGeometry) throws(TilingError) -> TileAxis {
            let core = (Self.core + axis.alignment - 1) / axis.alignment * axis.alignment
            return try TileAxis(size: size, outputSize: outputSize, geometry: axis, tile: core + axis.haloBefore + axis.haloAfter)
        }
        return TileGrid(x: try axis(geometry.width, geometry.outputWidth, x), y: try axis(geometry.height, geometry.outputHeight, y))
    }

    /// The results of the cells that the places lie in. Where the picture has no room for a tile with full halos, its one cell holds all that smaller ones cut up.
    private func outputs(at places: [ProbeTiles.Place], _ grid: TileGrid) throws -> [Output] {
        func index(_ axis: TileAxis, _ pixel: Int) -> Int {
            axis.index(ofOutput: min(pixel / axis.geometry.scaleDenominator * axis.geometry.scaleNumerator, axis.outputSize - 1))
        }
        var compiled: [[Int]: any CompiledNetwork] = [:]
        return try places.map { place in
            let tile = grid.tile(column: index(grid.x, place.x), row: index(grid.y, place.y))
            let width = tile.x.input.count, height = tile.y.input.count, channels = source.bands.count
            let shape = network.inputShape(width: width, height: height, channels: channels)
            let request = CompileRequest(inputShapes: [network.door.inputName: shape], device: settings.device, streams: 1, threads: settings.threads)
            let model = try compiled[shape] ?? networks.network(network.model, request: request, memory: network.memory(width: width, height: height, channels: channels))
            compiled[shape] = model
            return try run(model, tile)
        }
    }

    private func run(_ model: any CompiledNetwork, _ tile: TileGrid.Tile) throws -> Output {
        let layout: SampleReader.Layout = network.door.isNHWC
            ? .interleaved(width: tile.x.input.count, bands: source.bands.count) : .planar(width: tile.x.input.count, height: tile.y.input.count)
        let input = try ProbeTiles(image: source.image, bands: source.bands, white: white)
            .values(columns: tile.x.input.map(geometry.extensionX.source(of:)), rows: tile.y.input.map(geometry.extensionY.source(of:)), layout: layout)
        return try model.run(output: network.door.outputName) { port, values in
            guard values.count == input.count else {
                throw EngineError(.mismatch, "the engine asks for \(values.count) values of '\(port.name)' where a tile holds \(input.count)")
            }
            _ = values.update(fromContentsOf: input)
        } read: { values, shape in
            guard let picture = network.door.output.picture(in: shape) else { throw EngineError(.mismatch, "an output of shape \(shape) is no picture") }
            return Output(tile: tile, values: Array(values), picture: picture)
        }
    }

    // MARK: comparing

    /// The largest difference within the cells that both outputs keep, in code values of 8 bits.
    private func difference(_ output: Output, _ reference: Output) -> Double {
        let columns = output.tile.x.keep.clamped(to: reference.tile.x.keep), rows = output.tile.y.keep.clamped(to: reference.tile.y.keep)
        let factor = Double(abs(source.result.scale)) * 255 / Double(white)
        var worst = 0.0
        for channel in 0..<min(output.picture.channels, reference.picture.channels) {
            for y in rows {
                for x in columns {
                    guard let a = output.value(channel, x, y), let b = reference.value(channel, x, y), a.isFinite, b.isFinite else { return .infinity }
                    worst = max(worst, Double(abs(a - b)) * factor)
                }
            }
        }
        return worst
    }
}

extension NetworkGeometry {
    /// The same picture and result, cut into tiles with halos of no more than that many input pixels: what the network reads beyond them is left out.
    func withHalo(atMost pixels: Int) throws(TilingError) -> NetworkGeometry {
        func reduced(_ axis: AxisGeometry) throws(TilingError) -> AxisGeometry {
            try AxisGeometry(scaleNumerator: axis.scaleNumerator, scaleDenominator: axis.scaleDenominator, alignment: axis.alignment,
                             haloBefore: min(pixels, axis.haloBefore), haloAfter: min(pixels, axis.haloAfter))
        }
        let sides = NetworkReport.Halo(left: min(pixels, halo.left), right: min(pixels, halo.right), top: min(pixels, halo.top), bottom: min(pixels, halo.bottom))
        return NetworkGeometry(
            extensionX: extensionX, extensionY: extensionY, outputWidth: outputWidth, outputHeight: outputHeight, x: try reduced(x), y: try reduced(y), kind: kind,
            isTileable: isTileable, isApproximate: true, halo: sides, stride: stride, deciding: deciding, network: network, stage: stage)
    }
}

extension NetworkStageImage {
    /// The geometry with a measured halo, where `tiling: auto` finds no tiles that are exact, cheap enough and within the budget; nil where none is found either.
    ///
    /// For pictures whose parts can be read beforehand, and networks whose halo comes from their graph. Found for each picture anew, since it is its parts that tell.
    func withMeasuredHalo(_ geometry: NetworkGeometry, _ input: NetworkInput) throws(StageError) -> (geometry: NetworkGeometry, error: Double)? {
        guard options.tiling == .auto, geometry.isTileable, !geometry.isApproximate, plan is PluginPlan, plan.derivesFromGraph, network.fixedTile == nil, let white = input.white else { return nil }
        let channels = input.bands.count
        func reduced(_ halo: Int) throws(StageError) -> NetworkGeometry {
            do {
                return try geometry.withHalo(atMost: halo)
            } catch {
                throw .host(error.message, stage: stage, code: .geometry)
            }
        }
        func helps(_ halo: Int) -> Bool {
            (try? chooseTiles(reduced(halo), input)) != nil
        }
        if context.purpose == .deciding {
            // The arithmetic does not depend on the halo: any that there are tiles for stands for it, and nothing is measured twice.
            let halo = MeasuredHalo.candidates(for: geometry)[0]
            return helps(halo) ? (try reduced(halo), 0) : nil
        }
        guard !input.image.isStreamed else {
            context.wishForRandomAccess()
            return nil
        }
        let found: MeasuredHalo.Finding?
        do {
            let budget = context.memoryBudget
            found = try MeasuredHalo(network: network, geometry: geometry, source: input, white: Float(white), networks: try engine.networks(), settings: settings)
                .measure(fits: { network.memory(width: $0, height: $1, channels: channels) <= budget }, helps: helps)
        } catch {
            // The refusal that led here says what the user can do.
            return nil
        }
        guard let found else { return nil }
        let smaller = try reduced(found.halo)
        let full = max(geometry.halo.left, geometry.halo.right, geometry.halo.top, geometry.halo.bottom)
        note("""
            '\(stage)' uses a halo of \(found.halo) pixels where \(full) would be exact: measured on parts of this picture, the difference is at most \
            \(hundredths(found.error)) code values of 8 bits, which is not guaranteed elsewhere (tiling: exact refuses or pays)
            """)
        return (smaller, found.error)
    }
}

/// `0.31`.
private func hundredths(_ value: Double) -> String {
    let hundredths = Int((min(value, 1e6) * 100).rounded(.up))
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
}
