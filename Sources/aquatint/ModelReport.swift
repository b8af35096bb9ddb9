import Inference
import ONNX
import PipelineLanguage

/// What `model info` says of an ONNX model.
struct ModelReport {
    private let model: Model
    private let analysis: SpatialAnalysis
    private let probe: ModelProbe
    private let megapixelCost: Double?
    private let memory: [(size: Int, bytes: Int?)]

    /// - Parameter probes: whether the engine is asked as well; nil: where that is cheap.
    init(_ model: Model, probes: Bool? = nil) throws(EngineError) {
        self.model = model
        let claimed = SpatialAnalysis.analyse(model)
        probe = try ModelProbe(model, claimed, wanted: probes)
        analysis = probe.settled(claimed)
        let analysis = analysis
        func shapes(_ size: Int) -> [String: [Int]] { [analysis.input: analysis.inputShape(width: size, height: size)] }
        megapixelCost = ((try? model.flops(with: shapes(1024))) ?? nil).map { $0 / 1e9 / (1024 * 1024 / 1e6) }
        memory = [512, 1024].map { ($0, (try? model.peakActivationBytes(with: shapes($0))) ?? nil) }
    }

    func text(_ file: String) -> String {
        var text = "\(file)\n"
        text += "class       \(analysis.klass.rawValue)\(analysis.isTileable ? ", cut into tiles exactly" : ", run whole")\n"
        for node in analysis.decidingNodes.prefix(8) { text += "            \(node)\n" }
        text += "scale       \(scale(analysis.x)) x \(scale(analysis.y))\n"
        text += "stride      \(analysis.x.stride) x \(analysis.y.stride)\n"
        text += "halo        left \(analysis.x.haloBefore), right \(analysis.x.haloAfter), top \(analysis.y.haloBefore), bottom \(analysis.y.haloAfter)\n"
        text += "probe       \(probe.text)\n"
        text += "opset       \(model.opset)\n"
        for input in model.inputs where model.initializers[input.name] == nil { text += "input       \(describe(input))\n" }
        for output in model.outputs { text += "output      \(describe(output))\n" }
        text += "parameters  \(model.parameterCount)\n"
        if let megapixelCost { text += "cost        \(Int(megapixelCost.rounded())) GFLOP per megapixel\n" }
        for (size, bytes) in memory { text += "memory      \(bytes.map(byteText) ?? "not known") at \(size) x \(size)\n" }
        return text
    }

    var json: JSON {
        .object([
            ("v", .int(1)), ("class", .string(analysis.klass.rawValue)), ("scale", .array([.string(scale(analysis.x)), .string(scale(analysis.y))])),
            ("stride", .array([.int(analysis.x.stride), .int(analysis.y.stride)])),
            ("halo", .object([("left", .int(analysis.x.haloBefore)), ("right", .int(analysis.x.haloAfter)), ("top", .int(analysis.y.haloBefore)), ("bottom", .int(analysis.y.haloAfter))])),
            ("probe", probe.json), ("nodes", .array(analysis.decidingNodes.map { .string($0) })), ("opset", .int(model.opset)),
            ("inputs", .array(model.inputs.filter { model.initializers[$0.name] == nil }.map(object))), ("outputs", .array(model.outputs.map(object))),
            ("parameters", .int(model.parameterCount)), ("gflop_per_megapixel", megapixelCost.map { .double($0) } ?? .null),
            ("memory_bytes", .object(memory.map { ("\($0.size)", $0.bytes.map { .int($0) } ?? .null) })),
        ])
    }

    private func scale(_ axis: SpatialAnalysis.Axis) -> String {
        axis.scaleNumerator == 0 ? "?" : axis.scaleDenominator == 1 ? "\(axis.scaleNumerator)" : "\(axis.scaleNumerator)/\(axis.scaleDenominator)"
    }

    private func describe(_ info: TensorInfo) -> String {
        "\(info.name) [\((info.dims ?? []).map(\.description).joined(separator: ", "))] \(info.elementType.map { "\($0)" } ?? "")"
    }

    private func object(_ info: TensorInfo) -> JSON {
        .object([("name", .string(info.name)), ("shape", .array((info.dims ?? []).map { dim in
            if case .fixed(let size) = dim { .int(size) } else { .string(dim.description) }
        })), ("type", info.elementType.map { .string("\($0)") } ?? .null)])
    }
}
