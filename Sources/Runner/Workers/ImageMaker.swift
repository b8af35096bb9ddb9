/// What came of an image that was made.
struct MadeImage: Codable, Sendable {
    /// Of the input, over all its pages.
    var pixels: Int
    var notes: [String]
    /// From the first look at its header until its outputs had their names.
    var seconds: Double
    /// Where the time went, as far as that is known: see ``StageSeconds``.
    var stages: [StageSeconds] = []
    /// What its networks computed in, nil without any.
    var precision: String?
    /// Name and version of what computed them, nil without any.
    var engine: String?
    /// The most memory that the process which made it held meanwhile, in bytes.
    var peakMemory: Int?
    /// Width and height of the input, and of each output.
    var inputSize: [Int] = []
    var outputSizes: [[Int]] = []
    /// What the input file was.
    var content: ContentStamp?
    /// Bytes and time of last change of each output: see `OutputTransaction.commit`.
    var written: [[Int64]] = []
    /// Files that its stages were given.
    var files: [String] = []
    /// What was wrong with the input, of which the rest was kept.
    var damage: String?
}

/// How far an image has come, told while it is made.
enum ImageProgress: Sendable {
    /// Others before it were waited for; now it is worked on.
    case begun
    /// The share of its work that is done, 0...1.
    case fraction(Double)
    /// It has failed, and the next image has not begun: what ends the run is known before that.
    case failed(ImageFailure)
}

/// Makes images: in this process, or in others that may come to grief alone.
protocol ImageMaker: Sendable {
    /// How many images it takes at a time at most; some of them only wait for a disk.
    var places: Int { get }
    /// How many of them it has a use for as things are.
    var room: Int { get }

    /// Finds what would fail every image, and lets networks choose their arithmetic on the first of `images` that can be opened. Once, before the first image.
    ///
    /// - Returns: what users should know of either.
    func prepare(_ images: [PlannedImage]) throws(RunError) -> [String]

    /// Makes the outputs of an image, all of them or none.
    ///
    /// - Parameter isWanted: asked when its turn has come: the run may have been stopped meanwhile.
    /// - Returns: nil where it was not wanted any more.
    func make(_ planned: PlannedImage, while isWanted: () -> Bool, progress: @escaping @Sendable (ImageProgress) -> Void) throws(FailedImage) -> MadeImage?

    /// What was found out about networks since this was asked last.
    func newNotes() -> [String]

    /// Gives up every image that is being made.
    func abandon()

    /// Ends what was started, after the last image.
    func close()
}

/// Why an image was not made, and what was noted until then.
struct FailedImage: Error, Codable, Sendable {
    var failure: ImageFailure
    var notes: [String] = []
    var seconds = 0.0
    /// Where the time went; none where its process was lost with it.
    var stages: [StageSeconds] = []

    init(_ failure: ImageFailure, notes: [String] = [], seconds: Double = 0, stages: [StageSeconds] = []) {
        self.failure = failure
        self.notes = notes
        self.seconds = seconds
        self.stages = stages
    }
}
