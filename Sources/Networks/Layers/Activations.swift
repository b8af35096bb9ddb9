internal import ONNX

/// `torch.nn.ReLU`: max(x, 0).
public final class ReLU: Module {
    public init() {}
    public func callAsFunction(_ x: Tensor) -> Tensor { x.map("Relu") }
    public var description: String { "ReLU()" }
}

/// `torch.nn.LeakyReLU`: x where positive, negativeSlope * x elsewhere.
public final class LeakyReLU: Module {
    public let negativeSlope: Float

    public init(negativeSlope: Float = 0.01) { self.negativeSlope = negativeSlope }
    public func callAsFunction(_ x: Tensor) -> Tensor { x.map("LeakyRelu", ["alpha": .float(negativeSlope)]) }
    public var description: String { "LeakyReLU(negative_slope: \(negativeSlope))" }
}

/// `torch.nn.PReLU`: x where positive, a learned slope times x elsewhere; one slope for each channel, or one for all.
public final class PReLU: Module {
    public let count: Int

    public init(_ count: Int) {
        precondition(count > 0)
        self.count = count
    }

    public var parameters: [(name: String, shape: [Int])] { [("weight", [count])] }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        if count > 1 { try x.expectChannels(count, for: self) }
        // ONNX aligns the slopes with the last axes, so they become [count, 1, 1].
        let slopes = try x.trace.parameter("weight", of: self, as: [count, 1, 1])
        return Tensor(x.trace.node("PRelu", [x.value, slopes]), channels: x.channels)
    }

    public var description: String { "PReLU(\(count))" }
}

/// `torch.nn.GELU`: x times the normal distribution function at x.
public final class GELU: Module {
    public init() {}
    public func callAsFunction(_ x: Tensor) -> Tensor { x.map("Gelu") }
    public var description: String { "GELU()" }
}

/// `torch.nn.Tanh`.
public final class Tanh: Module {
    public init() {}
    public func callAsFunction(_ x: Tensor) -> Tensor { x.map("Tanh") }
    public var description: String { "Tanh()" }
}

/// `torch.nn.Sigmoid`: 1 / (1 + exp(-x)).
public final class Sigmoid: Module {
    public init() {}
    public func callAsFunction(_ x: Tensor) -> Tensor { x.map("Sigmoid") }
    public var description: String { "Sigmoid()" }
}

/// `torch.nn.Identity`: its input.
public final class Identity: Module {
    public init() {}
    public func callAsFunction(_ x: Tensor) -> Tensor { x }
    public var description: String { "Identity()" }
}
