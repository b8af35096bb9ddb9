/// What two convolutions add to a map: `y = x + conv2(activation(conv1(x)))`. It keeps channels and size.
///
/// Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution (2017): no batch normalisation.
public final class ResidualBlock: Module {
    public let conv1, conv2: any Module
    public let activation: Activation
    private let channels, kernelSize: Int
    private let isSeparable: Bool

    /// - Parameters:
    ///   - kernelSize: side of the square kernels, in pixels; odd.
    ///   - isSeparable: whether the convolutions are depthwise separable ones.
    public init(_ channels: Int, kernelSize: Int = 3, activation: Activation = .relu, isSeparable: Bool = false) {
        precondition(kernelSize % 2 == 1, "an even kernel changes the size")
        func convolution() -> any Module {
            isSeparable ? DepthwiseSeparableConv2d(channels, channels, kernelSize: kernelSize, padding: kernelSize / 2)
                : Conv2d(channels, channels, kernelSize: kernelSize, padding: kernelSize / 2)
        }
        conv1 = convolution()
        conv2 = convolution()
        self.activation = activation
        self.channels = channels
        self.kernelSize = kernelSize
        self.isSeparable = isSeparable
    }

    public var children: [(name: String, module: any Module)] { [("conv1", conv1), ("conv2", conv2)] }

    public func spread(_ distance: Int) -> Int? { conv1.spread(distance).flatMap { conv2.spread($0) } }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        try x + conv2(activation.module(conv1(x)))
    }

    public var description: String {
        "ResidualBlock(\(channels), kernel_size: \(kernelSize), activation: \(activation.rawValue), separable: \(isSeparable))"
    }
}
