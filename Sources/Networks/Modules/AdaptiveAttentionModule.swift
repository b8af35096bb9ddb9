/// A map that attention gates: `y = x * attention(x)`.
public final class AdaptiveAttentionModule: Module {
    public let attention: AttentionModule

    /// Throws unless `outChannels` is `inChannels` (each channel has its own gate) or 1 (one gate for all).
    public init(_ inChannels: Int, _ outChannels: Int, window: Int? = nil, scale: Double = 1) throws(NetworkError) {
        guard outChannels == inChannels || outChannels == 1 else {
            throw .architecture("""
                AdaptiveAttentionModule multiplies its input by its attention, so out_channels must be in_channels \
                (\(inChannels)) or 1, not \(outChannels)
                """)
        }
        attention = AttentionModule(inChannels, outChannels, window: window, scale: scale)
    }

    public var children: [(name: String, module: any Module)] { [("attention", attention)] }

    public var windows: [Int] { attention.windows }
    public func spread(_ distance: Int) -> Int? { attention.spread(distance) }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        try x * attention(x)
    }

    public var description: String {
        """
        AdaptiveAttentionModule(in_channels: \(attention.queryConv.inChannels), out_channels: \(attention.valueConv.outChannels), \
        window: \(attention.window ?? 0), scale: \(attention.scale))
        """
    }
}
