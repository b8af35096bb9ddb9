/// How a network with windowed attention may be cut into tiles: what its graph does not tell, because windows are cut by sizes that are computed in it.
///
/// Found by following how far from a tile's cut edge each map is wrong. A convolution carries the error on by its radius; a window is wrong
/// as a whole where one of its pixels is:
/// ```
/// cut edge |  windows of 4      wrong up to      after
///          |xx..|....|....      2 pixels         a 5 x 5 convolution
///          |xxxx|....|....      4 pixels         attention
///          |xxxx|x...|....      5 pixels         a 3 x 3 convolution
/// ```
public struct BlockPlan: Sendable, Equatable {
    /// Tiles begin at multiples of it, in pixels of the picture: no window is cut.
    public let alignment: Int
    /// Pixels of the picture beyond a tile, on each side, that its result depends on.
    public let halo: Int
    /// The result's size over the picture's.
    public let scale: Ratio
    /// Whether any size will do; otherwise the picture must be extended to multiples of the alignment.
    public let isRagged: Bool
    /// Bands of the result.
    public let outChannels: Int
}

/// What is known of one map on the way.
struct MapFootprint {
    var factor = Ratio(1)
    /// How far from a cut edge it is wrong, in its own pixels; nil: everywhere, or unknown.
    var wrong: Int? = 0
}

/// Collects what windows and strides demand of the places where tiles begin.
struct Alignment {
    /// Beyond it, a tile would be no smaller than a picture.
    private static let limit = 1 << 16

    /// In pixels of the picture; nil where it became too large.
    private(set) var value: Int? = 1
    private(set) var hasWindows = false
    private(set) var hasStrides = false

    /// A map of that size must be cut at multiples of `side` of its pixels.
    mutating func add(side: Int, at factor: Ratio) {
        // The least number of picture pixels that is a whole number of sides: side * denominator / numerator, made whole.
        let pixels = side * factor.denominator
        let step = pixels / greatestCommonDivisor(pixels, factor.numerator)
        value = value.flatMap { known in
            let common = known / greatestCommonDivisor(known, step) * step
            return common <= Self.limit ? common : nil
        }
        if factor.denominator > 1 { hasStrides = true }
    }

    mutating func add(windows: [Int], at factor: Ratio) {
        for side in windows { add(side: side, at: factor) }
        if !windows.isEmpty { hasWindows = true }
    }
}
