/// How a tensor in the middle of a network lies in the image, for one image size.
public struct TapShape: Sendable, Hashable {
    /// The tensor's axes, each as the product of its parts.
    let dims: [[Factor]]

    /// How many places the tensor has along the image's width and height.
    public let width: Int
    public let height: Int

    /// The tensor's extents.
    public var extents: [Int] { dims.map { $0.reduce(1) { $0 * $1.size } } }

    /// `nil` unless the tensor follows each of the image's axes once.
    init?(_ tensor: ImageTensor) {
        func extent(_ axis: ImageAxis) -> Int? {
            let found = tensor.dims.joined().filter { $0.kind == .axis(axis) }
            return found.count == 1 ? found[0].size : nil
        }
        guard let width = extent(.x), let height = extent(.y) else { return nil }
        (dims, self.width, self.height) = (tensor.dims, width, height)
    }

    /// A run of neighbours within one of the tensor's axes.
    struct Part: Hashable {
        enum Role { case x, y, mixed, group }

        var size: Int
        var role: Role
    }

    /// The tensor's parts, outermost first, and what they are to a statistic.
    func parts(of statistic: Statistic) -> [Part] {
        var parts: [Part] = []
        for (dim, factors) in dims.enumerated() {
            if statistic.groups > 1, dim == 1 {
                let size = factors.reduce(1) { $0 * $1.size }
                parts += [Part(size: statistic.groups, role: .group), Part(size: size / statistic.groups, role: .mixed)]
                continue
            }
            for factor in factors {
                switch factor.kind {
                case .axis(let axis): parts.append(Part(size: factor.size, role: axis == .x ? .x : .y))
                case .plain, .uniform: parts.append(Part(size: factor.size, role: statistic.axes.contains(dim) ? .mixed : .group))
                }
            }
        }
        return parts
    }
}
