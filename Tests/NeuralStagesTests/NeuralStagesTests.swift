import Foundation
import Testing
import Inference
import Networks
import StageHost

@Suite struct NeuralStagesTests {
    @Test(.enabled(if: TestEngine.isPresent, "OpenVINO is not installed: run `make setup`"), arguments: StageCase.all)
    func `each plug-in's network computes what PyTorch computes`(name: String) throws {
        let testCase = try StageCase(name)
        let model = try testCase.plan(testCase.arguments).network().withBytes { Array($0) }
        let request = CompileRequest(inputShapes: ["input": testCase.input.shape], precision: .f32)
        let input = try TensorData(shape: testCase.input.shape, values: testCase.input.values())
        let output = try TestEngine.shared().compile(model, request: request).run(["input": input], output: "output")

        let expected = try testCase.output.values()
        let scale = try #require(expected.map(abs).max())
        #expect(output.shape == testCase.output.shape)
        #expect(zip(output.values, expected).allSatisfy { abs($0 - $1) <= 1e-4 * scale })
    }

    @Test(arguments: StageCase.all)
    func `widths that are not given are taken from the weights`(name: String) throws {
        let testCase = try StageCase(name)
        let widths = ["in_channels", "out_channels", "hidden_channels"]
        let written = try testCase.plan(testCase.arguments).network().withBytes { Array($0) }
        let derived = try testCase.plan(testCase.arguments.filter { !widths.contains($0.key) }).network().withBytes { Array($0) }
        #expect(written == derived)
    }

    @Test func `a generator sees pictures in -1 to 1`() throws {
        let range = try NeuralPlugins.stage("generator").declared.parameters.first { $0.name == "range" }
        #expect(range?.fallback == .doubles([-1, 1]))
    }

    @Test func `a separable convolution keeps PyTorch's size and lets the host derive the rest`() throws {
        let plan = try StageCase("separable_conv-06").plan(StageCase("separable_conv-06").arguments)
        #expect(plan.derivesFromGraph)
        #expect(try plan.network().keepsSize)
    }

    @Test func `attention needs the whole image, or is cut between windows`() throws {
        let whole = try StageCase("attention-00")
        #expect(try whole.plan(whole.arguments).needsWholeImage)

        let windows = try StageCase("attention-08")
        let plan = try windows.plan(windows.arguments)
        #expect(!plan.needsWholeImage && !plan.derivesFromGraph)
        #expect(plan.alignment == (7, 7) && plan.isRagged)
        #expect(plan.reach.allSatisfy { $0.left == 0 && $0.right == 0 && $0.top == 0 && $0.bottom == 0 })
        #expect(plan.output?.width == 33 && plan.output?.height == 20 && plan.output?.bands == 5)

        let oneGate = try StageCase("adaptive_attention-04")
        #expect(try oneGate.plan(oneGate.arguments).output?.bands == 4)
    }

    @Test func `weights that do not fit are told by tensor and both shapes`() throws {
        let testCase = try StageCase("separable_conv-00")
        let error = try #require(stageError { try testCase.plan(["in_channels": .int(3), "out_channels": .int(16), "kernel_size": .int(5)]) })
        #expect(error.code == .parameter)
        #expect(error.parameter == "weights")
        #expect(error.message == """
            separable_conv-00.weights.safetensors does not fit DepthwiseSeparableConv2d(in_channels: 3, out_channels: 16, kernel_size: 5, \
            stride: 1, padding: 1): depthwise.weight is [3, 1, 3, 3], expected [3, 1, 5, 5]; pointwise.weight is [8, 3, 1, 1], expected \
            [16, 3, 1, 1]; pointwise.bias is [8], expected [16]
            """)
    }

    @Test func `weights of another module, or no file, are told at creation`() throws {
        let generator = try StageCase("generator-00")
        let other = try #require(stageError { try NeuralPlugins.stage("attention").create(["weights": .file(generator.weightsPath)]) })
        #expect(other.message.contains("query_conv.weight is missing; it holds model.0.weight, model.0.bias"))
        let none = try #require(stageError { try NeuralPlugins.stage("attention").create(["weights": .file("/nowhere/net.safetensors")]) })
        #expect(none.parameter == "weights")
        #expect(none.message.contains("net.safetensors") && none.message.contains("No such file or directory"))
    }

    @Test func `gates that cannot multiply the picture are told`() throws {
        let error = try #require(stageError { try StageCase("adaptive_attention-00").plan(["out_channels": .int(2)]) })
        #expect(error.parameter == "out_channels")
        #expect(error.message.contains("must be in_channels (3) or 1, not 2"))
    }

    @Test func `a picture smaller than the kernel is told with both sizes`() throws {
        let testCase = try StageCase("separable_conv-03")
        let values = testCase.arguments.merging(["weights": .file(testCase.weightsPath), "padding": .int(0)]) { $1 }
        let instance = try NeuralPlugins.stage("separable_conv").create(values)
        let error = try #require(stageError { try instance.plan([PluginImage(width: 9, height: 4, bands: 4, space: .data)]) })
        #expect(error.code == .geometry)
        #expect(error.message.hasPrefix("the image of 9 x 4 is smaller than the kernel of 5 x 5"))
    }

    /// The error that `body` throws; nil where it throws none or another.
    private func stageError<Result>(_ body: () throws -> Result) -> StageError? {
        do {
            _ = try body()
            return nil
        } catch {
            return error as? StageError
        }
    }
}
