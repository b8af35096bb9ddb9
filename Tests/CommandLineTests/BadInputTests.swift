import Foundation
import Testing
import Vips

@Suite struct BadInputTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    // MARK: images

    /// Fourteen ways in which a PNG can be broken.
    func damaged(_ good: [UInt8]) -> [String: [UInt8]] {
        // Signature 0-7; IHDR: length 8-11, type 12-15, width 16-19, height 20-23, depth 24, colour type 25, compression 26, filter 27, CRC 29-32.
        func changed(_ changes: [Int: UInt8]) -> [UInt8] {
            var bytes = good
            for (index, value) in changes { bytes[index] = value }
            return bytes
        }
        let pixels = good.firstRange(of: Array("IDAT".utf8))?.upperBound ?? 60
        return [
            "zero-bytes": [], "one-byte": [0x89], "text": Array("no picture\n".utf8), "signature": changed([0: 0x88]), "line-ends": changed([4: 0x0A, 5: 0x0A]),
            "no-header": Array(good.prefix(8)), "half-header": Array(good.prefix(20)), "header-crc": changed([29: good[29] ^ 1]), "header-type": changed([12: 0x4A]),
            "depth": changed([24: 3]), "colour-type": changed([25: 1]), "width": changed([16: 0, 17: 0, 18: 0, 19: 0]),
            "truncated": Array(good.prefix(good.count / 2)), "pixels": changed([pixels + 20: good[pixels + 20] ^ 0x55, pixels + 21: good[pixels + 21] ^ 0x55]),
        ]
    }

    @Test func `twenty good images are done, fourteen corrupt ones are listed with reasons`() throws {
        try place.pictures(20, in: "in", 64, 48)
        let bad = damaged(try place.read("in/1.png"))
        #expect(bad.count == 14)
        for (name, bytes) in bad { try place.write("in/bad/\(name).png", bytes) }
        for (pipeline, jobs) in [("web", "2"), ("denoise-sharpen", "1")] {
            let outcome = try place.aquatint("run", pipeline, "in", "-o", pipeline, "-j", jobs)
            #expect(outcome.status == 1)
            #expect(outcome.error.contains("20 done, 14 failed in "), "\(outcome.error)")
            #expect(place.files(pipeline).count == 20 && !place.files(pipeline).contains { $0.contains("bad") })
            let list = outcome.error.components(separatedBy: "14 images failed:\n").last?.split(separator: "\n").prefix(14) ?? []
            for name in bad.keys {
                let line = list.first { $0.hasPrefix("  in/bad/\(name).png: ") }
                #expect(line != nil && line?.contains("no reason") == false, "\(name): \(line ?? "not listed")")
            }
        }
    }

    static let images = ProcessInfo.processInfo.environment["AQUATINT_TEST_IMAGES"]

    @Test(.enabled(if: images != nil, "AQUATINT_TEST_IMAGES names no folder with PngSuite's corrupt-png"))
    func `the corrupt files of PngSuite fail each with a reason`() throws {
        try place.pictures(20, in: "good", 64, 48)
        let outcome = try place.aquatint("run", "web", "good", "\(Self.images ?? "")/corrupt-png", "-o", "out")
        #expect(outcome.status == 1 && outcome.error.contains("20 done, 14 failed") && !outcome.error.contains("no reason"), "\(outcome.error)")
        #expect(place.files("out").count == 20)
    }

    @Test func `content decides over the name, and an image name over other content fails`() throws {
        try FileManager.default.createDirectory(atPath: place("in"), withIntermediateDirectories: true)
        try Picture.make(64, 48).save(place("in/a.png"))
        try FileManager.default.moveItem(atPath: place("in/a.png"), toPath: place("in/really-png.jpg"))
        try place.write("in/text.png", "text")
        let outcome = try place.aquatint("run", "web", "in", "-o", "out")
        #expect(outcome.status == 1 && place.files("out") == ["really-png.jpg"])
        #expect(outcome.error.contains("failed in/text.png: not an image that libvips can read"))
    }

    @Test func `names are taken as they are`() throws {
        let names = ["a b.png", "[Q=90].png", "100%.png", "-n.png", "größe.png", "a{stem}.png", "$(x);'\".png"]
        try place.pictures(1, in: "in", 32, 32)
        for name in names { try FileManager.default.copyItem(atPath: place("in/1.png"), toPath: place("in/\(name)")) }
        let outcome = try place.aquatint("run", "denoise-sharpen", "in", "-o", "out")
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(place.files("out") == (names + ["1.png"]).sorted())
    }

    // MARK: outputs

    @Test func `an output folder that cannot be made is 73`() throws {
        try place.pictures(2, in: "in", 32, 32)
        try place.write("file", "x")
        let outcome = try place.aquatint("run", "web", "in", "-o", "file/sub")
        #expect(outcome.status == 73 && outcome.error.contains("the output folder 'file/sub' cannot be created: Not a directory"), "\(outcome.error)")
        #expect(try place.aquatint("run", "denoise-sharpen", "in", "-o", "in").status == 73)
        try place.pictures(2, in: "in/sub", 32, 32)
        let both = try place.aquatint("run", "denoise-sharpen", "in/1.png", "in/sub/1.png", "-o", "out")
        #expect(both.status == 73 && both.error.contains("'in/1.png' and 'in/sub/1.png' would both write 'out/1.png'"))
        #expect(!FileManager.default.fileExists(atPath: place("out")))
    }

    static let canMount: Bool = {
        guard Program.has("unshare"), let place = try? Workplace() else { return false }
        return (try? place.run("/usr/bin/env", ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=64k", "none", place.path]).status) == 0
    }()

    @Test(.enabled(if: canMount, "no file system can be mounted in a namespace here"))
    func `a full disk ends the run with 74, and leaves no partial file`() throws {
        try place.pictures(12, in: "in", 320, 240)
        try FileManager.default.createDirectory(atPath: place("small"), withIntermediateDirectories: true)
        try place.write("line.yaml", "version: 1\nstages: [gaussnoise: {width: 300, height: 300, mean: 128, sigma: 40}]\noutput: {file: \"{stem}.tif\"}\n")
        let script = """
            mount -t tmpfs -o size=512k none small && '\(Program.path)' run line.yaml in -o small -j 1
            echo "status $?"; find small -type f ! -name journal.jsonl -printf '%P %s\\n'
            """
        let outcome = try place.run("/usr/bin/env", ["unshare", "-rm", "sh", "-c", script])
        #expect(outcome.output.contains("status 74"), "\(outcome)")
        #expect(outcome.error.contains("the disk is full"), "\(outcome.error)")
        #expect(!outcome.output.contains(".aquatint-"), "\(outcome.output)")
        let sizes = Set(outcome.output.split(separator: "\n").filter { $0.contains(".tif ") }.compactMap { $0.split(separator: " ").last })
        #expect(sizes.count <= 1, "all that are there are whole: \(outcome.output)")
    }

    // MARK: stages

    func run(_ stages: String, _ image: Image? = nil) throws -> Outcome {
        try FileManager.default.createDirectory(atPath: place("in"), withIntermediateDirectories: true)
        try (image ?? Picture.make(32, 24)).save(place("in/a.png"))
        try Picture.make(64, 48).save(place("in/b.png"))
        try place.write("line.yaml", "version: 1\nstages:\n\(stages)\n")
        return try place.aquatint("run", "line.yaml", "in", "-o", "out")
    }

    static let weights = "\(Program.root)/Pipelines/weights"

    @Test func `weights that are missing, or do not fit, are 69 and name the tensor`() throws {
        let missing = try run("  - generator: {weights: none.safetensors, in_channels: 3, out_channels: 3}")
        #expect(missing.status == 69 && missing.error.contains("line.yaml:3:5: stage 1 (generator): weights: there is no file 'none.safetensors'; looked in "))
        try FileManager.default.copyItem(atPath: "\(Self.weights)/chain-generator.safetensors", toPath: place("w.safetensors"))
        let wrong = try run("  - generator: {weights: w.safetensors, in_channels: 3, hidden_channels: 24, out_channels: 3}")
        #expect(wrong.status == 69 && wrong.error.contains("model.0.weight is [24, 16, 3, 3], expected [24, 3, 3, 3]"), "\(wrong.error)")
        try place.write("w.safetensors", Array(try place.read("w.safetensors").prefix(2000)))
        let cut = try run("  - generator: {weights: w.safetensors, in_channels: 16, hidden_channels: 24, out_channels: 3}")
        #expect(cut.status == 69 && cut.error.contains("w.safetensors"), "\(cut.error)")
        #expect(place.files("out").isEmpty)
    }

    @Test func `a model that is cut short, or none, is 69`() throws {
        let model = Array(try Data(contentsOf: URL(filePath: "\(Self.weights)/upscale2x-small.onnx")))
        for (name, bytes) in [("half", Array(model.prefix(model.count / 2))), ("empty", []), ("text", Array("no model".utf8))] {
            try place.write("\(name).onnx", bytes)
            let outcome = try run("  - onnx: {model: \(name).onnx}")
            #expect(outcome.status == 69 && outcome.error.contains("line.yaml:3:5: stage 1 (onnx)"), "\(name): \(outcome)")
        }
        #expect(place.files("out").isEmpty)
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `an operator that nobody knows is 69, by its name`() throws {
        var model = Array(try Data(contentsOf: URL(filePath: "\(Self.weights)/upscale2x-small.onnx")))
        for range in model.ranges(of: Array("Relu".utf8)) { model.replaceSubrange(range, with: Array("Zelu".utf8)) }
        try place.write("zelu.onnx", model)
        let outcome = try run("  - onnx: {model: zelu.onnx}")
        #expect(outcome.status == 69 && outcome.error.contains("the operator Zelu"), "\(outcome.error)")
        #expect(place.files("out").isEmpty)
    }

    @Test func `bands that do not fit fail that image alone, and name the stage`() throws {
        let matrix = "  - recomb: {m: [[0.3, 0.6, 0.1]]}"
        let outcome = try run(matrix, Picture.make(32, 24, bands: 1))
        #expect(outcome.status == 1 && outcome.error.contains("failed in/a.png: stage 1: recomb: "), "\(outcome.error)")
        #expect(place.files("out") == ["b.png"])
    }

    @Test func `a result with more bands than the format holds fails, and says what to do`() throws {
        let outcome = try run("  - bandjoin: {in: [prev, prev]}")
        #expect(outcome.status == 1 && outcome.error.contains("the result has 6 bands, and this format holds at most 4"), "\(outcome.error)")
        #expect(place.files("out").isEmpty)
    }

    @Test func `a picture too small for a stage fails alone`() throws {
        let outcome = try run("  - extract_area: {left: 0, top: 0, width: 40, height: 40}")
        #expect(outcome.status == 1 && outcome.error.contains("failed in/a.png: stage 1: extract_area: "), "\(outcome.error)")
        #expect(place.files("out") == ["b.png"])
    }

    // MARK: plug-ins

    @Test func `files that are no plug-ins are refused aloud, and do not stop what needs none of them`() throws {
        try place.write("plugins/text.so", "text")
        let outcome = try place.aquatint("check", "web", "--plugin-path", place("plugins"))
        #expect(outcome.status == 0 && outcome.error.contains("text.so is no shared library: it does not start as an ELF file"), "\(outcome.error)")
        let list = try place.aquatint("plugins", "list", "--plugin-path", place("plugins"))
        #expect(list.status == 0 && list.output.contains("refused: \(place("plugins/text.so"))"))
    }

    @Test(.enabled(if: Program.has("cc"), "there is no C compiler"))
    func `a plug-in of another major version is refused, and its stages are 69`() throws {
        try FileManager.default.createDirectory(atPath: place("plugins"), withIntermediateDirectories: true)
        try place.write("next.c", "const void *aqt_plugin_entry_v2(void) { return 0; }\n")
        try place.write("other.c", "int nothing(void) { return 0; }\n")
        for name in ["next", "other"] {
            #expect(try place.run("/usr/bin/env", ["cc", "-shared", "-fPIC", "-o", place("plugins/\(name).so"), place("\(name).c")]).status == 0)
        }
        try place.write("line.yaml", "version: 1\nstages: [next.stage: {}]\n")
        let outcome = try place.aquatint("check", "line.yaml", "--plugin-path", place("plugins"))
        #expect(outcome.status == 69 && outcome.error.contains("no plug-in provides the stage 'next.stage'"))
        #expect(outcome.error.contains("next.so is built for version 2 of the plug-in interface"), "\(outcome.error)")
        #expect(outcome.error.contains("other.so is no plug-in: it does not export aqt_plugin_entry_v1"))
    }

    @Test func `no code is loaded from the current folder`() throws {
        try place.write("bad.so", "text")
        #expect(try !place.aquatint("plugins").output.contains("bad.so"))
    }
}
