internal import Foundation
internal import Synchronization

/// An image that a worker was given, and what becomes of it.
final class Flight: Sendable {
    enum Phase: Sendable { case waiting, computing, committing }

    enum Outcome: Sendable {
        case made(MadeImage)
        case failed(FailedImage)
        /// The worker is gone.
        case lost(FailedImage, Blame)
    }

    /// What a lost worker says of an image that it had.
    enum Blame: Sendable {
        /// It was this image and no other.
        case certain
        /// It was one of those that were computed.
        case suspected
        /// It waited its turn, or was finished but for the disk.
        case none
    }

    private struct State {
        var phase = Phase.waiting
        var deadline: SuspendingClock.Instant?
        var outcome: Outcome?
    }

    let planned: PlannedImage
    let progress: @Sendable (ImageProgress) -> Void
    private let state = Mutex(State())
    private let isDone = DispatchSemaphore(value: 0)

    init(_ planned: PlannedImage, progress: @escaping @Sendable (ImageProgress) -> Void) { (self.planned, self.progress) = (planned, progress) }

    var index: Int { planned.index }
    var phase: Phase { state.withLock { $0.phase } }

    /// - Parameter limit: seconds that it has from now on; nil: any number.
    func begin(limit: Double?) {
        state.withLock { state in
            state.phase = .computing
            state.deadline = limit.map { .now + .seconds($0) }
        }
        progress(.begun)
    }

    /// What is left waits for a disk, for which no image is to blame.
    func commit() {
        state.withLock { state in
            state.phase = .committing
            state.deadline = nil
        }
    }

    func isOverdue(at now: SuspendingClock.Instant) -> Bool { state.withLock { state in state.deadline.map { now > $0 } ?? false } }

    func end(_ outcome: Outcome) {
        state.withLock { $0.outcome = outcome }
        isDone.signal()
    }

    /// Waits for the end. Once.
    func wait() -> Outcome {
        isDone.wait()
        return state.withLock { $0.outcome } ?? .failed(FailedImage(ImageFailure("worker", "its worker process gave no answer")))
    }
}
