internal import Foundation
internal import Synchronization

/// An image that a worker was given, and what becomes of it.
final class Flight: Sendable {
    enum Phase: Int32, Sendable, Comparable {
        case waiting, computing, committing

        static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
    }

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
    /// Whether its file is so small that many of its kind are made in a moment.
    var isSmall: Bool { planned.bytes <= 64 << 10 }
    var phase: Phase { state.withLock { $0.phase } }

    /// Takes note of how far it is. A flight never goes back.
    ///
    /// - Parameter limit: seconds that it has, from the moment that it is seen to be computed; nil: any number. What then is left waits for a disk, for which no image
    ///   is to blame.
    func reached(_ phase: Phase, limit: Double?) {
        let hasBegun = state.withLock { state in
            guard phase > state.phase else { return false }
            defer { state.phase = phase }
            state.deadline = phase == .computing ? limit.map { .now + .seconds($0) } : nil
            return state.phase == .waiting
        }
        if hasBegun { progress(.begun) }
    }

    /// Gives it more time.
    func extend(by duration: Duration) { state.withLock { state in state.deadline = state.deadline.map { $0 + duration } } }

    func isOverdue(at now: SuspendingClock.Instant) -> Bool { state.withLock { state in state.deadline.map { now > $0 } ?? false } }

    func end(_ outcome: Outcome) {
        // Small ones are made before anybody has looked.
        if case .lost = outcome {} else { reached(.committing, limit: nil) }
        state.withLock { $0.outcome = outcome }
        isDone.signal()
    }

    /// Waits for the end. Once.
    func wait() -> Outcome {
        isDone.wait()
        return state.withLock { $0.outcome } ?? .failed(FailedImage(ImageFailure("worker", "its worker process gave no answer")))
    }
}
