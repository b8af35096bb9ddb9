import AquatintPlugin
import Glibc

/// Draws the picture in ink: dark lines along edges, solid black in the shadows, paper elsewhere.
///
/// The extended difference of Gaussians of Winnemöller, Kyprianidis and Olsen (XDoG: An eXtended difference-of-Gaussians compendium,
/// 2012). With L the lightness, blurred by a narrow and by a 1.6 times wider Gaussian,
///
///     D = (1 + p) G(sigma) * L  -  p G(1.6 sigma) * L
///     T = 1                              where D >= threshold
///         1 + tanh(steepness (D - threshold))     elsewhere
///
/// and T mixes ink and paper.
struct LineDrawing: PixelStage {
    static let id = "xdog"
    static let licence = "MIT"
    static let doc = "Draws the picture in ink. Dark lines along the edges and solid shadows, by an extended difference of Gaussians."
    static let inputs = [ImageInput(spaces: [.srgb, .grey], bands: 1...3)]
    static let parameters: [Parameter] = [
        .double("sigma", default: 1, in: 0.3...20, unit: "px", doc: "How fine the lines are: the narrower of the two blurs."),
        .double("strength", default: 15, in: 0...200, doc: "How much edges count beside tones: 0 leaves shadows only."),
        .double("threshold", default: 0.4, in: -1...2, doc: "The lightness below which ink begins."),
        .double("steepness", default: 8, in: 0.1...1000, doc: "How sudden ink begins: 2 is charcoal, 8 a brush, 100 a pen."),
        .colour("ink", default: [0.08, 0.08, 0.1], counts: 3...3, doc: "The colour of the ink."),
        .colour("paper", default: [1, 1, 1], counts: 3...3, doc: "The colour of the paper."),
    ]

    private let narrow: GaussianKernel
    private let wide: GaussianKernel
    private let strength: Float, threshold: Float, steepness: Float
    private let ink: [Float], paper: [Float]

    init(_ values: Values) throws(StageError) {
        let sigma = try values.double("sigma")
        narrow = GaussianKernel(sigma: sigma)
        wide = GaussianKernel(sigma: 1.6 * sigma)
        strength = Float(try values.double("strength"))
        threshold = Float(try values.double("threshold"))
        steepness = Float(try values.double("steepness"))
        ink = try values.colour("ink").map { Float($0) }
        paper = try values.colour("paper").map { Float($0) }
    }

    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PixelPlan {
        var output = inputs.primary
        guard output.bands != 2 else { throw .geometry("a picture of two bands is neither grey nor colour") }
        let isColoured = [ink, paper].contains { $0[0] != $0[1] || $0[1] != $0[2] }
        if output.bands == 3 || isColoured {
            output.bands = 3
            output.space = .srgb
        }
        return PixelPlan(output: output, halo: wide.radius, edge: .replicate)
    }

    func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) throws(StageError) {
        let source = try inputs.primary.samples(of: Float.self), result = try output.samples(of: Float.self)
        let lightness = Plane(lightnessOf: source, bands: inputs.primary.image.bands)
        try job.checkCancelled()
        let fine = narrow.blur(lightness, margin: wide.radius - narrow.radius)
        try job.checkCancelled()
        let coarse = wide.blur(lightness, margin: 0)
        let bands = output.image.bands
        for (row, y) in output.rect.rows.enumerated() {
            try job.checkCancelled()
            for (column, x) in output.rect.columns.enumerated() {
                let place = row * output.rect.width + column
                let difference = (1 + strength) * fine.samples[place] - strength * coarse.samples[place]
                let light = difference >= threshold ? 1 : 1 + tanhf(steepness * (difference - threshold))
                for band in 0..<bands { result[x, y, band] = ink[band] + light * (paper[band] - ink[band]) }
            }
        }
    }
}
