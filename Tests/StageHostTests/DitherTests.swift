import StageHost
import Testing

/// `dither`: few colours, the right mixture of them, and error diffusion beside an obvious one.
@Suite struct DitherTests {
    private func dither(_ picture: Picture, _ values: [String: StageValue]) throws -> Picture { try BuiltPlugins.stage("dither").create(values).run(picture) }

    @Test(arguments: ["bayer", "noise", "diffusion"], [2, 5]) func `a flat field keeps its mean, and has two neighbouring levels`(_ method: String, _ levels: Int) throws {
        for value: Float in [0, 0.1, 0.37, 0.5, 0.81, 1] {
            let flat = Picture(width: 64, height: 64, bands: 1) { _, _, _ in value }
            let result = try dither(flat, ["method": .choice(method), "levels": .int(levels)])
            #expect(abs(result.mean - Double(value)) < 0.012, "\(value): \(result.mean)")
            let steps = Float(levels - 1), used = Set(result.samples.map { ($0 * steps).rounded() })
            #expect(result.samples.allSatisfy { abs($0 * steps - ($0 * steps).rounded()) < 1e-5 })
            #expect(used.allSatisfy { abs($0 - value * steps) <= 1 + 1e-5 }, "\(value): \(used)")
        }
    }

    @Test(arguments: ["bayer", "noise", "diffusion"]) func `a colour between those of a palette is mixed from them`(_ method: String) throws {
        let colour: [Float] = [0.6, 0.35, 0.2]  // 0.6 red and 0.2 white, the rest black, is not far
        let flat = Picture(width: 64, height: 64, bands: 3) { _, _, band in colour[band] }
        let result = try dither(flat, ["method": .choice(method), "palette": .string("000000, #ff0000 00ff00 0000ff")])
        for pixel in 0..<64 * 64 {
            let samples = Array(result.samples[pixel * 3..<pixel * 3 + 3])
            #expect(samples.allSatisfy { $0 == 0 || $0 == 1 } && samples.reduce(0, +) <= 1, "\(samples) is not in the palette")
        }
        // What is wanted adds up to more than one, which this palette cannot give: the proportions remain.
        let means = (0..<3).map { band in stride(from: band, to: result.samples.count, by: 3).reduce(0) { $0 + result.samples[$1] } / 4096 }
        #expect(means[0] > means[1] && means[1] > means[2] && means[2] > 0.02, "\(means)")
    }

    @Test(arguments: ["bayer", "diffusion"]) func `a palette of the picture's own has its colours, and no more than wanted`(_ method: String) throws {
        let colours: [[Float]] = [[0.9, 0.1, 0.1], [0.1, 0.2, 0.8], [0.95, 0.95, 0.9], [0.05, 0.3, 0.1]]
        let fields = Picture(width: 40, height: 30, bands: 3) { x, y, band in colours[x < 3 ? 0 : x / 20 + (y / 15) * 2][band] }
        for count in [4, 16] {
            let result = try dither(fields, ["method": .choice(method), "palette": .string("auto \(count)"), "strength": .double(0)])
            #expect(zip(result.samples, fields.samples).allSatisfy { abs($0 - $1) < 1e-5 })
        }
        let scene = Picture.scene(width: 64, height: 48, bands: 3), grey = Picture.scene(width: 64, height: 48, bands: 1)
        for (picture, count) in [(scene, 5), (scene, 32), (grey, 3)] {
            let result = try dither(picture, ["method": .choice(method), "palette": .string("auto \(count)")])
            let used = Set(stride(from: 0, to: result.samples.count, by: 3).map { Array(result.samples[$0..<$0 + 3]) })
            #expect(used.count <= count && used.count > count / 2, "\(used.count) of \(count)")
        }
    }

    @Test func `bayer has the matrix of Bayer`() throws {
        // Each level of 64 adds one dot to the 8 x 8 pattern, and none goes.
        var dots: Set<Int> = []
        for count in 0...64 {
            let flat = Picture(width: 8, height: 8, bands: 1) { _, _, _ in (Float(count)) / 64 }
            let result = try dither(flat, [:]), lit = Set(result.samples.indices.filter { result.samples[$0] == 1 })
            #expect(lit.count == count && lit.isSuperset(of: dots))
            dots = lit
        }
        let half = try dither(Picture(width: 8, height: 8, bands: 1) { _, _, _ in 0.5 }, [:])
        #expect((0..<64).allSatisfy { half.samples[$0] == (($0 % 8 + $0 / 8).isMultiple(of: 2) ? 1 : 0) }, "a half is a chessboard")
    }

    @Test func `diffusion is Floyd and Steinberg's, back and forth`() throws {
        let picture = Picture.scene(width: 37, height: 29, bands: 1)
        var values = picture.samples.map { Double($0) }, expected = [Float](repeating: 0, count: values.count)
        func add(_ x: Int, _ y: Int, _ error: Double) {
            if (0..<37).contains(x) && y < 29 { values[y * 37 + x] += error }
        }
        for y in 0..<29 {
            let isForward = y % 2 == 0, ahead = isForward ? 1 : -1
            for x in isForward ? Array(0..<37) : Array((0..<37).reversed()) {
                let value = values[y * 37 + x], chosen = value < 0.5 ? 0.0 : 1.0, error = value - chosen
                expected[y * 37 + x] = Float(chosen)
                add(x + ahead, y, error * 7 / 16)
                add(x - ahead, y + 1, error * 3 / 16)
                add(x, y + 1, error * 5 / 16)
                add(x + ahead, y + 1, error / 16)
            }
        }
        let result = try dither(picture, ["method": .choice("diffusion")])
        // Doubles and floats may part at a tie, and everything after it then.
        #expect(zip(result.samples, expected).count { $0 != $1 } < 20)
    }

    @Test func `error diffusion asks for the whole picture, the patterns do not`() throws {
        let size = PluginImage(width: 9, height: 9, bands: 3, space: .srgb), stage = try BuiltPlugins.stage("dither")
        #expect(try stage.create(["method": .choice("diffusion")]).plan([size]).needsWholeImage)
        #expect(try !stage.create(["method": .choice("noise")]).plan([size]).needsWholeImage)
    }

    @Test(arguments: ["bayer", "noise", "diffusion"]) func `a sample that is not a number stays where it is`(_ method: String) throws {
        var picture = Picture.scene(width: 20, height: 20, bands: 3)
        picture.samples[600] = .nan
        picture.samples[700] = .infinity
        #expect(try dither(picture, ["method": .choice(method), "palette": .string("000000 ffffff")]).samples.allSatisfy { $0.isFinite })
    }

    @Test(arguments: [("ff0000", "1 colours"), ("auto", "write auto and a number"), ("auto 1", "write auto and a number"), ("auto 8 ff0000", "write auto and a number"), ("ff0000 red", "'red' is no colour"), ("ff0000 fff", "'fff' is no colour"), ("000000 +12345", "is no colour")])
    func `a bad palette is refused in words`(_ text: String, _ words: String) throws {
        let error = #expect(throws: (any Error).self) { try BuiltPlugins.stage("dither").create(["palette": .string(text)]) }
        #expect("\(try #require(error))".contains(words), "\(error.map { "\($0)" } ?? "")")
    }
}
