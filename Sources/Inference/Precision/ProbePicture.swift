/// A small picture that a network is tried on: planar samples, 0 (black) to 1 (white).
public struct ProbePicture: Sendable {
    /// What messages call it.
    public let name: String
    public let width: Int
    public let height: Int
    /// `bands` planes of `width * height` samples.
    public let samples: [Float]
    /// Whether a network's answer to it ought to vary; flat fields are answered flatly by most.
    public let isVaried: Bool
    /// Whether it is noise of full scale, which only garbage is looked for in (`PrecisionBound.noGarbage`).
    public let isExtreme: Bool

    public init(name: String, width: Int, height: Int, samples: [Float], isVaried: Bool = true, isExtreme: Bool = false) {
        self.name = name
        self.width = width
        self.height = height
        self.samples = samples
        self.isVaried = isVaried
        self.isExtreme = isExtreme
    }
}

extension ProbePicture {
    /// The pictures that every network is tried on beside tiles of the user's own: the same on every machine.
    ///
    /// Noise as a camera makes it (sigma in code values of 8 bits) at several levels, of full scale, a patchwork of random colours, flat fields, a step edge and
    /// gradients. Those that refute most come first.
    public static func synthetic(width: Int, height: Int, bands: Int) -> [ProbePicture] {
        var random = ProbeNoise(state: 0x51_7c_c1_b7_27_22_0a_95)
        func make(_ name: String, isVaried: Bool = true, isExtreme: Bool = false, _ value: (_ x: Int, _ y: Int, _ band: Int) -> Float) -> ProbePicture {
            var samples: [Float] = []
            samples.reserveCapacity(width * height * bands)
            for band in 0..<bands {
                for y in 0..<height {
                    for x in 0..<width { samples.append(min(max(value(x, y, band), 0), 1)) }
                }
            }
            return ProbePicture(name: name, width: width, height: height, samples: samples, isVaried: isVaried, isExtreme: isExtreme)
        }
        func noise(_ name: String, level: Float, sigma: Float) -> ProbePicture {
            make(name) { _, _, _ in level + sigma / 255 * random.normal() }
        }
        let right = Float(max(1, width - 1)), bottom = Float(max(1, height - 1))
        var pictures = [noise("strong noise", level: 0.5, sigma: 25), noise("strong noise in highlights", level: 0.85, sigma: 25)]
        pictures.append(patchwork(width: width, height: height, bands: bands, &random))
        pictures.append(noise("noise in shadows", level: 0.3, sigma: 10))
        pictures.append(noise("faint noise", level: 0.6, sigma: 2))
        // Smooth slopes are what networks for drawings are least sure of: f16 was found 54 dB from f32 there, where photographs and noise gave 70.
        pictures.append(make("a slope of colours") { x, y, band in
            let across = (Float(x) / right + Float(y) / bottom) / 2
            return band % 3 == 0 ? across : band % 3 == 1 ? 0.8 * across : 1 - across
        })
        pictures.append(make("gradients in steps of 8 bits") { x, y, band in
            let across = Float(x) / right
            let level = band % 3 == 0 ? across : band % 3 == 1 ? Float(y) / bottom : 1 - across
            return (255 * level).rounded() / 255
        })
        pictures.append(make("a step edge") { x, _, _ in x < width / 2 ? 0 : 1 })
        for (name, level) in [("a black field", Float(0)), ("a grey field", 0.5), ("a white field", 1)] {
            pictures.append(make(name, isVaried: false) { _, _, _ in level })
        }
        pictures.append(make("noise of full scale", isExtreme: true) { _, _, _ in random.unit() })
        return pictures
    }

    /// Rectangles of random colours on black: edges and flat parts of every level, as dead leaves cover each other.
    private static func patchwork(width: Int, height: Int, bands: Int, _ random: inout ProbeNoise) -> ProbePicture {
        var samples = [Float](repeating: 0, count: width * height * bands)
        for _ in 0..<max(1, width * height / 40) {
            let left = random.below(width), top = random.below(height)
            let right = min(width, left + 3 + random.below(22)), bottom = min(height, top + 3 + random.below(22))
            for band in 0..<bands {
                let level = random.unit()
                for y in top..<bottom {
                    for x in left..<right { samples[(band * height + y) * width + x] = level }
                }
            }
        }
        return ProbePicture(name: "a patchwork of colours", width: width, height: height, samples: samples)
    }
}
