internal import Inference
internal import ONNX
internal import Vips

/// `precision: auto`: what to compute a network in, proven on probes.
extension NetworkStageImage {
    /// The edge of a probe in pixels. Errors of arithmetic are local: larger tiles find none that these do not.
    private static let probeEdge = 128

    /// What the network is computed in for this picture: what was asked for, or what probes prove.
    ///
    /// f32 without any trial where the device has nothing faster, where the result depends on the whole picture (tiles cannot stand for it), and for data (whose values
    /// no probe can guess). A trial that cannot be made for want of memory leaves f32 for this picture; one that cannot be read fails.
    func choosePrecision(_ geometry: NetworkGeometry, _ input: NetworkInput) throws(StageError) -> PrecisionDecision {
        if case .exactly(let precision) = options.precision ?? settings.precision { return PrecisionDecision(precision: precision) }
        func f32(_ reason: String) -> PrecisionDecision { PrecisionDecision(precision: .f32, reason: reason) }
        let cache: NetworkCache, device: Device?
        do {
            cache = try engine.networks()
            device = try cache.engine.devices().first(named: settings.device)
        } catch {
            throw .host(error.message, stage: stage, code: .unsupported)
        }
        guard let device, device.precisions.contains(where: { $0 != .f32 }) else { return f32("\(settings.device) has no faster type") }
        guard network.fixedSize == nil, geometry.kind == "local" || geometry.kind == "block" else {
            return f32("the result depends on the whole picture, which probe tiles cannot stand for")
        }
        guard let white = input.white else { return f32("data goes in, for which there are no probes") }

        let scale = ProbeScale(factor: input.result.scale, offset: input.result.bias, limits: input.isPicture ? 0...Float(white) : nil)
        let bound: PrecisionBound = input.isPicture && white == 255 ? .eightBits : .deep
        let key = precisionKey(cache.engine, device, input.bands, scale, bound)
        do {
            let frame = probeFrame(geometry)
            let verdict = try engine.precisions.verdict(for: key, stage: stage) {
                guard !input.image.isStreamed else { throw ProbesAreOutOfReach() }
                return try ProbeTiles(image: input.image, bands: input.bands, white: Float(white)).tiles(width: frame.width, height: frame.height, layout: frame.layout(input.channels))
            } trial: { tiles in
                try trial(tiles, frame, cache.engine, input, Float(white), scale, bound, device.precisions)
            }
            return PrecisionDecision(precision: verdict.precision, reason: verdict.reason, key: key)
        } catch let error as VipsError {
            // A damaged picture fails here: libvips gives its reason once.
            throw .vips(error)
        } catch is ProbesAreOutOfReach {
            context.wishForRandomAccess()
            return f32("the picture is decoded from top to bottom, and its parts cannot be tried first")
        } catch {
            // Nothing is remembered: the next picture tries again.
            return f32("no probe could be run: \(error)")
        }
    }

    /// The picture is decoded from top to bottom: its parts cannot be read in another order first.
    private struct ProbesAreOutOfReach: Error {}

    /// The size of a probe, and how its values lie.
    private struct ProbeFrame {
        let width: Int
        let height: Int
        let isNHWC: Bool

        func layout(_ channels: Int) -> SampleReader.Layout { isNHWC ? .interleaved(width: width, bands: channels) : .planar(width: width, height: height) }
    }

    private func probeFrame(_ geometry: NetworkGeometry) -> ProbeFrame {
        ProbeFrame(width: network.fixedTile?.width ?? Self.probeSize(geometry.x, network.analysis.x),
                   height: network.fixedTile?.height ?? Self.probeSize(geometry.y, network.analysis.y), isNHWC: network.door.isNHWC)
    }

    private func trial(_ tiles: [ProbeTiles.Tile], _ frame: ProbeFrame, _ engine: any Engine, _ input: NetworkInput, _ white: Float, _ scale: ProbeScale,
                       _ bound: PrecisionBound, _ candidates: [Precision]) throws -> PrecisionVerdict {
        let width = frame.width, height = frame.height
        let request = CompileRequest(
            inputShapes: [network.door.inputName: network.inputShape(width: width, height: height, channels: input.channels)],
            device: settings.device, streams: 1, threads: settings.threads)
        let own = tiles.map { PrecisionTrial.Probe(picture: ProbePicture(name: $0.name, width: width, height: height, samples: []), values: $0.values) }
        let made = ProbePicture.synthetic(width: width, height: height, bands: (input.sources.max() ?? 0) + 1)
            .map { PrecisionTrial.Probe(picture: $0, values: Self.values(of: $0, input.bands, white, frame.layout(input.channels))) }
        return try PrecisionTrial(engine: engine, model: network.model.bytes, request: request, inputName: network.door.inputName,
                                  outputName: network.door.outputName, scale: scale, bound: bound)
            .run(candidates: candidates, probes: own.prefix(1) + made + own.dropFirst(), isCancelled: { context.isCancelled })
    }

    /// A size that the network takes, on its grid, and large enough to leave something where it eats a border.
    private static func probeSize(_ axis: AxisGeometry, _ analysis: SpatialAnalysis.Axis) -> Int {
        let step = max(1, axis.alignment), multiple = max(1, analysis.needsMultiple)
        let grid = multiple % step == 0 ? multiple : step % multiple == 0 ? step : step * multiple
        let wanted = probeEdge + max(0, analysis.trimBefore) + max(0, analysis.trimAfter)
        return (wanted + grid - 1) / grid * grid
    }

    /// The picture as the network reads it.
    private static func values(of picture: ProbePicture, _ bands: [SampleReader.Band], _ white: Float, _ layout: SampleReader.Layout) -> [Float] {
        var values = [Float](repeating: 0, count: picture.width * picture.height * bands.count)
        for (channel, band) in bands.enumerated() {
            for y in 0..<picture.height {
                for x in 0..<picture.width {
                    let sample = picture.samples[(band.source * picture.height + y) * picture.width + x]
                    values[x * layout.column + y * layout.row + channel * layout.plane] = band.scale * (sample * white) + band.bias
                }
            }
        }
        return values
    }

    /// Everything that a verdict depends on: the network and how pictures enter and leave it, what computes, and what must be kept.
    private func precisionKey(_ engine: any Engine, _ device: Device, _ bands: [SampleReader.Band], _ scale: ProbeScale, _ bound: PrecisionBound) -> String {
        var parts = [self.engine.precisions.hash(of: network.model)]
        let door = network.door
        parts += ["\(door.inputName) \(door.outputName) \(door.isNHWC) \(door.isBGR)", bands.map { "\($0.source) \($0.scale) \($0.bias)" }.joined(separator: ", ")]
        parts += ["\(scale.factor) \(scale.offset) \(scale.limits.map { "\($0)" } ?? "data")", "\(bound.minimumPSNR) \(bound.minimumWithin) \(bound.maximumError)"]
        parts += [engine.name, engine.version, device.name, device.fullName, device.precisions.map(\.rawValue).joined(separator: " "), ProcessorIdentity.text]
        return VerdictStore.key(parts)
    }
}
