import Foundation
@testable import Inference

/// The root of the package that these tests were built from.
let packageRoot = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path(percentEncoded: false)

/// Reproducible numbers (SplitMix64).
struct Noise: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// In -1 ..< 1.
    mutating func float() -> Float { Float.random(in: -1..<1, using: &self) }
    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in float() } }
}

/// A 3x3 convolution (pad 1, one input channel) with the given weights [outputs, 1, 3, 3], dynamic height and width.
func convolutionModel(weights: [Float], outputs: Int = 1) -> [UInt8] {
    var model = TinyONNX()
    model.input("image", [1, 1, nil, nil])
    model.constant("w", [outputs, 1, 3, 3], weights)
    model.node("Conv", ["image", "w"], "result", ["pads": .ints([1, 1, 1, 1]), "kernel_shape": .ints([3, 3])])
    model.output("result", [1, outputs, nil, nil])
    return model.bytes()
}

/// The same convolution in double precision, one output.
func convolve(_ image: [Float], width: Int, height: Int, weights: [Float]) -> [Double] {
    var result = [Double](repeating: 0, count: width * height)
    for y in 0..<height {
        for x in 0..<width {
            for ky in 0..<3 {
                for kx in 0..<3 where (0..<height).contains(y + ky - 1) && (0..<width).contains(x + kx - 1) {
                    result[y * width + x] += Double(image[(y + ky - 1) * width + x + kx - 1]) * Double(weights[ky * 3 + kx])
                }
            }
        }
    }
    return result
}

extension Collection where Element == Double {
    /// The largest absolute difference.
    func largestDifference(from other: [Float]) -> Double {
        zip(self, other).map { abs($0 - Double($1)) }.max() ?? 0
    }
}

/// The error that `body` throws, which a test then looks into; nil where it throws none or another.
func engineError<Result>(_ body: () throws -> Result) -> EngineError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? EngineError
    }
}
