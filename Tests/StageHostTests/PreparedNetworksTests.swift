import ContentHash
import Foundation
import Inference
import ONNX
import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// What the host calls a network, and how often it looks at its bytes.
struct PreparedNetworksTests {
    private func session(_ folder: String) throws -> StageSession {
        let search = PluginSearch(option: [folder], environment: [:], executable: nil)
        return StageSession(library: try StageLibrary(search: search, host: BuiltPlugins.host), settings: NeuralSettings(precision: .exactly(.f32), threads: 1),
                            files: FileLookup(folders: ["/"]))
    }

    private func scaled(by factor: Float) throws -> [UInt8] {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(1), .symbolic("h"), .symbolic("w")])
        graph.output(graph.add("Mul", [x, try graph.initializer([factor], dims: [1], name: "factor")]), name: "y")
        return try graph.finish(opset: 17).serialized()
    }

    @Test(.enabled(if: FixturePlugins.canBuild && Chain.engine, "needs a C compiler and OpenVINO"))
    func `two stages that give the same key for different weights are two networks`() throws {
        let plugins = try FixturePlugins()
        for (name, factor) in [("half", 0.5), ("quarter", 0.25)] as [(String, Float)] {
            try plugins.build(name, ["STAGE_ID=\"test.\(name)\"", "MODEL=\(try scaled(by: factor).map { "\($0)" }.joined(separator: ","))"])
        }
        let session = try session(plugins.folder)
        let picture = try Scene.picture(width: 8, height: 6, bands: 1, white: 255) { _, _, _ in 200 }
        for (name, expected) in [("test.half", 100), ("test.quarter", 50)] as [(String, Float)] {
            let stage = try #require(session.library.catalogue[name])
            let result = try session.apply(stage, arguments: ["in": .image(.previous)], primary: picture, outputs: [], alpha: .auto,
                                           context: ImageContext(memoryBudget: 1 << 30)) { _ in picture }
            #expect(try #require(result.image).floats().allSatisfy { abs($0 - expected) < 1e-3 }, "\(name)")
        }
    }

    @Test func `the bytes of an instance's model are hashed once, whatever the number of pictures`() throws {
        let session = try session(BuiltPlugins.directory)
        let path = FileManager.default.temporaryDirectory.appending(path: "aquatint-\(UUID().uuidString).onnx").path
        try Data(scaled(by: 0.5)).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let stage = try #require(session.library.catalogue["onnx"])
        let arguments: [String: Value] = ["model": .string(path)], instance = try session.instance(of: stage, arguments)
        let all = try (1...5).map { size in
            let plan = try instance.plan([PluginImage(width: 10 * size, height: 20, bands: 1, space: .grey)])
            return try session.prepared(plan.network(), stage, arguments)
        }
        #expect(all.allSatisfy { $0 === all[0] } && session.networks.hashCount == 1)
        #expect(try all[0].model.key == SHA256.hash(scaled(by: 0.5)).hex)
    }

    @Test func `a probe that costs more than any integer holds is told, not made`() throws {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(3), .symbolic("h"), .symbolic("w")])
        let extents = try graph.initializer(int64: Array(repeating: 1 << 31, count: 4), dims: [4], name: "extents")
        let mean = graph.add("ReduceMean", [graph.add("ConstantOfShape", [extents])], ["axes": .ints([0, 1, 2, 3])])
        graph.output(graph.add("Add", [x, mean]), name: "y")
        let network = try HostedNetwork(bytes: try graph.finish(opset: 17).serialized()).prepared()
        let engine = EngineProvider(NetworkCache(engine: PretendingEngine { $0 }, capacity: 1))
        guard case .notTried(let reason) = try ClaimCheck().ask(network, engine: engine, threads: 1) else { Issue.record("it was tried"); return }
        #expect(reason.hasPrefix("it would take ") && reason.hasSuffix("GFLOP") && reason.contains("e"), "\(reason)")
    }
}
