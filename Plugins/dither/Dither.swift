import AquatintPlugin

/// Reduces the picture to few colours, whose mixture the eye takes for the missing ones.
///
/// `bayer` and `noise` decide each pixel by its place alone, so the picture may be cut up. `diffusion` (Floyd and Steinberg, 1976) hands
/// the error of each pixel on to those after it, so that every pixel depends on all before: it takes the whole picture in one call.
struct Dither: PixelStage {
    static let id = "dither"
    static let licence = "MIT"
    static let doc = "Reduces the picture to a palette, or to few levels, by dithering."
    static let inputs = [ImageInput(spaces: [.srgb, .grey], bands: 1...3)]
    static let parameters: [Parameter] = [
        .string("palette", doc: "The colours, as hexadecimal numbers: \"000000 ff8000 ffffff\"; or auto and a number: that many colours of the picture; without it, even levels in each band."),
        .int("levels", default: 2, in: 2...256, doc: "Without a palette: how many levels each band has."),
        .choice("method", of: ["bayer", "noise", "diffusion"], doc: "A regular pattern, an irregular one, or error diffusion, which keeps most detail and takes the whole picture at once."),
        .double("strength", default: 1, in: 0...1, doc: "How much is dithered: 0 takes the nearest colour."),
    ]

    private let source: PaletteSource?
    private let levels: Int
    /// `nil`: error diffusion.
    private let thresholds: Thresholds?
    private let strength: Float

    init(_ values: Values) throws(StageError) {
        if let text = try values.string("palette") { source = try PaletteSource(text) } else { source = nil }
        levels = try values.int("levels")
        thresholds = switch try values.choice("method") {
        case "bayer": .bayer
        case "noise": .noise
        default: nil
        }
        strength = Float(try values.double("strength"))
    }

    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PixelPlan {
        var output = inputs.primary
        guard output.bands != 2 else { throw .geometry("a picture of two bands is neither grey nor colour") }
        if source != nil {
            output.bands = 3
            output.space = .srgb
        }
        var plan = PixelPlan(output: output)
        if case .chosen = source { plan.needsWholeImage = true }
        if thresholds == nil { plan.needsWholeImage = true }
        return plan
    }

    func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) throws(StageError) {
        let bands = inputs.primary.image.bands
        let source = try inputs.primary.samples(of: Float.self), result = try output.samples(of: Float.self)
        func colour(_ x: Int, _ y: Int) -> SIMD3<Float> {
            let first = source[x, y, 0]
            let colour = bands == 1 ? SIMD3(repeating: first) : SIMD3(first, source[x, y, 1], source[x, y, 2])
            return colour.replacing(with: 0, where: colour .!= colour)  // not a number must not spread
        }
        let palette: Palette? = switch self.source {
        case nil: nil
        case .given(let palette): palette
        case .chosen(let count):
            // The whole picture is here: see plan().
            try Palette(choosing: count) { (add) throws(StageError) in
                for y in output.rect.rows {
                    try job.checkCancelled()
                    for x in output.rect.columns { add(colour(x, y)) }
                }
            }
        }
        func write(_ colour: SIMD3<Float>, _ x: Int, _ y: Int) {
            for band in 0..<output.image.bands { result[x, y, band] = colour[band] }
        }
        guard let thresholds else {
            var diffusion = ErrorDiffusion(width: output.rect.width, strength: strength)
            for y in output.rect.rows {
                try job.checkCancelled()
                diffusion.row(y, colour: { colour($0, y) }, nearest: { nearest($0, palette) }, write: { write($0, $1, y) })
            }
            return
        }
        // Neighbours often have the same colour, and mixing one takes sixteen searches.
        var last = SIMD3<Float>(repeating: .nan), mixture: [Int] = []
        for y in output.rect.rows {
            try job.checkCancelled()
            for x in output.rect.columns {
                let wanted = colour(x, y), threshold = thresholds.value(x, y)
                guard let palette else {
                    write(level(of: wanted, threshold), x, y)
                    continue
                }
                if last != wanted { (last, mixture) = (wanted, palette.mixture(of: wanted, strength: strength)) }
                // Bright colours come last in the mixture, and go where thresholds are low, as levels do.
                write(palette.colours[mixture[Palette.mixtureCount - 1 - Int(threshold * Float(Palette.mixtureCount))]], x, y)
            }
        }
    }

    /// Each band at the level above or below it: above where the threshold lies below its place between them.
    private func level(of colour: SIMD3<Float>, _ threshold: Float) -> SIMD3<Float> {
        let steps = Float(levels - 1)
        let raised = colour.clamped(lowerBound: .zero, upperBound: .one) * steps + 0.5 + strength * (0.5 - threshold)
        return raised.rounded(.down).clamped(lowerBound: .zero, upperBound: SIMD3(repeating: steps)) / steps
    }

    private func nearest(_ colour: SIMD3<Float>, _ palette: Palette?) -> SIMD3<Float> {
        guard let palette else {
            let steps = Float(levels - 1)
            return (colour.clamped(lowerBound: .zero, upperBound: .one) * steps).rounded(.toNearestOrAwayFromZero) / steps
        }
        return palette.colours[palette.nearest(to: colour)]
    }
}
