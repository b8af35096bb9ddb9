import Foundation
import Testing
import Networks
import StageHost

/// The four plug-ins as the host loads them: the libraries beside the test bundle.
enum NeuralPlugins {
    static let ids = ["separable_conv", "attention", "adaptive_attention", "generator"]

    private static let stages = Result {
        let host = PluginHost(version: "0.0.0") { _, _ in }
        var stages: [String: PluginStage] = [:]
        for id in ids {
            for stage in try PluginLibrary.open("\(libraryFolder())libaqt_\(id).so", host: host).stages { stages[stage.id] = stage }
        }
        return stages
    }

    static func stage(_ id: String) throws -> PluginStage { try #require(stages.get()[id]) }

    /// The folder of the test bundle, a library of the running process, which is where the build puts every other product too.
    private static func libraryFolder() throws -> String {
        let maps = try String(contentsOf: URL(filePath: "/proc/self/maps"), encoding: .utf8)
        let bundle = try #require(maps.split(separator: "\n").first { $0.hasSuffix(".xctest") })
        let path = try #require(bundle.firstIndex(of: "/").map { String(bundle[$0...]) })
        return URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
    }
}

/// One fixture of Tests/Fixtures/make_module_fixtures.py, as a pipeline would write it.
struct StageCase {
    let stage: String
    let weightsPath: String
    let input, output: WeightTensor
    /// All arguments but the weights.
    let arguments: [String: StageValue]

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/modules").path(percentEncoded: false)

    static let all: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".case.safetensors") }.map { String($0.dropLast(".case.safetensors".count)) }.sorted()
    }()

    init(_ name: String) throws {
        let tensors = try Weights(contentsOf: "\(Self.folder)/\(name).case.safetensors")
        stage = try #require(tensors.metadata["stage"])
        weightsPath = "\(Self.folder)/\(name).weights.safetensors"
        input = try #require(tensors["input"])
        output = try #require(tensors["output"])
        arguments = tensors.metadata.filter { $0.key != "stage" }.reduce(into: [:]) { result, argument in
            switch argument.key {
            case "scale": result["scale"] = Double(argument.value).map { .double($0) }
            case "activation": result["activation"] = .choice(argument.value)
            default: result[argument.key] = Int(argument.value).map { .int($0) }
            }
        }
    }

    /// The picture that the input is.
    var image: PluginImage { PluginImage(width: input.shape[3], height: input.shape[2], bands: input.shape[1], space: .data) }

    /// A plan of the stage for the picture, with the weights and these arguments.
    func plan(_ arguments: [String: StageValue]) throws -> PluginPlan {
        let values = arguments.merging(["weights": .file(weightsPath)]) { $1 }
        return try NeuralPlugins.stage(stage).create(values).plan([image])
    }
}
