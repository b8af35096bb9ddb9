/// Reproducible numbers (SplitMix64), so that a verdict does not depend on chance.
struct ProbeNoise: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// 0 ..< 1.
    mutating func unit() -> Float { Float(next() >> 40) / Float(1 << 24) }

    /// `0 ..< limit`, which is positive.
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    /// Of mean 0 and deviation 1, nearly normal: the sum of twelve uniform numbers.
    mutating func normal() -> Float { (0..<12).reduce(-6) { sum, _ in sum + unit() } }
}
