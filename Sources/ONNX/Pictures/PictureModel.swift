/// A model made ready for one picture in and one result out: which input takes the picture, which output is used, and the graph without the rest.
public struct PictureModel: Sendable {
    /// What is known before the graph is looked at; nil leaves it to the graph.
    public struct Request: Sendable {
        public var input: String?
        public var output: String?
        public var layout: ImageLayout?
        /// Values of further inputs, by name.
        public var constants: [String: Values]
        /// Whether further inputs may stay without values: to look at a model, not to run it.
        public var allowsOpenInputs = false

        /// Row-major numbers and the extents they came with.
        public struct Values: Sendable, Hashable {
            public var shape: [Int]
            public var values: [Float]

            public init(shape: [Int], values: [Float]) { (self.shape, self.values) = (shape, values) }
        }

        public init(input: String? = nil, output: String? = nil, layout: ImageLayout? = nil, constants: [String: Values] = [:]) {
            (self.input, self.output, self.layout, self.constants) = (input, output, layout, constants)
        }
    }

    /// The graph that is run: one picture in, one result out, further inputs as constants, one picture at a time, and no image size built in where
    /// that could be taken out.
    public let model: Model
    public let input: PictureInput
    public let output: PictureOutput
    public let analysis: SpatialAnalysis
    /// Whether `model` is another than the one it was made from.
    public let isChanged: Bool
    /// What was taken from the graph but ranges and what `output` says itself, for people.
    public let findings: [String]

    /// - Throws: where the model leaves several choices, with all of them in the message; where a constant does not fit its input.
    public init(_ file: Model, _ request: Request = Request()) throws(ONNXError) {
        let outputName = try Self.outputName(file, request)
        let model = try file.specialised(output: outputName, constants: try Self.tensors(request.constants, for: file))
        let inputName = try Self.inputName(model, file, request)
        input = try PictureInput(inputName, of: model, layout: request.layout)
        let single = try model.withBatchOfOne(inputName)
        let first = SpatialAnalysis.analyse(single, input: inputName, output: outputName, layout: input.layout)
        var findings = input.findings
        if let batch = Self.batch(model, inputName) { findings.append("one picture at a time, where the file declares a batch of \(batch)") }
        let freed = single.freedFromItsSize(first)
        if let freed {
            (self.model, analysis) = (freed.model, freed.analysis)
            findings.append("any size, since only the extents that the exporter wrote down tie the model to \(first.x.fixedSize ?? 0) x \(first.y.fixedSize ?? 0)")
        } else {
            (self.model, analysis) = (single, first)
        }
        output = PictureOutput(outputName, of: self.model, analysis: analysis)
        self.findings = findings
        // Copies that were not changed share their storage; counting parts is enough to tell.
        isChanged = freed != nil || !request.constants.isEmpty || file.outputs.count != 1 || file.nodes.count != self.model.nodes.count
            || file.inputs.count != self.model.inputs.count || Self.declares(file, inputName) != Self.declares(self.model, inputName)
    }

    /// Extents of the values for one size of picture that the model takes; empty where they cannot be told.
    public var trialShapes: [String: [Int]] {
        let steps = [analysis.x.stride, analysis.x.needsMultiple, analysis.y.stride, analysis.y.needsMultiple]
        let step = steps.reduce(1) { $1 > 1 && $0 % $1 != 0 ? min(1024, $0 * $1) : $0 }
        let edge = (128 + step - 1) / step * step
        let shape = analysis.inputShape(width: analysis.x.fixedSize ?? edge, height: analysis.y.fixedSize ?? edge)
        return (try? model.shapes(with: [input.name: shape])) ?? [:]
    }

    private static func declares(_ model: Model, _ input: String) -> [Dimension]? { model.inputs.first { $0.name == input }?.dims }

    private static func batch(_ model: Model, _ input: String) -> Int? {
        guard let dims = declares(model, input), dims.count == 4, case .fixed(let batch) = dims[0], batch > 1 else { return nil }
        return batch
    }

