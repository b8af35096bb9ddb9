import AquatintPlugin
import Glibc

/// Floats of a rectangle, row by row.
struct Plane {
    let width: Int
    let height: Int
    var samples: [Float]

    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        samples = [Float](repeating: 0, count: width * height)
    }

    /// The luma of every pixel of a tile (Rec. 709 weights on code values), or its only band.
    init(lightnessOf source: Samples<Float>, bands: Int) {
        self.init(width: source.rect.width, height: source.rect.height)
        var next = 0
        for y in source.rect.rows {
            for x in source.rect.columns {
                samples[next] = bands == 1 ? source[x, y, 0] : 0.2126 * source[x, y, 0] + 0.7152 * source[x, y, 1] + 0.0722 * source[x, y, 2]
                next += 1
            }
        }
    }
}

/// A sampled Gaussian that is cut off at three sigma, its weights adding up to 1.
struct GaussianKernel: Sendable {
    let radius: Int
    let weights: [Float]

    init(sigma: Double) {
        radius = Int((3 * sigma).rounded(.up))
        let raw = (-radius...radius).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
        let sum = raw.reduce(0, +)
        weights = raw.map { Float($0 / sum) }
    }

    /// The plane blurred, without the `radius + margin` pixels on each side that this takes.
    ///
    /// The weights are the outer loops, so that the inner ones run along rows and become vector code; each sum is taken in the order of
    /// the weights, so that a pixel is the same to the bit in every tile.
    func blur(_ plane: Plane, margin: Int) -> Plane {
        let border = radius + margin
        var across = Plane(width: plane.width - 2 * border, height: plane.height - 2 * margin)
        var result = Plane(width: across.width, height: plane.height - 2 * border)
        plane.samples.withUnsafeBufferPointer { source in
            across.samples.withUnsafeMutableBufferPointer { target in
                for y in 0..<across.height {
                    for (index, weight) in weights.enumerated() {
                        add(weight, source.baseAddress! + (y + margin) * plane.width + margin + index, to: target.baseAddress! + y * across.width, across.width)
                    }
                }
            }
        }
        across.samples.withUnsafeBufferPointer { source in
            result.samples.withUnsafeMutableBufferPointer { target in
                for y in 0..<result.height {
                    for (index, weight) in weights.enumerated() {
                        add(weight, source.baseAddress! + (y + index) * across.width, to: target.baseAddress! + y * result.width, result.width)
                    }
                }
            }
        }
        return result
    }

    private func add(_ weight: Float, _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, _ count: Int) {
        for index in 0..<count { target[index] += weight * source[index] }
    }
}
