internal import Foundation
internal import Synchronization

/// Looks at the workers many times a second, and ends those that go beyond their limits: nothing that a worker does, or does not do, can hold it up.
final class WorkerWatch: Sendable {
    private let workers: [SupervisedWorker]
    private let isStopped = Atomic<Bool>(false)
    private let isStarted = Atomic<Bool>(false)

    /// Memory is claimed at some gigabytes a second: what is claimed between two looks is what a limit is overshot by.
    private static let interval = 0.02

    init(_ workers: [SupervisedWorker]) { self.workers = workers }

    func start() {
        guard !isStarted.exchange(true, ordering: .sequentiallyConsistent) else { return }
        let thread = Thread { [self] in
            while !isStopped.load(ordering: .relaxed) {
                Thread.sleep(forTimeInterval: Self.interval)
                for worker in workers { worker.check() }
            }
        }
        thread.start()
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }
}
