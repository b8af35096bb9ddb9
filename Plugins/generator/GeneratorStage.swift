import AquatintPlugin
import Networks
import NeuralStages

/// `generator`: the generator of a GAN with trained weights.
struct GeneratorStage: NetworkStage {
    static let id = "generator"
    static let licence = "MIT"
    static let doc = """
        Repaints the picture with the generator of a GAN: four 3 x 3 convolutions, ReLU between them, Tanh at the end. \
        It keeps the size.
        """
    static let parameters: [Parameter] = [
        .weights, .inChannels,
        .channels("hidden_channels", doc: "Width between the convolutions; 0: what the weights say."),
        .outChannels,
        .doubles("range", default: [-1, 1], counts: 2...2,
                 doc: "What black and white are to the network; its Tanh answers in -1..1, so this is the usual one."),
    ]

    private let graph: NetworkGraph

    init(_ values: Values) throws(StageError) {
        let weights = try values.weights()
        let inChannels = try values.channels("in_channels", or: 1, of: "model.0.weight", in: weights)
        let hiddenChannels = try values.channels("hidden_channels", or: 0, of: "model.0.weight", in: weights)
        let outChannels = try values.channels("out_channels", or: 0, of: "model.6.weight", in: weights)

        let module = Generator(inChannels, outChannels, hiddenChannels: hiddenChannels)
        graph = try NetworkGraph(of: module, inChannels: inChannels, weights: weights)
    }

    func network(for inputs: Inputs<ImageInfo>) -> NetworkGraph { graph }
}
