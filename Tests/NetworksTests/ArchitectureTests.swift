import Foundation
import Testing
import Inference
@testable import Networks

/// Networks that their weights files describe.
@Suite struct ArchitectureTests {
    @Test(.enabled(if: TestEngine.isPresent, "OpenVINO is not installed: run `make setup`"), arguments: DescribedNetwork.all)
    func `a described network computes what PyTorch computes`(name: String) throws {
        let testCase = try DescribedNetwork(name)
        let model = try Network.onnx(of: testCase.weights)
        let request = CompileRequest(inputShapes: ["input": testCase.input.shape], precision: .f32)
        let output = try TestEngine.shared().compile(model, request: request)
            .run(["input": TensorData(shape: testCase.input.shape, values: testCase.input.values())], output: "output")
        #expect(output.shape == testCase.output.shape)
        let scale = try #require(testCase.output.values().map(abs).max())
        let difference = zip(output.values, try testCase.output.values()).map { abs($0 - $1) }.max() ?? 0
        #expect(difference <= 1e-4 * scale, "relative difference \(difference / scale)")
    }

    @Test func `every type of module has a fixture`() throws {
        let texts = try DescribedNetwork.all.map { try #require(DescribedNetwork($0).weights.metadata[Architecture.metadataKey]) }
        for type in ["Conv2d", "DepthwiseSeparableConv2d", "AttentionModule", "AdaptiveAttentionModule", "Generator", "ResidualBlock", "ChannelScale", "ReLU", "GELU",
                     "Sigmoid", "Tanh", "LeakyReLU", "PReLU", "PixelShuffle", "Upsample", "Add", "Multiply", "Concat"] {
            #expect(texts.contains { $0.contains("\"\(type)\"") }, "\(type)")
        }
    }

    @Test func `tensors that are missing, surplus or misshaped are named with both shapes`() throws {
        let text = #"{"version": 1, "in_channels": 1, "modules": [{"name": "head", "type": "Conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": 3}]}"#
        let file = Safetensors([("head.weight", [2, 1, 5, 5], 0.5), ("tail.bias", [2], 0.5)], metadata: Self.metadata(text))
        #expect(message { try Network.onnx(of: file.weights()) } == """
            net.safetensors does not fit the network it describes: head.weight is [2, 1, 5, 5], expected [2, 1, 3, 3]; \
            head.bias is missing, expected [2]; tail.bias [2] is not part of it
            """)
    }

    @Test func `a network with windows says how it may be cut`() throws {
        func plan(_ name: String) throws -> BlockPlan? { try Network.described(by: DescribedNetwork(name).weights).blocks }
        // A 3 x 3 convolution (1), windows of 4 (4, twice), a 3 x 3 convolution (5).
        #expect(try plan("attention") == BlockPlan(alignment: 4, halo: 5, scale: Ratio(1), isRagged: true, outChannels: 3))
        // At half the size: 1, windows of 4 (4), a 3 x 3 convolution (5); times 2.
        #expect(try plan("attention-strided") == BlockPlan(alignment: 8, halo: 10, scale: Ratio(1), isRagged: false, outChannels: 3))
        #expect(try plan("attention-whole") == nil && plan("joins") == nil)
    }

    @Test func `a file that describes no network says what else it may be`() throws {
        #expect(message { try Network.onnx(of: Safetensors([("a", [1], 1)]).weights()) } == """
            net.safetensors does not say what network it is for: its metadata has no aquatint.architecture. Weights of a single module run as \
            separable_conv, attention, adaptive_attention or generator; `python -m training export` writes a whole network
            """)
    }

    @Test(arguments: Mistake.all)
    func `a wrong description is refused in words`(_ mistake: Mistake) throws {
        let file = Safetensors([("a", [1], 1)], metadata: Self.metadata(mistake.text))
        let found = message { try Network.onnx(of: file.weights()) }
        #expect(found?.contains(mistake.reason) == true, "\(found ?? "nothing")")
        #expect(found?.hasPrefix("net.safetensors describes") == true, "\(found ?? "nothing")")
    }

    @Test(arguments: [
        (#"{"name": "up", "type": "Upsample", "scale_factor": 2}, {"name": "a", "type": "Add", "inputs": ["up", "input"]}"#, "a: its inputs are maps of different sizes"),
        (#"{"name": "a", "type": "Upsample", "scale_factor": 16}, {"name": "b", "type": "Upsample", "scale_factor": 16}"#, "b: its result would be 256 times as large"),
        (#"{"name": "a", "type": "PixelShuffle", "upscale_factor": 2}"#, "a: PixelShuffle(2) takes a multiple of 4 channels, and was given 3"),
        (#"{"name": "c", "type": "Concat", "inputs": ["input", "input"]}, {"name": "a", "type": "Add", "inputs": ["c", "input"]}"#, "a: maps of 6 and 3 channels cannot be added"),
    ])
    func `modules that do not fit each other are named`(modules: String, reason: String) throws {
        let file = Safetensors([], metadata: Self.metadata(#"{"version": 1, "in_channels": 3, "modules": [\#(modules)]}"#))
        #expect(message { try Network.onnx(of: file.weights()) } == "net.safetensors describes a network that cannot be: \(reason)" + (reason.hasSuffix("large") ? " as the picture; 1/1024 to 64 are allowed" : ""))
    }

    @Test func `a description of a hundred megabytes and one ten thousand deep end at once`() throws {
        let long = String(repeating: " ", count: 2 << 20)
        #expect(message { try Architecture(json: long) }?.contains("at most 1048576 are read") == true)
        let deep = #"{"version": 1, "in_channels": 1, "modules": "# + String(repeating: "[", count: 10_000)
        #expect(message { try Architecture(json: deep) } != nil)
        let many = (0..<1_001).map { #"{"name": "m\#($0)", "type": "ReLU"}"# }.joined(separator: ",")
        #expect(message { try Architecture(json: #"{"version": 1, "in_channels": 1, "modules": [\#(many)]}"#) }?.contains("more than 1000 modules") == true)
    }

    @Test func `every cut of a description is an error, and none a crash`() throws {
        let whole = Array(try #require(DescribedNetwork("joins").weights.metadata[Architecture.metadataKey]).utf8)
        for end in 0..<whole.count {
            #expect(throws: (any Error).self) { try Architecture(json: String(decoding: whole[..<end], as: UTF8.self)) }
        }
        var noise = Noise(seed: 7)
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &noise) {
                bytes[Int.random(in: bytes.indices, using: &noise)] = UInt8.random(in: 32...126, using: &noise)
            }
            // Whatever it says now, making the network must end in an error or a network.
            if let architecture = try? Architecture(json: String(decoding: bytes, as: UTF8.self)) { _ = try? ComposedNetwork(architecture) }
        }
    }

    private static func metadata(_ text: String) -> String {
        let quoted = text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
        return "{\"\(Architecture.metadataKey)\":\"\(quoted)\"}"
    }
}

/// A description with one mistake, and what is said of it.
struct Mistake: Sendable, CustomTestStringConvertible {
    let text: String
    let reason: String
    var testDescription: String { reason }

    private init(_ text: String, _ reason: String) {
        self.text = text
        self.reason = reason
    }

    /// In a list that begins with a convolution from one channel to two.
    private static func after(_ module: String, _ reason: String) -> Mistake {
        let first = #"{"name": "head", "type": "Conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": 1}"#
        return Mistake(#"{"version": 1, "in_channels": 1, "modules": [\#(first), \#(module)]}"#, reason)
    }

    static let all = [
        Mistake("", "byte 0: expected \"{\""),
        Mistake("{}", "version, in_channels and modules are needed"),
        Mistake(#"{"version": 2, "later": {"on": 1}}"#, "it is of version 2, and this Aquatint reads version 1"),
        Mistake(#"{"version": 1, "colour": 3}"#, "there is no \"colour\""),
        Mistake(#"{"version": 1, "version": 1}"#, "\"version\" occurs twice"),
        Mistake(#"{"version": 1, "in_channels": 0, "modules": []}"#, "in_channels is 0, and may be 1 to 65536"),
        Mistake(#"{"version": 1, "in_channels": 99999999999999999999, "modules": []}"#, "a number larger than 64 bits"),
        Mistake(#"{"version": 1, "in_channels": 1, "modules": []}"#, "the list of modules is empty"),
        Mistake(#"{"version": 1, "in_channels": 1, "modules": [{"name": "a"}]}"#, "a module needs a name and a type"),
        Mistake(#"{"version": 1, "in_channels": 1, "modules": [{"name": "a.b", "type": "ReLU"}]}"#, "the name \"a.b\" is not made of"),
        Mistake(#"{"version": 1, "in_channels": 1, "modules": [{"name": "input", "type": "ReLU"}]}"#, "the name \"input\" is not made of"),
        after(#"{"name": "head", "type": "ReLU"}"#, "two modules are called head"),
        after(#"{"name": "a", "type": "Conv3d"}"#, "a: there is no module Conv3d; there are Conv2d, "),
        after(#"{"name": "a", "type": "ReLU", "inplace": true}"#, "a: ReLU has no inplace; it has no arguments"),
        after(#"{"name": "a", "type": "Conv2d", "in_channels": 2, "out_channels": 1}"#, "a: Conv2d needs kernel_size"),
        after(#"{"name": "a", "type": "Conv2d", "in_channels": 2, "out_channels": 1, "kernel_size": 1e9}"#, "a: kernel_size is 1000000000.0, and may be"),
        after(#"{"name": "a", "type": "Conv2d", "in_channels": 2, "out_channels": 1, "kernel_size": 2.5}"#, "a: kernel_size is 2.5, and must be a whole number"),
        after(#"{"name": "a", "type": "Conv2d", "in_channels": 2, "out_channels": 1, "kernel_size": "3"}"#, "a: kernel_size must be a number"),
        after(#"{"name": "a", "type": "Conv2d", "in_channels": 2, "out_channels": 4, "kernel_size": 1, "groups": 4}"#, "a: 4 groups do not divide 2 and 4 channels"),
        after(#"{"name": "a", "type": "Upsample", "scale_factor": 2, "mode": "area"}"#, "a: there is no mode area; there are nearest, bilinear, bicubic"),
        after(#"{"name": "a", "type": "ResidualBlock", "channels": 2, "kernel_size": 4}"#, "a: kernel_size is 4, and must be odd"),
        after(#"{"name": "a", "type": "Add"}"#, "a: Add takes two inputs or more"),
        after(#"{"name": "a", "type": "Add", "inputs": ["head", "b"]}"#, "a: its input b is not before it in the list"),
        after(#"{"name": "a", "type": "ReLU", "inputs": ["head", "input"]}"#, "a: ReLU takes one input, and was given 2"),
    ]
}

/// One fixture of Tests/Fixtures/make_network_fixtures.py.
struct DescribedNetwork {
    let weights: Weights
    let input, output: WeightTensor

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/networks").path(percentEncoded: false)

    static let all: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".case.safetensors") }.map { String($0.dropLast(".case.safetensors".count)) }.sorted()
    }()

    init(_ name: String) throws {
        let tensors = try Weights(contentsOf: "\(Self.folder)/\(name).case.safetensors")
        weights = try Weights(contentsOf: "\(Self.folder)/\(name).weights.safetensors")
        input = try #require(tensors["input"])
        output = try #require(tensors["output"])
    }
}
