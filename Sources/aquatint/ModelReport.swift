import Inference
import ONNX
import PipelineLanguage

/// What `model info` says of an ONNX model.
struct ModelReport {
    /// The whole file.
    let file: Model
    /// What is run of it.
    let picture: PictureModel
    /// Operators that the engine lacks; nil where there is no engine to ask.
    let missingOperators: [String]?
    /// What the engine says against the model for another reason.
    let engineObjection: String?
    /// Floating-point operations of a megapixel of the picture, in thousand millions.
    let gigaflopPerMegapixel: Double?
    /// Bytes of intermediate values for a square picture of that size; nil where it takes no such picture.
    let memory: [(size: Int, bytes: Int?)]

    /// What the engine, asked on small pictures, says of the analysis.
    let probe: ModelProbe
    /// What is left of the analysis after the probe.
    let analysis: SpatialAnalysis

    /// - Parameters:
    ///   - engine: nil where there is none.
    ///   - probes: whether the engine is asked to run the model; nil: where that is cheap.
    init(_ file: Model, _ request: PictureModel.Request, engine: (any Engine)?, probes: Bool?) throws {
        var request = request
        request.allowsOpenInputs = true
        let picture = try PictureModel(file, request)
        (self.file, self.picture) = (file, picture)
        let model = picture.model
        probe = try ModelProbe(model, picture.analysis, engine: engine, wanted: probes)
        let analysis = probe.settled(picture.analysis)
        self.analysis = analysis
        func shapes(_ width: Int, _ height: Int) -> [String: [Int]] { [analysis.input: analysis.inputShape(width: width, height: height)] }
        let side = (analysis.x.fixedSize ?? Self.largest(1024, analysis.x), analysis.y.fixedSize ?? Self.largest(1024, analysis.y))
        gigaflopPerMegapixel = ((try? model.flops(with: shapes(side.0, side.1))) ?? nil).map { $0 / 1e3 / (Double(side.0) * Double(side.1)) }.flatMap { $0.isFinite ? $0 : nil }
        memory = [512, 1024].map { size in
            let width = Self.largest(size, analysis.x), height = Self.largest(size, analysis.y)
            let takesIt = [analysis.x.fixedSize, analysis.y.fixedSize].allSatisfy { $0 == nil || $0 == size }
            return (size, takesIt ? (try? model.peakActivationBytes(with: shapes(width, height))) ?? nil : nil)
        }
        (missingOperators, engineObjection) = try Self.ask(engine, about: picture)
    }

    /// The largest size up to `size` that the network takes without being extended.
    private static func largest(_ size: Int, _ axis: SpatialAnalysis.Axis) -> Int {
        let step = max(1, axis.needsMultiple)
        return max(step, size / step * step)
    }

    private static func ask(_ engine: (any Engine)?, about picture: PictureModel) throws(ONNXError) -> (missing: [String]?, objection: String?) {
        guard let engine else { return (nil, nil) }
        if let misreading = EngineMisreading.first(in: picture.model, shapes: picture.trialShapes) { return ([], "\(misreading)") }
        let bytes = try picture.model.serialized()
        do throws(EngineError) {
            _ = try engine.inspect(bytes)
            return ([], nil)
        } catch {
            if case .unsupported(let operators) = error.kind { return (operators, nil) }
            return ([], error.message)
        }
    }

