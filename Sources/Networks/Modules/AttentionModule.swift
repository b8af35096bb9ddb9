/// Self-attention over positions: every pixel becomes a mean of all pixels' values, weighted by how well its query fits
/// their keys.
/// ```
/// q, k, v = query_conv(x), key_conv(x), value_conv(x)      1 x 1 convolutions
/// Q, K, V = q, k, v as [H*W, out]                          position y*W + x
/// Y = softmax(scale * Q Kt) V                              over the key positions; back to [out, H, W]
/// ```
/// With a window of n, each n x n block attends within itself; blocks begin at 0, 0, and the last ones of a row or column
/// are smaller where n does not divide the size.
///
/// Wang et al., Non-local Neural Networks (2018); Zhang et al., Self-Attention GAN (2019); windows as in
/// Liu et al., Swin Transformer (2021).
public final class AttentionModule: Module {
    /// The scales that are allowed. ONNX defines the factor by its square root, so it must be positive; the bounds leave room for the
    /// window's mask, which the factor scales too, in every precision.
    public static let scales: ClosedRange<Double> = 0.001...1000

    public let queryConv, keyConv, valueConv: Conv2d
    /// The side of a window in pixels; nil where all positions attend to all.
    public let window: Int?
    /// The factor before the softmax.
    public let scale: Double

    public init(_ inChannels: Int, _ outChannels: Int, window: Int? = nil, scale: Double = 1) {
        precondition(Self.scales.contains(scale) && window ?? 1 > 0)
        queryConv = Conv2d(inChannels, outChannels, kernelSize: 1)
        keyConv = Conv2d(inChannels, outChannels, kernelSize: 1)
        valueConv = Conv2d(inChannels, outChannels, kernelSize: 1)
        self.window = window
        self.scale = scale
    }

    public var children: [(name: String, module: any Module)] {
        [("query_conv", queryConv), ("key_conv", keyConv), ("value_conv", valueConv)]
    }

    public var windows: [Int] { window.map { [$0] } ?? [] }

    public func spread(_ distance: Int) -> Int? { window.map { (distance + $0 - 1) / $0 * $0 } }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        guard let window else {
            let (q, k, v) = (try queryConv(x), try keyConv(x), try valueConv(x))
            let y = q.positions.attention(keys: k.positions, values: v.positions, scale: scale)
            return Tensor(positions: y, sizeOf: x, channels: v.channels)
        }
        let windows = Windows(of: x, side: window)
        let x = windows.extended(x)
        let (q, k, v) = (try queryConv(x), try keyConv(x), try valueConv(x))
        // The mask travels as one more channel: 1 in every query, and what a key adds to the logits in the keys. The operator's own mask
        // input would say the same, but not every runtime lets it be one row per window (ONNX Runtime 1.31 demands one row
        // per query, n * n times the size).
        let y = windows.split(q, appending: windows.constant(1))
            .attention(keys: windows.split(k, appending: windows.mask), values: windows.split(v), scale: scale)
        return windows.joined(y, channels: v.channels)
    }

    public var description: String {
        """
        AttentionModule(in_channels: \(queryConv.inChannels), out_channels: \(valueConv.outChannels), \
        window: \(window ?? 0), scale: \(scale))
        """
    }
}
