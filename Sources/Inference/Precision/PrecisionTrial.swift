/// Finds out whether a network may be computed in a faster type than f32.
///
/// Each type that the device has is compiled beside f32 for the shape of the probes and given every probe: it must keep the bound on all of them, and be faster.
/// The first probe that refutes a type ends its trial, so that f32, where it is the answer, is found in the time of a few runs.
public struct PrecisionTrial {
    public let engine: any Engine
    /// The bytes of an ONNX file.
    public let model: [UInt8]
    /// Device, threads, constants and the probes' input shape. Its precision is not looked at.
    public let request: CompileRequest
    public let inputName: String
    public let outputName: String
    public let scale: ProbeScale
    public let bound: PrecisionBound

    /// A faster type must be faster by this factor to be worth any error.
    public static let minimumSpeedup = 1.1

    public init(engine: any Engine, model: [UInt8], request: CompileRequest, inputName: String, outputName: String, scale: ProbeScale, bound: PrecisionBound) {
        self.engine = engine
        self.model = model
        self.request = request
        self.inputName = inputName
        self.outputName = outputName
        self.scale = scale
        self.bound = bound
    }

    /// One probe as the network reads it.
    public struct Probe {
        public let picture: ProbePicture
        /// The values of the input, in its own layout.
        public let values: [Float]

        public init(picture: ProbePicture, values: [Float]) {
            self.picture = picture
            self.values = values
        }
    }

    /// - Parameters:
    ///   - candidates: the faster types that the device has.
    ///   - probes: at least one, those that refute most first; a probe that f32 itself answers with NaN or infinity tells nothing and is left out.
    ///   - isCancelled: asked before every probe; the trial then ends with an error.
    /// - Throws: `EngineError` where f32 itself fails, or any type for want of memory, which says nothing of the type.
    public func run(candidates: [Precision], probes: [Probe], isCancelled: () -> Bool = { false }) throws(EngineError) -> PrecisionVerdict {
        let reference = Reference(network: try compiled(.f32), probes: probes, trial: self)
        var findings: [PrecisionFinding] = []
        for precision in candidates where precision != .f32 {
            findings.append(try judge(precision, reference, isCancelled))
        }
        return PrecisionVerdict(findings: findings)
    }

    private func judge(_ precision: Precision, _ reference: Reference, _ isCancelled: () -> Bool) throws(EngineError) -> PrecisionFinding {
        guard let network = try unlessFailed({ () throws(EngineError) in try compiled(precision) }) else { return PrecisionFinding(precision, .failed) }
        var psnr = Double.infinity, largest = 0.0, count = 0, varied = 0, telling = 0, times: [(f32: Duration, own: Duration)] = []
        for index in reference.probes.indices {
            if isCancelled() { throw EngineError(.failed, "given up") }
            let picture = reference.probes[index].picture
            let expected = try reference.answer(to: index)
            let answer = try unlessFailed { () throws(EngineError) in try timedRun(network, reference.probes[index].values) }
            guard let answer, answer.values.count == expected.values.count else {
                return PrecisionFinding(precision, .failed)
            }
            guard let error = PrecisionError(of: answer.values, against: expected.values, scale: scale) else { continue }
            count += 1
            times.append((expected.time, answer.time))
            if picture.isVaried {
                varied += 1
                if error.spread >= 1 { telling += 1 }
            }
            guard error.isFinite else { return PrecisionFinding(precision, .notFinite, probes: count, probe: picture.name) }
            let isKept = (picture.isExtreme ? .noGarbage : bound).isKept(by: error)
            guard isKept else {
                return PrecisionFinding(precision, .inexact, psnr: error.psnr, largest: error.largest, probes: count, probe: picture.name)
            }
            guard !picture.isExtreme else { continue }
            psnr = min(psnr, error.psnr)
            largest = max(largest, error.largest)
        }
        // The first runs allocate and warm caches; the fastest of each is what the others come close to.
        let speedup = (times.map(\.f32).min() ?? .zero) / max(times.map(\.own).min() ?? .zero, .nanoseconds(1))
        let outcome: PrecisionFinding.Outcome = 2 * telling < varied || varied == 0 ? .silent : speedup < Self.minimumSpeedup ? .notFaster : .proven
        return PrecisionFinding(precision, outcome, psnr: psnr, largest: largest, probes: count, speedup: speedup)
    }

    /// nil for an error that tells against a type; a lack of memory passes, and is thrown on.
    private func unlessFailed<Result>(_ body: () throws(EngineError) -> Result) throws(EngineError) -> Result? {
        do {
            return try body()
        } catch {
            if error.kind == .outOfMemory { throw error }
            return nil
        }
    }

    private func compiled(_ precision: Precision) throws(EngineError) -> any CompiledNetwork {
        var request = request
        request.precision = precision
        return try engine.compile(model, request: request)
    }

    fileprivate func timedRun(_ network: any CompiledNetwork, _ input: [Float]) throws(EngineError) -> Answer {
        let clock = ContinuousClock(), start = clock.now
        do {
            let values = try network.run(output: outputName) { port, values in
                guard port.name == inputName, values.count == input.count else {
                    throw EngineError(.mismatch, "the engine asks for \(values.count) values of '\(port.name)' where a probe of '\(inputName)' holds \(input.count)")
                }
                _ = values.update(fromContentsOf: input)
            } read: { values, _ in Array(values) }
            guard !values.isEmpty else { throw EngineError(.failed, "the network gave no values") }
            return Answer(values: values, time: clock.now - start)
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError(.failed, "\(error)")
        }
    }

    fileprivate struct Answer {
        let values: [Float]
        let time: Duration
    }

    /// What f32 says to the probes, computed when the first type gets that far, and kept for the next.
    private final class Reference {
        let network: any CompiledNetwork
        let probes: [Probe]
        private let trial: PrecisionTrial
        private var answers: [Int: Answer] = [:]

        init(network: any CompiledNetwork, probes: [Probe], trial: PrecisionTrial) {
            self.network = network
            self.probes = probes
            self.trial = trial
        }

        func answer(to index: Int) throws(EngineError) -> Answer {
            if let known = answers[index] { return known }
            let answer = try trial.timedRun(network, probes[index].values)
            answers[index] = answer
            return answer
        }
    }
}
