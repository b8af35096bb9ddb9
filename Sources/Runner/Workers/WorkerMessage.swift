internal import Inference
internal import StageHost

/// What a supervisor tells a worker.
enum WorkerOrder: Codable, Sendable {
    /// The first one.
    case begin(WorkerSetup)
    case prepare([PlannedImage])
    case make(PlannedImage)
    case cancel(Int)
}

/// What a worker answers. Orders are answered in any order, but `begin` and `prepare` one after the other.
enum WorkerAnswer: Codable, Sendable {
    case ready
    /// Nothing can be made: the pipeline's stages, models or second images are not to be had.
    case refused(RunError)
    case prepared(notes: [String])
    /// An image's turn has come.
    case begun(Int)
    case progress(Int, Double)
    /// An image is computed; its files are being synced and named.
    case committing(Int)
    case made(Int, MadeImage, state: WorkerState)
    case failed(Int, FailedImage, state: WorkerState)
}

/// How a worker is after an image.
struct WorkerState: Codable, Sendable {
    /// What it found out about networks.
    var notes: [String]
    /// Bytes that it holds.
    var resident: Int
}

/// All that a worker needs to make the images of a run as the supervisor would.
struct WorkerSetup: Codable, Sendable {
    /// The pipeline's file, and the text that it had when the run began.
    var name: String
    var text: String
    var set: [String: String]
    var pluginPath: [String]
    var precision: String
    var device: String
    var fuses: Bool
    var cacheFolder: String?
    /// Threads for inference, and for libvips.
    var neuralThreads: Int
    var threads: Int
    var isShared: Bool
    var lanes: Int
    /// Bytes for the run, and for each image.
    var memory: Int
    var memoryPerImage: Int
    /// Whether libvips' warnings are shown.
    var isVerbose: Bool
}