    private static func list(_ infos: [TensorInfo]) -> String { infos.isEmpty ? "none" : infos.map(\.described).joined(separator: ", ") }

    private static func outputName(_ model: Model, _ request: Request) throws(ONNXError) -> String {
        if let name = request.output {
            guard model.outputs.contains(where: { $0.name == name }) else { throw ONNXError("the model has no output '\(name)'; its outputs are \(list(model.outputs))") }
            return name
        }
        guard model.outputs.count == 1 || request.allowsOpenInputs else {
            throw ONNXError("the model has \(model.outputs.count) outputs (\(list(model.outputs))): pick one with 'output'")
        }
        return model.outputs[0].name
    }

    /// - Parameters:
    ///   - model: what the output needs.
    ///   - file: the whole model.
    private static func inputName(_ model: Model, _ file: Model, _ request: Request) throws(ONNXError) -> String {
        let name: String
        if let wanted = request.input {
            guard file.inputs.contains(where: { $0.name == wanted }) else { throw ONNXError("the model has no input '\(wanted)'; its inputs are \(list(file.inputs))") }
            guard model.inputs.contains(where: { $0.name == wanted }) else {
                throw ONNXError(request.constants[wanted] != nil ? "the input '\(wanted)' takes the picture, and 'extra' gives it a value"
                    : "the output '\(model.outputs[0].name)' does not depend on the input '\(wanted)'")
            }
            name = wanted
        } else if request.allowsOpenInputs, let likely = model.inputs.first(where: { $0.mayBePicture }) ?? model.inputs.first {
            name = likely.name
        } else {
            guard model.inputs.count == 1 else {
                throw ONNXError(model.inputs.isEmpty ? "the output '\(model.outputs[0].name)' depends on no input that could take a picture"
                    : "the model has \(model.inputs.count) inputs (\(list(model.inputs))): name the picture's with 'input' and give the others with 'extra'")
            }
            name = model.inputs[0].name
        }
        if !request.allowsOpenInputs, let other = model.inputs.first(where: { $0.name != name }) {
            throw ONNXError(other.mayBePicture
                ? "the model's input \(other.described) wants a second picture, and this stage has one: give it a constant with 'extra', such as a .npy file, if that is what it needs"
                : "the model's input \(other.described) has no value: give it with 'extra', such as {\(other.name): 1}")
        }
        return name
    }

    /// The constants in the extents and types that the inputs want.
    private static func tensors(_ constants: [String: Request.Values], for model: Model) throws(ONNXError) -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        for (name, given) in constants.sorted(by: { $0.key < $1.key }) {
            guard let input = model.inputs.first(where: { $0.name == name }) else {
                throw ONNXError("the model has no input '\(name)'; its inputs are \(list(model.inputs))")
            }
            guard let shape = input.shape(holding: given.values.count, given: given.shape) else {
                throw ONNXError("the constant for the input \(input.described) has the extents \(given.shape), which do not fit")
            }
            tensors[name] = try Tensor(given.values, as: input.elementType ?? .float, dims: shape, name: name)
        }
        return tensors
    }
}

extension TensorInfo {
    /// Whether it could take a picture: four extents, with a picture's number of channels, or an open one, where channels stand, and room for more
    /// than one pixel.
    var mayBePicture: Bool {
        guard let dims, dims.count == 4 || dims.count == 3 && dims.contains(.fixed(3)) else { return false }
        func mayBeChannels(_ dim: Dimension) -> Bool { if case .fixed(let n) = dim { (1...4).contains(n) } else { true } }
        func mayBeSide(_ dim: Dimension) -> Bool { if case .fixed(let n) = dim { n > 4 } else { true } }
        let picture = dims.suffix(3)
        let isPlanar = mayBeChannels(picture[picture.startIndex]) && picture.dropFirst().allSatisfy(mayBeSide)
        let isInterleaved = mayBeChannels(picture[picture.endIndex - 1]) && picture.dropLast().allSatisfy(mayBeSide)
        return isPlanar || isInterleaved
    }
}
