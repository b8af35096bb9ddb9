import Foundation
import Testing
import Vips

/// `network`: trained networks from one file, and the ones that ship.
@Suite struct NetworkStageTests {
    private static let fixtures = "\(Program.root)/Tests/Fixtures/networks"

    @Test func `the stage lists the weights that ship, with the first lines of their cards`() throws {
        let place = try Workplace()
        let text = try place.aquatint("stages", "network")
        #expect(text.output.contains("weights, by their bare names\n") && text.output.contains("\n  upscale2x: Twice the size, true to the original"), "\(text.output)")
        let json = try JSONSerialization.jsonObject(with: Data(try place.aquatint("stages", "network", "--json").output.utf8)) as? [String: Any]
        let weights = try #require(json?["weights"] as? [[String: String]])
        #expect(weights.contains { $0["name"] == "upscale2x" && $0["sha256"]?.count == 64 })
    }

    @Test func `every weights file that ships is in the list, is what it says, has a card, and is small`() throws {
        let folder = "\(Program.root)/Models"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        let weights = files.filter { $0.hasSuffix(".safetensors") }
        #expect(!weights.isEmpty)
        let place = try Workplace()
        for file in weights {
            let name = String(file.dropLast(".safetensors".count))
            try place.write("p.yaml", "version: 1\nstages:\n  - network: \(name)\n")
            let outcome = try place.aquatint("explain", "p.yaml")
            #expect(outcome.status == 0, "\(outcome.error)")
            #expect(files.contains("\(name).md"), "\(name) has no card")
            let size = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(file)")[.size] as? Int ?? .max
            #expect(size < 1_100_000)
        }
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"),
          arguments: ["upscale-nearest", "upscale-bilinear", "upscale-bicubic", "upscale3-rgb", "activations", "joins", "separable", "down-up", "attention", "attention-strided"])
    func `tiles give what the whole gives`(name: String) throws {
        let place = try Workplace()
        try place.pictures(1, in: "in", 151, 113)
        try FileManager.default.copyItem(atPath: "\(Self.fixtures)/\(name).weights.safetensors", toPath: place("net.safetensors"))
        for (file, tiling) in [("whole", "whole"), ("tiles", "{tile: 48}")] {
            try place.write("\(file).yaml", """
                version: 1
                stages:
                  - cast: float
                  - network: {weights: net.safetensors, precision: f32, tiling: \(tiling)}
                output: "{stem}.v"
                """)
            let outcome = try place.aquatint("run", "\(file).yaml", "in", "-o", file)
            #expect(outcome.status == 0, "\(outcome.error)")
        }
        let difference = try Operation.image("subtract", ["left": .image(try place.load("whole/1.v")), "right": .image(try place.load("tiles/1.v"))])
        let absolute = try Operation.image("abs", ["in": .image(difference)])
        guard case .double(let most)? = try Operation.call("max", ["in": .image(absolute)])["out"] else { throw CancellationError() }
        #expect(most <= 255 * 1e-5, "\(name): \(most)")
    }

