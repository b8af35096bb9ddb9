/// An axis of the image.
enum ImageAxis: Hashable, Sendable, CaseIterable {
    case x, y

    var name: String { self == .x ? "width" : "height" }
}

/// A part of a tensor's axis: axes that were split or merged by `Reshape` are kept as the product of their parts, outermost first.
struct Factor: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// No place in the image: channels, heads, the inside of a window.
        case plain
        /// Follows an axis of the image, as the tensor's map of that axis says.
        case axis(ImageAxis)
        /// The same value all along: what `Expand` or an enlarged single value makes.
        case uniform
    }

    var size: Int
    var kind: Kind
    /// A part of the image's axis that lies within fixed windows.
    var isWindow = false
    /// As long as the image is large, though no place of it has a place in the image: the keys that attention compares with.
    var followsSize = false
}

/// A tensor that depends on the image, place by place.
struct ImageTensor: Hashable, Sendable {
    var dims: [[Factor]]
    var maps: [ImageAxis: PeriodicMap]

    /// The image axes that a tensor's axis follows.
    func axes(in dim: Int) -> [ImageAxis] { Self.axes(in: dims[dim]) }

    static func axes(in factors: [Factor]) -> [ImageAxis] {
        factors.compactMap { if case .axis(let axis) = $0.kind { axis } else { nil } }
    }

    /// The one image axis that makes up a tensor's axis; `nil` for anything else.
    static func soleAxis(_ factors: [Factor]) -> ImageAxis? {
        if factors.count == 1, case .axis(let axis) = factors[0].kind { axis } else { nil }
    }

    var isPlaceless: Bool { maps.isEmpty }
}

/// What the spatial analysis knows of a value.
enum TracedValue: Hashable, Sendable {
    /// The same for every image of one size.
    case constant(ConstantTrait)
    case image(ImageTensor)
    /// Depends on the image in a way that is not known.
    case opaque
}

struct ConstantTrait: Hashable, Sendable {
    var folded: Folded?
    /// One number all over.
    var isUniform: Bool
    /// Computed from the size of an image.
    var followsSize: Bool
}

/// Why a place in the graph keeps the network from being plainly local.
struct Verdict: Hashable, Sendable {
    let klass: SpatialAnalysis.Class
    let reason: String
}

/// Thrown by a rule that cannot say where a node's result comes from.
struct Obstacle: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

extension ImageTensor {
    /// Merges what can be merged within every axis: neighbouring plain parts, and a plain part inside an image axis, which then has more samples
    /// (a pixel shuffle written with `Reshape`).
    func normalised() throws(Obstacle) -> ImageTensor {
        var result = self
        for dim in dims.indices {
            var merged: [Factor] = []
            for factor in dims[dim] where factor.size != 1 || ImageTensor.soleAxis([factor]) != nil {
                guard let last = merged.last, factor.kind != .uniform || last.kind == .uniform else {
                    merged.append(factor)
                    continue
                }
                switch (last.kind, factor.kind) {
                case (.plain, .plain), (.uniform, .uniform):
                    merged[merged.count - 1].size *= factor.size
                    merged[merged.count - 1].isWindow = last.isWindow || factor.isWindow
                    merged[merged.count - 1].followsSize = last.followsSize || factor.followsSize
                case (.axis(let axis), .plain):
                    guard let map = result.maps[axis]?.repeated(factor.size) else { throw Obstacle("repeats over too long a stretch") }
                    result.maps[axis] = map
                    merged[merged.count - 1].size *= factor.size
                default:
                    merged.append(factor)
                }
            }
            result.dims[dim] = merged
        }
        return result
    }
}
