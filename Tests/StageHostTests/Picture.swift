import StageHost

/// A float picture in memory, interleaved.
struct Picture: Equatable {
    var width: Int
    var height: Int
    var bands: Int
    var samples: [Float]

    init(width: Int, height: Int, bands: Int, samples: [Float]) {
        self.width = width
        self.height = height
        self.bands = bands
        self.samples = samples
    }

    init(width: Int, height: Int, bands: Int, _ value: (_ x: Int, _ y: Int, _ band: Int) -> Float) {
        self.init(width: width, height: height, bands: bands, samples: (0..<height).flatMap { y in
            (0..<width).flatMap { x in (0..<bands).map { value(x, y, $0) } }
        })
    }

    /// Smooth colour with an edge and some texture, the same on every machine.
    static func scene(width: Int, height: Int, bands: Int) -> Picture {
        var state: UInt32 = 12345
        return Picture(width: width, height: height, bands: bands) { x, y, band in
            state = state &* 1_664_525 &+ 1_013_904_223
            let noise = Float(state >> 8) / Float(1 << 24) - 0.5
            let edge: Float = 3 * x + y * (band + 1) > 2 * width ? 0.3 : 0
            return 0.2 + 0.4 * Float(x) / Float(width) + 0.1 * Float((x * y + band) % 7) / 7 + edge + 0.1 * noise
        }
    }

    subscript(x: Int, y: Int, band: Int) -> Float { samples[(y * width + x) * bands + band] }

    var mean: Double { samples.reduce(0) { $0 + Double($1) } / Double(samples.count) }

    func image(space: PluginImage.Space) -> PluginImage {
        PluginImage(width: width, height: height, bands: bands, space: space)
    }
}

extension StageInstance {
    /// Runs a pixel stage with one input over a picture, in tiles of the output of that size.
    ///
    /// Each input tile is a block of its own with exactly the pixels that the plan asks for, so a stage that reads more of the
    /// picture gets other results with other tiles. Strides are larger than packed ones. Past its edges the picture goes on (replicate).
    func run(_ picture: Picture, tile: (width: Int, height: Int)? = nil) throws -> Picture {
        let plan = try plan([picture.image(space: picture.bands == 1 ? .grey : .srgb)])
        let output = plan.output!
        let width = tile?.width ?? output.width, height = tile?.height ?? output.height
        var result = Picture(width: output.width, height: output.height, bands: output.bands) { _, _, _ in .nan }
        for y in stride(from: 0, to: output.height, by: height) {
            for x in stride(from: 0, to: output.width, by: width) {
                let rect = PluginRect(x: x, y: y, width: min(width, output.width - x), height: min(height, output.height - y))
                try plan.compute(rect, from: picture, into: &result)
            }
        }
        return result
    }
}

extension PluginPlan {
    fileprivate func compute(_ rect: PluginRect, from picture: Picture, into result: inout Picture) throws {
        let source = inputRect(0, for: rect)!
        let sourceRow = source.width * picture.bands + 3, resultRow = rect.width * result.bands + 5
        var input = [Float](repeating: .nan, count: sourceRow * source.height)
        var output = [Float](repeating: .nan, count: resultRow * rect.height)
        for y in 0..<source.height {
            for i in 0..<source.width * picture.bands {
                let column = min(max(source.x + i / picture.bands, 0), picture.width - 1), row = min(max(source.y + y, 0), picture.height - 1)
                input[y * sourceRow + i] = picture[column, row, i % picture.bands]
            }
        }
        try input.withUnsafeMutableBytes { input in
            try output.withUnsafeMutableBytes { output in
                try process(
                    [Pixels(rect: source, base: input.baseAddress!, row: sourceRow * 4, column: picture.bands * 4, band: 4)],
                    into: Pixels(rect: rect, base: output.baseAddress!, row: resultRow * 4, column: result.bands * 4, band: 4),
                    isCancelled: { false })
            }
        }
        for y in 0..<rect.height {
            for i in 0..<rect.width * result.bands {
                result.samples[((rect.y + y) * result.width + rect.x) * result.bands + i] = output[y * resultRow + i]
            }
            for i in rect.width * result.bands..<resultRow where !output[y * resultRow + i].isNaN {
                throw PictureFault.wrotePastTheTile
            }
        }
    }
}

enum PictureFault: Error {
    case wrotePastTheTile
}
