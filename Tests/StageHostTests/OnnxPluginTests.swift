import ContentHash
import Foundation
import StageHost
import Testing

@Suite struct OnnxPluginTests {
    let folder: URL
    let model: String
    static let bytes: [UInt8] = Array("no model, but the stage does not look".utf8)

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "aquatint-onnx-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        model = folder.appending(path: "model.onnx").path
        try Data(Self.bytes).write(to: URL(filePath: model))
    }

    func network(_ values: [String: StageValue] = [:]) throws -> PluginNetwork {
        defer { try? FileManager.default.removeItem(at: folder) }
        let instance = try BuiltPlugins.stage("onnx").create(values.merging(["model": .file(model)]) { given, _ in given })
        let plan = try instance.plan([PluginImage(width: 10, height: 20, bands: 3, space: .srgb)])
        #expect(plan.derivesFromGraph && plan.output == nil && plan.reach.isEmpty)
        return try plan.network()
    }

    func error(_ values: [String: StageValue]) throws -> String {
        try #require(throws: StageError.self) { _ = try network(values) }.description
    }

    @Test func `the model is handed over byte for byte`() throws {
        let network = try network()
        #expect(network.withBytes { Array($0) } == Self.bytes)
        #expect(network.key == nil && !network.isBGR && !network.isNHWC && !network.keepsSize)
        #expect(network.inputNames == nil && network.outputName == nil && network.fixedSize == nil)
        #expect(network.scale.isEmpty && network.bias.isEmpty && network.constants.isEmpty)
    }

    @Test func `every parameter reaches the host`() throws {
        let network = try network([
            "input": .string("x"), "output": .string("y"), "mean": .doubles([0.5, 0.25, 0]), "std": .doubles([0.5]),
            "order": .choice("bgr"), "layout": .choice("nhwc"), "input_size": .ints([320, 240]), "pad": .choice("none"),
            "extra": .json(#"{"style": [[1, 2], [3, 4], [5, 6]], "sigma": 25}"#), "sha256": .string(SHA256.hash(Self.bytes).hex.uppercased()),
        ])
        #expect(network.inputNames == ["x"] && network.outputName == "y")
        #expect(network.scale == [2, 2, 2] && network.bias == [-1, -0.5, 0])
        #expect(network.isBGR && network.isNHWC && network.keepsSize)
        #expect(network.fixedSize?.width == 320 && network.fixedSize?.height == 240)
        #expect(network.constants == [.init(name: "sigma", shape: [], values: [25]),
                                      .init(name: "style", shape: [3, 2], values: [1, 2, 3, 4, 5, 6])])
        #expect(network.key == SHA256.hash(Self.bytes).hex)
    }

    @Test func `an extra input may be a NumPy file beside the model`() throws {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n"
        var file: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
        for value: Float in [1.5, -2] { withUnsafeBytes(of: value.bitPattern.littleEndian) { file.append(contentsOf: $0) } }
        try Data(file).write(to: folder.appending(path: "table.npy"))
        #expect(try network(["extra": .json(#"{"table": "table.npy"}"#)]).constants
            == [.init(name: "table", shape: [2, 1], values: [1.5, -2])])
    }

    @Test func `an extra input may be true or false, or whole numbers in a NumPy file`() throws {
        let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }\n"
        var file: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
        for value: Int64 in [1, -7, 4_000_000] { withUnsafeBytes(of: value.littleEndian) { file.append(contentsOf: $0) } }
        try Data(file).write(to: folder.appending(path: "sizes.npy"))
        #expect(try network(["extra": .json(#"{"flip": true, "sizes": "sizes.npy"}"#)]).constants
            == [.init(name: "flip", shape: [], values: [1]), .init(name: "sizes", shape: [3], values: [1, -7, 4_000_000])])
    }

    @Test func `what cannot be used is said with the parameter and the file`() throws {
        #expect(try error(["model": .file("/nonexistent.onnx")]) == "onnx: model: /nonexistent.onnx: No such file or directory")
        #expect(try error(["model": .file("/tmp")]) == "onnx: model: /tmp is no regular file")
    }

    @Test func `a file with another hash is refused, and its hash is said`() throws {
        let wrong = String(repeating: "0", count: 64)
        #expect(try error(["sha256": .string(wrong)])
            == "onnx: sha256: \(model) is another file: its SHA-256 is \(SHA256.hash(Self.bytes).hex), not \(wrong)")
    }

    @Test(arguments: [
        ("sha256", StageValue.string("abc"), "is not 64 hexadecimal digits"),
        ("input_size", .ints([320]), "is one number: give width and height, such as [320, 320]"),
        ("std", .doubles([1, 0, 1]), "is 0, outside 1e-12 to 1000000000000"),
        ("extra", .json("[1]"), "wants names with numbers, lists of numbers, or .npy files: {sigma: 25, style: [0.1, 0.9]}"),
        ("extra", .json(#"{"a": [[1], [2, 3]]}"#), "the lists of a differ in length"),
        ("extra", .json(#"{"a": []}"#), "a has an empty list"),
    ])
    func `a value that makes no sense is refused`(_ name: String, _ value: StageValue, _ message: String) throws {
        #expect(try error([name: value]) == "onnx: \(name): \(message)")
    }

    @Test func `mean and std must agree in length`() throws {
        #expect(try error(["mean": .doubles([1, 2, 3]), "std": .doubles([1, 2])])
            == "onnx: std: has 2 numbers, and mean has 3: give one, or one per channel")
    }
}
