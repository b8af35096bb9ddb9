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

    /// Reads a model, follows shapes, memory and cost, analyses it, prepares it for pictures as a stage does, cuts it at its statistics, raises its operator set,
    /// merges it with itself, writes it and reads it again.
    public static func model(_ bytes: [UInt8]) -> Outcome {
        guard let model = try? Model(serialized: bytes) else { return .refused }
        for layout in ImageLayout.allCases {
            let analysis = SpatialAnalysis.analyse(model, layout: layout)
            follow(model, analysis, width: 33, height: 20)
            if let problem = claims(analysis) ?? picture(model, layout: layout) { return .fault(problem) }
        }
        for tensor in model.initializers.values { _ = tensor.doubles(limit: 1 << 16) }
        _ = (model.operators, model.parameterCount, model.metadata, model.producer)
        if let problem = raised(model) ?? merged(model) ?? roundTrip(model) { return .fault(problem) }
        return .taken
    }

    /// Shapes, memory, traffic and cost of a picture of that size.
    private static func follow(_ model: Model, _ analysis: SpatialAnalysis, width: Int, height: Int) {
        let shapes = [analysis.input: analysis.inputShape(width: width, height: height)]
        _ = try? model.shapes(with: shapes)
        _ = try? model.peakActivationBytes(with: shapes)
        _ = try? model.activationBytes(with: shapes)
        _ = try? model.flops(with: shapes)
    }

    /// What a network stage makes of the model: one picture in, one out, freed from a size that was built in; spelt out or cut where it takes statistics of the whole.
    private static func picture(_ model: Model, layout: ImageLayout) -> String? {
        var request = PictureModel.Request(layout: layout)
        request.allowsOpenInputs = true
        guard let picture = try? PictureModel(model, request) else { return nil }
        let analysis = picture.analysis
        if let problem = claims(analysis) { return "made a picture's, it has \(problem)" }
        follow(picture.model, analysis, width: 40, height: 24)
        let shapes = try? picture.model.shapes(with: [analysis.input: analysis.inputShape(width: 40, height: 24)])
        if let shape = shapes?[picture.output.name] { _ = picture.output.picture(in: shape) }
        if let problem = roundTrip(picture.model) { return "made a picture's: \(problem)" }
        let (input, output) = (picture.input.name, picture.output.name)
        if let steady = (try? picture.model.withSteadyStatistics(input: input, output: output, layout: layout)) ?? nil {
            follow(steady, SpatialAnalysis.analyse(steady, input: input, output: output, layout: layout), width: 40, height: 24)
            if let problem = roundTrip(steady) { return "with steady statistics: \(problem)" }
        }
        guard let cut = try? SynchronisedModel(picture.model, input: input, output: output, layout: layout) else { return nil }
        if let problem = claims(cut.analysis) { return "cut at its statistics, it has \(problem)" }
        for pass in cut.passes {
            _ = try? pass.tapShapes(width: 40, height: 24)
            if let problem = roundTrip(pass.model) { return "a pass: \(problem)" }
        }
        _ = try? cut.values(forSizeOf: [input: analysis.inputShape(width: 40, height: 24)])
        return roundTrip(cut.remainder).map { "cut at its statistics: \($0)" }
    }

    private static func raised(_ model: Model) -> String? {
        for target in [13, 18, 23] {
            guard let raised = try? model.raised(toOpset: target) else { continue }
            if raised.opset != target { return "raised to operator set \(target), it has \(raised.opset)" }
            if let problem = roundTrip(raised) { return "raised to operator set \(target): \(problem)" }
        }
        return nil
    }

    /// The model behind itself, as stages in a row are merged.
    private static func merged(_ model: Model) -> String? {
        guard let output = model.outputs.first?.name, let input = model.inputs.first?.name else { return nil }
        let graph = GraphBuilder()
        guard let first = try? graph.graft(model, as: "a", outputs: [output]), let middle = first.outputs.first,
              let second = try? graph.graft(model, as: "b", feeding: [input: middle], outputs: [output]), let last = second.outputs.first else { return nil }
        graph.output(last, name: "result")
        guard let made = try? graph.finish(opset: model.opset) else { return nil }
        let analysis = SpatialAnalysis.analyse(made)
        follow(made, analysis, width: 40, height: 24)
        return (claims(analysis) ?? roundTrip(made)).map { "merged with itself: \($0)" }
    }

    private static func claims(_ analysis: SpatialAnalysis) -> String? { analysis.isTileable ? claims(analysis.x) ?? claims(analysis.y) : nil }

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
