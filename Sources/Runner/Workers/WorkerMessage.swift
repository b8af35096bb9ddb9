internal import Inference
internal import StageHost

/// What a supervisor tells a worker.
enum WorkerOrder: Message, Sendable {
    /// The first one.
    case begin(WorkerSetup)
    case prepare([PlannedImage])
    case make(PlannedImage)
    case cancel(Int)
}

/// What a worker answers. Orders are answered in any order, but `begin` and `prepare` one after the other.
enum WorkerAnswer: Message, Sendable {
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

extension WorkerAnswer {
    /// A letter, the image's index, and the share of its work as bits of a `Double`, least significant byte first.
    var shortForm: [UInt8]? {
        func form(_ letter: Character, _ index: Int, _ fraction: Double = 0) -> [UInt8] {
            [letter.asciiValue ?? 0] + bytes(UInt64(bitPattern: Int64(index))) + bytes(fraction.bitPattern)
        }
        func bytes(_ number: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
        switch self {
        case .begun(let index): return form("b", index)
        case .progress(let index, let fraction): return form("p", index, fraction)
        case .committing(let index): return form("c", index)
        default: return nil
        }
    }

    init?(shortForm: [UInt8]) {
        guard shortForm.count == 17 else { return nil }
        func number(_ start: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(shortForm[start + $1]) << (8 * $1) } }
        let index = Int(Int64(bitPattern: number(1)))
        switch Character(Unicode.Scalar(shortForm[0])) {
        case "b": self = .begun(index)
        case "p": self = .progress(index, Double(bitPattern: number(9)))
        case "c": self = .committing(index)
        default: return nil
        }
    }
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
