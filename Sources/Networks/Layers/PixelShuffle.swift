internal import ONNX

/// `torch.nn.PixelShuffle`: r * r channels of a pixel become one channel of r x r pixels.
///
/// Maps [C * r * r, H, W] to [C, H * r, W * r]: channel c * r * r + i * r + j goes to row i and column j of each block.
/// Shi et al., Efficient Sub-Pixel Convolutional Neural Network (2016).
public final class PixelShuffle: Module {
    public let upscaleFactor: Int

    public init(_ upscaleFactor: Int) {
        precondition(upscaleFactor > 0)
        self.upscaleFactor = upscaleFactor
    }

    public var sizeFactor: Ratio { Ratio(upscaleFactor) }
    public func spread(_ distance: Int) -> Int? { distance * upscaleFactor }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        let share = upscaleFactor * upscaleFactor
        guard x.channels.isMultiple(of: share) else {
            throw .architecture("\(self) takes a multiple of \(share) channels, and was given \(x.channels)")
        }
        let value = x.trace.node("DepthToSpace", [x.value], ["blocksize": .int(upscaleFactor), "mode": .string("CRD")])
        return Tensor(value, channels: x.channels / share)
    }

    public var description: String { "PixelShuffle(\(upscaleFactor))" }
}
