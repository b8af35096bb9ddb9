internal import Inference
internal import ONNX
internal import Vips

/// Runs the tiles of one pass. Any number of threads may use it at once.
struct PassRunner: Sendable {
    private let pass: CutNetwork.Pass
    private let grid: PassGrid
    private let known: [String: TensorData]
    private let run: StatisticsRun
    private let tapShapes: [Size: [TapShape]]
    private let compiled: [Size: any CompiledNetwork]
    private let bytes: [UInt8]

    private struct Size: Hashable { var width, height: Int }

    init(_ pass: CutNetwork.Pass, _ grid: PassGrid, _ known: [String: TensorData], _ run: StatisticsRun) throws(StageError) {
        (self.pass, self.grid, self.known, self.run) = (pass, grid, known, run)
        var shapes: [Size: [TapShape]] = [:], networks: [Size: any CompiledNetwork] = [:]
        do {
            bytes = try pass.part.model.serialized()
            for width in Set((0..<grid.columns).compactMap { grid.input(column: $0, row: 0)?.x.count }) {
                for height in Set((0..<grid.rows).compactMap { grid.input(column: 0, row: $0)?.y.count }) {
                    shapes[Size(width: width, height: height)] = try pass.part.tapShapes(width: width, height: height)
                }
            }
        } catch {
            throw .host("a pass over the picture cannot be made: \(error)", stage: run.stage, code: .internal)
        }
        tapShapes = shapes
        for size in shapes.keys { networks[size] = try Self.compile(pass, bytes, size.width, size.height, run.precision, run) }
        compiled = networks
    }

    /// Compiled networks of passes are kept between images only where they are small: there are as many as passes, each with its weights.
    private static let largestKept = 4 << 20

    private static func compile(_ pass: CutNetwork.Pass, _ bytes: [UInt8], _ width: Int, _ height: Int, _ precision: Precision, _ run: StatisticsRun)
        throws(StageError) -> any CompiledNetwork {
        let request = CompileRequest(
            inputShapes: [run.network.door.inputName: run.network.inputShape(width: width, height: height, channels: run.input.channels)],
            precision: precision, device: run.settings.device,
            streams: run.settings.threads, threads: run.settings.threads)
        do {
            let networks = try run.engine.networks()
            let memory = min(run.memory(of: pass)(width, height), 1 << 40)
            return bytes.count <= Self.largestKept ? try networks.network(NetworkModel(key: pass.key, bytes: bytes), request: request, memory: memory)
                : try networks.engine.compile(bytes, request: request)
        } catch {
            throw .host(error.message, stage: run.stage, code: error.kind == .outOfMemory ? .memory : .unsupported)
        }
    }

    func sums(column: Int, row: Int) throws(StageError) -> [StatisticSums] {
        guard let input = grid.input(column: column, row: row), let network = compiled[Size(width: input.x.count, height: input.y.count)] else { return [] }
        let sums = try sums(column, row, input, network, run.precision)
        guard let bad = zip(pass.part.statistics, sums).first(where: { !$1.isFinite })?.0 else { return sums }
        guard run.precision != .f32 else { throw notFinite(bad, input) }
        // Half precision overflows where f32 does not; a second try tells which it was.
        run.context.note("'\(run.stage)' gave NaN or infinity in \(run.precision.rawValue) and was run again in f32 there")
        let exact = try Self.compile(pass, bytes, input.x.count, input.y.count, .f32, run)
        let again = try self.sums(column, row, input, exact, .f32)
        if let bad = zip(pass.part.statistics, again).first(where: { !$1.isFinite })?.0 { throw notFinite(bad, input) }
        return again
    }

    private func reader(of input: (x: Range<Int>, y: Range<Int>)) -> SampleReader {
        SampleReader(format: run.source.image.format, bands: run.source.image.bands, columns: input.x.map(run.geometry.extensionX.source(of:)),
                     rows: input.y.map(run.geometry.extensionY.source(of:)))
    }

