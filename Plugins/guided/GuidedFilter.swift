import AquatintPlugin

/// Smooths what is weaker than `edge`, and keeps what is stronger.
///
/// The guided filter of He, Sun and Tang (Guided Image Filtering, 2010) with each band as its own guide: within a window the result is a
/// line in the picture, q = a I + b with
///
///     a = var / (var + edge²)        b = (1 - a) mean
///
/// and each pixel takes the mean of the lines of all windows over it. Where the picture varies by much more than `edge`, a is 1 and the
/// pixel stays; where by less, it becomes the mean. Unlike a bilateral filter it does not turn gradients round at edges, and its cost
/// does not depend on the radius.
struct GuidedFilter: PixelStage {
    static let id = "guided"
    static let licence = "MIT"
    static let doc = "Smooths texture and noise and keeps edges. A guided filter: its cost does not depend on the radius."
    static let parameters: [Parameter] = [
        .int("radius", default: 8, in: 1...128, unit: "px", doc: "How far smoothing goes."),
        .double("edge", default: 0.1, in: 0.005...1, unit: "full scale", doc: "What counts as an edge: variations weaker than this are smoothed, stronger ones kept."),
        .double("detail", default: 0, in: -1...4, doc: "What becomes of the smoothed part: 0 takes it out, 1 leaves the picture as it is, 2 doubles the texture."),
    ]

    private let radius: Int
    private let variance: Float, detail: Float

    init(_ values: Values) throws(StageError) {
        radius = try values.int("radius")
        let edge = try values.double("edge")
        variance = Float(edge * edge)
        detail = Float(try values.double("detail"))
    }

    /// A window of windows: twice the radius.
    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PixelPlan {
        PixelPlan(output: inputs.primary, halo: 2 * radius, edge: .replicate)
    }

    func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) throws(StageError) {
        let source = try inputs.primary.samples(of: Float.self), result = try output.samples(of: Float.self)
        let rect = source.rect, box = BoxSum(radius: radius)
        for band in 0..<output.image.bands {
            try job.checkCancelled()
            // Around the middle of full scale, so that the difference of squares below loses less.
            var values = Field(rect), squares = Field(rect)
            var next = 0
            for y in rect.rows {
                for x in rect.columns {
                    let value = source[x, y, band] - 0.5
                    values.samples[next] = value
                    squares.samples[next] = value * value
                    next += 1
                }
            }
            var slopes = box.sums(values), offsets = box.sums(squares)
            let scale = 1 / (Float(2 * radius + 1) * Float(2 * radius + 1))
            for index in slopes.samples.indices {
                let mean = slopes.samples[index] * scale
                let spread = max(offsets.samples[index] * scale - mean * mean, 0)
                let slope = spread / (spread + variance)
                slopes.samples[index] = slope
                offsets.samples[index] = (1 - slope) * mean
            }
            try job.checkCancelled()
            slopes = box.sums(slopes)
            offsets = box.sums(offsets)
            next = 0
            for y in output.rect.rows {
                for x in output.rect.columns {
                    let value = source[x, y, band]
                    let smooth = scale * (slopes.samples[next] * (value - 0.5) + offsets.samples[next]) + 0.5
                    result[x, y, band] = smooth + detail * (value - smooth)
                    next += 1
                }
            }
        }
    }
}
