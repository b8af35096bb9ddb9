import Foundation
import StageHost
import Testing

/// `guided` and `xdog` beside slow, obvious references.
@Suite struct SmoothingPluginTests {
    /// A sample of a picture that goes on past its edges.
    private static func sample(_ picture: Picture, _ x: Int, _ y: Int, _ band: Int) -> Double {
        Double(picture[min(max(x, 0), picture.width - 1), min(max(y, 0), picture.height - 1), band])
    }

    /// The guided filter, straight from its definition, in doubles.
    private static func guided(_ picture: Picture, radius: Int, edge: Double, _ x: Int, _ y: Int, _ band: Int) -> Double {
        let window = -radius...radius, count = Double(window.count * window.count)
        var result = 0.0
        for v in window {
            for u in window {
                var mean = 0.0, square = 0.0
                for j in window {
                    for i in window {
                        let value = sample(picture, x + u + i, y + v + j, band)
                        mean += value / count
                        square += value * value / count
                    }
                }
                let variance = square - mean * mean, slope = variance / (variance + edge * edge)
                result += (slope * sample(picture, x, y, band) + (1 - slope) * mean) / count
            }
        }
        return result
    }

    @Test(arguments: [(1, 0.1), (3, 0.02), (4, 0.5)]) func `guided is the guided filter`(_ radius: Int, _ edge: Double) throws {
        let picture = Picture.scene(width: 19, height: 14, bands: 3)
        let result = try BuiltPlugins.stage("guided").create(["radius": .int(radius), "edge": .double(edge)]).run(picture)
        for (x, y) in [(0, 0), (18, 13), (9, 7), (3, 12), (18, 0)] {
            for band in 0..<3 { #expect(abs(Double(result[x, y, band]) - Self.guided(picture, radius: radius, edge: edge, x, y, band)) < 2e-6) }
        }
    }

    @Test func `guided takes weak texture out of a strong edge's two sides`() throws {
        let picture = Picture(width: 48, height: 40, bands: 1) { x, y, _ in (x < 24 ? 0.2 : 0.8) + 0.02 * Float((x * 7 + y * 13) % 5 - 2) / 2 }
        let result = try BuiltPlugins.stage("guided").create(["radius": .int(4), "edge": .double(0.08)]).run(picture)
        for y in 10..<30 {
            #expect(abs(result[8, y, 0] - 0.2) < 0.006 && abs(result[40, y, 0] - 0.8) < 0.006)
            #expect(result[24, y, 0] - result[23, y, 0] > 0.5)
        }
    }

    @Test func `detail 1 leaves the picture, and a flat field stays flat`() throws {
        let picture = Picture.scene(width: 30, height: 20, bands: 3)
        let same = try BuiltPlugins.stage("guided").create(["detail": .double(1)]).run(picture)
        #expect(zip(same.samples, picture.samples).allSatisfy { abs($0 - $1) < 1e-6 })
        let flat = Picture(width: 20, height: 20, bands: 1) { _, _, _ in 0.3 }
        #expect(try BuiltPlugins.stage("guided").create().run(flat).samples.allSatisfy { abs($0 - 0.3) < 1e-6 })
    }

    /// A blur by a Gaussian that is cut off at three sigma, over both axes at once.
    private static func blur(_ picture: Picture, sigma: Double, _ x: Int, _ y: Int) -> Double {
        let radius = Int((3 * sigma).rounded(.up))
        var sum = 0.0, weights = 0.0
        for v in -radius...radius {
            for u in -radius...radius {
                let weight = exp(-Double(u * u + v * v) / (2 * sigma * sigma))
                let light = 0.2126 * sample(picture, x + u, y + v, 0) + 0.7152 * sample(picture, x + u, y + v, 1) + 0.0722 * sample(picture, x + u, y + v, 2)
                sum += weight * light
                weights += weight
            }
        }
        return sum / weights
    }

    @Test(arguments: [0.3, 1, 2.5]) func `xdog is the extended difference of Gaussians`(_ sigma: Double) throws {
        let picture = Picture.scene(width: 23, height: 17, bands: 3)
        let result = try BuiltPlugins.stage("xdog").create([
            "sigma": .double(sigma), "strength": .double(4), "threshold": .double(0.5), "steepness": .double(3), "ink": .colour([0.1, 0.2, 0.3]),
        ]).run(picture)
        var kinds: Set<Bool> = []
        for (x, y) in [(0, 0), (22, 16), (11, 8), (16, 3), (5, 12), (22, 0)] {
            let difference = 5 * Self.blur(picture, sigma: sigma, x, y) - 4 * Self.blur(picture, sigma: 1.6 * sigma, x, y)
            let light = difference >= 0.5 ? 1 : 1 + tanh(3 * (difference - 0.5))
            kinds.insert(difference >= 0.5)
            for (band, ink) in [0.1, 0.2, 0.3].enumerated() { #expect(abs(Double(result[x, y, band]) - (ink + light * (1 - ink))) < 2e-5) }
        }
        #expect(kinds.count == 2, "the picture has ink and paper")
    }

    @Test func `a grey picture drawn in grey ink stays grey`() throws {
        let grey = PluginImage(width: 9, height: 9, bands: 1, space: .grey)
        let stage = try BuiltPlugins.stage("xdog")
        #expect(try stage.create(["ink": .colour([0, 0, 0])]).plan([grey]).output == grey)
        #expect(try stage.create().plan([grey]).output?.bands == 3)
    }
}
