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
    case progress(Int, Double)
    case made(Int, MadeImage, state: WorkerState)
    case failed(Int, FailedImage, state: WorkerState)
}

extension WorkerOrder {
    var packed: [UInt8]? {
        guard case .make(let planned) = self else { return nil }
        var bytes = PackedBytes(beginning: [UInt8(ascii: "m")])
        bytes.add(planned)
        return bytes.bytes
    }

    init?(packed: [UInt8]) {
        guard packed.first == UInt8(ascii: "m") else { return nil }
        var bytes = PackedBytes(packed, from: 1)
        guard let planned = try? bytes.next(PlannedImage.self) else { return nil }
        self = .make(planned)
    }
}

extension WorkerAnswer {
    var packed: [UInt8]? {
        switch self {
        case .progress(let index, let fraction):
            var bytes = PackedBytes(beginning: [UInt8(ascii: "p")])
            bytes.add(index, fraction)
            return bytes.bytes
        case .made(let index, let made, let state):
            var bytes = PackedBytes(beginning: [UInt8(ascii: "m")])
            bytes.add(index, made, state)
            return bytes.bytes
        default: return nil
        }
    }

    init?(packed: [UInt8]) {
        var bytes = PackedBytes(packed, from: 1)
        do throws(PackedBytes.Malformed) {
            switch packed.first {
            case UInt8(ascii: "p"): self = .progress(try bytes.next(), try bytes.next())
            case UInt8(ascii: "m"): self = .made(try bytes.next(), try bytes.next(), state: try bytes.next())
            default: return nil
            }
        } catch {
            return nil
        }
    }
}

/// How a worker is after an image.
struct WorkerState: Codable, Sendable {
    /// What it found out about networks.
    var notes: [String]
    /// Bytes that it holds.
    var resident: Int
    /// Seconds that an image takes to compute, of late; 0 before the first.
    var pace: Double
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
    /// Images beside those computed that it may have in hand.
    var waiting: Int
    /// Bytes for the run, and for each image.
    var memory: Int
    var memoryPerImage: Int
    /// Whether libvips' warnings are shown.
    var isVerbose: Bool
}
