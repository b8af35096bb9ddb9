/// How one axis of an image is extended past its edges: by reflection without repeating the edge pixel, as PyTorch's and ONNX' `reflect`, or, where the image is
/// too small to reflect that far, by replication of the edge pixel.
///
///     reflect   2 1 | 0 1 2 3 | 2 1 0        replicate   0 0 | 0 1 | 1 1 1
///
/// libvips' VIPS_EXTEND_MIRROR repeats the edge and is not the same.
public struct ExtensionAxis: Sendable, Hashable {
    /// Pixels of the image.
    public let size: Int
    /// Pixels added on the left (top).
    public let before: Int
    /// Pixels added on the right (bottom).
    public let after: Int

    /// - Parameters:
    ///   - size: at least 1.
    ///   - before: at least 0, as is `after`.
    public init(size: Int, before: Int = 0, after: Int = 0) {
        precondition(size >= 1 && before >= 0 && after >= 0, "an axis of \(size) pixels extended by \(before) and \(after)")
        self.size = size
        self.before = before
        self.after = after
    }

    /// The axis extended on the right (bottom) to the next multiple of `step`, which is at least 1.
    public init(size: Int, toMultipleOf step: Int) {
        precondition(step >= 1, "a multiple of \(step)")
        self.init(size: size, after: (step - size % step) % step)
    }

    /// Pixels after the extension.
    public var extended: Int { before + size + after }
    public var isEmpty: Bool { before == 0 && after == 0 }
    /// Whether the axis is reflected; otherwise its edge pixels are replicated, on both sides alike.
    public var reflects: Bool { max(before, after) < size }

    /// The image's pixel that stands at pixel `index` of the extended axis.
    public func source(of index: Int) -> Int {
        let position = index - before
        guard reflects else { return min(max(position, 0), size - 1) }
        let folded = abs(position)
        return folded < size ? folded : 2 * (size - 1) - folded
    }

    /// The image's pixel for every pixel of the extended axis.
    public var map: [Int] { (0..<extended).map(source(of:)) }
}

/// The extension of an image along both axes, each by its own rule.
public struct Extension: Sendable, Hashable {
    public let x: ExtensionAxis
    public let y: ExtensionAxis

    public init(x: ExtensionAxis, y: ExtensionAxis) {
        self.x = x
        self.y = y
    }

    public var isEmpty: Bool { x.isEmpty && y.isEmpty }
}
