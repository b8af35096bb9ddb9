import Testing
@testable import Networks

@Suite struct StateDictTests {
    @Test func `parameters have PyTorch's names, shapes and order`() throws {
        func lines(_ module: some Module) -> [String] { module.stateDict.map { "\($0.name) \($0.shape)" } }
        #expect(lines(DepthwiseSeparableConv2d(3, 8, kernelSize: 5)) == [
            "depthwise.weight [3, 1, 5, 5]", "depthwise.bias [3]", "pointwise.weight [8, 3, 1, 1]", "pointwise.bias [8]",
        ])
        #expect(lines(try AdaptiveAttentionModule(3, 1)) == [
            "attention.query_conv.weight [1, 3, 1, 1]", "attention.query_conv.bias [1]",
            "attention.key_conv.weight [1, 3, 1, 1]", "attention.key_conv.bias [1]",
            "attention.value_conv.weight [1, 3, 1, 1]", "attention.value_conv.bias [1]",
        ])
        #expect(lines(Generator(1, 3, hiddenChannels: 8)) == [
            "model.0.weight [8, 1, 3, 3]", "model.0.bias [8]", "model.2.weight [8, 8, 3, 3]", "model.2.bias [8]",
            "model.4.weight [8, 8, 3, 3]", "model.4.bias [8]", "model.6.weight [3, 8, 3, 3]", "model.6.bias [3]",
        ])
    }

    @Test func `everything that does not fit is told at once, wrong shapes first`() throws {
        let weights = try Safetensors([("depthwise.weight", [3, 1, 3, 3], 1), ("pointwise.weight", [16, 4, 1, 1], 1),
                                       ("pointwise.bias", [16], 1), ("extra", [2], 1)]).weights()
        #expect(message { try Network.onnx(of: DepthwiseSeparableConv2d(3, 16), inChannels: 3, weights: weights) } == """
            net.safetensors does not fit DepthwiseSeparableConv2d(in_channels: 3, out_channels: 16, kernel_size: 3, stride: 1, padding: 1): \
            pointwise.weight is [16, 4, 1, 1], expected [16, 3, 1, 1]; depthwise.bias is missing, expected [3]; extra [2] is not part of it
            """)
    }

    @Test func `a short message keeps the gist and counts the rest`() {
        let error = WeightsError(file: "/very/long/path/ä.safetensors", failure: "does not fit Generator(3, 3)",
                                 problems: (0..<20).map { "model.\($0).weight is missing" })
        let text = error.summary(maximumBytes: 120)
        #expect(text == "ä.safetensors does not fit Generator(3, 3): model.0.weight is missing; model.1.weight is missing; and 18 more")
        #expect(error.summary(maximumBytes: 10_000).hasSuffix("model.19.weight is missing"))
        for limit in 0...130 { #expect(error.summary(maximumBytes: limit).utf8.count <= limit) }
    }

    @Test func `a prefix on every name, or lacking from it, is pointed out`() throws {
        let module = AttentionModule(3, 3)
        let plain = module.stateDict.map { ($0.name, $0.shape, Float(1)) }
        let wrapped = try Safetensors(plain.map { ("module." + $0.0, $0.1, $0.2) }).weights()
        #expect(message { try Network.onnx(of: module, inChannels: 3, weights: wrapped) }?
            .contains("scale: 1.0): every name begins with \"module.\", which is not expected; query_conv.weight is missing") == true)
        let bare = try Safetensors(plain).weights()
        let adaptive = try AdaptiveAttentionModule(3, 3)
        #expect(message { try Network.onnx(of: adaptive, inChannels: 3, weights: bare) }?
            .contains("every name lacks the prefix \"attention.\"") == true)
    }

    @Test func `the widths of a network are read off its weights`() throws {
        let weights = try Safetensors(for: Generator(3, 4, hiddenChannels: 7)).weights()
        #expect(try weights.length(ofDimension: 0, rank: 4, of: "model.2.weight") == 7)
        #expect(message { try weights.length(ofDimension: 0, rank: 4, of: "model.1.weight") }?.contains("model.1.weight is missing; it holds model.0.weight") == true)
        #expect(message { try weights.length(ofDimension: 0, rank: 4, of: "model.0.bias") }?.contains("model.0.bias is [7], expected 4 dimensions") == true)
    }

    @Test func `weights with a NaN never become a network`() throws {
        let weights = try Safetensors(for: Generator(1, 1), value: .nan).weights()
        #expect(message { try Network.onnx(of: Generator(1, 1), inChannels: 1, weights: weights) }?.contains("model.0.weight holds nan") == true)
    }

    @Test func `modules that do not fit each other are refused`() throws {
        #expect(message { try AdaptiveAttentionModule(3, 2) } == """
            AdaptiveAttentionModule multiplies its input by its attention, so out_channels must be in_channels (3) or 1, not 2
            """)
        let module = DepthwiseSeparableConv2d(3, 8)
        let weights = try Safetensors(for: module).weights()
        #expect(message { try Network.onnx(of: module, inChannels: 4, weights: weights) } == """
            Conv2d(3, 3, kernel_size: 3, stride: 1, padding: 1, groups: 3) takes 3 channels, and was given 4
            """)
    }
}
