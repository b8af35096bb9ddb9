import Foundation
import Inference
import ONNX
import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// Networks written as one file, run by the bare engine.
@Suite(.enabled(if: Chain.engine, "OpenVINO is not installed: run `make setup`"))
struct ExportTests {
    typealias L = ChainLinks

    static func exported(_ links: [Chain.Link]) throws -> ExportedNetwork {
        let session = try Chain.session.get()
        let stages = try links.map { link in
            let description = try #require(session.library.catalogue[link.stage])
            var arguments = link.arguments
            for input in description.inputs { arguments[input.name] = .image(.previous) }
            return (description: description, arguments: arguments)
        }
        return try session.exported(stages, of: "test")
    }

    @Test(arguments: [
        [L.paint], [L.reversed], [L.channelsLast], [L.noisy], [L.paint.with(["strength": .double(0.3)])], [L.paint, L.twice, L.same], [L.wide, L.gatedWindows, L.narrow],
        [L.old, L.paint], [L.grey, L.coloured], [L.paint, L.unet], [L.fourfold.with(["range": L.numbers])], [L.windows, L.reversed], [L.global, L.narrow],
    ])
    func `the file gives what the stages give`(links: [Chain.Link]) throws {
        // Even, for the U-net.
        let picture = try FusionTests.photo(62, 44), expected = try Chain.run(links, on: picture, fuses: false).image
        let file = try Self.exported(links)
        let planar = try (0..<3).flatMap { band in try Operation.image("extract_band", ["in": .image(picture), "band": .int(band)]).floats().map { $0 / 255 } }
        let request = CompileRequest(inputShapes: ["input": [1, 3, 44, 62]], precision: .f32)
        let engine = try EngineProvider().networks().engine
        let result = try engine.compile(file.bytes, request: request).run(["input": try TensorData(shape: [1, 3, 44, 62], values: planar)], output: "output")

        #expect(result.shape == [1, expected.bands, expected.height, expected.width])
        let white = Float(expected.pictureFullScale ?? 1), area = expected.width * expected.height
        let values = try expected.floats()
        let worst = result.values.indices.map { abs(result.values[$0] - values[$0 % area * expected.bands + $0 / area] / white) }.max() ?? 1
        #expect(worst <= 1e-4, "\(worst)")
    }

    @Test func `the file says what goes in and out`() throws {
        let file = try Self.exported([L.paint, L.wide])
        #expect(file.stages == "generator + separable_conv")
        #expect(file.input == "[1, 3, height, width], red, green, blue, 0 black to 1 white" && file.output == "[1, 4, height, width], numbers as they are")
        let model = try Model(serialized: file.bytes)
        #expect(model.metadata == ["aquatint.pipeline": "test", "aquatint.stages": file.stages, "aquatint.input": file.input, "aquatint.output": file.output])
        #expect(model.inputs.map(\.dims) == [[.fixed(1), .fixed(3), .symbolic("height"), .symbolic("width")]])
        #expect(try Self.exported([L.unet]).input.hasSuffix("height and width multiples of 2"))
        #expect(try Self.exported([L.lumaOnly]).input == "[1, 1, height, width], 0 black to 1 white")
    }

    @Test func `a network that is built for one size is exported for that size`() throws {
        let tied = L.file("tied", ["input_size": .list([.int(40), .int(24)])]) { graph, x in try L.convolution(graph, x, 3, 3) }
        let model = try Model(serialized: try Self.exported([tied, L.same]).bytes)
        #expect(model.inputs.map(\.staticShape) == [[1, 3, 24, 40]] && model.outputs.map(\.staticShape) == [[1, 3, 24, 40]])
    }

    @Test func `what the host does around a stage and a file cannot is refused`() throws {
        let error = try #require(throws: StageError.self) { try Self.exported([L.paint, L.lumaOnly]) }
        #expect(error.description == "onnx: cannot be exported: 'onnx' is more than its network: only brightness goes through it")
    }
}
