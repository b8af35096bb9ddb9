/// A neural network, or a part of one: Aquatint's `torch.nn.Module`.
///
/// A module says which parameters and which smaller modules it is made of, under the names they have in a PyTorch
/// `state_dict()`, and how it computes its result from theirs:
/// ```swift
/// public final class DepthwiseSeparableConv2d: Module {
///     let depthwise, pointwise: Conv2d
///     public var children: [(name: String, module: any Module)] { [("depthwise", depthwise), ("pointwise", pointwise)] }
///     public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor { try pointwise(depthwise(x)) }
/// }
/// ```
/// Calling a module computes nothing yet: tensors are symbolic, and a call adds nodes to the ONNX graph that
/// `Network.onnx(of:inChannels:weights:)` returns.
///
/// Modules are immutable, hence `Sendable`. They are classes because a parameter's full name is found by the identity of
/// the module that asks for it, as in PyTorch: no module knows its own name or place.
public protocol Module: AnyObject, Sendable, CustomStringConvertible {
    /// The module's own parameters: name and shape. Empty by default.
    var parameters: [(name: String, shape: [Int])] { get }
    /// The modules it is made of, by name. Empty by default. The name "" gives a module's parameters no further prefix.
    var children: [(name: String, module: any Module)] { get }
    /// How many times as wide and high as its input its result is, less what borders take or add; 1 by default.
    var sizeFactor: Ratio { get }
    /// The sides of the windows in which positions attend to each other, in pixels of its input. None by default.
    var windows: [Int] { get }
    /// How far from a cut edge its result is wrong, in pixels, where its input is wrong up to `distance` from there. By default as far: each pixel by itself.
    ///
    /// nil where that cannot be said: every position sees all, or the size is not exactly `sizeFactor` times the input's.
    func spread(_ distance: Int) -> Int?
    /// Its result on a map of [1, channels, H, W].
    ///
    /// Throws where the channels of `x` are not those that the module was made for.
    func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor
}

extension Module {
    public var parameters: [(name: String, shape: [Int])] { [] }
    public var children: [(name: String, module: any Module)] { [] }
    public var sizeFactor: Ratio { Ratio(1) }
    public var windows: [Int] { [] }
    public func spread(_ distance: Int) -> Int? { distance }

    /// All parameters of the module and of the modules in it, in PyTorch's order and with their full, dotted names.
    public var stateDict: [ParameterShape] {
        var result = parameters.map { ParameterShape(name: $0.name, shape: $0.shape) }
        for (name, child) in children {
            result += child.stateDict.map { ParameterShape(name: joined(name, $0.name), shape: $0.shape) }
        }
        return result
    }

    /// The name of each module in this one, this one's being `scope`.
    func scopes(under scope: String = "") -> [ObjectIdentifier: String] {
        var result = [ObjectIdentifier(self): scope]
        for (name, child) in children {
            result.merge(child.scopes(under: joined(scope, name))) { first, _ in first }
        }
        return result
    }
}

/// A dotted name of two parts, either of which may be empty.
func joined(_ scope: String, _ name: String) -> String {
    scope.isEmpty || name.isEmpty ? scope + name : "\(scope).\(name)"
}
