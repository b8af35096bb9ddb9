internal import Inference
internal import ONNX
internal import Synchronization

/// A network that a stage handed over: its graph checked and analysed, ready to be compiled for any tile.
///
/// Made once per distinct graph of a run and shared by all images. Immutable.
final class PreparedNetwork: Sendable {
    /// How the picture enters and leaves the graph.
    struct Door: Sendable {
        let inputName: String
        let outputName: String
        let isNHWC: Bool
        let isBGR: Bool
        /// Channels that the graph's input wants; nil where the graph leaves it open.
        let channels: Int?
    }

    let model: NetworkModel
    let graph: Model
    /// What `model` holds, where it is not `graph` word for word: normalisations over the whole picture are spelt out for the engine.
    private let steady: Model?
    let door: Door
    let analysis: SpatialAnalysis
    let constants: [String: TensorData]
    /// `scale * v + bias`, one per band, or one for all; empty: 1 and 0.
    let scale: [Float]
    let bias: [Float]
    let keepsSize: Bool
    /// The picture is scaled to this size for the graph, and the result scaled back.
    let fixedSize: (width: Int, height: Int)?
    /// Whether `fixedSize` was taken from the graph because nobody said anything.
    let isFixedByGraph: Bool
    /// The only size that the graph takes, where it is local all the same: pictures are run in tiles of exactly that, instead of being scaled to it.
    let fixedTile: (width: Int, height: Int)?

    private let cut = Mutex<Result<CutNetwork, ONNXError>?>(nil)

    /// The network cut at its global statistics, found when it is first asked for.
    ///
    /// - Throws: why it cannot be cut, naming the node.
    func synchronised() throws(ONNXError) -> CutNetwork {
        let found = cut.withLock { state -> Result<CutNetwork, ONNXError> in
            if let state { return state }
            let made = Result { () throws(ONNXError) in try CutNetwork(self) }
            state = made
            return made
        }
        return try found.get()
    }

    /// What is left of a network when the statistics that it takes over the whole image are inputs.
    init(_ network: PreparedNetwork, cutTo model: SynchronisedModel) throws(ONNXError) {
        graph = model.remainder
        steady = nil
        self.model = NetworkModel(key: "\(network.model.key) remainder", bytes: try graph.serialized())
        let names = Set(graph.inputs.map(\.name))
        constants = network.constants.filter { names.contains($0.key) }
        door = network.door
        analysis = model.analysis
        scale = network.scale
        bias = network.bias
        keepsSize = network.keepsSize
        fixedSize = nil
        isFixedByGraph = false
        fixedTile = nil
    }

    /// - Throws: `StageError` that names the stage: not an ONNX model, ambiguous inputs or outputs, constants that do not fit.
    init(_ network: PluginNetwork, key: String, stage: String) throws(StageError) {
        let bytes = network.withBytes { Array($0) }
        do {
            graph = try Model(serialized: bytes)
        } catch {
            throw StageError.host("the model cannot be read: \(error)", stage: stage, code: .parameter)
        }
        var constants: [String: TensorData] = [:]
        for constant in network.constants {
            guard let input = graph.inputs.first(where: { $0.name == constant.name }) else {
                throw StageError.host("the model has no input '\(constant.name)'; its inputs are \(Self.names(graph.inputs))", stage: stage, code: .parameter)
            }
            constants[constant.name] = try Self.tensor(constant, for: input, stage: stage)
        }
        self.constants = constants
        door = try Self.door(of: network, graph: graph, constants: constants, stage: stage)
        analysis = SpatialAnalysis.analyse(graph, input: door.inputName, output: door.outputName, layout: door.isNHWC ? .nhwc : .nchw)
        steady = analysis.klass != .global ? nil
            : (try? graph.withSteadyStatistics(input: door.inputName, output: door.outputName, layout: door.isNHWC ? .nhwc : .nchw)) ?? nil
        if let spelt = try? steady?.serialized() {
            model = NetworkModel(key: "\(key) steady", bytes: spelt)
        } else {
            model = NetworkModel(key: key, bytes: bytes)
        }
        scale = network.scale
        bias = network.bias
        keepsSize = network.keepsSize
        fixedTile = network.fixedSize == nil ? Self.builtInTile(analysis) : nil
        if let fixed = network.fixedSize {
            fixedSize = fixed
            isFixedByGraph = false
        } else if fixedTile != nil {
            fixedSize = nil
            isFixedByGraph = false
        } else {
            fixedSize = Self.builtInSize(graph, door, analysis)
            isFixedByGraph = fixedSize != nil
        }
    }

    /// A constant in the shape that the graph wants: a lone number fills a scalar or any shape of ones.
    private static func tensor(_ constant: PluginNetwork.Constant, for input: TensorInfo, stage: String) throws(StageError) -> TensorData {
        var shape = constant.shape
        if let wanted = input.staticShape, wanted != shape, wanted.reduce(1, { $0 &* $1 }) == constant.values.count { shape = wanted }
        do {
            return try TensorData(shape: shape, values: constant.values)
        } catch {
            throw StageError.host("the constant '\(constant.name)' does not fit: \(error)", stage: stage, code: .parameter)
        }
    }

