import AquatintPlugin

/// Prints the picture as dots: four screens in four inks for colour, one in black for grey.
///
/// Each screen is a grid of square cells, turned by its own angle. The ink that a cell needs is the mean of the picture under it; the
/// dot in the cell is as large as that ink. Dots of neighbouring cells grow together, as they do on paper. The turned screens are
/// independent of each other, so by Demichel's equations (1924) the inks mix as their coverages multiply, which is what ``Separation``
/// solves for.
struct Halftone: PixelStage {
    static let id = "halftone"
    static let licence = "MIT"
    static let doc = """
        Prints the picture as halftone dots. Cyan, magenta, yellow and black screens at their own angles; a grey picture gets one \
        black screen.
        """
    static let inputs = [ImageInput(spaces: [.srgb, .grey], bands: 1...3)]
    static let parameters: [Parameter] = [
        .double("cell", default: 8, in: 2...200, unit: "px", doc: "The distance of two dots."),
        .choice("shape", of: ["round", "diamond", "line"], doc: "The shape of the dots; lines swell along their length."),
        .doubles("angles", default: [15, 75, 0, 45], in: -360...360, counts: 4...4, unit: "degrees",
                 doc: "The angles of the cyan, magenta, yellow and black screens; the last is that of a grey picture."),
        .double("tone", default: 1.3, in: 1...2.4,
                doc: "What the dots keep: 2.2 the light that the eye sees from afar, 1 the code values, which looks brighter."),
        .double("black_amount", default: 0.7, in: 0...1, doc: "How much of the common part of the three inks is printed in black."),
        .colour("paper", default: [1, 1, 1], counts: 3...3, doc: "The colour of the paper."),
        .colour("cyan", default: [0, 0.68, 0.94], counts: 3...3, doc: "The colour of the first ink."),
        .colour("magenta", default: [0.93, 0, 0.55], counts: 3...3, doc: "The colour of the second ink."),
        .colour("yellow", default: [1, 0.95, 0], counts: 3...3, doc: "The colour of the third ink."),
        .colour("black", default: [0.1, 0.1, 0.1], counts: 3...3, doc: "The colour of the fourth ink, the only one of a grey picture."),
    ]

    private let screens: [Screen]
    private let separation: Separation
    private let paper: SIMD3<Float>
    private let inks: [SIMD3<Float>]
    private let cell: Double

    init(_ values: Values) throws(StageError) {
        cell = try values.double("cell")
        let dot = Dot(try values.choice("shape"), cell: cell)
        var screens: [Screen] = []
        for angle in try values.doubles("angles") { screens.append(Screen(cell: cell, degrees: angle, dot: dot)) }
        self.screens = screens
        separation = Separation(tone: Float(try values.double("tone")), blackAmount: Float(try values.double("black_amount")))
        paper = SIMD3(try values.colour("paper").map { Float($0) })
        var inks: [SIMD3<Float>] = []
        for name in ["cyan", "magenta", "yellow", "black"] { inks.append(SIMD3(try values.colour(name).map { Float($0) })) }
        self.inks = inks
    }

    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PixelPlan {
        var output = inputs.primary
        guard output.bands != 2 else { throw .geometry("a picture of two bands is neither grey nor colour") }
        if !staysGrey(inputs.primary) {
            output.bands = 3
            output.space = .srgb
        }
        // A pixel meets the dots of the four cells around it, whose middles are at most sqrt(2) cells away; a cell's ink comes
        // from its square, half a diagonal further. One more for rounding.
        let halo = Int((1.5 * 2.0.squareRoot() * cell).rounded(.up)) + 1
        return PixelPlan(output: output, halo: halo)
    }

    /// Whether a grey picture comes out grey: its paper and its ink have no colour.
    private func staysGrey(_ image: ImageInfo) -> Bool {
        image.bands == 1 && [paper, inks[3]].allSatisfy { $0.x == $0.y && $0.y == $0.z }
    }

    func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) throws(StageError) {
        let source = try inputs.primary.samples(of: Float.self), result = try output.samples(of: Float.self)
        let isGrey = inputs.primary.image.bands == 1
        let used = isGrey ? [3] : [0, 1, 2, 3]
        var printed: [(cells: Cells, ink: SIMD3<Float>)] = []
        for index in used {
            try job.checkCancelled()
            let cells = screens[index].cells(of: source, bands: isGrey ? 1 : 3) { [separation] colour in
                isGrey ? separation.black(ofGrey: colour.x) : separation.inks(of: colour)[index]
            }
            printed.append((cells, inks[index]))
        }
        let bands = output.image.bands
        for y in output.rect.rows {
            try job.checkCancelled()
            for x in output.rect.columns {
                var colour = paper
                for (cells, ink) in printed {
                    colour *= 1 - cells.coverage(atX: x, y: y) * (1 - ink)
                }
                for band in 0..<bands { result[x, y, band] = colour[band] }
            }
        }
    }
}
