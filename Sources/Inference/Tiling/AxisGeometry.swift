/// How a network relates the pixels of its output to those of its input along one axis.
///
/// Output pixel `i` is about input pixel `i / scale`. Cut the input at multiples of `alignment`: the outputs of a piece read nothing outside the piece extended
/// by `haloBefore` on its left (top) and by `haloAfter` on its right (bottom), all in input pixels.
///
/// "Read" includes the place of every inner feature map's pixel, not only its values: where a layer cuts pixels off (a transposed convolution with padding, a
/// slice), a tile loses them at its own ends too, though all that they are computed from lies inside it.
public struct AxisGeometry: Sendable, Hashable {
    /// Output pixels per input pixel, `scaleNumerator / scaleDenominator` in lowest terms: 4/1 for a network that enlarges four times, 1/2 for one of stride 2.
    public let scaleNumerator: Int
    public let scaleDenominator: Int
    /// The grid on which tiles must start: the least common multiple of the network's stride, its windows and `scaleDenominator`.
    public let alignment: Int
    /// The halos, rounded up to `alignment`.
    public let haloBefore: Int
    public let haloAfter: Int

    /// The largest scale, stride or window that is taken seriously; the bound keeps the arithmetic of tiles far from overflow.
    static let largestFactor = 1 << 14
    /// A halo that no image has room for. Larger ones are cut to it.
    static let largestHalo = 1 << 32

    /// - Parameters:
    ///   - alignment: the stride, or its least common multiple with the window of a windowed network.
    ///   - haloBefore: at least 0 matters; a negative one (a network that crops) counts as 0.
    /// - Throws: `TilingError.invalid` where the scale or alignment is not in 1 ... 16384.
    public init(scaleNumerator: Int = 1, scaleDenominator: Int = 1, alignment: Int = 1, haloBefore: Int, haloAfter: Int) throws(TilingError) {
        let allowed = 1...Self.largestFactor
        guard allowed.contains(scaleNumerator), allowed.contains(scaleDenominator), allowed.contains(alignment) else {
            throw TilingError(.invalid, "a network of scale \(scaleNumerator)/\(scaleDenominator) and stride \(alignment) cannot be cut into tiles")
        }
        let divisor = greatestCommonDivisor(scaleNumerator, scaleDenominator)
        self.scaleNumerator = scaleNumerator / divisor
        self.scaleDenominator = scaleDenominator / divisor
        let aligned = leastCommonMultiple(alignment, scaleDenominator / divisor)
        self.alignment = aligned
        self.haloBefore = max(0, min(haloBefore, Self.largestHalo)).roundedUp(to: aligned)
        self.haloAfter = max(0, min(haloAfter, Self.largestHalo)).roundedUp(to: aligned)
    }

    /// The smallest tile that keeps anything: both halos and one step of the grid.
    public var smallestTile: Int { haloBefore + haloAfter + alignment }

    /// The geometry of this network with another that reads its output.
    ///
    /// - Throws: `TilingError.invalid` where scale or alignment grow out of bounds together.
    public func followed(by next: AxisGeometry) throws(TilingError) -> AxisGeometry {
        // One step of this grid is so many pixels of the output, and the next one's halo takes whole steps.
        let made = outputLength(of: alignment)
        let step = leastCommonMultiple(made, next.alignment) / made * alignment
        func reach(_ halo: Int, _ own: Int) -> Int { halo.roundedUp(to: made) / made * alignment + own }
        return try AxisGeometry(
            scaleNumerator: scaleNumerator * next.scaleNumerator, scaleDenominator: scaleDenominator * next.scaleDenominator, alignment: step,
            haloBefore: reach(next.haloBefore, haloBefore), haloAfter: reach(next.haloAfter, haloAfter))
    }

    /// The output pixels of `length` input pixels, a multiple of `alignment`.
    func outputLength(of length: Int) -> Int {
        length / scaleDenominator * scaleNumerator
    }
}

func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
}

func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
    a / greatestCommonDivisor(a, b) * b
}

extension Int {
    /// For non-negative values.
    func roundedUp(to step: Int) -> Int { (self + step - 1) / step * step }

    func roundedDown(to step: Int) -> Int { self / step * step }
}
