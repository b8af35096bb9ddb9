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
