import Foundation
import Testing
import Inference
@testable import Networks

/// Attention must run as one kernel: as three operators it holds a matrix of positions x positions.
@Suite(.serialized) struct AttentionMemoryTests {
    @Test(.enabled(if: TestEngine.isPresent, "OpenVINO is not installed: run `make setup`"),
          arguments: [(128, nil), (250, 64)] as [(Int, Int?)])
    func `attention never holds the matrix of its weights`(side: Int, window: Int?) throws {
        let module = AttentionModule(3, 32, window: window)
        let model = try Network.onnx(of: module, inChannels: 3, weights: Safetensors(for: module, value: 0.01).weights())
        let shape = [1, 3, side, side]
        let network = try TestEngine.shared().compile(model, request: CompileRequest(inputShapes: ["input": shape]))
        let input = try TensorData(shape: shape, values: Array(repeating: 0.5, count: 3 * side * side))

        try Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))  // the peak starts anew: proc(5)
        let before = try peakMegabytes()
        let output = try network.run(["input": input], output: "output")
        let growth = try peakMegabytes() - before

        #expect(output.shape == [1, 32, side, side])
        // The matrix takes 1074 MB whole and 1024 MB in windows; measured without it: 16 and 77 MB. Other tests run meanwhile.
        #expect(growth < 300, "peak memory grew by \(growth) MB")
    }

    private func peakMegabytes() throws -> Int {
        let status = try String(contentsOf: URL(filePath: "/proc/self/status"), encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first) / 1024
    }
}
