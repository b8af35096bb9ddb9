import Foundation
import Testing
@testable import Inference

/// Tiles and engine together, in two dimensions.
@Suite struct TiledNetworkTests {
    /// Three convolutions with ReLU between and a pixel shuffle by 2: halo 3, scale 2.
    private func enlarger(_ noise: inout Noise) -> [UInt8] {
        var model = TinyONNX()
        model.input("image", [1, 1, nil, nil])
        var previous = "image"
        for (index, (channels, outputs)) in [(1, 6), (6, 6), (6, 4)].enumerated() {
            model.constant("w\(index)", [outputs, channels, 3, 3], noise.floats(outputs * channels * 9).map { $0 / 4 })
            model.constant("b\(index)", [outputs], noise.floats(outputs))
            model.node("Conv", [previous, "w\(index)", "b\(index)"], "c\(index)", ["pads": .ints([1, 1, 1, 1])])
            model.node("Relu", ["c\(index)"], "r\(index)")
            previous = "r\(index)"
        }
        model.node("DepthToSpace", [previous], "result", ["blocksize": .int(2), "mode": .string("CRD")])
        model.output("result", [1, 1, nil, nil])
        return model.bytes()
    }

    @Test(arguments: [(1, 1), (3, 2), (20, 9), (23, 24), (24, 24), (25, 47), (53, 61)])
    func `a network in tiles gives what the whole gives`(width: Int, height: Int) throws {
        var noise = Noise(seed: 11)
        let model = NetworkModel(key: "enlarger", bytes: enlarger(&noise))
        let cache = NetworkCache(engine: try OpenVINO.shared(), capacity: 4)
        let image = noise.floats(width * height)
        let run = { (tile: TileGrid.Tile) throws -> TensorData in
            let shape = [1, 1, tile.y.input.count, tile.x.input.count]
            let pixels = tile.y.input.flatMap { y in tile.x.input.map { x in image[y * width + x] } }
            return try cache.network(model, request: CompileRequest(inputShapes: ["image": shape])).run(["image": TensorData(shape: shape, values: pixels)], output: "result")
        }
        let axis = try AxisGeometry(scaleNumerator: 2, haloBefore: 3, haloAfter: 3)
        let subject = TilePlan.Subject(width: width, height: height, outputWidth: 2 * width, outputHeight: 2 * height, x: axis, y: axis)

        let whole = try run(try subject.grid(tile: nil).tile(column: 0, row: 0))
        #expect(whole.shape == [1, 1, 2 * height, 2 * width])
        var joined = [Float](repeating: .nan, count: 4 * width * height)
        for tile in try subject.grid(tile: 24).tiles {
            let part = try run(tile)
            let partWidth = part.shape[3]
            for (row, y) in tile.y.keep.enumerated() {
                for (column, x) in tile.x.keep.enumerated() {
                    joined[y * 2 * width + x] = part.values[(tile.y.keepOffset + row) * partWidth + tile.x.keepOffset + column]
                }
            }
        }
        // Counted this way round, a pixel that no tile gave (NaN) is wrong as well.
        let wrong = zip(joined, whole.values).count { !(abs($0 - $1) <= 1e-5) }
        #expect(wrong == 0)
    }
}

/// Published models, in `$AQUATINT_TEST_MODELS` or beside the checkout in `shared/data/models`; these tests are skipped where they are not.
@Suite struct PublishedModelTests {
    static let places = [ProcessInfo.processInfo.environment["AQUATINT_TEST_MODELS"], packageRoot + "../shared/data/models"].compactMap { $0 }

    static func bytes(_ name: String) -> [UInt8]? {
        places.lazy.compactMap { FileManager.default.contents(atPath: $0 + "/" + name) }.first.map { Array($0) }
    }

    @Test(.enabled("needs the published models", { bytes("unsupported_op.onnx") != nil }))
    func `a model with foreign operators is refused by their names`() throws {
        let model = try #require(Self.bytes("unsupported_op.onnx"))
        let error = try #require(engineError { try OpenVINO.shared().inspect(model) })
        #expect(error.kind == .unsupported(operators: ["com.microsoft.extensions.DecodeImage", "com.microsoft.extensions.EncodeImage"]))
    }

    @Test(.enabled("needs the published models", { bytes("super_resolution.onnx") != nil }))
    func `a model that computes with one size keeps it, and its node says so`() throws {
        let model = try #require(Self.bytes("super_resolution.onnx"))
        let engine = try OpenVINO.shared()
        #expect(try engine.inspect(model).inputs.first?.shape == [nil, 1, 224, 224])
        #expect(try engine.inspect(model, inputShapes: ["input": [1, 1, 224, 224]]).outputs.first?.fixedShape == [1, 1, 672, 672])
        let error = try #require(engineError { try engine.inspect(model, inputShapes: ["input": [1, 1, 31, 57]]) })
        #expect(error.message.contains("input [1, 1, 31, 57]: in node 'Reshape_8'"))
    }
}
