import AquatintPlugin
import Networks
import NeuralStages

/// `attention`: self-attention over positions with trained weights.
struct Attention: NetworkStage {
    static let id = "attention"
    static let licence = "MIT"
    static let doc = """
        Makes every pixel a mean of all pixels' values, weighted by how well its query fits their keys (self-attention). \
        Without a window the cost grows with the square of the number of pixels.
        """
    static let parameters: [Parameter] = [
        .weights, .inChannels, .outChannels,
        .int("window", default: 0, in: 0...1024, unit: "px",
             doc: "Side of the windows that attend within themselves; 0: all positions of the image attend to all."),
        .double("scale", default: 1, in: AttentionModule.scales,
                doc: "Factor of queries times keys before the softmax; 1/sqrt(out_channels) where the network was trained so."),
    ]

    private let window: Int?
    private let outChannels: Int
    private let graph: NetworkGraph

    init(_ values: Values) throws(StageError) {
        let weights = try values.weights()
        let inChannels = try values.channels("in_channels", or: 1, of: "query_conv.weight", in: weights)
        outChannels = try values.channels("out_channels", or: 0, of: "query_conv.weight", in: weights)
        let window = try values.int("window")
        self.window = window == 0 ? nil : window

        let module = AttentionModule(inChannels, outChannels, window: self.window, scale: try values.double("scale"))
        graph = try NetworkGraph(of: module, inChannels: inChannels, weights: weights)
    }

    func plan(_ inputs: Inputs<ImageInfo>) -> NetworkPlan {
        window.map { .windows(size: $0, outputBands: outChannels) } ?? .whole
    }

    func network(for inputs: Inputs<ImageInfo>) -> NetworkGraph { graph }
}
