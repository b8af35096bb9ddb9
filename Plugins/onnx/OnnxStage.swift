import AquatintPlugin
import ContentHash

/// Any ONNX model that turns an image into an image or a mask. The host analyses, tiles and runs it; this stage reads the file and
/// says how pixels enter it.
struct OnnxStage: NetworkStage {
    static let id = "onnx"
    static let licence = "MIT"
    static let doc = "Runs an ONNX model. Any network from image to image, or from image to mask."
    static let inputs = [ImageInput()]
    static let parameters: [Parameter] = [
        .file("model", required: true, doc: "The ONNX file."),
        .string("input", doc: "The model's input that takes the picture, where it has several."),
        .string("output", doc: "The model's output to use, where it has several."),
        .doubles("mean", doc: "What is subtracted from each channel, after range: one number, or one per channel."),
        .doubles("std", in: 1e-12...1e12, doc: "What each channel is then divided by: one number, or one per channel."),
        .choice("order", of: ["rgb", "bgr"], doc: "The order of the channels in the model."),
        .choice("layout", of: ["nchw", "nhwc", "auto"], default: "auto",
                doc: "The order of the axes in the model; auto takes it from the extents that the model declares."),
        .ints("input_size", in: 1...16384, counts: 0...2, unit: "px",
              doc: "Width and height to which the picture is scaled for the model; the result is scaled back."),
        .json("extra", doc: "Other inputs of the model by name: a number, a list, or a .npy file beside the model."),
        .choice("pad", of: ["reflect", "none"],
                doc: "For models that trim their borders: reflect keeps the picture's size, none keeps the smaller result."),
        .string("sha256", doc: "The SHA-256 that the model file must have."),
    ]

    private let graph: NetworkGraph

    init(_ values: Values) throws(StageError) {
        let path = try values.requiredFile("model")
        let bytes = try ModelBytes(contentsOf: path, limit: Self.sizeLimit, reason: "an ONNX file, as any of protobuf, ends at 2 GiB; half-precision weights take half of it",
                                   parameter: "model")
        let wanted = try values.string("sha256")
        var graph = NetworkGraph(onnx: bytes, key: try Self.check(bytes, sha256: wanted, path))
        graph.inputNames = try values.string("input").map { [$0] }
        graph.outputName = try values.string("output")
        graph.isBGR = try values.choice("order") == "bgr"
        graph.isOpen = true
        graph.layout = switch try values.choice("layout") {
        case "nchw": .nchw
        case "nhwc": .nhwc
        default: nil
        }
        graph.keepsSize = try values.choice("pad") == "none"
        (graph.scale, graph.bias) = try Self.normalisation(mean: values.doubles("mean"), std: values.doubles("std"))
        let size = try values.ints("input_size")
        guard size.count != 1 else { throw .parameter("input_size", "is one number: give width and height, such as [320, 320]") }
        if size.count == 2 { graph.fixedSize = (size[0], size[1]) }
        if let extra = try values.json("extra") {
            graph.constants = try ExtraInputs.read(extra, folder: String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
        }
        self.graph = graph
    }

    func network(for inputs: Inputs<ImageInfo>) throws(StageError) -> NetworkGraph { graph }

    /// protobuf, and with it ONNX, ends at 2 GiB.
    private static let sizeLimit = 1 << 31

    /// The hash as the graph's key, where one was asked for and is right.
    private static func check(_ bytes: ModelBytes, sha256 wanted: String?, _ path: String) throws(StageError) -> String? {
        guard let wanted = wanted?.lowercased() else { return nil }
        guard wanted.utf8.count == 64, wanted.allSatisfy(\.isHexDigit) else {
            throw .parameter("sha256", "is not 64 hexadecimal digits")
        }
        let found = bytes.withBytes { SHA256.hash($0) }.hex
        guard found == wanted else {
            throw .parameter("sha256", "\(path) is another file: its SHA-256 is \(found), not \(wanted)")
        }
        return found
    }

    /// `(x - mean) / std` as a factor and a summand per channel.
    private static func normalisation(mean: [Double], std: [Double]) throws(StageError) -> (scale: [Float], bias: [Float]) {
        let channels = max(mean.count, std.count)
        guard channels > 0 else { return ([], []) }
        guard [0, 1, channels].contains(mean.count), [0, 1, channels].contains(std.count) else {
            throw .parameter("std", "has \(std.count) numbers, and mean has \(mean.count): give one, or one per channel")
        }
        func spread(_ list: [Double], or fallback: Double) -> [Double] {
            list.count == channels ? list : Array(repeating: list.first ?? fallback, count: channels)
        }
        let means = spread(mean, or: 0), deviations = spread(std, or: 1)
        return (deviations.map { Float(1 / $0) }, zip(means, deviations).map { Float(-$0 / $1) })
    }
}
