internal import Foundation
internal import Inference
internal import StageHost
internal import Synchronization

/// Makes images in this process. A worker process is one of these with a channel around it.
final class LocalMaker: ImageMaker {
    let session: RunSession
    /// Bytes for each image.
    private let memory: Int
    private let contexts = Mutex<[Int: ImageContext]>([:])
    private let isAbandoned = Atomic<Bool>(false)

    /// How many images are computed at the same time.
    let places: Int
    var room: Int { places }

    /// - Parameters:
    ///   - lanes: how many images are computed at the same time.
    ///   - memory: bytes for each.
    init(session: RunSession, lanes: Int, memory: Int) { (self.session, places, self.memory) = (session, lanes, memory) }

    func prepare(_ images: [PlannedImage]) throws(RunError) -> [String] {
        if session.request.usesNetworks, session.request.neural.precision == .auto, session.stages.hasFasterTypes {
            let context = context(of: -1, for: .deciding)
            defer { end(-1, context) }
            PrecisionRehearsal(session: session, images: images, context: context).run()
        }
        return session.imageNotes + newNotes()
    }

    func make(_ planned: PlannedImage, while isWanted: () -> Bool, progress: @escaping @Sendable (ImageProgress) -> Void) throws(FailedImage) -> MadeImage? {
        guard isWanted() else { return nil }
        let computed = try compute(planned, progress: progress)
        do throws(FailedImage) {
            return try computed.commit()
        } catch {
            progress(.failed(error.failure))
            throw error
        }
    }

    /// All but the names of the outputs.
    func compute(_ planned: PlannedImage, progress: @escaping @Sendable (ImageProgress) -> Void) throws(FailedImage) -> ComputedImage {
        let memory = PeakMemory.begin()
        progress(.begun)
        let context = context(of: planned.index, for: .making)
        defer { end(planned.index, context) }
        var clock = JobClock()
        do throws(ImageFailure) {
            let computed = try ImageJob(session: session, planned: planned, context: context) { progress(.fraction($0)) }.run(&clock)
            computed.peakMemory = memory.end()
            return computed
        } catch {
            progress(.failed(error))
            throw FailedImage(error, notes: context.notes, seconds: clock.seconds, stages: clock.seconds(context))
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