    @Test func `a network with attention over the whole picture runs whole, and says why`() throws {
        let place = try Workplace()
        try place.pictures(1, in: "in", 50, 40)
        try FileManager.default.copyItem(atPath: "\(Self.fixtures)/attention-whole.weights.safetensors", toPath: place("net.safetensors"))
        try place.write("p.yaml", "version: 1\nstages:\n  - network: net.safetensors\n")
        let outcome = try place.aquatint("explain", "p.yaml", "in/1.png")
        #expect(outcome.output.contains("run whole") && outcome.output.contains("not tileable"), "\(outcome.output)\(outcome.error)")
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"),
          .enabled(if: Python.withTorch != nil, "no python3 with torch, yaml and PIL is on the path (or named by AQUATINT_PYTHON)"))
    func `shipped weights give the figures that PyTorch gives`() throws {
        let place = try Workplace()
        try place.pictures(2, in: "in", 322, 246)
        for file in try FileManager.default.contentsOfDirectory(atPath: "\(Program.root)/Models") where file.hasSuffix(".safetensors") {
            let steps = file.hasPrefix("upscale2x") ? "[{type: bicubic, factor: 2}, {type: round}]" : "[{type: noise, sigma: 15}, {type: round}]"
            let outcome = try place.run(try #require(Python.withTorch), [
                "-c", "import sys; sys.path.insert(0, '\(Program.root)/Training'); sys.argv[0] = 'training'; import runpy; runpy.run_module('training', run_name='__main__')",
                "parity", "\(Program.root)/Models/\(file)", place("in"), "--degradation", steps, "--border", "2", "--aquatint", Program.path,
            ])
            #expect(outcome.status == 0, "\(file)\n\(outcome.output)\(outcome.error)")
        }
    }

    @Test func `a bare name is found beside the pipeline, and a wrong one lists the right ones`() throws {
        let place = try Workplace()
        try place.pictures(1, in: "in", 40, 30)
        try FileManager.default.copyItem(atPath: "\(Self.fixtures)/separable.weights.safetensors", toPath: place("mine.safetensors"))
        try place.write("good.yaml", "version: 1\nstages:\n  - network: mine\n")
        #expect(try place.aquatint("explain", "good.yaml").status == 0)
        try place.write("bad.yaml", "version: 1\nstages:\n  - network: upscale9x\n")
        let outcome = try place.aquatint("run", "bad.yaml", "in", "-o", "out")
        #expect(outcome.status == 69, "\(outcome.status)")
        #expect(outcome.error.contains("there is no file 'upscale9x' and no 'upscale9x.safetensors'"), "\(outcome.error)")
        #expect(outcome.error.contains("by bare names there are") && outcome.error.contains("upscale2x"), "\(outcome.error)")
    }

    @Test func `a listed file that was changed is refused, and so is a damaged list`() throws {
        let place = try Workplace()
        try place.pictures(1, in: "in", 40, 30)
        for file in ["upscale2x.safetensors", "models.json"] {
            try FileManager.default.createDirectory(atPath: place("models"), withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: "\(Program.root)/Models/\(file)", toPath: place("models/\(file)"))
        }
        try place.write("p.yaml", "version: 1\nstages:\n  - network: upscale2x\n")
        let path = ["AQUATINT_MODEL_PATH": place("models")]
        #expect(try place.aquatint("explain", "p.yaml", "in/1.png", environment: path).status == 0)

        var bytes = try place.read("models/upscale2x.safetensors")
        bytes[bytes.count - 1] ^= 1
        try place.write("models/upscale2x.safetensors", bytes)
        let changed = try place.aquatint("run", "p.yaml", "in", "-o", "out", environment: path)
        #expect(changed.status == 69 && changed.error.contains("models/upscale2x.safetensors' is damaged or replaced: its SHA-256 is not the one in models.json"), "\(changed.error)")

        try place.write("models/models.json", "{\"version\": 1, \"models\": [")
        let damaged = try place.aquatint("run", "p.yaml", "in", "-o", "out", environment: path)
        #expect(damaged.status == 69 && damaged.error.contains("models.json', the list of the models beside it, is damaged"), "\(damaged.error)")
    }

    @Test func `weights that do not fit what they describe cost the run, and are named`() throws {
        let place = try Workplace()
        try place.pictures(1, in: "in", 40, 30)
        var text = try place.readFixture("\(Self.fixtures)/joins.weights.safetensors")
        let from = Array("c.weight".utf8), to = Array("z.weight".utf8)
        let at = try #require(text.indices.first { text[$0...].starts(with: from) })
        text.replaceSubrange(at..<at + from.count, with: to)
        try place.write("net.safetensors", text)
        try place.write("p.yaml", "version: 1\nstages:\n  - network: net.safetensors\n")
        let outcome = try place.aquatint("run", "p.yaml", "in", "-o", "out")
        #expect(outcome.status == 69 && outcome.error.contains("c.weight is missing, expected [3, 11, 5, 5]; z.weight [3, 11, 5, 5] is not part of it"), "\(outcome.error)")
    }
}

/// The Python that tests of the training package use.
private enum Python {
    /// A Python that has what Training needs; nil where there is none.
    static let withTorch: String? = {
        let environment = ProcessInfo.processInfo.environment
        let folders = (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/python3" }
        let candidates = [environment["AQUATINT_PYTHON"]].compactMap { $0 } + folders.filter { FileManager.default.isExecutableFile(atPath: $0) }
        return candidates.first { python in
            (try? Workplace().run(python, ["-c", "import torch, numpy, yaml, PIL; torch.nn.functional.interpolate"]))?.status == 0
        }
    }()
}

extension Workplace {
    fileprivate func readFixture(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }
}
