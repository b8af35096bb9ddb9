import Foundation
import ONNX
import Testing
import Vips

/// A network with statistics over the whole picture, and too little memory to run it whole.
@Suite(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
struct SynchronisedTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try place.pictures(1, in: "in", 400, 300)
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(3), .symbolic("h"), .symbolic("w")])
        func conv(_ x: ValueName, _ inputs: Int, _ outputs: Int) throws -> ValueName {
            let weights = (0..<(outputs * inputs * 9)).map { (index: Int) -> Float in Float((index * 37 + 11) % 23 - 11) / Float(33 * inputs) }
            return graph.add("Conv", [x, try graph.initializer(weights, dims: [outputs, inputs, 3, 3], name: "weight")], ["pads": .ints([1, 1, 1, 1])])
        }
        let wide = graph.add("Relu", [try conv(x, 3, 16)])
        let scale = try graph.initializer(Array(repeating: 0.2, count: 16), dims: [16], name: "scale")
        let bias = try graph.initializer(Array(repeating: 0.5, count: 16), dims: [16], name: "bias")
        graph.output(try conv(graph.add("InstanceNormalization", [wide, scale, bias], name: "norm"), 16, 3), name: "y")
        try place.write("style.onnx", try graph.finish(opset: 17).serialized())
        for tiling in ["auto", "exact", "whole", "sync"] {
            try place.write("\(tiling).yaml", """
                version: 1
                stages:
                  - onnx: {model: style.onnx, tiling: \(tiling), range: [-1, 1], output_range: [-0.5, 1.5]}
                output: "{stem}.png"

                """)
        }
    }

    @Test func `auto takes the statistics tile by tile where the whole does not fit`() throws {
        let whole = try place.aquatint("run", "whole.yaml", "in", "-o", "whole")
        #expect(whole.status == 0, "\(whole.error)")
        let small = try place.aquatint("run", "auto.yaml", "in", "-o", "auto", "--max-memory", "14MiB")
        #expect(small.status == 0, "\(small.error)")
        let a = try place.load("whole/1.png").bytes(), b = try place.load("auto/1.png").bytes()
        #expect(try !place.load("auto/1.png").isFlat())
        #expect(a.count == b.count && zip(a, b).allSatisfy { abs(Int($0) - Int($1)) <= 1 })

        let explained = try place.aquatint("explain", "auto.yaml", "in/1.png", "--max-memory", "14MiB")
        #expect(explained.output.contains("statistics over the whole picture: 1 pass over it before, in all "), "\(explained.output)")
        #expect(explained.output.contains("synchronised: norm (InstanceNormalization): normalises over the whole height"), "\(explained.output)")
    }

    @Test func `exact refuses, says what it needs, and that sync would do`() throws {
        let outcome = try place.aquatint("run", "exact.yaml", "in", "-o", "out", "--max-memory", "14MiB")
        #expect(outcome.status != 0 && place.files("out").isEmpty)
        #expect(outcome.error.contains("the network needs ") && outcome.error.contains(" for the whole image of 400 x 300; the budget is "), "\(outcome.error)")
        #expect(outcome.error.contains("so would 'tiling: sync', which reads the picture once more"), "\(outcome.error)")
        #expect(try place.aquatint("run", "sync.yaml", "in", "-o", "out", "--max-memory", "14MiB").status == 0)
    }
}
