import AquatintPlugin
import Networks
import NeuralStages

/// `separable_conv`: a depthwise separable convolution with trained weights.
struct SeparableConv: NetworkStage {
    static let id = "separable_conv"
    static let licence = "MIT"
    static let doc = """
        Convolves each band by itself, then mixes the bands of each pixel (a depthwise separable convolution). \
        The size of the result is PyTorch's: floor((size + 2 * padding - kernel_size) / stride) + 1.
        """
    static let parameters: [Parameter] = [
        .weights, .inChannels, .outChannels,
        .int("kernel_size", default: 3, in: 1...255, unit: "px", doc: "Side of the depthwise kernel."),
        .int("stride", default: 1, in: 1...255, unit: "px", doc: "Distance of two output pixels in the input."),
        .int("padding", default: 1, in: 0...255, unit: "px", doc: "Zeros added on each side; kernel_size / 2 keeps the size."),
        .choice("activation", of: Activation.allCases.map(\.rawValue), doc: "What follows the convolution."),
    ]

    private let kernelSize, padding: Int
    private let graph: NetworkGraph

    init(_ values: Values) throws(StageError) {
        let weights = try values.weights()
        let inChannels = try values.channels("in_channels", or: 0, of: "depthwise.weight", in: weights)
        let outChannels = try values.channels("out_channels", or: 0, of: "pointwise.weight", in: weights)
        kernelSize = try values.int("kernel_size")
        padding = try values.int("padding")

        let convolution = DepthwiseSeparableConv2d(inChannels, outChannels, kernelSize: kernelSize,
                                                   stride: try values.int("stride"), padding: padding)
        let module = Activated(convolution, by: try values.choice("activation"))
        var graph = try NetworkGraph(of: module, inChannels: inChannels, weights: weights)
        graph.keepsSize = true
        self.graph = graph
    }

    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> NetworkPlan {
        let image = inputs.primary
        guard min(image.width, image.height) + 2 * padding >= kernelSize else {
            throw .geometry("""
                the image of \(image.width) x \(image.height) is smaller than the kernel of \(kernelSize) x \(kernelSize), \
                also with a padding of \(padding): use a larger image or padding
                """)
        }
        return .derive
    }

    func network(for inputs: Inputs<ImageInfo>) -> NetworkGraph { graph }
}