    private func notFinite(_ statistic: Statistic, _ input: (x: Range<Int>, y: Range<Int>)) -> StageError {
        let reader = reader(of: input)
        let place = try? run.source.withPixels(in: reader.source) { base, rowStride in try reader.firstNotFinite(from: base, rowStride: rowStride, bands: run.input.bands) }
        if let place = place ?? nil { return .notFinite(inputAt: place, of: run.stage) }
        return StageError(code: .notFinite, stage: run.stage, plugin: "", message: """
            what the network's node '\(statistic.node)' reads holds NaN or infinity in the part from (\(input.x.lowerBound), \(input.y.lowerBound)) \
            to (\(input.x.upperBound), \(input.y.upperBound))
            """)
    }

    private func sums(_ column: Int, _ row: Int, _ input: (x: Range<Int>, y: Range<Int>), _ network: any CompiledNetwork, _ precision: Precision)
        throws(StageError) -> [StatisticSums] {
        let width = input.x.count, height = input.y.count
        guard let shapes = tapShapes[Size(width: width, height: height)] else { return [] }
        var sums = pass.part.statistics.map(\.emptySums)
        let reader = reader(of: input)
        do {
            // The pixels come first and the engine's buffers after: the same network may have to run for them.
            try run.source.withPixels(in: reader.source) { base, rowStride in
                run.context.computed(in: precision)
                var watch = NetworkStopwatch(run.clock)
                try StageMarks.during(WorkerBoard.Call.text(stage: run.stage, plugin: "", function: "the inference engine")) {
                    try network.run(outputs: pass.part.taps.map(\.name)) { port, values in
                        defer { watch.filled() }
                        try fill(port, values, input, reader, base, rowStride)
                    } read: { tap, values, extents in
                        watch.computed()
                        guard shapes[tap].extents.reduce(1, *) == values.count else {
                            throw StageError.host("the engine gave '\(pass.part.taps[tap].name)' the extents \(extents), \(shapes[tap].extents) were expected", code: .internal)
                        }
                        guard let kept = grid.kept(tap: tap, column: column, row: row) else { return }
                        guard kept.x.upperBound <= shapes[tap].width, kept.y.upperBound <= shapes[tap].height else {
                            throw StageError.host("a tile of \(width) x \(height) holds too little of '\(pass.part.taps[tap].name)'", code: .internal)
                        }
                        for (index, statistic) in pass.part.statistics.enumerated() where statistic.tap == pass.part.taps[tap].name {
                            sums[index].add(values, shape: shapes[tap], of: statistic, x: kept.x, y: kept.y)
                        }
                    }
                }
            }
        } catch let error as StageError {
            throw error.stage.isEmpty ? .host(error.message, stage: run.stage, code: error.code) : error
        } catch let error as EngineError {
            throw .host(error.message, stage: run.stage, code: error.kind == .outOfMemory ? .memory : .internal)
        } catch {
            throw .host("\(error)", stage: run.stage, code: .io)
        }
        return sums
    }

    private func fill(_ port: NetworkPort, _ values: UnsafeMutableBufferPointer<Float>, _ input: (x: Range<Int>, y: Range<Int>), _ reader: SampleReader,
                      _ base: UnsafeRawPointer, _ rowStride: Int) throws {
        if try StatisticsRun.fill(port, values, from: known) { return }
        let width = input.x.count, height = input.y.count
        guard port.name == run.network.door.inputName, values.count == width * height * run.input.channels, let target = values.baseAddress else {
            throw StageError.host("the engine asks for \(values.count) values of '\(port.name)', which nobody has", code: .internal)
        }
        let layout: SampleReader.Layout = run.network.door.isNHWC
            ? .interleaved(width: width, bands: run.input.channels) : .planar(width: width, height: height)
        try reader.copy(from: base, rowStride: rowStride, bands: run.input.bands, to: target, layout: layout)
    }
}
