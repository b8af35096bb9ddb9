/// `torch.nn.Sequential`: modules one after the other, named 0, 1, 2 ...
public final class Sequential: Module {
    public let modules: [any Module]

    public init(_ modules: [any Module]) { self.modules = modules }
    public convenience init(_ modules: any Module...) { self.init(modules) }

    public var children: [(name: String, module: any Module)] {
        modules.enumerated().map { (String($0.offset), $0.element) }
    }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        var x = x
        for module in modules { x = try module(x) }
        return x
    }

    public var description: String { "Sequential(\(modules.map(\.description).joined(separator: ", ")))" }
}