    private static func door(of network: PluginNetwork, graph: Model, constants: [String: TensorData], stage: String) throws(StageError) -> Door {
        func fail(_ message: String) -> StageError { .host(message, stage: stage, code: .parameter) }
        let open = graph.inputs.filter { constants[$0.name] == nil && graph.initializers[$0.name] == nil }
        let input: TensorInfo
        if let name = network.inputNames?.first {
            guard let found = graph.inputs.first(where: { $0.name == name }) else {
                throw fail("the model has no input '\(name)'; its inputs are \(names(graph.inputs))")
            }
            input = found
        } else {
            guard open.count == 1 else {
                throw fail("the model has \(open.count) inputs (\(names(open))): name the picture's with 'input' and give the others with 'extra'")
            }
            input = open[0]
        }
        if let other = open.first(where: { $0.name != input.name }) {
            throw fail("the model's input '\(other.name)' has no value: give it with 'extra'")
        }
        let output: TensorInfo
        if let name = network.outputName {
            guard let found = graph.outputs.first(where: { $0.name == name }) else {
                throw fail("the model has no output '\(name)'; its outputs are \(names(graph.outputs))")
            }
            output = found
        } else {
            guard graph.outputs.count == 1 else {
                throw fail("the model has \(graph.outputs.count) outputs (\(names(graph.outputs))): pick one with 'output'")
            }
            output = graph.outputs[0]
        }
        if let dims = input.dims, dims.count != 4 {
            throw fail("the model's input '\(input.name)' has \(dims.count) dimensions; a picture has four (batch, and channels, height and width)")
        }
        var channels: Int?
        if let dims = input.dims, case .fixed(let count) = dims[network.isNHWC ? 3 : 1] { channels = count }
        return Door(inputName: input.name, outputName: output.name, isNHWC: network.isNHWC, isBGR: network.isBGR, channels: channels)
    }

    /// The size that is built into the graph, or that a network which looks at the whole image was exported with: it was made for that.
    /// A fixed size of a network of local operators is only how it was exported, and is changed.
    private static func builtInSize(_ graph: Model, _ door: Door, _ analysis: SpatialAnalysis) -> (width: Int, height: Int)? {
        if let width = analysis.x.fixedSize, let height = analysis.y.fixedSize { return (width, height) }
        guard !analysis.isTileable, let dims = graph.inputs.first(where: { $0.name == door.inputName })?.dims, dims.count == 4,
              case .fixed(let height) = dims[door.isNHWC ? 1 : 2], case .fixed(let width) = dims[door.isNHWC ? 2 : 3] else { return nil }
        return (width, height)
    }

    /// A size that a reshape inside a local network (the sub-pixel shuffle of old exports) allows alone.
    private static func builtInTile(_ analysis: SpatialAnalysis) -> (width: Int, height: Int)? {
        guard analysis.isTileable, let width = analysis.x.fixedSize, let height = analysis.y.fixedSize else { return nil }
        func holds(_ axis: SpatialAnalysis.Axis, _ size: Int) -> Bool {
            let step = max(1, axis.stride)
            let halo = (axis.haloBefore + step - 1) / step * step + (axis.haloAfter + step - 1) / step * step
            return size % step == 0 && size >= halo + step && axis.trimBefore == 0 && axis.trimAfter == 0
        }
        return holds(analysis.x, width) && holds(analysis.y, height) ? (width, height) : nil
    }

    /// The static shape of the picture's input.
    func inputShape(width: Int, height: Int, channels: Int) -> [Int] {
        door.isNHWC ? [1, height, width, channels] : [1, channels, height, width]
    }

    func inputShapes(width: Int, height: Int, channels: Int) -> [String: [Int]] {
        var shapes = constants.mapValues(\.shape)
        shapes[door.inputName] = inputShape(width: width, height: height, channels: channels)
        return shapes
    }

    /// Bytes of the largest set of tensors alive at once for a picture of this size; a generous guess where a shape cannot be followed.
    func memory(width: Int, height: Int, channels: Int) -> Int {
        memory(of: steady ?? graph, width: width, height: height, channels: channels)
    }

    /// The same for a part of the graph.
    func memory(of part: Model, width: Int, height: Int, channels: Int) -> Int {
        let shapes = inputShapes(width: width, height: height, channels: channels).filter { name, _ in part.inputs.contains { $0.name == name } }
        if let peak = try? part.peakActivationBytes(with: shapes) {
            // The engine reorders tensors into its own layouts beside the originals.
            let half = peak / 2
            return half.multipliedReportingOverflow(by: 3).overflow ? Int.max : half * 3
        }
        let pixels = width.multipliedReportingOverflow(by: height)
        let bytes = pixels.partialValue.multipliedReportingOverflow(by: 4 * 256)
        return pixels.overflow || bytes.overflow ? Int.max : bytes.partialValue
    }

    private static func names(_ infos: [TensorInfo]) -> String {
        infos.isEmpty ? "none" : infos.map { "'\($0.name)'" }.joined(separator: ", ")
    }
}
