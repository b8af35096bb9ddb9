import Foundation
import Testing
import Vips

/// Pictures with profiles, through what knows sRGB only.
@Suite struct ColourTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        let picture = try Picture.make(90, 60)
        try Operation.image("icc_transform", ["in": .image(picture), "input_profile": "srgb", "output_profile": "srgb"]).save(place("srgb.png"))
        try Operation.image("icc_transform", ["in": .image(picture), "input_profile": "srgb", "output_profile": "p3", "depth": 16]).save(place("p3.png"))
        try place.write("generator.safetensors", Array(try Data(contentsOf: URL(filePath: "\(Program.root)/Tests/Fixtures/modules/generator-00.weights.safetensors"))))
    }

    private func figures(_ first: String, _ second: String) throws -> [String: Any] {
        let outcome = try place.aquatint("compare", first, second, "--json")
        return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any], "\(outcome.error)")
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `a network gives the same of a picture stored as P3 as of one stored as sRGB, and the profile is kept`() throws {
        let two = "  - generator: {weights: generator.safetensors}\n"
        try place.write("p.yaml", "version: 1\nstages:\n\(two)\(two)output: \"{stem}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "srgb.png", "p3.png", "-o", "out", "--precision", "f32")
        #expect(outcome.status == 0, "\(outcome.error)")
        let apart = try figures("out/srgb.png", "out/p3.png")
        #expect(apart["max_difference"] as? Double ?? 99 <= 2, "\(apart)")
        #expect(apart["de2000_mean"] as? Double ?? 99 < 0.5, "\(apart)")
        let made = try Image.load(place("out/p3.png")), given = try Image.load(place("p3.png"))
        #expect(made.blob("icc-profile-data") == given.blob("icc-profile-data") && made.format == .ushort)
        #expect(!made.fields.contains { $0.hasPrefix("aquatint-") })
        // Converted once: the stages still run as one network.
        let explained = try place.aquatint("explain", "p.yaml", "p3.png").output
        #expect(explained.contains("network of stages 1, 2"), "\(explained)")
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `another profile on the way out, or none, is what the file gets`() throws {
        try place.write("p.yaml", "version: 1\nvars: {profile: srgb}\nstages:\n  - generator: {weights: generator.safetensors}\noutput: {file: \"{stem}.png\", profile: \"${profile}\"}\n")
        #expect(try place.aquatint("run", "p.yaml", "p3.png", "srgb.png", "-o", "out", "--precision", "f32").status == 0)
        let apart = try figures("out/srgb.png", "out/p3.png")
        #expect(apart["max_difference"] as? Double ?? 99 <= 2 && (apart["notes"] as? [String])?.contains { $0.contains("profiles") } == false, "\(apart)")
        try place.write("p.yaml", "version: 1\nstages:\n  - generator: {weights: generator.safetensors}\noutput: {file: \"{stem}.png\", metadata: strip}\n")
        #expect(try place.aquatint("run", "p.yaml", "p3.png", "-o", "bare", "--precision", "f32").status == 0)
        #expect(try Image.load(place("bare/p3.png")).blob("icc-profile-data") == nil)
        #expect(try figures("out/p3.png", "bare/p3.png")["max_difference"] as? Double ?? 99 <= 1)
    }

    @Test func `stages that work on the numbers as they are leave the profile alone`() throws {
        try place.write("p.yaml", "version: 1\nstages:\n  - invert\noutput: \"{stem}.png\"\n")
        #expect(try place.aquatint("run", "p.yaml", "p3.png", "-o", "out").status == 0)
        let inverted = try Operation.image("invert", ["in": .image(try Image.load(place("p3.png")))])
        #expect(try Image.load(place("out/p3.png")).bytes() == inverted.bytes())
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `grey stays grey through networks of three channels, at its depth, fused or not`() throws {
        let stage = "  - generator: {weights: generator.safetensors}\n"
        try place.write("p.yaml", "version: 1\nstages:\n\(stage)\(stage)  - invert\noutput: \"{stem}.png\"\n")
        try Operation.image("colourspace", ["in": .image(try Image.load(place("srgb.png"))), "space": "b-w"]).save(place("grey.png"))
        try Operation.image("colourspace", ["in": .image(try Image.load(place("p3.png"))), "space": "grey16"]).save(place("deep.png"))
        for (folder, options) in [("fused", [String]()), ("single", ["--no-fuse"])] {
            let outcome = try place.run(Program.path, ["run", "p.yaml", "grey.png", "deep.png", "-o", folder, "--precision", "f32"] + options)
            #expect(outcome.status == 0, "\(outcome.error)")
        }
        let grey = try Image.load(place("fused/grey.png")), deep = try Image.load(place("fused/deep.png"))
        #expect(grey.bands == 1 && grey.format == .uchar && deep.bands == 1 && deep.format == .ushort)
        #expect(try figures("fused/grey.png", "single/grey.png")["max_difference"] as? Double ?? 99 <= 1)
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"), arguments: [
        ("  - colourspace: {space: b-w}\n", 1), ("  - extract_band: 0\n", 1), ("  - colourspace: {space: lab}\n", 3), ("  - colourspace: {space: srgb}\n", 3),
    ])
    func `a profile counts only for the space that it is of`(_ before: String, _ bands: Int) throws {
        try place.write("p.yaml", "version: 1\nstages:\n\(before)  - generator: {weights: generator.safetensors}\noutput: \"{stem}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "srgb.png", "p3.png", "-o", "out", "--precision", "f32")
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(try Image.load(place("out/srgb.png")).bands == bands)
    }

    @Test func `sixteen bits keep their light on the way to a format of eight, whatever profile is asked for`() throws {
        try place.write("p.yaml", "version: 1\nstages:\n  - linear: {a: 1, b: 0}\noutput: {file: \"{stem}.jpg\", metadata: strip, options: {Q: 100}}\n")
        #expect(try place.aquatint("run", "p.yaml", "p3.png", "-o", "out").status == 0)
        let apart = try figures("srgb.png", "out/p3.jpg")
        #expect(apart["de2000_mean"] as? Double ?? 99 < 2, "\(apart)")
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `a conversion that the pipeline asks for after a network is what the file has`() throws {
        let convert = "  - cast: ushort\n  - icc_transform: {output_profile: srgb, embedded: true, depth: 16}\n"
        try place.write("p.yaml", "version: 1\nstages:\n  - generator: {weights: generator.safetensors}\n\(convert)output: \"{stem}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "p3.png", "-o", "out", "--precision", "f32")
        #expect(outcome.status == 0, "\(outcome.error)")
        let given = try Image.load(place("p3.png")).blob("icc-profile-data")
        #expect(try Image.load(place("out/p3.png")).blob("icc-profile-data") != given)
    }

    // MARK: light

    /// The picture as 16 bits, and as floats of light.
    private func makeLight() throws {
        let deep = try Operation.image("colourspace", ["in": .image(try Picture.make(90, 60)), "space": "rgb16"])
        try deep.save(place("deep.png"))
        try Operation.image("colourspace", ["in": .image(deep), "space": "scrgb"]).save(place("light.tif"))
    }

    @Test(arguments: ["kuwahara: {}", "halftone: {}", "invert", "hist_equal", "gravity: {direction: centre, width: 120, height: 80, extend: white}"])
    func `floats of light give what 16 bits give, and stay floats of light`(_ stage: String) throws {
        try makeLight()
        try place.write("p.yaml", "version: 1\nstages:\n  - \(stage)\noutput: \"{stem}.tif\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "light.tif", "deep.png", "-o", "out")
        #expect(outcome.status == 0, "\(outcome.error)")
        let made = try Image.load(place("out/light.tif"))
        #expect(made.format == .float && made.interpretation == .scrgb)
        #expect(outcome.error.contains("works on whole numbers: what is brighter than white in the picture's light is cut off") == !["kuwahara: {}", "halftone: {}"].contains(stage))
        #expect(try figures("out/deep.tif", "out/light.tif")["max_difference"] as? Double ?? 999 <= 257, "of 65535")
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `networks are given floats of light as sRGB, one after another, and whatever the file`() throws {
        try makeLight()
        let stage = "  - generator: {weights: generator.safetensors}\n"
        try place.write("p.yaml", "version: 1\nstages:\n\(stage)  - kuwahara: {}\n\(stage)output: \"{stem}.tif\"\n")
        try place.write("pfm.yaml", "version: 1\noutput: \"{stem}.pfm\"\n")
        #expect(try place.aquatint("run", "pfm.yaml", "light.tif", "-o", ".").status == 0)
        try FileManager.default.moveItem(atPath: place("light.pfm"), toPath: place("other.pfm"))
        let outcome = try place.aquatint("run", "p.yaml", "light.tif", "other.pfm", "deep.png", "-o", "out", "--precision", "f32")
        #expect(outcome.status == 0, "\(outcome.error)")
        for name in ["light", "other"] {
            #expect(try Image.load(place("out/\(name).tif")).format == .float)
            #expect(try figures("out/deep.tif", "out/\(name).tif")["max_difference"] as? Double ?? 999 <= 257, "\(name), of 65535")
        }
    }

    @Test func `a picture of integers is light in files that hold nothing else, and is that picture when it is read`() throws {
        try place.write("p.yaml", "version: 1\noutputs: [{file: \"{stem}.pfm\"}, {file: \"{stem}.hdr\"}]\n")
        #expect(try place.aquatint("run", "p.yaml", "p3.png", "srgb.png", "-o", "out").status == 0)
        for file in ["out/p3.pfm", "out/srgb.pfm", "out/p3.hdr", "out/srgb.hdr"] {
            let apart = try figures("srgb.png", file)
            // Radiance has 8 bits for the brightest of three.
            #expect(apart["de2000_mean"] as? Double ?? 99 < 0.5, "\(file): \(apart)")
        }
    }

    @Test func `a stage that makes 8 bits of floats is told of, and grey floats without a white are refused`() throws {
        try makeLight()
        try place.write("p.yaml", "version: 1\nstages: [{colourspace: srgb}]\n")
        let outcome = try place.aquatint("run", "p.yaml", "light.tif", "-o", "out")
        #expect(outcome.error.contains("'colourspace' lowers the depth from floats to 8 bits, as libvips does"), "\(outcome.error)")
        try Operation.image("extract_band", ["in": .image(try Image.load(place("light.tif"))), "band": 1]).save(place("grey.tif"))
        try place.write("s.yaml", "version: 1\nstages: [sharpen]\n")
        let refused = try place.aquatint("run", "s.yaml", "grey.tif", "-o", "out")
        #expect(refused.status == 1 && refused.error.contains("sharpen: works on code values, and these floats are data without a white"), "\(refused.error)")
    }

    @Test func `a profile that nothing can be converted by is left out, and told of once`() throws {
        try place.write("p3.yaml", "version: 1\noutput: {file: \"made.tif\", profile: p3}\n")
        #expect(try place.aquatint("run", "p3.yaml", "srgb.png", "-o", ".").status == 0)
        let sound = try #require(try Image.load(place("made.tif")).blob("icc-profile-data"))
        var flat = sound
        // The gamma of the curves, behind their type and kind.
        let curve = try #require(sound.indices.first { sound[$0...].starts(with: Array("para".utf8)) })
        flat.replaceSubrange(curve + 12..<curve + 16, with: [0xFF, 0xFF, 0, 0])
        for (name, profile, reason) in [("none", Array("no profile".utf8), "it is none by its first bytes"), ("short", Array(sound.prefix(300)), "a part of it is missing"), ("flat", flat, "a curve of it does not rise")] {
            try Picture.make(64, 48).settingFields([("icc-profile-data", .blob(profile))]).save(place("\(name).tif"))
            try place.write("p.yaml", "version: 1\nstages: [invert]\n")
            let outcome = try place.aquatint("run", "p.yaml", "\(name).tif", "-o", "out")
            #expect(outcome.status == 0 && outcome.error.contains("note \(name).tif: its colour profile is damaged (\(reason)), and left out: its colours are taken for sRGB"), "\(outcome.error)")
            #expect(!outcome.error.contains("not kept"), "\(outcome.error)")
            #expect(try Image.load(place("out/\(name).tif")).blob("icc-profile-data") == nil)
        }
    }
}
