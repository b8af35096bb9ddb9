internal import Foundation
internal import Inference
internal import StageHost
internal import Synchronization

/// Makes images in this process. A worker process is one of these with a channel around it.
final class LocalMaker: ImageMaker {
    let session: RunSession
    /// Bytes for each image.
    private let memory: Int
    /// Images computed at the same time; others wait, or wait for the disk.
    private let computing: DispatchSemaphore
    private let contexts = Mutex<[Int: ImageContext]>([:])
    private let isAbandoned = Atomic<Bool>(false)

    let places: Int

    /// - Parameters:
    ///   - lanes: how many images are computed at the same time.
    ///   - memory: bytes for each.
    init(session: RunSession, lanes: Int, memory: Int) {
        self.session = session
        self.memory = memory
        computing = DispatchSemaphore(value: lanes)
        places = min(lanes + Self.waitingForDisk, WorkerBoard.mostFlights)
    }

    /// The next image is computed while the files of the last ones are synced to the disk, which takes longer than computing a small one: several syncs at a time cost a
    /// file system little more than one.
    static let waitingForDisk = 2

    func prepare(_ images: [PlannedImage]) throws(RunError) -> [String] {
        if session.request.usesNetworks, session.request.neural.precision == .auto, session.stages.hasFasterTypes {
            let context = context(of: -1, for: .deciding)
            defer { end(-1, context) }
            PrecisionRehearsal(session: session, images: images, context: context).run()
        }
        return session.imageNotes + newNotes()
    }

    func make(_ planned: PlannedImage, while isWanted: () -> Bool, progress: @escaping @Sendable (ImageProgress) -> Void) throws(FailedImage) -> MadeImage? {
        try make(planned, while: isWanted, progress: progress, committing: {})
    }

    /// - Parameter committing: called when all is computed, and files are only to be synced and named.
    func make(_ planned: PlannedImage, while isWanted: () -> Bool, progress: @escaping @Sendable (ImageProgress) -> Void, committing: () -> Void)
        throws(FailedImage) -> MadeImage? {
        computing.wait()
        var isComputing = true
        func computed() {
            if isComputing { computing.signal() }
            isComputing = false
        }
        defer { computed() }
        guard isWanted() else { return nil }
        let start = ContinuousClock.now
        let memory = PeakMemory.begin()
        progress(.begun)
        let context = context(of: planned.index, for: .making)
        defer { end(planned.index, context) }
        var clock = JobClock()
        do throws(ImageFailure) {
            let job = ImageJob(session: session, planned: planned, context: context) { progress(.fraction($0)) }
            var peak: Int?
            var made = try job.run(&clock) {
                // Before the next image begins.
                peak = memory.end()
                computed()
                committing()
            }
            made.peakMemory = peak
            made.notes = context.notes
            made.seconds = (ContinuousClock.now - start).seconds
            return made
        } catch {
            progress(.failed(error))
            throw FailedImage(error, notes: context.notes, seconds: (ContinuousClock.now - start).seconds, stages: clock.seconds(context))
        }
    }

    func newNotes() -> [String] { session.stages.newPrecisionNotes() }

    func abandon() {
        isAbandoned.store(true, ordering: .sequentiallyConsistent)
        for context in contexts.withLock({ Array($0.values) }) { context.cancel() }
    }

    /// Gives up one image.
    func cancel(_ index: Int) { contexts.withLock { $0[index] }?.cancel() }

    func close() { ManagedColour.removeFiles() }

    private func context(of index: Int, for purpose: ImageContext.Purpose) -> ImageContext {
        let context = ImageContext(memoryBudget: memory, for: purpose)
        contexts.withLock { $0[index] = context }
        if isAbandoned.load(ordering: .sequentiallyConsistent) { context.cancel() }
        return context
    }

    private func end(_ index: Int, _ context: ImageContext) {
        context.finish()
        contexts.withLock { _ = $0.removeValue(forKey: index) }
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
