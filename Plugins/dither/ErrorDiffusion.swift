/// Floyd and Steinberg's error diffusion, row by row, every other row from right to left, so that no pattern leans to one side:
///
///          X  7/16
///     3/16 5/16 1/16
struct ErrorDiffusion {
    private let width: Int
    private let strength: Float
    /// What earlier pixels left to those of this row and of the next; one more on either side.
    private var here: [SIMD3<Float>]
    private var below: [SIMD3<Float>]

    init(width: Int, strength: Float) {
        self.width = width
        self.strength = strength
        here = [SIMD3<Float>](repeating: .zero, count: width + 2)
        below = here
    }

    /// The next row, which must be one below the last.
    mutating func row(_ y: Int, colour: (Int) -> SIMD3<Float>, nearest: (SIMD3<Float>) -> SIMD3<Float>, write: (SIMD3<Float>, Int) -> Void) {
        let isForward = y.isMultiple(of: 2), step = isForward ? 1 : -1
        for index in 0..<width {
            let x = isForward ? index : width - 1 - index, place = x + 1
            // Limited, so that parts which no mixture can reach do not flood what lies beside them.
            let wanted = (colour(x) + here[place]).clamped(lowerBound: SIMD3(repeating: -0.5), upperBound: SIMD3(repeating: 1.5))
            let chosen = nearest(wanted)
            write(chosen, x)
            let error = strength / 16 * (wanted - chosen)
            here[place + step] += 7 * error
            below[place - step] += 3 * error
            below[place] += 5 * error
            below[place + step] += error
        }
        swap(&here, &below)
        for index in below.indices { below[index] = .zero }
    }
}
