import Testing
import ONNX
@testable import Networks

@Suite struct GraphTests {
    private func model(of module: some Module, channels: Int) throws -> Model {
        try Model(serialized: Network.onnx(of: module, inChannels: channels, weights: Safetensors(for: module).weights()))
    }

    @Test func `a network has one input and one output, of any height and width`() throws {
        let model = try model(of: DepthwiseSeparableConv2d(3, 8), channels: 3)
        #expect(model.opset == 23)
        #expect(model.inputs.map(\.name) == ["input"])
        #expect(model.inputs.first?.dims == [.fixed(1), .fixed(3), .symbolic("height"), .symbolic("width")])
        #expect(model.outputs.map(\.name) == ["output"])
        #expect(model.outputs.first?.dims?.prefix(2) == [.fixed(1), .fixed(8)])
    }

    @Test func `attention is one operator, windows or not`() throws {
        for window in [nil, 8] {
            let operators = try model(of: AttentionModule(3, 4, window: window), channels: 3).nodes.map(\.op)
            #expect(operators.filter { $0 == "Attention" }.count == 1)
            #expect(!operators.contains("Softmax"))
        }
    }

    @Test func `the channels are last before the positions are joined, for the engine to see the attention`() throws {
        let operators = try model(of: AttentionModule(3, 4), channels: 3).nodes.map(\.op)
        let attention = try #require(operators.firstIndex(of: "Attention"))
        #expect(operators[attention - 1] == "Reshape")
        #expect(!operators[(attention + 1)...].prefix(while: { $0 != "Reshape" }).contains("Transpose"))
    }
}
