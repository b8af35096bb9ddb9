/// The activations that can be asked for by name. New ones go at the end: a plug-in's choices keep their positions.
public enum Activation: String, Sendable, CaseIterable {
    case none, relu, leakyReLU = "leaky_relu", sigmoid, tanh

    /// The activation as a module, with PyTorch's defaults.
    public var module: any Module {
        switch self {
        case .none: Identity()
        case .relu: ReLU()
        case .leakyReLU: LeakyReLU()
        case .sigmoid: Sigmoid()
        case .tanh: Tanh()
        }
    }
}

/// A module followed by an activation, which adds nothing to its parameters or to their names.
public final class Activated: Module {
    public let base: any Module
    public let activation: any Module

    public init(_ base: any Module, by activation: Activation) {
        self.base = base
        self.activation = activation.module
    }

    public var children: [(name: String, module: any Module)] { [("", base)] }

    public var sizeFactor: Ratio { base.sizeFactor }
    public var windows: [Int] { base.windows }
    public func spread(_ distance: Int) -> Int? { base.spread(distance) }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        try activation(base(x))
    }

    public var description: String { base.description }
}
