public import Inference
internal import ONNX
internal import PipelineLanguage

/// How the neural stages of a run are computed.
public struct NeuralSettings: Sendable {
    /// `--precision`.
    public var precision: PrecisionRequest
    /// `--device`, by the engine's name.
    public var device: String
    /// CPU threads for inference, all streams together.
    public var threads: Int
    /// Whether neighbouring network stages are merged into one network; off with `--no-fuse`.
    public var fuses = true
    /// Whether several images are in flight, so that networks must serve them side by side.
    public var isShared: Bool
    /// Where what was found out is kept between runs (`CacheLocation`); nil for nowhere.
    public var cacheFolder: String?

    public init(precision: PrecisionRequest = .auto, device: String = "CPU", threads: Int, isShared: Bool = false, cacheFolder: String? = nil) {
        self.precision = precision
        self.device = device
        self.threads = threads
        self.isShared = isShared
        self.cacheFolder = cacheFolder
    }
}

/// `tiling:` of a network stage.
enum Tiling: Equatable {
    /// The fastest, by estimate, of the whole image and exact tiles that cost little, with little memory where that can be had. What is not local is run whole,
    /// and cut at its statistics where that does not fit; a halo that costs too much is replaced by a measured one; else refuse.
    case auto
    /// Exact tiles or the whole image, at any cost; refuse where neither can be had.
    case exact
    case whole
    /// Exact tiles, also of a network that takes statistics over the whole image: these are found first, tile by tile. `tile`: input pixels.
    case sync(tile: Int?)
    /// Tiles of the user's: `tile` input pixels with halos, and a halo that overrules the derived one.
    case fixed(tile: Int, halo: Int?)
}

/// The parameters that the host gives to every network stage and handles itself.
struct NetworkOptions {
    /// What black and white are on the way in, and on the way out.
    var black: Float, white: Float
    var outputBlack: Float, outputWhite: Float
    var tiling = Tiling.auto
    var precision: PrecisionRequest?
    var strength: Float = 1
    /// Whether the pipeline says how the network's output is to be read.
    private(set) var isOutputRangeGiven = false
    /// What ``adopt(_:output:given:)`` took, or could not tell, for people.
    private(set) var findings: [String] = []

    static let names: Set<String> = ["range", "output_range", "tiling", "precision", "strength"]

    /// What `stages`, the schema and validation know of them. A stage that declares one of these names itself only changes its default.
    static func parameters(declared: [ParameterDescription]) -> [ParameterDescription] {
        standard.map { parameter in
            var parameter = parameter
            if let own = declared.first(where: { $0.name == parameter.name }), let fallback = own.fallback { parameter.fallback = fallback }
            return parameter
        }
    }

    private static let standard: [ParameterDescription] = DeclaredParameter.hostHandled.map { declared in
        var parameter = declared.description
        parameter.host = true
        return parameter
    }

    /// Takes the ranges that the network's graph proves, where nobody has said them.
    ///
    /// - Parameter given: the names of the parameters that the pipeline, or the stage's own declaration, sets.
    mutating func adopt(_ range: PictureRange?, output: PictureRange?, given: Set<String>) {
        isOutputRangeGiven = given.contains("output_range")
        if let range, !given.contains("range"), (range.black, range.white) != (black, white) {
            (black, white) = (range.black, range.white)
            findings.append("range \(range), since \(range.reason)")
            if !isOutputRangeGiven {
                (outputBlack, outputWhite) = (range.black, range.white)
                if output == nil { findings.append("output_range the same, which the graph neither proves nor denies: set it if the result is too dark or too bright") }
            }
        }
        if let output, !isOutputRangeGiven, (output.black, output.white) != (outputBlack, outputWhite) {
            (outputBlack, outputWhite) = (output.black, output.white)
            findings.append("output_range \(output), since \(output.reason)")
        }
    }

    /// - Parameter values: of the parameters above, typed; those not given have the stage's defaults.
    init(_ values: [String: Value], stage: String) throws(StageError) {
        func fail(_ name: String, _ message: String) -> StageError { .host(message, stage: stage, code: .parameter, parameter: name) }
        func pair(_ name: String, _ value: Value) throws(StageError) -> [Float] {
            guard case .list(let items) = value, items.count == 2, let low = items[0].number, let high = items[1].number,
                  low.isFinite, high.isFinite, low != high else { throw fail(name, "takes two different numbers, [black, white]") }
            return [Float(low), Float(high)]
        }
        let input = try values["range"].map { value throws(StageError) in try pair("range", value) } ?? [0, 1]
        let output = try values["output_range"].map { value throws(StageError) in try pair("output_range", value) } ?? input
        black = input[0]
        white = input[1]
        outputBlack = output[0]
        outputWhite = output[1]
        if let value = values["strength"]?.number { strength = Float(value) }
        if case .string(let name)? = values["precision"] {
            guard let known = PrecisionRequest(name: name) else { throw fail("precision", "is one of \(PrecisionRequest.allNames.joined(separator: ", "))") }
            precision = known
        }
        if let value = values["tiling"] { tiling = try Self.tiling(value, fail) }
    }

    private static func tiling(_ value: Value, _ fail: (String, String) -> StageError) throws(StageError) -> Tiling {
        switch value {
        case .string("auto"): return .auto
        case .string("exact"): return .exact
        case .string("whole"): return .whole
        case .string("sync"): return .sync(tile: nil)
        case .map(let map):
            if let unknown = map.entries.first(where: { !["tile", "halo", "sync"].contains($0.key) }) {
                throw fail("tiling", "has no '\(unknown.key)'; it takes tile, halo and sync")
            }
            guard case .int(let tile)? = map["tile"], (1...1_000_000).contains(tile) else {
                throw fail("tiling", "needs a tile of 1 to 1000000 pixels: {tile: 512, halo: 34}")
            }
            if let sync = map["sync"] {
                guard case .bool(let isWanted) = sync, !isWanted || map["halo"] == nil else { throw fail("tiling", "takes sync: true or false, and then no halo") }
                if isWanted { return .sync(tile: tile) }
            }
            guard let halo = map["halo"] else { return .fixed(tile: tile, halo: nil) }
            guard case .int(let pixels) = halo, (0..<1_000_000).contains(pixels) else {
                throw fail("tiling", "takes a halo of 0 to 999999 pixels")
            }
            return .fixed(tile: tile, halo: pixels)
        default:
            throw fail("tiling", "is auto, exact, whole, sync, or {tile: pixels, halo: pixels}")
        }
    }
}
