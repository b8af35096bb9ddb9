import StageHost
import Testing

/// One way to use a shipped pixel stage.
struct Use: CustomTestStringConvertible, Sendable {
    let plugin: String
    let values: [String: StageValue]
    let bands: Int

    init(_ plugin: String, _ values: [String: StageValue], bands: Int) {
        self.plugin = plugin
        self.values = values
        self.bands = bands
    }

    var testDescription: String { "\(plugin) \(values) on \(bands) bands" }

    func instance() throws -> StageInstance { try BuiltPlugins.stage(plugin).create(values) }

    static let all: [Use] = [
        Use("kuwahara", [:], bands: 3), Use("kuwahara", ["radius": .double(3), "elongation": .double(0)], bands: 1),
        Use("kuwahara", ["radius": .double(1), "smoothing": .double(0), "sharpness": .double(32)], bands: 4),
        Use("kuwahara", ["radius": .double(9.5), "elongation": .double(2), "smoothing": .double(10)], bands: 2),
        Use("halftone", [:], bands: 3), Use("halftone", ["cell": .double(3.7), "shape": .choice("line")], bands: 3),
        Use("halftone", ["cell": .double(2), "shape": .choice("diamond"), "angles": .doubles([-20, 200, 7, 33])], bands: 3),
        Use("halftone", ["cell": .double(13), "paper": .colour([1, 0.9, 0.8])], bands: 1),
        Use("halftone", ["cell": .double(5)], bands: 1),
        Use("dither", ["levels": .int(3)], bands: 3), Use("dither", ["method": .choice("noise")], bands: 1),
        Use("dither", ["method": .choice("noise"), "palette": .string("000000 ff0000 00ffff ffffff")], bands: 3),
        Use("guided", ["radius": .int(3)], bands: 3), Use("guided", ["radius": .int(9), "detail": .double(2)], bands: 2),
        Use("xdog", [:], bands: 3), Use("xdog", ["sigma": .double(0.4), "ink": .colour([0, 0, 0])], bands: 1), Use("xdog", ["sigma": .double(4)], bands: 1),
    ]
}

@Suite struct PixelPluginTests {
    @Test(arguments: Use.all, [(67, 41), (1, 1), (2, 9), (40, 3)])
    func `cutting the picture up changes no bit of the result`(_ use: Use, _ size: (width: Int, height: Int)) throws {
        let picture = Picture.scene(width: size.width, height: size.height, bands: use.bands)
        let instance = try use.instance()
        let whole = try instance.run(picture)
        #expect(whole.samples.allSatisfy { $0.isFinite })
        for tile in [(17, 13), (1, 41), (32, 1)] {
            #expect(try instance.run(picture, tile: tile) == whole, "\(tile)")
        }
    }

    @Test(arguments: [1, 3]) func `kuwahara leaves a flat field as it is, to the bit`(_ bands: Int) throws {
        let flat = Picture(width: 30, height: 20, bands: bands) { _, _, band in 0.1 + 0.3 * Float(band) }
        #expect(try BuiltPlugins.stage("kuwahara").create().run(flat) == flat)
    }

    @Test func `kuwahara keeps an edge sharp and flattens the noise beside it`() throws {
        let picture = Picture(width: 64, height: 64, bands: 1) { x, y, _ in
            (x < 32 ? 0.25 : 0.75) + 0.04 * Float((x * 7 + y * 13) % 5 - 2) / 2
        }
        let result = try BuiltPlugins.stage("kuwahara").create().run(picture)
        for y in 8..<56 {
            #expect(abs(result[30, y, 0] - 0.25) < 0.02 && abs(result[33, y, 0] - 0.75) < 0.02)
            #expect(abs(result[10, y, 0] - result[10, y - 1, 0]) < 0.02)
        }
    }

    @Test func `kuwahara treats all directions alike`() throws {
        let picture = Picture.scene(width: 24, height: 24, bands: 1)
        let turned = Picture(width: 24, height: 24, bands: 1) { x, y, _ in picture[23 - x, 23 - y, 0] }
        let instance = try BuiltPlugins.stage("kuwahara").create()
        let a = try instance.run(picture), b = try instance.run(turned)
        for y in 0..<24 { for x in 0..<24 { #expect(abs(a[x, y, 0] - b[23 - x, 23 - y, 0]) < 1e-4) } }
    }

    @Test(arguments: ["round", "diamond", "line"], [Float(0), 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 1])
    func `halftone covers a flat field with as much ink as it needs`(_ shape: String, _ ink: Float) throws {
        let flat = Picture(width: 120, height: 120, bands: 1) { _, _, _ in 1 - ink }
        for cell in [3.0, 8.0, 11.3] {
            let result = try BuiltPlugins.stage("halftone").create([
                "cell": .double(cell), "shape": .choice(shape), "tone": .double(1), "black": .colour([0, 0, 0]),
            ]).run(flat)
            #expect(result.bands == 1)
            if ink == 0 || ink == 1 {
                #expect(result.samples.allSatisfy { $0 == 1 - ink })
            } else {
                #expect(abs(Float(1 - result.mean) - ink) < 0.02, "cell \(cell)")
            }
        }
    }

    @Test func `halftone reproduces a colour on the average with pure inks`() throws {
        let colour: [Float] = [0.7, 0.4, 0.55]
        let flat = Picture(width: 240, height: 240, bands: 3) { _, _, band in colour[band] }
        let result = try BuiltPlugins.stage("halftone").create([
            "cell": .double(6), "tone": .double(1), "cyan": .colour([0, 1, 1]), "magenta": .colour([1, 0, 1]),
            "yellow": .colour([1, 1, 0]), "black": .colour([0, 0, 0]),
        ]).run(flat)
        for band in 0..<3 {
            let mean = stride(from: band, to: result.samples.count, by: 3).reduce(0.0) { $0 + Double(result.samples[$1]) } / (240 * 240)
            #expect(abs(mean - Double(colour[band])) < 0.02)
        }
    }

    @Test func `a grey picture stays grey unless ink or paper has a colour`() throws {
        let stage = try BuiltPlugins.stage("halftone")
        let grey = PluginImage(width: 9, height: 9, bands: 1, space: .grey)
        #expect(try stage.create().plan([grey]).output == grey)
        let coloured = try stage.create(["paper": .colour([1, 1, 0.8])]).plan([grey]).output
        #expect(coloured?.bands == 3 && coloured?.space == .srgb)
    }

    @Test func `one sample that is not a number spoils its surroundings at most`() throws {
        var picture = Picture.scene(width: 60, height: 60, bands: 3)
        picture.samples[(30 * 60 + 30) * 3] = .nan
        let result = try BuiltPlugins.stage("halftone").create().run(picture)
        #expect(result.samples.allSatisfy { $0.isFinite })
    }
}