    func text(_ name: String) -> String {
        var text = "\(Terminal.printable(name))\n"
        func line(_ title: String, _ value: String) { text += title.padding(to: 12) + Terminal.printable(value) + "\n" }
        line("class", "\(analysis.klass.rawValue)\(analysis.isTileable ? ", cut into tiles exactly" : ", run whole")")
        for node in analysis.decidingNodes.prefix(8) { line("", node) }
        if analysis.decidingNodes.count > 8 { line("", "and \(analysis.decidingNodes.count - 8) more") }
        line("scale", "\(scale(analysis.x)) x \(scale(analysis.y))")
        line("stride", "\(analysis.x.stride) x \(analysis.y.stride)")
        line("halo", "left \(analysis.x.haloBefore), right \(analysis.x.haloAfter), top \(analysis.y.haloBefore), bottom \(analysis.y.haloAfter)")
        line("probe", probe.text)
        line("opset", "\(file.opset)\(file.producer.isEmpty ? "" : ", written by \(file.producer)")")
        for input in file.inputs { line("input", input.described + (input.name == picture.input.name && file.inputs.count > 1 ? ", takes the picture" : "")) }
        for output in file.outputs { line("output", output.described + (output.name == picture.output.name && file.outputs.count > 1 ? ", looked at here" : "")) }
        line("parameters", "\(file.parameterCount)")
        line("cost", gigaflopPerMegapixel.map { "\(gigaflopText($0 * 1e9)) per megapixel" } ?? "not known")
        for (size, bytes) in memory { line("memory", "\(bytes.map(byteText) ?? "not known") at \(size) x \(size)") }
        let advice = ModelAdvice(self)
        if let size = advice.fixedSize, let peak = try? picture.model.peakActivationBytes(with: [analysis.input: analysis.inputShape(width: size.width, height: size.height)]) {
            line("", "\(byteText(peak)) at \(size.width) x \(size.height)")
        }
        for note in advice.lines { line("note", note) }
        return text
    }

    var json: JSON {
        func number(_ axis: SpatialAnalysis.Axis) -> JSON {
            axis.scaleNumerator == 0 ? .null : axis.scaleDenominator == 1 ? .int(axis.scaleNumerator) : .double(Double(axis.scaleNumerator) / Double(axis.scaleDenominator))
        }
        func range(_ range: PictureRange?) -> JSON { range.map { .array([.double(Double($0.black)), .double(Double($0.white))]) } ?? .null }
        func texts(_ list: [String]) -> JSON { .array(list.map { .string($0) }) }
        func int(_ number: Int?) -> JSON { number.map { .int($0) } ?? .null }
        let advice = ModelAdvice(self), x = analysis.x, y = analysis.y
        let size: JSON = advice.fixedSize.map { .array([.int($0.width), .int($0.height)]) } ?? .null
        let facts: [(String, JSON)] = [
            ("v", .int(1)), ("class", .string(analysis.klass.rawValue)), ("scale", .array([number(x), number(y)])), ("stride", .array([.int(x.stride), .int(y.stride)])),
            ("halo", .object([("left", .int(x.haloBefore)), ("right", .int(x.haloAfter)), ("top", .int(y.haloBefore)), ("bottom", .int(y.haloAfter))])),
            ("probe", probe.json), ("nodes", texts(analysis.decidingNodes)), ("opset", .int(file.opset)), ("inputs", .array(file.inputs.map(object))), ("outputs", .array(file.outputs.map(object))),
            ("parameters", .int(file.parameterCount)), ("gflop_per_megapixel", gigaflopPerMegapixel.map { .double($0) } ?? .null),
            ("memory_bytes", .object(memory.map { ("\($0.size)", int($0.bytes)) })),
        ]
        // Beyond the contract: how the file would be run, and what to say to have it so.
        let use: [(String, JSON)] = [
            ("input", .string(picture.input.name)), ("output", .string(picture.output.name)), ("layout", .string(picture.input.layout.rawValue)),
            ("channels", int(picture.input.channels)), ("fixed_size", size), ("range", range(picture.input.range)), ("output_range", range(picture.output.range)),
            ("tile", int(advice.tile)), ("extra", texts(advice.openInputs.map(\.name))), ("missing_operators", missingOperators.map(texts) ?? .null),
            ("advice", texts(advice.lines)),
        ]
        return .object(facts + use)
    }

    private func scale(_ axis: SpatialAnalysis.Axis) -> String {
        axis.scaleNumerator == 0 ? "?" : axis.scaleDenominator == 1 ? "\(axis.scaleNumerator)" : "\(axis.scaleNumerator)/\(axis.scaleDenominator)"
    }

    private func object(_ info: TensorInfo) -> JSON {
        .object([("name", .string(info.name)), ("shape", info.dims.map { dims in
            .array(dims.map { dim in if case .fixed(let size) = dim { .int(size) } else { .string(dim.description) } })
        } ?? .null), ("type", info.elementType.map { .string("\($0)") } ?? .null)])
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
