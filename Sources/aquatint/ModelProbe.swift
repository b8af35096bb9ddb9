import Foundation
import Inference
import ONNX
import PipelineLanguage

/// Whether the engine agrees with what the analysis claims of a model.
struct ModelProbe {
    private let verdict: SpatialProbe.Verdict

    /// - Parameters:
    ///   - engine: nil where there is none.
    ///   - wanted: `--probe` or `--no-probe`; with neither, what is cheap is done, and an engine that cannot is no error.
    /// - Throws: `EngineError` where the probe was asked for and the engine cannot run the model.
    init(_ model: Model, _ analysis: SpatialAnalysis, engine: (any Engine)?, wanted: Bool?) throws {
        guard wanted ?? true else {
            verdict = .notTried("not asked for")
            return
        }
        guard let engine else {
            verdict = .notTried("there is no engine to ask")
            return
        }
        let probe = SpatialProbe(engine: engine, model: model, bytes: try model.serialized(), analysis: analysis)
        if wanted == nil, let flops = probe.flops, flops > SpatialProbe.affordable {
            verdict = .notTried("it would take \(gigaflopText(flops)); --probe does it all the same")
            return
        }
        do {
            verdict = try probe.verdict(threads: ProcessInfo.processInfo.activeProcessorCount)
        } catch {
            if wanted == true { throw error }
            verdict = .notTried(error.message)
        }
    }

    /// What is left of the claims.
    func settled(_ analysis: SpatialAnalysis) -> SpatialAnalysis {
        if case .refuted(let problem) = verdict { analysis.refuted(by: "refuted by a probe on the engine: \(problem)") } else { analysis }
    }

    var text: String {
        switch verdict {
        case .confirmed(let runs): "confirmed in \(runs) runs on the engine"
        case .refuted(let problem): "refuted: \(problem)"
        case .notTried(let reason): "not done: \(reason)"
        }
    }

    var json: JSON {
        switch verdict {
        case .confirmed(let runs): .object([("verdict", .string("confirmed")), ("runs", .int(runs))])
        case .refuted(let problem): .object([("verdict", .string("refuted")), ("reason", .string(problem))])
        case .notTried(let reason): .object([("verdict", .string("none")), ("reason", .string(reason))])
        }
    }
}
