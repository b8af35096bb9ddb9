internal import Foundation
internal import StageHost
internal import Synchronization

/// Makes images in worker processes, so that a codec, a plug-in or a network that crashes, hangs or takes all memory costs the image it was at and its process,
/// and nothing else.
///
///     thread of the batch ──┐                 ┌─▶ worker 0: one image at a time, the next one while files are synced
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

    var places: Int { workers.reduce(0) { $0 + $1.places } }

    /// - Parameter reserve: processes that were made beforehand, some or none.
    init(setup: WorkerSetup, count: Int, limits: WorkerLimits, reserve: [WorkerProcess], stageLabel: @escaping @Sendable (String) -> String?) {
        workers = (0..<max(1, count)).map { index in
            SupervisedWorker(setup: setup, limits: limits, reserve: reserve.indices.contains(index) ? reserve[index] : nil, stageLabel: stageLabel)
        }
        watch = WorkerWatch(workers)
    }

    func prepare(_ images: [PlannedImage]) throws(RunError) -> [String] {
        watch.start()
        return try workers[0].prepare(images)
    }

    func make(_ planned: PlannedImage, while isWanted: () -> Bool, progress: @escaping @Sendable (ImageProgress) -> Void) throws(FailedImage) -> MadeImage? {
        // The least busy one; in turn among equals.
        let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
        let order = workers.indices.map { workers[($0 + turn) % workers.count] }
        let worker = order.min { $0.load < $1.load } ?? workers[0]
        return try worker.make(planned, while: isWanted, progress: progress)
    }

    func newNotes() -> [String] {
        var seen: Set<String> = []
        return workers.flatMap { $0.newNotes() }.filter { seen.insert($0).inserted }
    }

    func abandon() { for worker in workers { worker.abandon() } }

    func close() {
        watch.stop()
        for worker in workers { worker.close() }
    }
}

/// What a worker may do before it is ended.
struct WorkerLimits: Sendable {
    /// Seconds for an image, from the moment that it is worked on; nil: any number.
    var timeout: Double?
    /// Bytes that a worker may hold; beyond, the image that it computes has failed.
    var memory: Int
    /// Bytes that a worker may hold between two images; beyond, another takes its place.
    var memoryAtRest: Int

    /// After the time limit, an image is given this long to give up by itself.
    static let grace = 2.0
    /// Seconds without any use of a processor after which a worker is held to hang. Networks of file servers may be slow, but not as slow as that.
    static let standstill = 600.0
}
