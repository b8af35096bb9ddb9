/// What every stage declares, and how one comes to be. Adopt ``PixelStage`` or ``NetworkStage``.
///
/// A value of the type is one use of the stage in a pipeline: its parameters are fixed. It is used from several threads at once and
/// never changes after `init`, which `Sendable` makes the compiler check.
public protocol Stage: Sendable {
    /// The name in pipelines. Stages of third parties carry a dot: `acme.grain`.
    static var id: String { get }
    /// What the stage does. The first sentence is the summary of a list.
    static var doc: String { get }
    /// The stage's own version.
    static var version: String { get }
    /// The licence as an SPDX expression, such as `MIT`; empty, as it is unless declared: not said.
    static var licence: String { get }
    /// The images it takes. The first is the running image of the pipeline.
    static var inputs: [ImageInput] { get }
    /// The parameters, in the order in which help prints them.
    static var parameters: [Parameter] { get }
    /// Whether the stage takes alpha as a band. Otherwise the host splits alpha off and scales it along.
    static var takesAlpha: Bool { get }
    /// Whether the result depends on more than inputs and parameters, so that it must never be cached.
    static var isImpure: Bool { get }

    /// A stage with these parameter values. Throw what can be wrong here rather than later: it is found before the first pixel.
    init(_ values: Values) throws(StageError)
}

extension Stage {
    public static var version: String { "1.0.0" }
    public static var licence: String { "" }
    public static var inputs: [ImageInput] { [ImageInput()] }
    public static var parameters: [Parameter] { [] }
    public static var takesAlpha: Bool { false }
    public static var isImpure: Bool { false }
}

/// Which calls of ``PixelStage/process(_:into:job:)`` may run at the same time.
public enum ThreadModel: Int32, Sendable {
    /// One in the whole library.
    case library = 1
    /// One per stage value.
    case instance = 2
    /// Any number.
    case free = 3
}

/// A stage that computes pixels from pixels, tile by tile.
public protocol PixelStage: Stage {
    /// Which calls may run at the same time; `.free` unless declared otherwise.
    static var threads: ThreadModel { get }

    /// Says, once per image size, what comes out and which input pixels each output pixel needs.
    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PixelPlan

    /// Computes every sample of `output`. Each input tile holds what the plan's reach asks for that rectangle. The result must not
    /// depend on how the image is cut up: use positions in the whole image, never positions in the tile.
    func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) throws(StageError)
}

extension PixelStage {
    public static var threads: ThreadModel { .free }
}

/// A stage that hands an ONNX graph to the host, which tiles it, joins it with neighbouring graphs and runs it.
///
/// The host gives every network stage the parameters `range`, `output_range`, `tiling`, `precision` and `strength`, and handles
/// them itself. Declare one of them, with the same type, only to give it another default; never act on it.
public protocol NetworkStage: Stage {
    /// How the host may cut the image up; `.derive` unless declared otherwise.
    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> NetworkPlan

    /// The graph. Called once per image size: build it in `init` and return it here.
    func network(for inputs: Inputs<ImageInfo>) throws(StageError) -> NetworkGraph
}

extension NetworkStage {
    public func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> NetworkPlan { .derive }
}
