import Foundation
import Testing
import Inference
@testable import Networks

/// Each module against PyTorch, by the fixtures of Tests/Fixtures/make_module_fixtures.py.
@Suite struct PyTorchParityTests {
    @Test func `every module has fixtures`() {
        let stages = Set(ModuleCase.all.map { $0.split(separator: "-")[0] })
        #expect(stages == ["separable_conv", "attention", "adaptive_attention", "generator"])
    }

    @Test(.enabled(if: TestEngine.isPresent, "OpenVINO is not installed: run `make setup`"), arguments: ModuleCase.all)
    func `the network computes what PyTorch computes`(name: String) throws {
        let testCase = try ModuleCase(name)
        let output = try testCase.run()
        #expect(output.shape == testCase.output.shape)
        let scale = try #require(testCase.output.values().map(abs).max())
        let difference = zip(output.values, try testCase.output.values()).map { abs($0 - $1) }.max() ?? 0
        #expect(difference <= 1e-4 * scale, "relative difference \(difference / scale)")
    }

    @Test(.enabled(if: TestEngine.isPresent, "OpenVINO is not installed: run `make setup`"))
    func `one graph serves pictures of any size`() throws {
        let module = AttentionModule(3, 4, window: 5)
        let model = try Network.onnx(of: module, inChannels: 3, weights: Safetensors(for: module).weights())
        for (height, width) in [(1, 1), (4, 6), (5, 5), (5, 6), (10, 15), (13, 7)] {
            let interface = try TestEngine.shared().inspect(model, inputShapes: ["input": [1, 3, height, width]])
            #expect(interface.outputs.first?.fixedShape == [1, 4, height, width])
        }
    }
}

/// One fixture: a module with PyTorch's weights, an input, and PyTorch's output.
struct ModuleCase {
    let stage: String
    let arguments: [String: String]
    let weights: Weights
    let input, output: WeightTensor

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/modules").path(percentEncoded: false)

    /// The names of all cases.
    static let all: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".case.safetensors") }.map { String($0.dropLast(".case.safetensors".count)) }.sorted()
    }()

    init(_ name: String) throws {
        let tensors = try Weights(contentsOf: "\(Self.folder)/\(name).case.safetensors")
        stage = try #require(tensors.metadata["stage"])
        arguments = tensors.metadata
        weights = try Weights(contentsOf: "\(Self.folder)/\(name).weights.safetensors")
        input = try #require(tensors["input"])
        output = try #require(tensors["output"])
    }

    func run() throws -> TensorData {
        let model = try Network.onnx(of: module(), inChannels: input.shape[1], weights: weights)
        let request = CompileRequest(inputShapes: ["input": input.shape], precision: .f32)
        let network = try TestEngine.shared().compile(model, request: request)
        return try network.run(["input": TensorData(shape: input.shape, values: input.values())], output: "output")
    }

    private func module() throws -> any Module {
        func number(_ name: String) -> Int? { arguments[name].flatMap { Int($0) } }
        let (inChannels, outChannels) = (try #require(number("in_channels")), try #require(number("out_channels")))
        let scale = arguments["scale"].flatMap { Double($0) } ?? 1
        switch stage {
        case "separable_conv":
            let conv = DepthwiseSeparableConv2d(inChannels, outChannels, kernelSize: number("kernel_size") ?? 3,
                                                stride: number("stride") ?? 1, padding: number("padding") ?? 1)
            guard let name = arguments["activation"] else { return conv }
            return Activated(conv, by: try #require(Activation(rawValue: name)))
        case "attention": return AttentionModule(inChannels, outChannels, window: number("window"), scale: scale)
        case "adaptive_attention": return try AdaptiveAttentionModule(inChannels, outChannels, window: number("window"), scale: scale)
        case "generator": return Generator(inChannels, outChannels, hiddenChannels: number("hidden_channels"))
        default: throw NetworkError.architecture("no module is called \(stage)")
        }
    }
}
