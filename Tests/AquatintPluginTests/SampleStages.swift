import AquatintPlugin

/// Adds `amount`, and for the tests a parameter of every type.
struct Brighten: PixelStage {
    static let id = "test.brighten"
    static let doc = "Adds a constant. Nothing else."
    static let version = "2.1.0"
    static let licence = "Apache-2.0"
    static let inputs = [
        ImageInput(spaces: [.srgb, .grey], bands: 1...3),
        ImageInput("mask", formats: [.uint8], bands: 1...1, isOptional: true, doc: "Where."),
    ]
    static let parameters: [Parameter] = [
        .double("amount", in: -1...1, unit: "full scale", doc: "What is added."),
        .bool("on", default: true, doc: "Whether."),
        .int("count", default: 3, in: 1...9, doc: "How many."),
        .string("title", doc: "A text."),
        .choice("mode", of: ["add", "screen"], default: "screen", doc: "How."),
        .file("lut", doc: "A file."),
        .colour("ink", default: [0, 0.5, 1], doc: "A colour."),
        .ints("sizes", default: [1, 2], counts: 0...4, doc: "Sizes."),
        .doubles("angles", doc: "Angles."),
        .json("extra", default: "{}", doc: "Anything."),
        .int("old", default: 0, doc: "No longer used.").deprecated(),
    ]

    enum Mode: String { case add, screen }
    let amount: Float
    let summary: String

    init(_ values: Values) throws(StageError) {
        amount = Float(try values.double("amount"))
        guard amount != 0 else { throw .parameter("amount", "must not be 0: that changes nothing") }
        let mode: Mode = try values.choice("mode")
        summary = try """
            \(values.bool("on")) \(values.int("count")) \(values.string("title") ?? "nil") \(mode) \(values.file("lut") ?? "nil") \
            \(values.colour("ink")) \(values.ints("sizes")) \(values.doubles("angles")) \(values.json("extra") ?? "nil")
            """
    }

    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PixelPlan {
        guard inputs.primary.width < 10_000 else { throw .geometry("too wide") }
        var plan = PixelPlan(output: inputs.primary, halo: 2, edge: .reflect)
        plan.state = summary
        return plan
    }

    func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) throws(StageError) {
        guard job.plan.state as? String == summary else { throw .internal("the state of the plan got lost") }
        let source = try inputs.primary.samples(of: Float.self), result = try output.samples(of: Float.self)
        for y in output.rect.rows {
            try job.checkCancelled()
            for x in output.rect.columns {
                for b in 0..<output.image.bands { result[x, y, b] = source[x, y, b] + amount }
            }
        }
    }
}

/// Hands over eight bytes that are no model.
struct Bytes: NetworkStage {
    static let id = "test.bytes"
    static let doc = "A network."
    static let parameters: [Parameter] = [.choice("tiles", of: ["derive", "whole", "windows", "blocks"], doc: "How.")]
    let tiles: String
    let graph: NetworkGraph

    init(_ values: Values) throws(StageError) {
        tiles = try values.choice("tiles")
        var graph = NetworkGraph(onnx: [1, 2, 3, 4, 5, 6, 7, 8], key: "bytes/1")
        graph.layout = .nhwc
        graph.isBGR = true
        graph.keepsSize = true
        graph.inputNames = ["x"]
        graph.outputName = "y"
        graph.scale = [2, 3, 4]
        graph.bias = [0.5]
        graph.constants = [.init(name: "level", shape: [1, 2], values: [7, 9])]
        graph.fixedSize = (320, 240)
        self.graph = graph
    }

    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> NetworkPlan {
        switch tiles {
        case "whole": .whole
        case "windows": .windows(size: 8, outputBands: 5)
        case "blocks": .blocks(size: 6, halo: 7, scale: Reach.Scale(3, 2), isRagged: false, outputBands: 1)
        default: .derive
        }
    }

    func network(for inputs: Inputs<ImageInfo>) throws(StageError) -> NetworkGraph { graph }
}
