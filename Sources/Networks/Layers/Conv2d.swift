/// `torch.nn.Conv2d`: cross-correlation with zero padding and a bias.
///
/// Maps H to floor((H + 2 * padding - kernelSize) / stride) + 1, and W likewise.
public final class Conv2d: Module {
    public let inChannels, outChannels, kernelSize, stride, padding, groups: Int

    /// - Parameters:
    ///   - kernelSize: side of the square kernel, in pixels.
    ///   - padding: zeros added on each of the four sides, in pixels.
    ///   - groups: the channels are split into that many groups that do not see each other; must divide both
    ///     channel counts. `inChannels` groups make it depthwise.
    public init(_ inChannels: Int, _ outChannels: Int, kernelSize: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1) {
        precondition(inChannels > 0 && outChannels > 0 && kernelSize > 0 && stride > 0 && padding >= 0 && groups > 0)
        precondition(inChannels % groups == 0 && outChannels % groups == 0, "groups must divide the channels")
        self.inChannels = inChannels
        self.outChannels = outChannels
        self.kernelSize = kernelSize
        self.stride = stride
        self.padding = padding
        self.groups = groups
    }

    public var parameters: [(name: String, shape: [Int])] {
        [("weight", [outChannels, inChannels / groups, kernelSize, kernelSize]), ("bias", [outChannels])]
    }

    public var sizeFactor: Ratio { Ratio(1, stride) }

    public func spread(_ distance: Int) -> Int? {
        // floor((H + 2 * padding - kernelSize) / stride) + 1 is H / stride for every multiple H of the stride.
        guard 2 * padding - kernelSize < 0, 2 * padding - kernelSize >= -stride else { return nil }
        // Output i reads inputs i * stride - padding and kernelSize - 1 more.
        let reach = max(padding, kernelSize - 1 - padding)
        return (distance + reach + stride - 1) / stride
    }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        try x.expectChannels(inChannels, for: self)
        let weight = try x.trace.parameter("weight", of: self)
        let bias = try x.trace.parameter("bias", of: self)
        return Tensor(x.value.conv(weight, bias, stride: stride, padding: padding, groups: groups), channels: outChannels)
    }

    public var description: String {
        "Conv2d(\(inChannels), \(outChannels), kernel_size: \(kernelSize), stride: \(stride), padding: \(padding), groups: \(groups))"
    }
}
