internal import Inference
internal import ONNX
internal import Synchronization

/// Whether the engine contradicts what the analysis claims of a network: what `tiling: exact` wants to know before it promises anything.
///
/// Asked once for a network, whatever the number of images and threads. One whose probe costs more than `SpatialProbe.affordable` is believed, and the run says so.
final class ClaimCheck: Sendable {
    let verdict = Mutex<SpatialProbe.Verdict?>(nil)

    func ask(_ network: PreparedNetwork, engine: EngineProvider, threads: Int) throws(EngineError) -> SpatialProbe.Verdict {
        let result = verdict.withLock { known -> Result<SpatialProbe.Verdict, EngineError> in
            if let known { return .success(known) }
            let result = Result { () throws(EngineError) in try Self.probe(network, engine: engine, threads: threads) }
            known = try? result.get()
            return result
        }
        return try result.get()
    }

    private static func probe(_ network: PreparedNetwork, engine: EngineProvider, threads: Int) throws(EngineError) -> SpatialProbe.Verdict {
        let probe = SpatialProbe(engine: try engine.networks().engine, model: network.graph, bytes: network.model.bytes, analysis: network.analysis)
        if let flops = probe.flops, flops > SpatialProbe.affordable { return .notTried("it would take \(gigaflopText(flops))") }
        return try probe.verdict(threads: threads)
    }
}
