/// `torch.nn.Sequential`: modules one after the other, named 0, 1, 2 ...
public final class Sequential: Module {
    public let modules: [any Module]

    public init(_ modules: [any Module]) { self.modules = modules }
    public convenience init(_ modules: any Module...) { self.init(modules) }

    public var children: [(name: String, module: any Module)] {
        modules.enumerated().map { (String($0.offset), $0.element) }
    }

    public var sizeFactor: Ratio { modules.reduce(Ratio(1)) { $0 * $1.sizeFactor } }
    public var windows: [Int] { modules.flatMap(\.windows) }
    public func spread(_ distance: Int) -> Int? { modules.reduce(distance) { reached, module in reached.flatMap { module.spread($0) } } }

    public func callAsFunction(_ x: Tensor) throws(NetworkError) -> Tensor {
        var x = x
        for module in modules { x = try module(x) }
        return x
    }

    public var description: String { "Sequential(\(modules.map(\.description).joined(separator: ", ")))" }
}
