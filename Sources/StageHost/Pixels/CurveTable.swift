/// A curve as straight pieces between numbers of 8 bits of mantissa, which lie the closer the darker they are: a look-up where `powf` would be, as exact for the darkest light as for
/// white (4.6e-7 of the value for the curve of sRGB, a thirtieth of a code value of 16 bits).
///
///      2^-40 ... | 256 pieces | 256 pieces | ...        below, the value at 0; above, the last piece goes on; below 0, the mirror image
///                0.25         0.5          1     2^17, which is brighter than any number of 16 bits of an OpenEXR file
struct CurveTable: Sendable {
    private let values: [Float]
    /// The value at 0.
    private let start: Float

    private static let first: UInt32 = (127 - 40) << 23, last: UInt32 = (127 + 17) << 23, shift: UInt32 = 15
    private static let lowest = Float(bitPattern: first), highest = Float(bitPattern: last)

    init(_ curve: (Float) -> Float) {
        let count = Int((Self.last - Self.first) >> Self.shift)
        values = (0...count).map { curve(Float(bitPattern: Self.first + UInt32($0) << Self.shift)) }
        start = curve(0)
    }

    /// Lends what looks up, for as many numbers as the caller has.
    func withLookup<Result>(_ body: (Lookup) throws -> Result) rethrows -> Result {
        try values.withUnsafeBufferPointer { try body(Lookup(values: $0, start: start)) }
    }

    struct Lookup {
        fileprivate let values: UnsafeBufferPointer<Float>
        fileprivate let start: Float

        /// What is no number stays none.
        @inline(__always)
        subscript(number: Float) -> Float {
            let size = abs(number)
            let value: Float
            if size < CurveTable.lowest {
                value = start
            } else if size < CurveTable.highest {
                let bits = size.bitPattern - CurveTable.first
                let index = Int(bits >> CurveTable.shift), share = Float(bits & (1 << CurveTable.shift - 1)) * (1 / Float(1 << CurveTable.shift))
                let below = values[index]
                value = below + share * (values[index + 1] - below)
            } else {
                let end = values.count - 1
                value = values[end] + (size - CurveTable.highest) * (values[end] - values[end - 1]) * (1 / (CurveTable.highest / 512))
            }
            return number < 0 ? -value : value
        }
    }
}
