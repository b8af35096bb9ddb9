/// What happens at the borders of the image.
public enum EdgeMode: Int32, Sendable, Hashable {
    /// Tiles are clipped at the image, and the stage treats that side as the true edge.
    case clip = 0
    /// The host extends the image by its outermost pixels.
    case replicate = 1
    /// The host mirrors the image at its outermost pixels, which are not repeated.
    case reflect = 2
    /// The host extends the image with zeros.
    case zero = 3
}

/// How the samples of a tile lie in memory.
public enum MemoryLayoutOrder: Int32, Sendable, Hashable {
    case interleaved = 1
    case planar = 2
}

/// Which pixels of one input an output pixel reads.
///
/// Output pixel (X, Y) reads only the columns from `floor(X / scaleX) - left` to `floor(X / scaleX) + right`, and the rows
/// likewise. `scaleX` is output : input as a fraction.
public struct Reach: Sendable, Hashable {
    /// A fraction, output size over input size.
    public struct Scale: Sendable, Hashable {
        public var numerator: Int
        public var denominator: Int

        public init(_ numerator: Int, _ denominator: Int = 1) {
            self.numerator = numerator
            self.denominator = denominator
        }
    }

    public var scaleX: Scale
    public var scaleY: Scale
    /// Input pixels, as are the other three.
    public var left: Int
    public var right: Int
    public var top: Int
    public var bottom: Int

    public init(left: Int, right: Int, top: Int, bottom: Int, scaleX: Scale = Scale(1), scaleY: Scale = Scale(1)) {
        self.left = left
        self.right = right
        self.top = top
        self.bottom = bottom
        self.scaleX = scaleX
        self.scaleY = scaleY
    }

    /// The same halo on all four sides, and no change of size.
    public init(halo: Int) { self.init(left: halo, right: halo, top: halo, bottom: halo) }
}

/// What a pixel stage answers for one image size: what comes out, and what it needs for that.
///
/// ```swift
/// func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PixelPlan {
///     PixelPlan(output: inputs.primary, halo: radius)
/// }
/// ```
public struct PixelPlan: Sendable {
    /// The output. Its size is `ceil(input * scale)` for every input.
    public var output: ImageInfo
    /// One per declared input, in order; a single one holds for all of them.
    public var reach: [Reach]
    /// What happens at the borders.
    public var edge: EdgeMode
    /// Whether the stage must be given the whole image in one call, because no tiling is correct.
    public var needsWholeImage = false
    /// Whether the halo is a judgement rather than a bound. The host then warns, and records it.
    public var isApproximate = false
    /// The memory layout of all tiles.
    public var layout = MemoryLayoutOrder.interleaved
    /// Tile origins are multiples of these, in pixels of the first input.
    public var alignment = (x: 1, y: 1)
    /// Whether the last tile of a row or column may be smaller than the alignment. Otherwise the host extends the image.
    public var isRagged = false
    /// The input tile that suits the stage best, halo included; `nil`: the host chooses.
    public var preferredTile: (width: Int, height: Int)?
    /// The bytes that one running call allocates for the largest tile; 0: not known.
    public var scratchBytes = 0
    /// Anything that the plan computed and ``PixelStage/process(_:into:job:)`` needs: it finds it as `job.plan.state`.
    public var state: (any Sendable)?

    public init(output: ImageInfo, reach: [Reach], edge: EdgeMode = .clip) {
        self.output = output
        self.reach = reach
        self.edge = edge
    }

    /// A plan that keeps the size, with one halo for all sides and inputs.
    public init(output: ImageInfo, halo: Int = 0, edge: EdgeMode = .clip) {
        self.init(output: output, reach: [Reach(halo: halo)], edge: edge)
    }
}
