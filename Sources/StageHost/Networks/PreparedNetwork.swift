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

    /// - Throws: `StageError` that names the stage: not an ONNX model, ambiguous inputs or outputs, constants that do not fit.
    init(_ network: PluginNetwork, key: String, stage: String) throws(StageError) {
        let bytes = network.withBytes { Array($0) }
        do {
            graph = try Model(serialized: bytes)
        } catch {
            throw StageError.host("the model cannot be read: \(error)", stage: stage, code: .parameter)
        }
        model = NetworkModel(key: key, bytes: bytes)
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

    /// A network that the host has made of others: one picture in, one out, planar and red first, everything else inside.
    init(made graph: Model, inputName: String, outputName: String, channels: Int, bytes: [UInt8], key: String, scale: [Float], bias: [Float]) {
        self.graph = graph
        model = NetworkModel(key: key, bytes: bytes)
        door = Door(inputName: inputName, outputName: outputName, isNHWC: false, isBGR: false, channels: channels)
        analysis = SpatialAnalysis.analyse(graph, input: inputName, output: outputName)
        constants = [:]
        self.scale = scale
        self.bias = bias
        keepsSize = true
        fixedSize = nil
        isFixedByGraph = false
        fixedTile = nil
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
        if let peak = try? graph.peakActivationBytes(with: inputShapes(width: width, height: height, channels: channels)) {
            // The engine reorders tensors into its own layouts beside the originals.
            let half = peak / 2
            return half.multipliedReportingOverflow(by: 3).overflow ? Int.max : half * 3
        }
        let pixels = width.multipliedReportingOverflow(by: height)
        let bytes = pixels.partialValue.multipliedReportingOverflow(by: 4 * 256)
        return pixels.overflow || bytes.overflow ? Int.max : bytes.partialValue
    }

    /// What the network costs per pixel of its input, found at one size.
    struct Profile: Sendable {
        /// Bytes alive at once, as `memory(width:height:channels:)` counts them.
        var memory: Double
        /// Bytes of all intermediate values.
        var traffic: Double
        /// Floating-point operations.
        var operations: Double
        /// Operators that are run.
        var layers: Int
    }

    private let profiles = Mutex<[Int: Profile]>([:])

    /// Guesses on the high side where a shape cannot be followed.
    func profile(channels: Int) -> Profile {
        profiles.withLock { profiles in
            if let known = profiles[channels] { return known }
            let step = leastMultiple(analysis.x, analysis.y)
            let edge = (256 + step - 1) / step * step
            let size = fixedTile ?? fixedSize ?? (edge, edge)
            let shapes = inputShapes(width: size.width, height: size.height, channels: channels)
            let pixels = Double(size.width) * Double(size.height)
            let profile = Profile(memory: Double(memory(width: size.width, height: size.height, channels: channels)) / pixels,
                                  traffic: ((try? graph.activationBytes(with: shapes)) ?? nil).map { $0 / pixels } ?? 4096,
                                  operations: ((try? graph.flops(with: shapes)) ?? nil).map { $0 / pixels } ?? 1e5, layers: graph.nodes.count)
            profiles[channels] = profile
            return profile
        }
    }

    /// A size that suits both axes; at most 1024, the strides of real networks being far below.
    private func leastMultiple(_ x: SpatialAnalysis.Axis, _ y: SpatialAnalysis.Axis) -> Int {
        [x.stride, x.needsMultiple, y.stride, y.needsMultiple].reduce(1) { result, step in
            guard step > 1, result % step != 0 else { return result }
            return min(1024, result * step)
        }
    }

    private static func names(_ infos: [TensorInfo]) -> String {
        infos.isEmpty ? "none" : infos.map { "'\($0.name)'" }.joined(separator: ", ")
    }
}
