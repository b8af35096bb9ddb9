import Foundation
import Testing

/// `explain`, `--no-fuse` and `export`: which network stages run as one.
@Suite(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
struct NetworkGroupTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try place.pictures(1, in: "in", 90, 60)
        for name in ["generator-00", "generator-03", "separable_conv-09"] {
            let weights = try Data(contentsOf: URL(filePath: "\(Program.root)/Tests/Fixtures/modules/\(name).weights.safetensors"))
            try place.write("\(name).safetensors", Array(weights))
        }
    }

    private func pipeline(_ stages: String, _ name: String = "p.yaml") throws {
        try place.write(name, "version: 1\nvars:\n  share: 1.0\nstages:\n\(stages)\noutput: \"{stem}.png\"\n")
    }

    private static let paint = "  - generator: {weights: generator-00.safetensors}\n"
    private static let soften = "  - separable_conv: {weights: separable_conv-09.safetensors, strength: \"${share}\"}\n"
    private static let invert = "  - invert\n"

    /// The groups of stages, and why each did not join the one before.
    private func groups(_ arguments: String...) throws -> [(stages: [Int], isFused: Bool, reason: String?)] {
        let outcome = try place.run(Program.path, ["explain", "p.yaml", "in/1.png", "--json"] + arguments)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any], "\(outcome.error)")
        return try #require(object["networks"] as? [[String: Any]]).map {
            ($0["stages"] as? [Int] ?? [], $0["fused"] as? Bool ?? false, $0["not_fused_because"] as? String)
        }
    }

    @Test func `explain shows the groups, and why others are none`() throws {
        try pipeline(Self.paint + Self.soften + Self.invert + Self.paint + "  - generator: {weights: generator-00.safetensors, precision: f32}\n")
        let found = try groups()
        #expect(found.map(\.stages) == [[1, 2], [4], [5]] && found.map(\.isFused) == [true, false, false])
        #expect(found.map(\.reason) == [nil, nil, "their 'precision' differs"])
        #expect(try groups("--no-fuse").map(\.reason) == [nil, "--no-fuse", nil, "--no-fuse"])
        let text = try place.aquatint("explain", "p.yaml", "in/1.png").output
        #expect(text.contains("(runs as one network with the next)") && text.contains("network of stages 1, 2: local"), "\(text)")
        #expect(text.contains("not one network with the stage before: their 'precision' differs"))
    }

    @Test func `explain takes the options of run, and says what it assumes`() throws {
        try pipeline(Self.paint)
        let outcome = try place.aquatint("explain", "p.yaml", "in/1.png", "--json", "--precision", "f32", "--device", "auto", "-j", "1", "--max-memory", "200MiB", "--no-fuse")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any], "\(outcome.error)")
        let assumed = try #require(object["assumed"] as? [String: Any])
        #expect(assumed["jobs"] as? Int == 1 && assumed["memory_bytes"] as? Int == 200 << 20 && assumed["precision"] as? String == "f32")
        #expect(assumed["device"] as? String == "CPU" && assumed["fused"] as? Bool == false)
        #expect((object["networks"] as? [[String: Any]])?.first?["precision"] as? String == "f32")
        let shared = try place.aquatint("explain", "p.yaml", "in/1.png", "-j", "2", "--max-memory", "200MiB", "--precision", "f32").output
        let most = ProcessInfo.processInfo.activeProcessorCount
        #expect(shared.contains("assumed   2 images in flight, each with 100 MiB of memory, precision f32 on CPU\n") || most < 2, "\(shared)")
        #expect(try place.aquatint("explain", "p.yaml", "in/1.png", "-j", "0").status == 64)
    }

    @Test func `a result that others read stays a result`() throws {
        try pipeline(Self.paint.replacing("}\n", with: "}\n    as: painted\n") + Self.soften + "  - composite2: {base: prev, overlay: painted, mode: over}\n")
        #expect(try groups().map(\.reason) == [nil, "the result before it is also read as 'painted'"])
        try pipeline(Self.paint.replacing("}\n", with: "}\n    as: painted\n") + "  - invert: {}\n    when: 1 > 2\n" + Self.soften)
        #expect(try groups().map(\.stages) == [[1, 3]])
        try pipeline(Self.paint + Self.soften.replacing("}\n", with: "}\n    in: input\n"))
        #expect(try groups().map(\.stages) == [[1], [2]])
    }

    @Test func `a run gives the same picture either way, and knows them apart`() throws {
        try pipeline(Self.paint + Self.soften + Self.paint)
        #expect(try place.aquatint("run", "p.yaml", "in", "-o", "a", "--precision", "f32").status == 0)
        #expect(try place.aquatint("run", "p.yaml", "in", "-o", "b", "--no-fuse", "--precision", "f32").status == 0)
        #expect(try place.read("a/1.png") == place.read("b/1.png"))
        let again = try place.aquatint("run", "p.yaml", "in", "-o", "a", "--no-fuse", "--precision", "f32")
        #expect(again.error.contains("1 done"), "\(again.error)")
    }

    /// Planning a stage must read no pixels: a PNG is decoded once, from top to bottom.
    @Test func `a picture that is decoded as it is read goes through a group whose stages need it twice`() throws {
        try place.pictures(1, in: "large", 700, 600)
        try pipeline(Self.paint + Self.soften)
        for share in ["1.0", "0.5"] {
            for way in [[], ["--no-fuse"]] {
                let outcome = try place.run(Program.path, ["run", "p.yaml", "large", "-o", "out\(share)\(way.count)", "--set", "share=\(share)"] + way)
                #expect(outcome.status == 0, "\(outcome.error)")
            }
        }
    }

    @Test func `an error names the stages of the group`() throws {
        // The first stage overflows, and the second passes it on.
        let weights = try place.read("separable_conv-09.safetensors")
        let tiny = weights.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) } + 8
        var huge = weights
        for index in stride(from: tiny, to: huge.count, by: 4) { huge.replaceSubrange(index..<(index + 4), with: [0xFF, 0xFF, 0x7F, 0x7F]) }
        try place.write("huge.safetensors", huge)
        try pipeline("  - separable_conv: {weights: huge.safetensors}\n" + Self.soften)
        let outcome = try place.aquatint("run", "p.yaml", "in", "-o", "out")
        #expect(outcome.status == 1 && outcome.error.contains("stage separable_conv + separable_conv: the output 'output' of the network, made by "), "\(outcome.error)")
        #expect(place.files("out").isEmpty)
    }

    @Test func `export writes one file, once, and says what is not in it`() throws {
        try pipeline(Self.invert + Self.paint + Self.soften + Self.invert)
        let outcome = try place.aquatint("export", "p.yaml", "-o", "nets/net.onnx", "--set", "share=0.5")
        #expect(outcome.status == 0 && outcome.output.isEmpty)
        #expect(outcome.error == """
            nets/net.onnx: generator + separable_conv
              in   [1, 3, height, width], red, green, blue, 0 black to 1 white
              out  [1, 3, height, width], red, green, blue, 0 black to 1 white
              not part of it: stage 1: invert
              not part of it: stage 4: invert

            """)
        #expect(place.files("nets") == ["net.onnx"])
        let model = try place.read("nets/net.onnx")
        let again = try place.aquatint("export", "p.yaml", "-o", "nets/net.onnx")
        #expect(again.status == 73 && again.error.contains("'nets/net.onnx' is there already (--overwrite replaces it)"))
        #expect(try place.read("nets/net.onnx") == model)
        #expect(try place.aquatint("export", "p.yaml", "-o", "nets/net.onnx", "--overwrite", "-q").error.isEmpty)
        #expect(try place.read("nets/net.onnx") != model)
        try pipeline("  - onnx: {model: nets/net.onnx}\n", "exported.yaml")
        #expect(try place.aquatint("run", "exported.yaml", "in", "-o", "c").status == 0)
    }

    @Test func `pipelines that are no row of networks are refused by stage`() throws {
        let cases = [
            (Self.invert, "p.yaml: has no network stage to export"),
            (Self.paint + Self.invert + Self.soften, "p.yaml:7:5: stage 3 (separable_conv) cannot be in one file with the networks before it: stage 2: invert lies between them and is no network"),
            (Self.paint.replacing("}\n", with: "}\n    when: prev.width > 10\n"), "p.yaml:5:5: stage 1 (generator) has a 'when' that only a picture decides"),
            (Self.paint + Self.soften.replacing("}\n", with: "}\n    in: input\n"), "p.yaml:6:5: stage 2 (separable_conv) reads another image than the one before it"),
        ]
        for (stages, message) in cases {
            try pipeline(stages)
            let outcome = try place.aquatint("export", "p.yaml", "-o", "net.onnx")
            #expect(outcome.status == 65 && outcome.error.contains(message), "\(outcome.error)")
        }
        #expect(!FileManager.default.fileExists(atPath: place("net.onnx")))
    }
}
