import AquatintPlugin
import Networks
import NeuralStages

/// `adaptive_attention`: the picture times its self-attention, with trained weights.
struct AdaptiveAttention: NetworkStage {
    static let id = "adaptive_attention"
    static let licence = "MIT"
    static let doc = """
        Multiplies the picture by its self-attention, x * attention(x), with one gate per band or one for all. \
        Without a window the cost grows with the square of the number of pixels.
        """
    static let parameters: [Parameter] = [
        .weights, .inChannels,
        .channels("out_channels", doc: "Gates: in_channels, or 1 for all bands together; 0: as many as the weights say."),
        .int("window", default: 0, in: 0...1024, unit: "px",
             doc: "Side of the windows that attend within themselves; 0: all positions of the image attend to all."),
        .double("scale", default: 1, in: AttentionModule.scales,
                doc: "Factor of queries times keys before the softmax; 1/sqrt(out_channels) where the network was trained so."),
    ]

    private let window: Int?
    private let inChannels: Int
    private let graph: NetworkGraph

    init(_ values: Values) throws(StageError) {
        let weights = try values.weights()
        inChannels = try values.channels("in_channels", or: 1, of: "attention.query_conv.weight", in: weights)
        let outChannels = try values.channels("out_channels", or: 0, of: "attention.query_conv.weight", in: weights)
        let window = try values.int("window")
        self.window = window == 0 ? nil : window

        let scale = try values.double("scale")
        let module: AdaptiveAttentionModule
        do {
            module = try AdaptiveAttentionModule(inChannels, outChannels, window: self.window, scale: scale)
        } catch {
            throw .parameter("out_channels", error.description)
        }
        graph = try NetworkGraph(of: module, inChannels: inChannels, weights: weights)
    }

    /// The result has the picture's bands, whatever the number of gates.
    func plan(_ inputs: Inputs<ImageInfo>) -> NetworkPlan {
        window.map { .windows(size: $0, outputBands: inChannels) } ?? .whole
    }

    func network(for inputs: Inputs<ImageInfo>) -> NetworkGraph { graph }
}
