import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// Full scale, sample reading and transparency: the glue around libvips' operations and plug-ins.
@Suite struct PictureStageTests {
    @Test func `white is known by format, tag and interpretation`() throws {
        let eight = try Scene.picture(width: 2, height: 2, bands: 3, white: 255) { _, _, _ in 9 }
        let sixteen = try Scene.picture(width: 2, height: 2, bands: 3, white: 65535) { _, _, _ in 9 }
        #expect(eight.pictureFullScale == 255 && sixteen.pictureFullScale == 65535)
        let float = try VipsStage.unary("cast", sixteen, ["format": "float"])
        #expect(float.pictureFullScale == 65535)
        #expect(try Scene.data(width: 2, height: 2, bands: 3).pictureFullScale == nil)
        #expect(!(try eight.onProgress(removing: Image.hostFields) { _, _ in true }.fields.contains(PictureScale.field)))
    }

    @Test func `a rectangle that reaches past the image repeats or mirrors its pixels`() throws {
        let samples: [UInt8] = [10, 20, 30, 40, 50, 60]                       // 3 x 1 pixels of two bands
        let reader = SampleReader(format: .uchar, bands: 2, columns: [1, 0, 1, 2, 1], rows: [0, 0])
        #expect(reader.source == Rect(left: 0, top: 0, width: 3, height: 1))
        var result = [Float](repeating: .nan, count: 20)
        try samples.withUnsafeBytes { bytes in
            try result.withUnsafeMutableBufferPointer { result in
                try reader.copy(from: bytes.baseAddress!, rowStride: 6, bands: [.init(source: 1, scale: 0.5, bias: 1), .init(source: 0, scale: 1, bias: 0)],
                                to: result.baseAddress!, layout: .planar(width: 5, height: 2))
            }
        }
        let second: [Float] = [21, 11, 21, 31, 21], first: [Float] = [30, 10, 30, 50, 30]
        #expect(result == second + second + first + first)
    }

    /// A coloured disc on transparent black, its edge half a pixel soft.
    private static func disc() throws -> Image {
        try Scene.picture(width: 40, height: 40, bands: 4, white: 255) { x, y, band in
            let distance = (Double((x - 20) * (x - 20) + (y - 20) * (y - 20))).squareRoot()
            let alpha = Int((min(1, max(0, 13 - distance) * 2) * 255).rounded())
            return band == 3 ? alpha : alpha == 0 ? 0 : [250, 200, 150][band]
        }
    }

    private static func apply(_ name: String, _ arguments: [String: Value], _ image: Image, alpha: AlphaMode = .auto) throws -> Image {
        try #require(try VipsStage.apply(name, arguments.merging(["in": .image(.previous)]) { given, _ in given }, primary: image, outputs: [], alpha: alpha) { _ in image }.image)
    }

    @Test(arguments: ["gaussblur", "resize", "rotate"])
    func `mixing positions leaves no dark halo around transparent places`(name: String) throws {
        let argument: [String: Value] = switch name {
        case "gaussblur": ["sigma": .double(2)]
        case "resize": ["scale": .double(1.7)]
        default: ["angle": .double(20)]
        }
        func darkest(_ alpha: AlphaMode) throws -> UInt8 {
            let bytes = try Self.apply(name, argument, Self.disc(), alpha: alpha).bytes()
            return stride(from: 0, to: bytes.count, by: 4).filter { bytes[$0 + 3] > 5 }.map { bytes[$0] }.min() ?? 0
        }
        #expect(try darkest(.auto) >= 249)
        // rotate weighs colours by itself.
        #expect(try darkest(.raw) < 245 || name == "rotate")
    }

    @Test func `mapping values leaves transparency alone`() throws {
        let disc = try Self.disc()
        let before = try disc.bytes(), after = try Self.apply("invert", [:], disc).bytes()
        #expect(before.indices.allSatisfy { $0 % 4 == 3 ? after[$0] == before[$0] : after[$0] == 255 - before[$0] })
    }

    @Test func `one colour stays what it is through a resize`() throws {
        let flat = try Scene.picture(width: 30, height: 30, bands: 4, white: 255) { _, _, band in [250, 201, 77, 131][band] }
        let bytes = try Self.apply("resize", ["scale": .double(0.4)], flat).bytes()
        #expect(bytes.indices.allSatisfy { bytes[$0] == [250, 201, 77, 131][$0 % 4] })
    }
}
