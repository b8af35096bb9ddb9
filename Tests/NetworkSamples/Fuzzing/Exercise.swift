import Networks
import ONNX

/// Does with a file from anywhere all that this package does with files before an engine sees them.
public enum Exercise {
    public enum Outcome: Sendable, Equatable {
        /// An error, as most damaged files deserve.
        case refused
        case taken
        /// What is wrong with the package.
        case fault(String)
    }

    /// Reads a model, follows shapes, memory and cost, analyses it, writes it and reads it again.
    public static func model(_ bytes: [UInt8]) -> Outcome {
        guard let model = try? Model(serialized: bytes) else { return .refused }
        for layout in ImageLayout.allCases {
            let analysis = SpatialAnalysis.analyse(model, layout: layout)
            _ = try? analysis.outputSize(width: 33, height: 20)
            let shape = analysis.inputShape(width: 40, height: 24)
            _ = try? model.shapes(with: [analysis.input: shape])
            _ = try? model.peakActivationBytes(with: [analysis.input: shape])
            _ = try? model.flops(with: [analysis.input: shape])
            if analysis.isTileable, let problem = claims(analysis.x) ?? claims(analysis.y) { return .fault(problem) }
        }
        for tensor in model.initializers.values { _ = tensor.doubles(limit: 1 << 16) }
        _ = (model.operators, model.parameterCount, model.metadata, model.producer)
        return roundTrip(model).map { .fault($0) } ?? .taken
    }

    /// What every claim must obey, whatever the graph.
    private static func claims(_ axis: SpatialAnalysis.Axis) -> String? {
        guard axis.scaleDenominator > 0, axis.stride > 0, axis.needsMultiple > 0, axis.haloBefore >= 0, axis.haloAfter >= 0 else { return "an impossible claim: \(axis)" }
        return nil
    }

    private static func roundTrip(_ model: Model) -> String? {
        let written: [UInt8]
        do { written = try model.serialized() } catch { return "a model that was read cannot be written: \(error)" }
        do {
            let again = try Model(serialized: written)
            guard again.nodes.map(\.label) == model.nodes.map(\.label), again.opset == model.opset, again.initializers.keys == model.initializers.keys else { return "a model changes when it is written and read again" }
        } catch {
            return "a model that was written cannot be read: \(error)"
        }
        return nil
    }

    /// Reads weights, converts every tensor, and builds networks from them.
    public static func weights(_ bytes: [UInt8]) -> Outcome {
        guard let weights = try? Weights(bytes: bytes, file: "fuzzed") else { return .refused }
        for tensor in weights.tensors {
            guard tensor.shape.reduce(1, { $0 &* $1 }) == tensor.count else { return .fault("\(tensor.name) has another number of elements than its shape says") }
            _ = try? tensor.values()
            _ = try? weights.length(ofDimension: 0, rank: tensor.shape.count, of: tensor.name)
        }
        func build(_ module: some Module) { _ = try? Network.onnx(of: module, inChannels: 3, weights: weights) }
        build(Generator(3, 3, hiddenChannels: 4))
        build(DepthwiseSeparableConv2d(3, 4))
        build(AttentionModule(3, 4))
        return .taken
    }
}
