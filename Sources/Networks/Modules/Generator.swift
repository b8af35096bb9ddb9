/// The generator of a GAN: four 3 x 3 convolutions that keep the size, ReLU between them, Tanh at the end.
///
/// Its result lies in -1...1. The widths between the convolutions are `hiddenChannels`, `outChannels` where not given.
public final class Generator: Module {
    public let model: Sequential
    private let inChannels, outChannels, hiddenChannels: Int

    public init(_ inChannels: Int, _ outChannels: Int, hiddenChannels: Int? = nil) {
        let hidden = hiddenChannels ?? outChannels
        model = Sequential(
            Conv2d(inChannels, hidden, kernelSize: 3, padding: 1), ReLU(),
            Conv2d(hidden, hidden, kernelSize: 3, padding: 1), ReLU(),
            Conv2d(hidden, hidden, kernelSize: 3, padding: 1), ReLU(),
            Conv2d(hidden, outChannels, kernelSize: 3, padding: 1), Tanh()
        )
        self.inChannels = inChannels
        self.outChannels = outChannels
        self.hiddenChannels = hidden
    }

    public var children: [(name: String, module: any Module)] { [("model", model)] }

    public func spread(_ distance: Int) -> Int? { model.spread(distance) }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        try model(x)
    }

    public var description: String {
        "Generator(in_channels: \(inChannels), hidden_channels: \(hiddenChannels), out_channels: \(outChannels))"
    }
}
