#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// How much of each ink a colour needs.
///
/// Where a fraction c of an area is covered by an ink, 1 - c of the light comes back; independent screens multiply:
///
///     red = (1 - cyan)(1 - black)      green = (1 - magenta)(1 - black)      blue = (1 - yellow)(1 - black)
///
/// Black takes `blackAmount` of what the three have in common, and the rest follows from the equations.
struct Separation: Sendable {
    /// The exponent from code values to the quantity that the dots keep.
    let tone: Float
    let blackAmount: Float

    /// Coverages of cyan, magenta, yellow and black, 0 to 1.
    func inks(of colour: SIMD3<Float>) -> SIMD4<Float> {
        let kept = SIMD3(kept(colour.x), kept(colour.y), kept(colour.z))
        let black = blackAmount * (1 - kept.max())
        guard black < 1 else { return SIMD4(0, 0, 0, 1) }
        let rest = (1 - kept / (1 - black)).clamped(lowerBound: .zero, upperBound: .one)
        return SIMD4(rest, black)
    }

    /// The coverage of black for a grey.
    func black(ofGrey value: Float) -> Float { 1 - kept(value) }

    private func kept(_ value: Float) -> Float {
        guard value > 0 else { return 0 }  // not a number, too
        return powf(min(value, 1), tone)
    }
}
