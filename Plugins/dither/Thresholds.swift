/// Thresholds from 0 up to 1, without it, by position: what makes dots of a flat tone, the same in every tile.
enum Thresholds: Sendable {
    /// The 8 x 8 matrix of Bayer (1973): a regular pattern.
    case bayer
    /// Interleaved gradient noise (Jimenez, 2014): irregular, and nearly as even.
    case noise

    func value(_ x: Int, _ y: Int) -> Float {
        switch self {
        case .bayer:
            // The bits of x ^ y and of y, interleaved, the lowest first.
            var place = 0
            for bit in 0..<3 { place = place << 2 | ((x ^ y) >> bit & 1) << 1 | (y >> bit & 1) }
            return (Float(place) + 0.5) / 64
        case .noise:
            // In doubles: in floats the pattern decays some thousand pixels from the origin.
            let slope = 0.06711056 * Double(x) + 0.00583715 * Double(y)
            let value = 52.9829189 * (slope - slope.rounded(.down))
            return min(Float(value - value.rounded(.down)), Float(1).nextDown)  // a double just below 1 is 1 as a float
        }
    }
}
