import Foundation
import Testing
@testable import ONNX

/// Published networks, where they are at hand: beside the repository, or where AQUATINT_TEST_DATA says.
enum RealModels {
    static let folder: String? = {
        let beside = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../shared/data/models").standardized.path
        let named = ProcessInfo.processInfo.environment["AQUATINT_TEST_DATA"].map { $0 + "/models" }
        return [named, beside].compactMap(\.self).first { FileManager.default.fileExists(atPath: $0) }
    }()

    static func analyse(_ name: String) throws -> SpatialAnalysis {
        let model = try Model(contentsOf: try #require(folder) + "/" + name)
        return SpatialAnalysis.analyse(model)
    }
}

@Suite(.enabled(if: RealModels.folder != nil, "no published models at hand"))
struct RealModelTests {
    @Test(arguments: [("realesr-general-x4v3.onnx", 34), ("realesr-animevideov3-x4.onnx", 18)])
    func `Real-ESRGAN's compact networks are local, as far as they have convolutions`(name: String, halo: Int) throws {
        let found = try RealModels.analyse(name)
        #expect(found.klass == .local)
        #expect(found.decidingNodes == [])
        for axis in [found.x, found.y] {
            #expect((axis.scaleNumerator, axis.scaleDenominator) == (4, 1))
            #expect((axis.haloBefore, axis.haloAfter, axis.stride, axis.needsMultiple) == (halo, halo, 1, 1))
            #expect(axis.fixedSize == nil)
        }
        #expect(try found.outputSize(width: 33, height: 21) == (132, 84))
    }

    @Test func `DnCNN is local and keeps the size`() throws {
        let found = try RealModels.analyse("dncnn_25_gray.onnx")
        #expect(found.klass == .local)
        #expect((found.x.scaleNumerator, found.x.scaleDenominator) == (1, 1))
        #expect(found.x.haloBefore == found.x.haloAfter)
    }

    @Test func `a segmentation network with squeeze and excitation is global`() throws {
        let found = try RealModels.analyse("selfie-segmentation-256.onnx")
        #expect(found.klass == .global)
        #expect(!found.decidingNodes.isEmpty)
    }

    @Test func `super resolution written with fixed reshapes is local at its one size`() throws {
        let found = try RealModels.analyse("super_resolution.onnx")
        #expect(found.klass == .local)
        #expect((found.x.scaleNumerator, found.x.scaleDenominator) == (3, 1))
        #expect((found.x.fixedSize, found.y.fixedSize) == (224, 224))
    }

    @Test func `a network with unknown operators is unknown, and says which node`() throws {
        let found = try RealModels.analyse("unsupported_op.onnx")
        #expect(found.klass == .unknown)
        #expect(!found.decidingNodes.isEmpty)
    }

    @Test func `costs of a published network`() throws {
        let model = try Model(contentsOf: try #require(RealModels.folder) + "/realesr-general-x4v3.onnx")
        let flops = try #require(try model.flops(with: ["image": [1, 3, 256, 256]]))
        // 1.21 million weights of convolutions, each used once per pixel, by multiplication and addition.
        #expect(abs(flops / (2 * 1.21e6 * 256 * 256) - 1) < 0.05)
        let bytes = try #require(try model.peakActivationBytes(with: ["image": [1, 3, 256, 256]]))
        #expect(bytes > 2 * 64 * 256 * 256 * 4 && bytes < 8 * 64 * 256 * 256 * 4)
    }
}
