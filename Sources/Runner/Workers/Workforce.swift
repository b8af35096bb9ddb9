internal import Foundation
internal import StageHost
internal import Synchronization

/// Makes images in worker processes, so that a codec, a plug-in or a network that crashes, hangs or takes all memory costs the image it was at and its process,
/// and nothing else.
///
///     thread of the batch ──┐                 ┌─▶ worker 0: one image at a time, the next ones while files are synced
///     thread of the batch ──┼─▶ Workforce ────┤
///     thread of the batch ──┘  (hands out)    └─▶ worker 1
///                                 ▲ watch: time, memory, standstill of each worker; ends what goes beyond
///
/// Pipelines with networks have one worker that computes several images at a time: they share the compiled networks. Where such a worker is lost, the images that it
/// computed are made again one by one: only the one that is lost once more, alone, has failed.
final class Workforce: ImageMaker {
    private let workers: [SupervisedWorker]
    private let next = Atomic<Int>(0)
    private let watch: WorkerWatch
    /// Why there are fewer workers than were asked for, told once.
    private let shortage: Mutex<(problem: RunError?, isTold: Bool)>
    private let wanted: Int
    /// What relative paths are relative to.
    private let folder = FileManager.default.currentDirectoryPath

    var places: Int { workers.reduce(0) { $0 + $1.places } }
    var room: Int { workers.reduce(0) { $0 + $1.allowance } }

    /// - Parameters:
    ///   - reserve: processes that were made beforehand, some or none.
    ///   - problem: why no more could be made than those; they do alone then.
    init(setup: WorkerSetup, count: Int, limits: WorkerLimits, reserve: [WorkerProcess], problem: RunError?, ingredients: [PathKey: FileStatus?], stageLabel: @escaping @Sendable (String) -> String?) {
        wanted = max(1, count)
        shortage = Mutex((problem, false))
        workers = (0..<(problem == nil ? wanted : max(1, reserve.count))).map { index in
            SupervisedWorker(setup: setup, limits: limits, reserve: reserve.indices.contains(index) ? reserve[index] : nil, ingredients: ingredients, stageLabel: stageLabel)
        }
        watch = WorkerWatch(workers)
    }

    func prepare(_ images: [PlannedImage]) throws(RunError) -> [String] {
        let notes = try watch.during { () throws(RunError) in try workers[0].prepare(images) }
        return newNotes() + notes
    }

    func make(_ planned: PlannedImage, while isWanted: () -> Bool, progress: @escaping @Sendable (ImageProgress) -> Void) throws(FailedImage) -> MadeImage? {
        // A plug-in may change the folder that the worker is in.
        var absolute = planned
        absolute.input = InputFile(path: Path.absolute(planned.input.path, in: folder), folder: planned.input.folder, number: planned.input.number)
        absolute.outputs = planned.outputs.map { Path.absolute($0, in: folder) }
        do throws(FailedImage) {
            while true {
                let worker = leastBusy
                do throws(FailedImage) {
                    return try watch.during { () throws(FailedImage) in try worker.make(absolute, while: isWanted, progress: progress) }
                } catch {
                    // Where the system has no more processes, those that run do the work.
                    guard let problem = worker.startProblem, workers.contains(where: \.isServing) else { throw error }
                    shortage.withLock { $0.problem = $0.problem ?? problem }
                }
            }
        } catch {
            // People know files by the names that they gave.
            var failed = error, names = [absolute.input.path] + absolute.outputs, given = [planned.input.path] + planned.outputs
            names += absolute.outputs.map(Path.directory)
            given += planned.outputs.map(Path.directory)
            func asGiven(_ text: String) -> String { zip(names, given).reduce(text) { PathKey($1.0) == PathKey($1.1) ? $0 : $0.replacing("'\($1.0)'", with: "'\($1.1)'") } }
            failed.failure.message = asGiven(failed.failure.message)
            failed.failure.endsRun = failed.failure.endsRun.map { RunError($0.status, asGiven($0.message), hint: $0.hint) }
            throw failed
        }
    }

    /// In turn among equals. One that could not be started is asked again only where there is no other.
    private var leastBusy: SupervisedWorker {
        let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
        let order = workers.indices.map { workers[($0 + turn) % workers.count] }
        return order.filter { $0.startProblem == nil }.min { $0.load < $1.load } ?? workers[0]
    }

    func newNotes() -> [String] {
        var seen: Set<String> = []
        return (shortageNote.map { [$0] } ?? []) + workers.flatMap { $0.newNotes() }.filter { seen.insert($0).inserted }
    }

    private var shortageNote: String? {
        shortage.withLock { shortage in
            guard let problem = shortage.problem, !shortage.isTold else { return nil }
            shortage.isTold = true
            let count = workers.filter { $0.startProblem == nil }.count
            return "only \(count) of \(wanted) worker processes could be started, and make all images: \(problem.description)"
        }
    }

    func abandon() { for worker in workers { worker.abandon() } }

    func close() {
        watch.stop()
        for worker in workers { worker.close() }
        OwnProcesses.endOrphans()
    }
}

/// What a worker may do before it is ended.
struct WorkerLimits: Sendable {
    /// Seconds for an image, from the moment that it is worked on; nil: any number.
    var timeout: Double?
    /// Seconds for each call by which a plug-in makes a stage ready, before the first image.
    var start: Double
    /// Bytes that a worker may hold; beyond, the image that it computes has failed.
    var memory: Int
    /// Bytes that a worker may hold between two images; beyond, another takes its place.
    var memoryAtRest: Int

    /// After the time limit, an image is given this long to give up by itself.
    static let grace = 2.0
    /// Seconds without any use of a processor after which a worker is held to hang. Networks of file servers may be slow, but not as slow as that.
    static let standstill = 600.0
}
