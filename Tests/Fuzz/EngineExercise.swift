import Foundation
import Inference
import NetworkSamples
import ONNX

/// Gives models that this package takes to the engine. Errors are right; only a crash, or a result of another size than expected, is wrong.
struct EngineExercise {
    private let engine: any Engine
    /// Models beyond these are refused by a run's memory budget, or take too long for what they would show.
    private static let memory = 64 << 20
    private static let work = 2e9

    init() throws {
        engine = try OpenVINO.load(EngineLocation.all())
    }

    func run(_ bytes: [UInt8]) -> Exercise.Outcome {
        guard let model = try? Model(serialized: bytes) else { return .refused }
        var outcome = Exercise.Outcome.refused
        let analysis = SpatialAnalysis.analyse(model)
        for (width, height) in [(24, 16), (17, 33)] {
            let shape = analysis.inputShape(width: analysis.x.fixedSize ?? width, height: analysis.y.fixedSize ?? height)
            guard shape.allSatisfy({ (1...1024).contains($0) }), let shapes = try? model.shapes(with: [analysis.input: shape]), let expected = shapes[analysis.output],
                  let memory = try? model.peakActivationBytes(with: [analysis.input: shape]), memory < Self.memory,
                  let work = try? model.flops(with: [analysis.input: shape]), work < Self.work else { return outcome }
            let request = CompileRequest(inputShapes: [analysis.input: shape], streams: 1, threads: 1)
            guard let network = try? engine.compile(bytes, request: request),
                  let image = try? TensorData(shape: shape, values: (0..<shape.reduce(1, *)).map { Float($0 % 251) / 250 }),
                  let result = try? network.run([analysis.input: image], output: analysis.output) else { continue }
            if result.shape != expected { return .fault("the engine's output is \(result.shape), shape inference said \(expected)") }
            outcome = .taken
        }
        return outcome
    }
}
