import Foundation
import Testing
import Vips

/// What happens to alpha and depth on the way out, as the command shows it.
@Suite struct PixelTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        let colours = try Picture.make(64, 48)
        var alpha: [UInt8] = []
        for _ in 0..<48 { for x in 0..<64 { alpha.append(UInt8(min(255, max(0, 4 * (x - 10))))) } }
        let cover = try Image.samples(alpha, width: 64, height: 48, bands: 1, format: .uchar, interpretation: .blackAndWhite)
        try Operation.image("bandjoin", ["in": .images([colours, cover])]).save(place("cut.png"))
        try Picture.deep().save(place("deep.png"))
    }

    private func run(_ output: String, _ input: String, stages: String = "") throws -> Outcome {
        try place.write("p.yaml", "version: 1\n\(stages)output: \(output)\n")
        let outcome = try place.aquatint("run", "p.yaml", input, "-o", "out", "--overwrite", "always")
        #expect(outcome.status == 0, "\(outcome.error)")
        return outcome
    }

    @Test(arguments: [("", "white", 255), (", background: black", "black", 0), (", background: \"#808080\"", "the background", 128), (", background: [40, 40, 40]", "the background", 40)])
    func `a picture is laid on the background where its format holds no alpha, and the run says so`(setting: String, name: String, level: Int) throws {
        let outcome = try run("{file: \"{stem}.jpg\", options: {Q: 100}\(setting)}", "cut.png")
        #expect(outcome.error.contains("note cut.png: transparency laid on \(name), since 'jpegsave' holds no alpha (output: {background: ...} says on what)"), "\(outcome.error)")
        let made = try place.load("out/cut.jpg")
        let corner = try made.bytes().prefix(3)
        #expect(made.bands == 3 && corner.allSatisfy { abs(Int($0) - level) <= 2 })
        let explained = try place.aquatint("explain", "p.yaml", "cut.png")
        #expect(explained.output.contains("transparency laid on \(name)"), "\(explained.output)")
    }

    @Test func `the saver's own background is the saver's`() throws {
        let outcome = try run("{file: \"{stem}.jpg\", options: {Q: 100, background: [0, 0, 250]}}", "cut.png")
        #expect(outcome.error.contains("transparency laid on the saver's own background"), "\(outcome.error)")
        #expect(try place.load("out/cut.jpg").bytes()[2] > 240)
    }

    @Test func `sixteen bits are dithered into eight, the same every time, or rounded`() throws {
        let lossless = "options: {lossless: true}"
        let outcome = try run("{file: \"{stem}.webp\", \(lossless)}", "deep.png")
        #expect(outcome.error.contains("note deep.png: stored with 8 bits a sample, dithered (output: {dither: none} rounds), since 'webpsave' holds no more"), "\(outcome.error)")
        let dithered = try place.load("out/deep.webp").bytes()
        _ = try run("{file: \"{stem}.webp\", \(lossless)}", "deep.png")
        #expect(try place.load("out/deep.webp").bytes() == dithered)
        _ = try run("{file: \"{stem}.webp\", dither: none, \(lossless)}", "deep.png")
        let rounded = try place.load("out/deep.webp").bytes()
        #expect(rounded != dithered && zip(rounded, dithered).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }

    @Test func `check and the schema know background and dither`() throws {
        try place.write("bad.yaml", "version: 1\noutput: {file: a.jpg, background: whit}\n")
        let outcome = try place.aquatint("check", "bad.yaml")
        #expect(outcome.status == 65)
        #expect(outcome.error.contains("bad.yaml:2:35: error: 'background' must be white, black, a colour such as '#ff8000', or numbers from 0 to 255, not 'whit'"), "\(outcome.error)")
        try place.write("worse.yaml", "version: 1\noutput: {file: a.jpg, dither: yes}\n")
        #expect(try place.aquatint("check", "worse.yaml").error.contains("error: 'dither' must be one of auto, none, not 'yes'"))
        try place.write("twice.yaml", "version: 1\noutput: {file: a.jpg, background: white, options: {background: [1, 2, 3]}}\n")
        #expect(try place.aquatint("check", "twice.yaml").error.contains("error: 'background' is given twice: here, and in 'options'"))
        let schema = try place.aquatint("schema").output
        #expect(schema.contains("\"background\"") && schema.contains("\"dither\""))
    }

    @Test func `resize mixes light where it is asked to`() throws {
        // Columns of black and white: half of the light is 188, half of the code 128.
        let stripes = try Image.samples((0..<64 * 8).map { $0 % 2 == 0 ? 0 : 255 }, width: 64, height: 8, bands: 1, format: .uchar, interpretation: .blackAndWhite)
        try stripes.save(place("stripes.png"))
        for (argument, level) in [("{scale: 0.5, kernel: linear, linear: true}", 188), ("{scale: 0.5, kernel: linear}", 128)] {
            _ = try run("\"{stem}.png\"", "stripes.png", stages: "stages:\n  - resize: \(argument)\n")
            let middle = try place.load("out/stripes.png").bytes()[32 * 2 + 16]
            #expect(abs(Int(middle) - level) <= 1, "\(argument)")
        }
        #expect(try place.aquatint("stages", "resize").output.contains("linear"))
    }

    @Test(arguments: ["invert: {}", "gamma: {exponent: 1.5}", "icc_transform: srgb", "embed: {x: 4, y: 4, width: 100, height: 80, extend: white}"])
    func `a stage of libvips does with what a plug-in has made as with a file of it`(_ stage: String) throws {
        for input in ["cut.png", "deep.png"] {
            let name = stem(input)
            _ = try run("\"made.png\"", input, stages: "stages: [{kuwahara: {radius: 2}}]\n")
            try FileManager.default.copyItem(atPath: place("out/made.png"), toPath: place("made-\(name).png"))
            _ = try run("\"apart.png\"", "made-\(name).png", stages: "stages: [{\(stage)}]\n")
            _ = try run("\"at-once.png\"", input, stages: "stages: [{kuwahara: {radius: 2}}, {\(stage)}]\n")
            let apart = try place.load("out/apart.png"), atOnce = try place.load("out/at-once.png")
            #expect(apart.format == atOnce.format && apart.bands == atOnce.bands, "\(input): \(apart), \(atOnce)")
            let most = zip(try apart.bytes(), try atOnce.bytes()).map { abs(Int($0) - Int($1)) }.max() ?? 255
            #expect(apart.format == .uchar ? most <= 1 : true, "\(input): \(most)")
            let difference = try Operation.image("abs", ["in": .image(Operation.image("subtract", ["left": .image(apart), "right": .image(atOnce)]))])
            guard case .double(let largest)? = try Operation.call("max", ["in": .image(difference)])["out"] else { throw VipsError(message: "no number") }
            #expect(largest <= (apart.format == .uchar ? 1 : 4), "\(input): \(largest)")
        }
    }

    private func stem(_ name: String) -> String { String(name.prefix { $0 != "." }) }

    @Test(arguments: ["sobel", "canny", "compass: {mask: [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]}", "sharpen: {sigma: 1.5}"])
    func `an opaque picture keeps its alpha where differences are taken, and its colours are those without alpha`(_ stage: String) throws {
        let colours = try Picture.make(64, 48)
        try colours.save(place("plain.png"))
        let cover = try Image.samples([UInt8](repeating: 255, count: 64 * 48), width: 64, height: 48, bands: 1, format: .uchar, interpretation: .blackAndWhite)
        try Operation.image("bandjoin", ["in": .images([colours, cover])]).save(place("opaque.png"))
        let stages = "stages: [{\(stage.contains(":") ? stage : stage + ": {}")}]\n"
        _ = try run("\"{stem}-out.png\"", "plain.png", stages: stages)
        _ = try run("\"{stem}-out.png\"", "opaque.png", stages: stages)
        let plain = try place.load("out/plain-out.png").bytes(), opaque = try place.load("out/opaque-out.png").bytes()
        #expect(opaque.indices.filter { $0 % 4 == 3 }.allSatisfy { opaque[$0] == 255 })
        #expect(opaque.indices.filter { $0 % 4 != 3 }.map { opaque[$0] } == plain)
    }

    @Test func `a soft edge of one colour stays of that colour when it is sharpened`() throws {
        var samples: [UInt8] = []
        for _ in 0..<48 { for x in 0..<64 { samples += x < 20 ? [9, 200, 3, 0] : [230, 230, 230, UInt8(min(255, (x - 19) * 20))] } }
        try Image.samples(samples, width: 64, height: 48, bands: 4, format: .uchar, interpretation: .srgb).save(place("soft.png"))
        _ = try run("\"{stem}.png\"", "soft.png", stages: "stages: [sharpen: {sigma: 1.5}]\n")
        let made = try place.load("out/soft.png").bytes()
        for index in stride(from: 0, to: made.count, by: 4) {
            #expect(made[index + 3] == samples[index + 3])
            if made[index + 3] > 0 { #expect(made[index..<(index + 3)].allSatisfy { abs(Int($0) - 230) <= 2 }) }
        }
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `sixteen bits go through a network, and grey stays grey`() throws {
        var samples: [UInt8] = []
        for _ in 0..<2 { for value in 0..<65536 { samples += [UInt8(value & 255), UInt8(value >> 8)] } }
        try Image.samples(samples, width: 512, height: 256, bands: 1, format: .ushort, interpretation: .grey16).save(place("ramp.png"))
        try place.write("up.onnx", Array(try Data(contentsOf: URL(filePath: "\(Program.root)/Pipelines/weights/upscale2x-small.onnx"))))
        _ = try run("\"{stem}.png\"", "ramp.png", stages: "stages:\n  - onnx: {model: up.onnx}\n  - resize: 0.4\n")
        let made = try place.load("out/ramp.png"), bytes = try made.bytes()
        #expect(made.bands == 1 && made.format == .ushort)
        let levels = Set(stride(from: 0, to: bytes.count, by: 2).map { Int(bytes[$0]) | Int(bytes[$0 + 1]) << 8 })
        #expect(levels.count > 10_000, "\(levels.count)")
    }
}
