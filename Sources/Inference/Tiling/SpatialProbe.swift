public import ONNX

/// Looks, on the engine, for a result that contradicts what the analysis of a graph claims.
///
/// Two experiments. One pixel of an image is changed, at every phase of the stride: no output pixel may move whose cell does not reach it. And the image is cut at
/// its far and at its near corner: what both pieces and the whole have in common must be the same, as it is not where strides fall differently or a layer knows
/// where in the image it is. A probe may refute a claim; it never shrinks one, for what does not show here may show in another image.
public struct SpatialProbe: Sendable {
    public enum Verdict: Sendable, Equatable {
        /// Nothing that was tried contradicts the claim.
        case confirmed(runs: Int)
        /// What contradicts it, such as `output at (12, 9) reads (3, 9) beyond the halo`.
        case refuted(String)
        /// There is no claim, or it cannot be tried; with the reason.
        case notTried(String)
    }

    /// Floating-point operations of some seconds: a probe that takes more is for those who ask for it.
    public static let affordable = 1e12

    /// The largest image that is tried, in pixels of an edge.
    private static let largestSide = 2048
    /// The phases that are tried of an axis of large stride.
    private static let largestPhases = 16

    private let engine: any Engine
    private let bytes: [UInt8]
    private let model: Model
    private let analysis: SpatialAnalysis
    /// The claims.
    var x, y: SpatialAnalysis.Axis

    /// - Parameters:
    ///   - bytes: the ONNX file of `model`.
    ///   - analysis: what is claimed of it.
    public init(engine: any Engine, model: Model, bytes: [UInt8], analysis: SpatialAnalysis) {
        (self.engine, self.model, self.bytes, self.analysis) = (engine, model, bytes, analysis)
        (x, y) = (analysis.x, analysis.y)
    }

    /// The floating-point operations that the probe takes, roughly; nil where that is not known or there is nothing to probe.
    public var flops: Double? {
        guard obstacle == nil, let once = (try? model.flops(with: shapes(width: Self.side(x), height: Self.side(y)))) ?? nil else { return nil }
        return once * Double(2 + Self.backdrops.count * (1 + phases))
    }

    /// - Throws: `EngineError` where the engine does not take the network, or fails.
    public func verdict(threads: Int = 1) throws(EngineError) -> Verdict {
        if let obstacle { return .notTried(obstacle) }
        let run = try Runner(self, width: Self.side(x), height: Self.side(y), threads: threads)
        for (seed, backdrop) in Self.backdrops.enumerated() {
            if let problem = try changePixels(run, backdrop, seed: UInt64(seed)) { return .refuted(problem) }
        }
        if let problem = try cutCorners(run, threads: threads) { return .refuted(problem) }
        return .confirmed(runs: run.count)
    }

    private var obstacle: String? {
        guard analysis.isTileable else { return "the network is \(analysis.klass.rawValue), so nothing is claimed of it" }
        guard Self.side(x) <= Self.largestSide, Self.side(y) <= Self.largestSide else {
            return "an image that shows the halo would have \(Self.side(x)) x \(Self.side(y)) pixels"
        }
        guard shapes(width: Self.side(x), height: Self.side(y)).values.allSatisfy({ $0.allSatisfy { $0 > 0 } }) else { return "the extents of its input are not known" }
        return nil
    }

    private func shapes(width: Int, height: Int) -> [String: [Int]] {
        [analysis.input: analysis.inputShape(width: width, height: height)]
    }

    /// Long enough that a changed pixel in the middle has cells on both sides that do not reach it.
    private static func side(_ axis: SpatialAnalysis.Axis) -> Int {
        if let fixed = axis.fixedSize { return fixed }
        let step = axis.stride
        return axis.haloBefore.roundedUp(to: step) + axis.haloAfter.roundedUp(to: step) + max(6 * step, 16.roundedUp(to: step))
    }

    private var phases: Int { min(Self.largestPhases, max(x.stride, y.stride)) }

    // MARK: The first experiment

    /// Noise moves every layer; a flat image shows what noise hides in a maximum; negative values show what is cut off at 0.
    private static let backdrops: [ClosedRange<Float>] = [0...1, 0.5...0.5, -1...1]

    private func changePixels(_ run: Runner, _ backdrop: ClosedRange<Float>, seed: UInt64) throws(EngineError) -> String? {
        var noise = ProbeNoise(state: seed)
        let image = run.image { Float.random(in: backdrop, using: &noise) }
        let base = try run(image)
        for phase in 0..<phases {
            let (px, py) = (Self.place(x, of: run.width, phase), Self.place(y, of: run.height, phase))
            var changed = image
            for plane in 0..<run.planes { changed[run.index(plane, px, py)] += phase % 2 == 0 ? 1 : -0.7 }
            if let (left, top) = try run(changed).firstDifference(from: base, tolerance: 1e-5, where: { left, top in
                !Self.reach(x, ofOutput: left).contains(px) || !Self.reach(y, ofOutput: top).contains(py)
            }) {
                return "output at (\(left), \(top)) reads (\(px), \(py)) beyond the halo"
            }
        }
        return nil
    }

    /// The pixel to change: in the middle of what lies between the halos, one phase further each time.
    private static func place(_ axis: SpatialAnalysis.Axis, of size: Int, _ phase: Int) -> Int {
        let low = min(size - 1, axis.stride + axis.haloAfter + 2), high = max(low + 1, size - axis.stride - axis.haloBefore - 2)
        return min(size - 1, low + ((high - low) / 2 / axis.stride * axis.stride + phase) % (high - low))
    }

