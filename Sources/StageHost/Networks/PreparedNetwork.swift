internal import ContentHash
internal import Inference
internal import ONNX
internal import Synchronization

/// A network that a stage handed over: its graph checked and analysed, ready to be compiled for any tile.
///
/// Made once per distinct graph of a run and shared by all images. Immutable.
final class PreparedNetwork: Sendable {
    /// How the picture enters and leaves the graph.
    struct Door: Sendable {
        let input: PictureInput
        let output: PictureOutput
        let isBGR: Bool

        var inputName: String { input.name }
        var outputName: String { output.name }
        var isNHWC: Bool { input.layout == .nhwc }
        /// Channels that the graph's input wants; nil where the graph leaves it open.
        var channels: Int? { input.channels }
    }

    let model: NetworkModel
    let graph: Model
    /// What `model` holds, where it is not `graph` word for word: normalisations over the whole picture are spelt out for the engine.
    private let steady: Model?
    let door: Door
    let analysis: SpatialAnalysis
    let claims = ClaimCheck()
    /// `scale * v + bias`, one per band, or one for all; empty: 1 and 0.
    let scale: [Float]
    let bias: [Float]
    let keepsSize: Bool
    /// What the picture's black and white are for the network, and the result's, where the graph proves it and the stage leaves it to the graph.
    let range: PictureRange?
    let outputRange: PictureRange?
    /// What was taken from the graph because nobody said it, for people.
    let findings: [String]
    /// The model's file as the pipeline names it, for messages; nil where a stage made the model itself.
    let file: String?
    /// The network as messages call it.
    var title: String { file ?? "the network" }
    /// The node that makes the output, as messages call it.
    var lastNode: String { graph.nodes.last { $0.outputs.contains(door.outputName) }?.label ?? "no node" }
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
        door = network.door
        analysis = model.analysis
        scale = network.scale
        bias = network.bias
        keepsSize = network.keepsSize
        range = nil
        outputRange = nil
        findings = []
        file = network.file
        fixedSize = nil
        isFixedByGraph = false
        fixedTile = nil
    }

    /// - Parameters:
    ///   - key: the SHA-256 of the bytes: compiled networks are shared by it across stages.
    ///   - file: the model's file as the pipeline names it.
    /// - Throws: `StageError` that names the stage and the file: not an ONNX model, ambiguous inputs or outputs, constants that do not fit.
    init(_ network: PluginNetwork, key: String, stage: String, file: String? = nil) throws(StageError) {
        let bytes = network.withBytes { Array($0) }
        let picture: PictureModel
        do throws(ONNXError) {
            picture = try PictureModel(try Model(serialized: bytes), Self.request(network))
            steady = try picture.steady()
            model = try Self.model(picture, steady, key: key, bytes: bytes)
        } catch {
            throw StageError.host("\(file ?? "the model"): \(error)", stage: stage, code: .parameter)
        }
        if let misreading = EngineMisreading.first(in: picture.model, shapes: picture.trialShapes) {
            throw StageError.host("\(file ?? "the model"): \(misreading)", stage: stage, code: .unsupported)
        }
        if let given = network.fixedSize, !picture.analysis.isTileable, let only = Self.builtInSize(picture.input, picture.analysis),
           picture.analysis.x.fixedSize != nil, given != only {
            throw StageError.host("\(file ?? "the model") takes \(only.width) x \(only.height) pixels and no other size: leave 'input_size' out", stage: stage,
                                  code: .parameter, parameter: "input_size")
        }
        graph = picture.model
        door = Door(input: picture.input, output: picture.output, isBGR: network.isBGR)
        analysis = picture.analysis
        scale = network.scale
        bias = network.bias
        keepsSize = network.keepsSize
        self.file = file
        range = network.isOpen && scale.isEmpty && bias.isEmpty ? picture.input.range : nil
        outputRange = network.isOpen ? picture.output.range : nil
        findings = picture.findings
        fixedTile = network.fixedSize == nil ? Self.builtInTile(analysis) : nil
        if let fixed = network.fixedSize {
            fixedSize = fixed
            isFixedByGraph = false
        } else if fixedTile != nil {
            fixedSize = nil
            isFixedByGraph = false
        } else {
            fixedSize = Self.builtInSize(picture.input, analysis)
            isFixedByGraph = fixedSize != nil
        }
    }

    /// A network that the host has made of others: one picture in, one out, planar and red first, everything else inside.
    ///
    /// - Throws: `ONNXError` where the graph is not one from picture to picture.
    init(made graph: Model, inputName: String, outputName: String, bytes: [UInt8], key: String, scale: [Float], bias: [Float]) throws(ONNXError) {
        let picture = try PictureModel(graph, .init(input: inputName, output: outputName, layout: .nchw))
        steady = try picture.steady()
        model = try Self.model(picture, steady, key: key, bytes: bytes)
        self.graph = picture.model
        door = Door(input: picture.input, output: picture.output, isBGR: false)
        analysis = picture.analysis
        self.scale = scale
        self.bias = bias
        keepsSize = true
        range = nil
        outputRange = nil
        findings = []
        file = nil
        fixedSize = nil
        isFixedByGraph = false
        fixedTile = nil
    }

    private static func request(_ network: PluginNetwork) -> PictureModel.Request {
        let constants = network.constants.map { ($0.name, PictureModel.Request.Values(shape: $0.shape, values: $0.values)) }
        return PictureModel.Request(input: network.inputNames?.first, output: network.outputName, layout: network.layout,
                                    constants: Dictionary(constants, uniquingKeysWith: { _, last in last }))
    }

    /// The bytes for the engine: the file's own where nothing had to be changed.
    private static func model(_ picture: PictureModel, _ steady: Model?, key: String, bytes: [UInt8]) throws(ONNXError) -> NetworkModel {
        guard picture.isChanged || steady != nil else { return NetworkModel(key: key, bytes: bytes) }
        let changed = try (steady ?? picture.model).serialized()
        return NetworkModel(key: changed.withUnsafeBytes { SHA256.hash($0).hex }, bytes: changed)
    }

    /// The size that is built into the graph, or that a network which looks at the whole image was exported with: it was made for that.
    /// A fixed size of a network of local operators is only how it was exported, and is changed.
    private static func builtInSize(_ input: PictureInput, _ analysis: SpatialAnalysis) -> (width: Int, height: Int)? {
        if let width = analysis.x.fixedSize, let height = analysis.y.fixedSize { return (width, height) }
        return analysis.isTileable ? nil : input.declaredSize
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
        door.input.shape(width: width, height: height, channels: channels)
    }

    func inputShapes(width: Int, height: Int, channels: Int) -> [String: [Int]] {
        [door.inputName: inputShape(width: width, height: height, channels: channels)]
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

    /// The largest value that the graph makes for a picture of this size, where it is so large that it alone explains a lack of memory.
    func largestValue(width: Int, height: Int, channels: Int) -> (node: String, bytes: Int)? {
        guard let shapes = try? graph.shapes(with: inputShapes(width: width, height: height, channels: channels)) else { return nil }
        var largest: (node: String, bytes: Int)?
        for node in graph.nodes {
            for name in node.outputs {
                guard let shape = shapes[name] else { continue }
                let bytes = shape.reduce(4) { product, extent in
                    let (next, overflow) = product.multipliedReportingOverflow(by: max(0, extent))
                    return overflow ? .max : next
                }
                if bytes > largest?.bytes ?? 256 << 20 { largest = (node.label, bytes) }
            }
        }
        return largest
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
}
