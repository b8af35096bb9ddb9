/// The shape of a dot, and how large it must be to cover a given part of its cell.
struct Dot: Sendable {
    enum Shape: Sendable {
        /// A disc; from 79 % on, discs overlap and leave holes in the shape of a star.
        case round
        /// A square on its corner; at 50 % the corners meet, and the paper becomes the dots.
        case diamond
        /// A line along the screen's first axis.
        case line
    }

    let shape: Shape
    /// Pixels.
    let cell: Float
    /// The size of the dot for coverages 0, 1/n ... 1: pixels from its middle to its border.
    private let sizes: [Float]

    private static let steps = 1024

    init(_ name: String, cell: Double) {
        let shape: Shape = switch name {
        case "diamond": .diamond
        case "line": .line
        default: .round
        }
        self.shape = shape
        self.cell = Float(cell)
        self.sizes = Self.sizes(shape, Float(cell))
    }

    /// The size of the dot that covers that part of its cell.
    func size(forCoverage coverage: Float) -> Float {
        let place = min(max(coverage, 0), 1) * Float(Self.steps)
        let step = min(Int(place), Self.steps - 1)
        return sizes[step] + (place - Float(step)) * (sizes[step + 1] - sizes[step])
    }

    /// How far a place lies from the middle of a dot, in the sense in which the border is at `size`. Cells and pixels.
    @inline(__always)
    static func distance(_ shape: Shape, _ u: Float, _ v: Float, _ cell: Float) -> Float {
        switch shape {
        case .round: (u * u + v * v).squareRoot() * cell
        case .diamond: (abs(u) + abs(v)) * cell * 0.707_106_78
        case .line: abs(v) * cell
        }
    }

    /// How much of a pixel lies inside a border that is `inside` pixels away: the border is one pixel soft.
    @inline(__always)
    static func soft(_ inside: Float) -> Float { min(max(0.5 + inside, 0), 1) }

    /// Inverts the coverage as a function of the size.
    ///
    /// The coverage is measured over a cell full of equal dots, soft borders and overlaps included, so that tones are kept down to
    /// dots smaller than a pixel, where the area of the sharp shape would be far too little ink.
    private static func sizes(_ shape: Shape, _ cell: Float) -> [Float] {
        // From the size that covers nothing to the size that reaches the cell's corner, or the middle of its side.
        let least: Float = -0.5
        let most = (shape == .line ? 0.5 : 0.707_106_78) * cell + 0.5
        let count = 512
        let candidates = (0...count).map { least + (most - least) * Float($0) / Float(count) }
        let coverages = candidates.map { coverage(shape, cell, size: $0) }
        var result: [Float] = []
        var upper = 1
        for step in 0...steps {
            let wanted = Float(step) / Float(steps)
            while upper < count && coverages[upper] < wanted { upper += 1 }
            let low = coverages[upper - 1], high = coverages[upper]
            let fraction = high > low ? min(max((wanted - low) / (high - low), 0), 1) : 0
            result.append(candidates[upper - 1] + fraction * (candidates[upper] - candidates[upper - 1]))
        }
        // A hair more than reaches everywhere, so that rounding leaves no pixel of a solid unprinted.
        result[steps] = most + 0.01
        return result
    }

    /// The mean coverage of a cell whose dots all have that size. By symmetry, over a quarter of it.
    private static func coverage(_ shape: Shape, _ cell: Float, size: Float) -> Float {
        let samples = 24
        var sum: Float = 0
        for j in 0..<samples {
            for i in 0..<samples {
                let u = (Float(i) + 0.5) / Float(2 * samples), v = (Float(j) + 0.5) / Float(2 * samples)
                let nearest = distance(shape, u, v, cell)
                sum += soft(size - nearest)
            }
        }
        return sum / Float(samples * samples)
    }
}
