public import Inference
internal import PipelineLanguage

/// How the neural stages of a run are computed.
public struct NeuralSettings: Sendable {
    /// `--precision`. Nothing asked for is f32: a faster type is not always right (it must be checked against f32 on the user's own pictures).
    public var precision: Precision
    /// `--device`, by the engine's name.
    public var device: String
    /// CPU threads for inference, all streams together.
    public var threads: Int
    /// Whether neighbouring network stages are merged into one network; off with `--no-fuse`.
    public var fuses = true
    /// Whether several images are in flight, so that networks must serve them side by side.
    public var isShared: Bool

    public init(precision: Precision = .f32, device: String = "CPU", threads: Int, isShared: Bool = false) {
        self.precision = precision
        self.device = device
        self.threads = threads
        self.isShared = isShared
    }
}

/// `tiling:` of a network stage.
enum Tiling: Equatable {
    /// Whole if it fits, else exact tiles that cost little, else refuse.
    case auto
    /// Exact tiles or the whole image, at any cost; refuse where neither can be had.
    case exact
    case whole
    /// Tiles of the user's: `tile` input pixels with halos, and a halo that overrules the derived one.
    case fixed(tile: Int, halo: Int?)
}

/// The parameters that the host gives to every network stage and handles itself.
struct NetworkOptions {
    /// What black and white are on the way in, and on the way out.
    var black: Float, white: Float
    var outputBlack: Float, outputWhite: Float
    var tiling = Tiling.auto
    var precision: Precision?
    var strength: Float = 1

    static let names: Set<String> = ["range", "output_range", "tiling", "precision", "strength"]

    /// What `stages`, the schema and validation know of them. A stage that declares one of these names itself only changes its default.
    static func parameters(declared: [ParameterDescription]) -> [ParameterDescription] {
        standard.map { parameter in
            var parameter = parameter
            if let own = declared.first(where: { $0.name == parameter.name }), let fallback = own.fallback { parameter.fallback = fallback }
            return parameter
        }
    }

    private static let standard: [ParameterDescription] = [
        ParameterDescription("range", .doubles, fallback: .list([.double(0), .double(1)]),
                             doc: "What black and white are for the network: [black, white].", counts: 2...2, host: true),
        ParameterDescription("output_range", .doubles,
                             doc: "What black and white are in the network's output; as range where not given.", counts: 2...2, host: true),
        ParameterDescription("tiling", .json, fallback: .string("auto"),
                             doc: "How a large image is cut up: auto, exact, whole, or {tile: pixels, halo: pixels}.", host: true),
        ParameterDescription("precision", .choice, choices: Precision.allCases.map(\.rawValue),
                             doc: "Arithmetic of this stage; the run's where not given.", host: true),
        ParameterDescription("strength", .double, fallback: .double(1), minimum: 0, maximum: 1,
                             doc: "How much of the result is mixed with the stage's input, where their sizes agree.", host: true),
    ]

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
            guard let known = Precision(rawValue: name) else { throw fail("precision", "is one of \(Precision.allCases.map(\.rawValue).joined(separator: ", "))") }
            precision = known
        }
        if let value = values["tiling"] { tiling = try Self.tiling(value, fail) }
    }

    private static func tiling(_ value: Value, _ fail: (String, String) -> StageError) throws(StageError) -> Tiling {
        switch value {
        case .string("auto"): return .auto
        case .string("exact"): return .exact
        case .string("whole"): return .whole
        case .map(let map):
            if let unknown = map.entries.first(where: { !["tile", "halo"].contains($0.key) }) {
                throw fail("tiling", "has no '\(unknown.key)'; it takes tile and halo")
            }
            guard case .int(let tile)? = map["tile"], (1...1_000_000).contains(tile) else {
                throw fail("tiling", "needs a tile of 1 to 1000000 pixels: {tile: 512, halo: 34}")
            }
            guard let halo = map["halo"] else { return .fixed(tile: tile, halo: nil) }
            guard case .int(let pixels) = halo, (0..<1_000_000).contains(pixels) else {
                throw fail("tiling", "takes a halo of 0 to 999999 pixels")
            }
            return .fixed(tile: tile, halo: pixels)
        default:
            throw fail("tiling", "is auto, exact, whole, or {tile: pixels, halo: pixels}")
        }
    }
}
