import AquatintPlugin

/// Mixes each pixel with the mean of its surroundings. Replace it by what you have in mind.
struct {{Name}}Effect: PixelStage {
    // What the stage takes: validation, help and the editor's schema follow from it.
    static let id = "{{id}}"
    static let doc = "Mixes each pixel with the mean of its surroundings."
    static let licence = "MIT"
    static let parameters: [Parameter] = [
        .int("radius", default: 2, in: 1...16, unit: "px", doc: "How far the surroundings go."),
        .double("amount", default: 1, in: 0...1, doc: "How much of the mean is mixed in."),
    ]

    let radius: Int
    let amount: Float

    /// One use of the stage in a pipeline. The host has checked the ranges.
    init(_ values: Values) throws(StageError) {
        radius = try values.int("radius")
        amount = Float(try values.double("amount"))
    }

    /// Once per image size: what comes out, and which pixels that needs. Past its edges the picture goes on, so the halo is always there.
    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PixelPlan {
        PixelPlan(output: inputs.primary, halo: radius, edge: .replicate)
    }

    /// The work: every sample of one rectangle of the output. Positions are those of the whole image.
    func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) throws(StageError) {
        let source = try inputs.primary.samples(of: Float.self)
        let result = try output.samples(of: Float.self)
        let count = Float((2 * radius + 1) * (2 * radius + 1))
        for y in output.rect.rows {
            try job.checkCancelled()
            for x in output.rect.columns {
                for band in 0..<output.image.bands {
                    var sum: Float = 0
                    for v in y - radius...y + radius {
                        for u in x - radius...x + radius { sum += source[u, v, band] }
                    }
                    let own = source[x, y, band]
                    result[x, y, band] = own + amount * (sum / count - own)
                }
            }
        }
    }
}
