import Foundation
import Inference
import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// Models made by others' tools (`Fixtures/wild/make.py`: PyTorch's exporter, the onnx package), with what ONNX Runtime makes of a picture.
@Suite(.enabled(if: WildModels.hasEngine, "OpenVINO is not installed: run `make setup`"))
struct WildModelTests {
    @Test(arguments: try WildModels.cases())
    func `a model does what ONNX Runtime does, at a size that nobody exported it at`(_ wild: WildCase) throws {
        let (width, height, bands) = (wild.picture[0], wild.picture[1], wild.picture[2])
        let picture = try Scene.picture(width: width, height: height, bands: bands, white: 255) { x, y, band in
            (7 * x + 13 * y + 29 * band + (x * y) % 31 * 3) % 256
        }
        let (result, notes) = try WildModels.run(wild.name, wild.values, on: picture)
        #expect([result.width, result.height, result.bands] == wild.result)
        guard [result.width, result.height, result.bands] == wild.result else { return }
        let values = try result.floats()
        let errors = wild.samples.map { sample in
            let (x, y, band) = (Int(sample[0]), Int(sample[1]), Int(sample[2]))
            return abs(Double(values[(y * result.width + x) * result.bands + band]) - sample[3])
        }
        #expect((errors.max() ?? .infinity) <= wild.tolerance, "\(errors.count { $0 > wild.tolerance }) of \(errors.count) samples")
        #expect(abs(values.reduce(0) { $0 + Double($1) } / Double(values.count) - wild.mean) <= wild.tolerance)
        for finding in wild.findings { #expect(notes.contains { $0.contains(finding) }, "\(finding) in \(notes)") }
        if wild.findings.isEmpty { #expect(!notes.contains { $0.contains("takes from the graph") }, "\(notes)") }
    }

    static func extra(_ name: String, _ value: Value) -> Value { .map(ValueMap([.init(key: name, value: value)])) }

    @Test func `a network whose graph held its size is the same in tiles`() throws {
        let picture = try Scene.picture(width: 150, height: 90, bands: 3, white: 255) { x, y, band in (x * 5 + y * 3 + band * 40) % 256 }
        for name in ["torch-opset9", "unet-static"] {
            let whole = try WildModels.run(name, ["tiling": .string("whole")], on: picture).image.floats()
            let tiled = try WildModels.run(name, ["tiling": .map(ValueMap([.init(key: "tile", value: .int(48))]))], on: picture).image.floats()
            #expect(zip(whole, tiled).allSatisfy { abs($0 - $1) < 255e-5 }, "\(name)")
        }
    }

    @Test(arguments: [
        ("two-outputs", [:], "the model has 2 outputs ('small' [n, 3, unk__0, unk__1], 'mask' [n, 1, h, w]): pick one with 'output'"),
        ("two-outputs", ["output": Value.string("depth")], "the model has no output 'depth'; its outputs are 'small' [n, 3, unk__0, unk__1], 'mask' [n, 1, h, w]"),
        ("tied32", ["input_size": .list([.int(64), .int(48)])], "tied32.onnx takes 32 x 32 pixels and no other size: leave 'input_size' out"),
        ("plain", ["input": .string("image")], "the model has no input 'image'; its inputs are 'x' [1, 3, h, w]"),
        ("extras", [:], "name the picture's with 'input' and give the others with 'extra'"),
        ("extras", ["input": .string("x")], "the model's input 'sigma' [1] float16 has no value: give it with 'extra', such as {sigma: 1}"),
        ("plain", ["extra": extra("sigma", .int(1))], "the model has no input 'sigma'; its inputs are 'x' [1, 3, h, w]"),
        ("extras", ["input": .string("x"), "extra": extra("sigma", .list([.int(1), .int(2)]))], "the constant for the input 'sigma' [1] float16 has the extents [2], which do not fit"),
        ("extras", ["input": .string("x"), "extra": extra("factor", .list([.int(1), .int(1), .int(2), .double(2.5)]))], #""factor" takes whole numbers of type int64, and 2.5 is none"#),
    ] as [(String, [String: Value], String)])
    func `a choice that the model leaves is refused with all there is to choose from`(_ name: String, _ values: [String: Value], _ message: String) throws {
        let picture = try Scene.picture(width: 16, height: 16, bands: 3, white: 255) { x, y, _ in x * y }
        let error = try #require(throws: StageError.self) { _ = try WildModels.run(name, values, on: picture) }
        #expect(error.message.contains(message) && error.message.hasPrefix("\(name).onnx"), "\(error)")
    }
}

/// One entry of `cases.json`.
struct WildCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let parameters: [String: Parameter]
    /// Width, height and bands of the picture and of the result.
    let picture: [Int], result: [Int]
    /// x, y, band and value.
    let samples: [[Double]]
    let mean: Double
    let tolerance: Double
    /// Parts of the note on what was taken from the graph; none: there is no such note.
    let findings: [String]

    var testDescription: String { "\(name) \(parameters.keys.sorted())" }

    /// A parameter as YAML has it.
    struct Parameter: Decodable, Sendable {
        let value: Value

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int.self) {
                value = .int(number)
            } else if let number = try? container.decode(Double.self) {
                value = .double(number)
            } else if let text = try? container.decode(String.self) {
                value = .string(text)
            } else if let list = try? container.decode([Parameter].self) {
                value = .list(list.map(\.value))
            } else {
                let map = try container.decode([String: Parameter].self)
                value = .map(ValueMap(map.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: $0.value.value) }))
            }
        }
    }

    var values: [String: Value] { parameters.mapValues(\.value) }
}

enum WildModels {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/wild").path

    static func cases() throws -> [WildCase] {
        try JSONDecoder().decode([WildCase].self, from: Data(contentsOf: URL(filePath: "\(folder)/cases.json")))
    }

    static let hasEngine: Bool = {
        do throws(EngineError) { _ = try EngineProvider().networks() } catch { return error.kind != .notFound }
        return true
    }()

    private static let session: Result<StageSession, any Error> = Result {
        StageSession(library: try StageLibrary(search: PluginSearch(option: [BuiltPlugins.directory], environment: [:], executable: nil), host: BuiltPlugins.host),
                     settings: NeuralSettings(precision: .exactly(.f32), threads: 2), files: FileLookup(folders: [folder]))
    }

    /// Applies the `onnx` stage to a picture, as a pipeline does.
    static func run(_ name: String, _ values: [String: Value], on picture: Image) throws -> (image: Image, notes: [String]) {
        let session = try session.get(), context = ImageContext(memoryBudget: 1 << 30)
        let stage = try #require(session.library.catalogue["onnx"])
        var arguments = values.merging(["model": .string("\(name).onnx")]) { given, _ in given }
        arguments[stage.inputs[0].name] = .image(.previous)
        let result = try session.apply(stage, arguments: arguments, primary: picture, outputs: [], alpha: .auto, context: context) { _ in picture }
        _ = try result.chain?.prepare()
        return (try #require(result.image), context.notes)
    }
}
