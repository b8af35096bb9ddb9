/// Each channel times a learned number.
public final class ChannelScale: Module {
    public let channels: Int

    public init(_ channels: Int) {
        precondition(channels > 0)
        self.channels = channels
    }

    public var parameters: [(name: String, shape: [Int])] { [("weight", [channels, 1, 1])] }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        try x.expectChannels(channels, for: self)
        return Tensor(x.value * (try x.trace.parameter("weight", of: self)), channels: channels)
    }

    public var description: String { "ChannelScale(\(channels))" }
}
