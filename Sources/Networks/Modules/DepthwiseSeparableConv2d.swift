/// A convolution in two steps: each channel by itself over space, then all channels at each pixel.
/// ```
/// y = pointwise(depthwise(x))
/// ```
/// It takes k * k * in + in * out weights instead of the k * k * in * out of a full convolution.
///
/// Chollet, Xception (2017); Howard et al., MobileNets (2017).
public final class DepthwiseSeparableConv2d: Module {
    public let depthwise, pointwise: Conv2d

    public init(_ inChannels: Int, _ outChannels: Int, kernelSize: Int = 3, stride: Int = 1, padding: Int = 1) {
        depthwise = Conv2d(inChannels, inChannels, kernelSize: kernelSize, stride: stride, padding: padding, groups: inChannels)
        pointwise = Conv2d(inChannels, outChannels, kernelSize: 1)
    }

    public var children: [(name: String, module: any Module)] { [("depthwise", depthwise), ("pointwise", pointwise)] }

    public var sizeFactor: Ratio { depthwise.sizeFactor }
    public func spread(_ distance: Int) -> Int? { depthwise.spread(distance) }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        try pointwise(depthwise(x))
    }

    public var description: String {
        """
        DepthwiseSeparableConv2d(in_channels: \(depthwise.inChannels), out_channels: \(pointwise.outChannels), \
        kernel_size: \(depthwise.kernelSize), stride: \(depthwise.stride), padding: \(depthwise.padding))
        """
    }
}