    /// The input pixels that the cell of an output pixel may read.
    private static func reach(_ axis: SpatialAnalysis.Axis, ofOutput index: Int) -> Range<Int> {
        let cell = index * axis.scaleDenominator / axis.scaleNumerator / axis.stride * axis.stride
        return (cell - axis.haloBefore)..<(cell + axis.stride + axis.haloAfter)
    }

    // MARK: The second experiment

    private func cutCorners(_ run: Runner, threads: Int) throws(EngineError) -> String? {
        guard x.fixedSize == nil, y.fixedSize == nil else { return nil }
        var noise = ProbeNoise(state: 77)
        let image = run.image { Float.random(in: 0...1, using: &noise) }
        let whole = try run(image)
        let cut = try Runner(self, width: run.width - x.stride, height: run.height - y.stride, threads: threads)
        for isFar in [false, true] {
            // The near corner keeps pixel (0, 0), the far one the last.
            let left = isFar ? x.stride : 0, top = isFar ? y.stride : 0
            let part = try cut(cut.image { plane, column, row in image[run.index(plane, column + left, row + top)] })
            run.count += 1
            func isInside(_ axis: SpatialAnalysis.Axis, _ index: Int, _ size: Int) -> Bool {
                let reach = Self.reach(axis, ofOutput: index)
                return isFar ? reach.lowerBound >= axis.stride : reach.upperBound <= size - axis.stride
            }
            let shiftX = left * x.scaleNumerator / x.scaleDenominator, shiftY = top * y.scaleNumerator / y.scaleDenominator
            if let (column, row) = whole.firstDifference(from: part, shiftX: shiftX, shiftY: shiftY, tolerance: 1e-4, where: { column, row in
                isInside(x, column, run.width) && isInside(y, row, run.height)
            }) {
                return "output at (\(column), \(row)) is another when the image \(isFar ? "begins" : "ends") \(x.stride) x \(y.stride) pixels \(isFar ? "later" : "earlier")"
            }
        }
        return nil
    }
}

// MARK: Running

extension SpatialProbe {
    /// The network compiled for one size of image, and how its arrays lie.
    private final class Runner {
        let width, height: Int
        /// Channels of the input, all images of the batch together.
        let planes: Int
        var count = 0
        private let network: any CompiledNetwork
        private let shape: [Int]
        private let probe: SpatialProbe

        init(_ probe: SpatialProbe, width: Int, height: Int, threads: Int) throws(EngineError) {
            (self.width, self.height, self.probe) = (width, height, probe)
            shape = probe.analysis.inputShape(width: width, height: height)
            planes = shape.reduce(1, *) / (width * height)
            network = try probe.engine.compile(probe.bytes, request: CompileRequest(inputShapes: [probe.analysis.input: shape], threads: threads))
        }

        func index(_ plane: Int, _ column: Int, _ row: Int) -> Int {
            probe.analysis.layout == .nchw ? (plane * height + row) * width + column : (row * width + column) * planes + plane
        }

        /// Calls `value` for each sample, in the order of the array.
        func image(_ value: () -> Float) -> [Float] { (0..<planes * width * height).map { _ in value() } }

        func image(_ value: (_ plane: Int, _ column: Int, _ row: Int) -> Float) -> [Float] {
            var image = [Float](repeating: 0, count: planes * width * height)
            for plane in 0..<planes { for row in 0..<height { for column in 0..<width { image[index(plane, column, row)] = value(plane, column, row) } } }
            return image
        }

        func callAsFunction(_ image: [Float]) throws(EngineError) -> Picture {
            count += 1
            let output = try network.run([probe.analysis.input: try TensorData(shape: shape, values: image)], output: probe.analysis.output)
            let isPlanar = probe.analysis.layout == .nchw, rank = output.shape.count
            guard rank == 4 || rank == 3 else { throw EngineError(.mismatch, "the output '\(probe.analysis.output)' has the shape \(shapeText(output.shape)), which is no image") }
            let height = output.shape[isPlanar ? rank - 2 : rank - 3], width = output.shape[isPlanar ? rank - 1 : rank - 2]
            return Picture(width: width, height: height, planes: output.values.count / max(1, width * height), isPlanar: isPlanar, values: output.values)
        }
    }

    private struct Picture {
        let width, height, planes: Int
        let isPlanar: Bool
        let values: [Float]

        private func value(_ plane: Int, _ column: Int, _ row: Int) -> Float {
            values[isPlanar ? (plane * height + row) * width + column : (row * width + column) * planes + plane]
        }

        /// The first pixel that differs by more than `tolerance` of the largest value from the one of `other` that lies `shift` further left and up.
        /// Pixels that `other` does not have differ; NaN does not: it is another's complaint.
        func firstDifference(from other: Picture, shiftX: Int = 0, shiftY: Int = 0, tolerance: Float, where isAsked: (_ column: Int, _ row: Int) -> Bool) -> (Int, Int)? {
            let largest = other.values.reduce(Float(0)) { max($0, abs($1)) }
            for row in 0..<height {
                for column in 0..<width where isAsked(column, row) {
                    guard column >= shiftX, row >= shiftY, column - shiftX < other.width, row - shiftY < other.height, planes == other.planes else { return (column, row) }
                    for plane in 0..<planes where abs(value(plane, column, row) - other.value(plane, column - shiftX, row - shiftY)) > tolerance * largest {
                        return (column, row)
                    }
                }
            }
            return nil
        }
    }
}
