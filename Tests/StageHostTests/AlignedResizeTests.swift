import Testing
import Vips

@testable import StageHost

@Suite struct AlignedResizeTests {
    /// A ramp enlarged or reduced by s has at x the value (x + 0.5) / s - 0.5: every centre where it was.
    @Test(arguments: [(32, 24), (48, 36), (24, 18), (40, 12), (8, 6), (8, 24)], ["bicubic", "bilinear"])
    func `what is resized stays in its place`(size: (width: Int, height: Int), interpolator: String) throws {
        let places = try #require(Operation.call("xyz", ["width": 16, "height": 12])["out"])
        guard case .image(let ramp) = places else { return #expect(Bool(false), "xyz makes an image") }
        let float = try VipsStage.unary("cast", ramp, ["format": "float"])
        let result = try VipsStage.aligned(float, width: size.width, height: size.height, interpolator: interpolator)
        #expect((result.width, result.height) == size)
        let x = size.width / 2, y = size.height / 2
        guard let found = try Operation.call("getpoint", ["in": .image(result), "x": .int(x), "y": .int(y)])["out_array"]?.doublesValue else {
            return #expect(Bool(false), "getpoint gives numbers")
        }
        #expect(abs(found[0] - ((Double(x) + 0.5) * 16 / Double(size.width) - 0.5)) < 0.02, "\(found)")
        #expect(abs(found[1] - ((Double(y) + 0.5) * 12 / Double(size.height) - 0.5)) < 0.02, "\(found)")
    }
}
