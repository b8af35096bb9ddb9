/// What a run tells while it goes on. A front end turns these into a progress bar, lines, or JSON.
public enum RunEvent: Sendable {
    case started(RunHeader)
    /// One image began. `pixels` of its input, known from its header.
    case imageStarted(index: Int, input: String)
    /// The image's share of work that is done, 0...1.
    case imageProgress(index: Int, fraction: Double)
    case imageFinished(ImageReport)
    /// Something the user should know that is not tied to one image.
    case note(String)
    case stopping(abandoned: Bool)
    case finished(RunSummary)
}

/// What a run is about to do, said once.
public struct RunHeader: Sendable {
    public var pipeline: String
    public var images: Int
    /// Bytes of all input files: what progress goes by until the pixels are known.
    public var inputBytes: Int64
    public var skipped: [Stray]
    public var jobs: Int
    public var threadsPerImage: Int
    public var memoryBudget: Int
    /// Device and precision of the neural stages, or nil where the pipeline has none.
    public var engine: String?
    /// Which part of a larger run this is.
    public var shard: Shard?
    public var versions = RunVersions()
}

/// How one image ended.
public struct ImageReport: Sendable {
    public enum Status: String, Sendable { case done, skipped, failed, planned }

    public struct Failure: Sendable {
        /// A short word that programs can go by.
        public var code: String
        /// Number and name of the stage in the pipeline (`3: onnx`), or nil outside any.
        public var stage: String?
        public var message: String
    }

    public var index: Int
    public var input: String
    public var outputs: [String]
    public var status: Status
    public var reason: String?
    public var failure: Failure?
    public var notes: [String]
    public var seconds: Double
    public var pixels: Int
    public var inputBytes: Int64
    /// Where the time went, as far as that is known.
    public var stages: [StageSeconds] = []
    /// What its networks computed in, nil without any: `f32`, or several where they differ or one overflowed and was run again (`f32, bf16`).
    public var precision: String?
    /// The most memory that the process which made it held meanwhile, in bytes.
    public var peakMemory: Int?
    /// Width and height of the input, and of each output; empty where the image was not made.
    public var inputSize: [Int] = []
    public var outputSizes: [[Int]] = []
    /// What was wrong with the input, of which the rest was kept (`on_damage: keep`).
    public var damage: String?
    /// The input's place below the folder that was given, without its file name.
    public var folder = ""
    /// What `{index}` stands for; nil for a folder that could not be listed.
    public var number: Int?
}

/// What a part of the work on an image took.
///
/// Pixels are computed on demand while an output is written: libvips' operations, and decoding, are in the time of `save`. Of plug-ins and networks it is known what
/// they take: the time of all calls into their own code, added up over the threads that call, which may be more than `save`. It lies within `save`, or within `load`
/// where pixels are computed before the outputs (for numbers, or for several outputs).
public struct StageSeconds: Sendable, Codable, Hashable {
    /// `load` (opening the input, preparing the stages), `save` (computing and encoding), `sync` (putting the files on the disk under their names), or the id of a
    /// plug-in's stage; of networks that run as one, all of them with ` + ` between.
    public var name: String
    public var seconds: Double
}

/// The end of a run.
public struct RunSummary: Sendable {
    /// As many are kept in memory.
    public static let mostFailures = 1000

    public var done = 0
    public var skipped = 0
    public var failed = 0
    /// Of those done, how many inputs were damaged.
    public var damaged = 0
    /// Of a dry run.
    public var planned = 0
    public var strays = 0
    /// Images that the run was ended before.
    public var notReached = 0
    public var seconds = 0.0
    public var megapixels = 0.0
    /// The first ones, at most ``mostFailures``: a report has them all.
    public var failures: [ImageReport] = []
    /// Set where the run ended before its last image.
    public var stopped: RunError?
    /// Whether there was no first image: `stopped` says why, and is what the run throws.
    public var isRefused = false
    public var shard: Shard?
    public var versions = RunVersions()
}
