import Foundation
import ONNX
import Testing
import Vips

/// Models that cannot be run: each is refused with its file and node, writes nothing, and costs no more than it must.
@Suite struct BadModelTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try place.pictures(1, in: "in", 48, 40)
        try Image.samples([UInt8](repeating: 255, count: 20 * 20 * 3), width: 20, height: 20, bands: 3, format: .uchar, interpretation: .srgb).save(place("in/white.png"))
    }

    /// Runs `onnx` with the model over both pictures.
    func run(_ name: String, _ model: [UInt8]?, _ more: String = "", options: [String] = []) throws -> Outcome {
        if let model { try place.write(name, model) }
        try place.write("line.yaml", "version: 1\nstages:\n  - onnx: {model: \(name)\(more.isEmpty ? "" : ", \(more)")}\n")
        return try place.run(Program.path, ["run", "line.yaml", "in", "-o", "out"] + options)
    }

    static func model(_ body: (GraphBuilder, ValueName) throws -> ValueName) throws -> [UInt8] {
        let graph = GraphBuilder()
        let x = graph.input("inpt", dims: [.fixed(1), .fixed(3), .symbolic("h"), .symbolic("w")])
        graph.output(try body(graph, x), name: "outp", dims: [.fixed(1), .unknown, .unknown, .unknown])
        return try graph.finish(opset: 17).serialized()
    }

    static func chain() throws -> [UInt8] {
        try model { graph, x in graph.add("Relu", [graph.add("Neg", [x], name: "aaaa")], name: "bbbb") }
    }

    /// The bytes with the first place where `old` stands as a text field of a message changed.
    static func renamed(_ bytes: [UInt8], _ old: String, _ new: String) throws -> [UInt8] {
        var bytes = bytes
        let range = try #require(bytes.firstRange(of: [0x0A, UInt8(old.utf8.count)] + Array(old.utf8)))
        bytes.replaceSubrange(range, with: [0x0A, UInt8(new.utf8.count)] + Array(new.utf8))
        return bytes
    }

    // MARK: before any image

    static let foreign: [(name: String, bytes: [UInt8], reason: String)] = [
        ("empty", [], "is empty"), ("text", Array("weights to come\n".utf8), "not an ONNX model: this is a text file"),
        ("lfs", Array("version https://git-lfs.github.com/spec/v1\n".utf8), "this is a Git LFS pointer, not the file itself: run git lfs pull"),
        ("torch", Array("PK\u{3}\u{4}archive/data.pkl".utf8), "a zip archive, as PyTorch's .pt and .pth files are: export the model with torch.onnx.export"),
        ("tflite", [28, 0, 0, 0] + Array("TFL3".utf8) + [UInt8](repeating: 7, count: 40), "a TensorFlow Lite model: convert it with tf2onnx --tflite"),
        ("page", Array("<!DOCTYPE html><html>not found</html>".utf8), "a web page: the download was an error page"),
        ("weights", [40, 0, 0, 0, 0, 0, 0, 0] + Array(#"{"a":{"dtype":"F32","shape":[1]}}        "#.utf8) + [0, 0, 0, 0], "a safetensors file, which has weights and no network"),
        ("cipher", (0..<4000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 7 ^ 0xA7) }, "not an ONNX model"),
    ]

    @Test(arguments: foreign.indices) func `a file that is no ONNX model is 69, and called what it is`(_ index: Int) throws {
        let file = Self.foreign[index]
        let outcome = try run("\(file.name).onnx", file.bytes)
        #expect(outcome.status == 69 && outcome.error.contains("line.yaml:3:5: stage 1 (onnx): ") && outcome.error.contains("\(file.name).onnx"), "\(outcome.error)")
        #expect(outcome.error.contains(file.reason), "\(outcome.error)")
        #expect(place.files("out").isEmpty)
        let info = try place.aquatint("model", "info", "\(file.name).onnx")
        #expect(info.status == 69 && info.error.contains("\(file.name).onnx") && info.output.isEmpty, "\(info.error)")
    }

    @Test func `a folder, a file over 2 GB and external data are 69 with the reason`() throws {
        try FileManager.default.createDirectory(atPath: place("folder.onnx"), withIntermediateDirectories: true)
        let folder = try run("folder.onnx", nil)
        #expect(folder.status == 69 && folder.error.contains("'\(place("folder.onnx"))' is a folder, not a file"), "\(folder.error)")
        try place.write("huge.onnx", [8])
        let huge = try #require(FileHandle(forWritingAtPath: place("huge.onnx")))
        try huge.truncate(atOffset: 1 << 31 + 1)
        try huge.close()
        let large = try run("huge.onnx", nil)
        #expect(large.status == 69 && large.error.contains("huge.onnx has 2147483649 bytes, the limit is 2147483648: an ONNX file, as any of protobuf, ends at 2 GiB"), "\(large.error)")
        let external = Array(try Data(contentsOf: URL(filePath: "\(Program.root)/Tests/StageHostTests/Fixtures/wild/external.onnx")))
        let parts = try run("external.onnx", external)
        #expect(parts.status == 69 && parts.error.contains("external.onnx: tensor \"a.weight\" keeps its data in another file"), "\(parts.error)")
        #expect(place.files("out").isEmpty)
    }

    @Test func `another file than the pinned one is 69, and both hashes are said`() throws {
        let wrong = String(repeating: "ab", count: 32)
        let outcome = try run("m.onnx", try Self.chain(), "sha256: \(wrong)")
        #expect(outcome.status == 69 && outcome.error.contains("m.onnx is another file: its SHA-256 is ") && outcome.error.contains(", not \(wrong)"), "\(outcome.error)")
    }

    @Test func `a cycle, a value that nothing makes, and data that is too short are 69, with the node`() throws {
        let cycle = try run("cycle.onnx", try Self.renamed(try Self.chain(), "inpt", "bbbb"))
        #expect(cycle.status == 69 && cycle.error.contains("cycle.onnx: node aaaa (Neg): is part of a cycle"), "\(cycle.error)")
        let dangling = try run("dangling.onnx", try Self.renamed(try Self.chain(), "inpt", "gone"))
        #expect(dangling.status == 69 && dangling.error.contains(#"dangling.onnx: node aaaa (Neg): reads "gone", which nothing makes"#), "\(dangling.error)")
        var short = try Self.model { graph, x in graph.add("Mul", [x, try graph.initializer([1, 2, 3], dims: [3, 1, 1], name: "gain")]) }
        let extents = try #require(short.firstRange(of: [8, 3, 8, 1, 8, 1]))
        short[extents.lowerBound + 1] = 5
        let cut = try run("short.onnx", short)
        #expect(cut.status == 69 && cut.error.contains(#"short.onnx: tensor "gain" has 12 bytes of data; 5 elements of type float take 20"#), "\(cut.error)")
        #expect(place.files("out").isEmpty)
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `layers that do not fit together are 69, with the node`() throws {
        let outcome = try run("odd.onnx", try Self.model { graph, x in
            let wide = graph.add("Conv", [x, try graph.initializer([Float](repeating: 1, count: 12), dims: [4, 3, 1, 1], name: "w")], name: "first")
            return graph.add("Conv", [wide, try graph.initializer([Float](repeating: 1, count: 15), dims: [3, 5, 1, 1], name: "v")], name: "second")
        })
        #expect(outcome.status == 69 && outcome.error.contains("odd.onnx: node second (Conv): "), "\(outcome.error)")
    }

    // MARK: for an image

    /// Models that fail on every picture, at a node or for their memory.
    static let greedy: [(name: String, reason: String, make: @Sendable (GraphBuilder, ValueName) throws -> ValueName)] = [
        ("overflow", "overflow.onnx does not take a picture of 20 x 20 with 3 channels: node tile (Tile): ", { graph, x in
            graph.add("Tile", [x, try graph.initializer(int64: [1, 1, 1 << 40, 1 << 40], dims: [4], name: "times")], name: "tile")
        }),
        ("nothing", "a picture of 20 x 20 is too small for nothing.onnx: nothing is left of it", { graph, x in
            func list(_ value: Int) throws -> ValueName { try graph.initializer(int64: [value], dims: [1], name: "n") }
            return graph.add("Slice", [x, try list(5), try list(5), try list(3)], name: "cut")
        }),
        ("bomb", "bomb.onnx: the network needs ", { graph, x in
            let big = graph.add("ConstantOfShape", [try graph.initializer(int64: [1, 1, 100_000, 100_000], dims: [4], name: "extents")], name: "big")
            return graph.add("Add", [x, graph.add("ReduceMean", [big], ["axes": .ints([2, 3])])])
        }),
        ("wide", "wide.onnx: the network needs ", { graph, x in
            let count = 320_000
            let wide = graph.add("Conv", [x, try graph.initializer([Float](repeating: 1, count: 3 * count), dims: [count, 3, 1, 1], name: "w")], name: "wide")
            return graph.add("ReduceMean", [graph.add("Relu", [wide])], ["axes": .ints([1])])
        }),
        ("numbers", "the output 'outp' of numbers.onnx has the shape [1, 3], which is no picture", { graph, x in
            graph.add("ReduceMean", [x], ["axes": .ints([2, 3]), "keepdims": .int(0)])
        }),
    ]

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"), arguments: greedy.indices)
    func `a model that no picture suits fails each, says what it needs, and does not try`(_ index: Int) throws {
        let wild = Self.greedy[index]
        let outcome = try run("\(wild.name).onnx", try Self.model(wild.make), options: ["--max-memory", "1GiB"])
        #expect(outcome.status == 1 && outcome.error.contains("0 done, 2 failed") && outcome.error.contains(wild.reason), "\(outcome.error)")
        #expect(place.files("out").isEmpty)
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `NaN in the output fails that image, and no other`() throws {
        let outcome = try run("root.onnx", try Self.model { graph, x in
            graph.add("Sqrt", [graph.add("Sub", [x, try graph.initializer([0.5], dims: [], name: "half")])], name: "root")
        })
        #expect(outcome.status == 1 && outcome.error.contains("1 done, 1 failed"), "\(outcome.error)")
        #expect(outcome.error.contains("in/1.png: stage 1: onnx: the output 'outp' of root.onnx, made by "), "\(outcome.error)")
        #expect(place.files("out") == ["white.png"])
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `infinity that a network is given is not called its own`() throws {
        try place.write("same.onnx", try Self.model { graph, x in graph.add("Mul", [x, try graph.initializer([1], dims: [], name: "one")]) })
        try place.write("given.yaml", """
            version: 1
            stages:
              - linear: {a: 1.0e+30, b: 0}
              - linear: {a: 1.0e+30, b: 0}
              - onnx: {model: same.onnx}
            output: "{stem}.tif"
            """)
        let outcome = try place.run(Program.path, ["run", "given.yaml", "in", "-o", "given"])
        #expect(outcome.status == 1 && outcome.error.contains("stage 3: onnx: the picture that goes into it holds NaN or infinity at ("), "\(outcome.error)")
        #expect(!outcome.error.contains("made by") && place.files("given").isEmpty)
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `NaN between two networks that run as one is not hidden by the second`() throws {
        try place.write("root.onnx", try Self.model { graph, x in graph.add("Sqrt", [graph.add("Sub", [x, try graph.initializer([0.5], dims: [], name: "half")])]) })
        try place.write("relu.onnx", try Self.model { graph, x in graph.add("Relu", [x]) })
        try place.write("two.yaml", "version: 1\nstages:\n  - onnx: {model: root.onnx}\n  - onnx: {model: relu.onnx}\noutput: \"{stem}.png\"\n")
        for options in [[], ["--no-fuse"]] {
            let outcome = try place.run(Program.path, ["run", "two.yaml", "in", "-o", "two", "--overwrite", "always"] + options)
            #expect(outcome.status == 1 && outcome.error.contains("1 done, 1 failed") && outcome.error.contains("NaN or infinity"), "\(outcome.error)")
            #expect(place.files("two") == ["white.png"])
        }
    }

    // MARK: model info

    @Test func `model info tells costs that no integer holds`() throws {
        try place.write("endless.onnx", try Self.model { graph, x in
            let extents = try graph.initializer(int64: Array(repeating: 1 << 31, count: 4), dims: [4], name: "extents")
            return graph.add("Add", [x, graph.add("ReduceMean", [graph.add("ConstantOfShape", [extents])], ["axes": .ints([0, 1, 2, 3])])])
        })
        for options in [[], ["--json"], ["--no-probe"]] {
            let outcome = try place.run(Program.path, ["model", "info", "endless.onnx"] + options)
            #expect(outcome.status == 0 && outcome.output.contains(options == ["--json"] ? "e+28" : "e28 GFLOP"), "\(outcome.status) \(outcome.output) \(outcome.error)")
        }
    }

    @Test func `model info keeps the contract's shape, and names what a pipeline has to say`() throws {
        let fixtures = "\(Program.root)/Tests/StageHostTests/Fixtures/wild"
        let outcome = try place.aquatint("model", "info", "\(fixtures)/two-outputs.onnx", "--output", "mask", "--json")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        #expect(json["v"] as? Int == 1 && json["class"] as? String == "local" && json["scale"] as? [Int] == [1, 1] && json["stride"] as? [Int] == [1, 1])
        #expect(json["halo"] as? [String: Int] == ["left": 2, "right": 2, "top": 2, "bottom": 2] && (json["nodes"] as? [String])?.isEmpty == true)
        #expect(json["opset"] as? Int == 17 && json["parameters"] as? Int == 112 && json["output"] as? String == "mask")
        #expect((json["outputs"] as? [[String: Any]])?.map { $0["name"] as? String } == ["small", "mask"])
        // Two 3 x 3 convolutions of 3 to 3 and 3 to 1 channels: 2 * 27 * 4 operations a pixel, and one for each element of the sigmoid.
        #expect(abs((json["gflop_per_megapixel"] as? Double ?? 0) - 0.217) < 1e-9)
        #expect((json["memory_bytes"] as? [String: Int])?.keys.sorted() == ["1024", "512"])
        #expect(json["output_range"] as? [Double] == [0, 1] && json["range"] is NSNull)
        let text = try place.aquatint("model", "info", "\(fixtures)/two-outputs.onnx").output
        #expect(text.contains("has 2 outputs: say which with output: small") && text.contains("tiling auto: exact tiles"), "\(text)")
        let extras = try place.aquatint("model", "info", "\(fixtures)/extras.onnx").output
        #expect(extras.contains("needs 'extra' for 'sigma' [1] float16, 'invert' [] bool, 'factor' [4] int64, 'style' [batch, 3, 1], and input: x"), "\(extras)")
        let mask = try place.aquatint("model", "info", "\(fixtures)/mask32.onnx").output
        #expect(mask.contains("made for 32 x 32") && mask.contains("squeeze (GlobalAveragePool): pools over the whole"), "\(mask)")
        #expect(try place.aquatint("model", "info", "\(fixtures)/plain.onnx", "--input", "y").status == 69)
    }
}
