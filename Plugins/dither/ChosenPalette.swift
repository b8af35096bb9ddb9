import AquatintPlugin

/// How a picture comes by its palette.
enum PaletteSource: Sendable {
    case given(Palette)
    /// That many colours of its own.
    case chosen(Int)

    /// From a list of colours, or `auto 16`.
    init(_ text: String) throws(StageError) {
        let words = text.split(separator: " ")
        guard words.first == "auto" else {
            self = .given(try Palette(text))
            return
        }
        guard words.count == 2, let count = Int(words[1]), (2...256).contains(count) else {
            throw .parameter("palette", "'\(text)' does not say how many colours are wanted: write auto and a number from 2 to 256, such as auto 16")
        }
        self = .chosen(count)
    }
}

extension Palette {
    /// The colours that stand best for those of a picture: boxes of similar colours are cut in two, the one whose colours differ most first, each at its mean and
    /// across its longest side (after Wan, Wong and Prusinkiewicz, 1988). As many as wanted, or fewer where the picture has fewer.
    ///
    /// - Parameter picture: calls its argument with each colour of the picture.
    init(choosing count: Int, from picture: (_ add: (SIMD3<Float>) -> Void) throws(StageError) -> Void) throws(StageError) {
        var cells = [Cell](repeating: Cell(), count: 1 << (3 * Cell.bits))
        try picture { cells[Cell.index(of: $0)].add($0) }
        var boxes = [Box(cells.filter { $0.count > 0 })]
        while boxes.count < count, let index = boxes.indices.max(by: { boxes[$0].spread < boxes[$1].spread }), boxes[index].spread > 0 {
            let (one, other) = boxes[index].halves
            boxes[index] = one
            boxes.append(other)
        }
        self.init(colours: boxes.map { SIMD3<Float>($0.mean) })
    }
}

/// Colours that are all but the same: their number and sum.
private struct Cell {
    static let bits = 5
    var count = 0.0
    var sum = SIMD3<Double>.zero

    static func index(of colour: SIMD3<Float>) -> Int {
        let steps = Float((1 << bits) - 1)
        let place = (colour.clamped(lowerBound: .zero, upperBound: .one) * steps).rounded(.toNearestOrAwayFromZero)
        return Int(place.x) << (2 * bits) | Int(place.y) << bits | Int(place.z)
    }

    mutating func add(_ colour: SIMD3<Float>) {
        count += 1
        sum += SIMD3<Double>(colour.clamped(lowerBound: .zero, upperBound: .one))
    }

    var mean: SIMD3<Double> { sum / count }
}

/// Colours that one of the palette stands for.
private struct Box {
    let cells: [Cell]
    let mean: SIMD3<Double>
    /// Which band differs most, by the eye's weights.
    private let axis: Int
    /// How far all colours together are from the mean: squared, in that band. 0 where there is one only.
    let spread: Double

    init(_ cells: [Cell]) {
        self.cells = cells
        let count = cells.reduce(0) { $0 + $1.count }, mean = count > 0 ? cells.reduce(SIMD3<Double>.zero) { $0 + $1.sum } / count : .zero
        let squares = cells.reduce(SIMD3<Double>.zero) { sum, cell in
            let difference = cell.mean - mean
            return sum + difference * difference * cell.count
        } * SIMD3<Double>(Palette.weights)
        let axis = (0..<3).max { squares[$0] < squares[$1] } ?? 0
        (self.mean, self.axis, spread) = (mean, axis, cells.count > 1 ? squares[axis] : 0)
    }

    /// Both have colours, since their mean lies between them.
    var halves: (Box, Box) {
        (Box(cells.filter { $0.mean[axis] <= mean[axis] }), Box(cells.filter { $0.mean[axis] > mean[axis] }))
    }
}
