internal import ONNX

/// `torch.nn.Upsample` by a whole factor, with `align_corners = False`.
public final class Upsample: Module {
    public enum Mode: String, Sendable, CaseIterable {
        /// Each pixel becomes a block.
        case nearest
        case bilinear
        /// Cubic convolution with a = -0.75, as PyTorch's.
        case bicubic
    }

    public let scaleFactor: Int
    public let mode: Mode

    public init(scaleFactor: Int, mode: Mode) {
        precondition(scaleFactor > 0)
        self.scaleFactor = scaleFactor
        self.mode = mode
    }

    public var sizeFactor: Ratio { Ratio(scaleFactor) }

    public func spread(_ distance: Int) -> Int? {
        let radius = switch mode {
        case .nearest: 0
        case .bilinear: 1
        case .bicubic: 2
        }
        return (distance + radius) * scaleFactor
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        let factor = Float(scaleFactor)
        let attributes: [String: Attribute] = switch mode {
        case .nearest:
            ["mode": .string("nearest"), "coordinate_transformation_mode": .string("asymmetric"), "nearest_mode": .string("floor")]
        case .bilinear: ["mode": .string("linear"), "coordinate_transformation_mode": .string("half_pixel")]
        case .bicubic:
            ["mode": .string("cubic"), "coordinate_transformation_mode": .string("half_pixel"), "cubic_coeff_a": .float(-0.75)]
        }
        return Tensor(x.trace.node("Resize", [x.value, x.trace.absent, x.trace.numbers([1, 1, factor, factor])], attributes), channels: x.channels)
    }

    public var description: String { "Upsample(scale_factor: \(scaleFactor), mode: \(mode.rawValue))" }
}
