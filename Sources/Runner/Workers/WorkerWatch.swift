internal import Foundation

/// Looks at the workers many times a second while there is work in hand, and ends those that go beyond their limits: nothing that a worker does, or does not do, can
/// hold it up.
final class WorkerWatch: Sendable {
    private struct State {
        var inHand = 0
        var isStarted = false
        var isStopped = false
    }

    private let workers: [SupervisedWorker]
    private let state = Monitor(State())

    /// Memory is claimed at some gigabytes a second: what is claimed between two looks is what a limit is overshot by.
    static let interval = 0.02

    init(_ workers: [SupervisedWorker]) { self.workers = workers }

    /// Does what workers are looked at for.
    func during<Result, Failure: Error>(_ work: () throws(Failure) -> Result) throws(Failure) -> Result {
        let isFirst = state.withLock { state in
            state.inHand += 1
            defer { state.isStarted = true }
            return !state.isStarted
        }
        defer { state.withLock { $0.inHand -= 1 } }
        if isFirst { start() }
        return try work()
    }

    private func start() {
        Thread { [self] in
            while state.wait(for: { $0.isStopped ? false : $0.inHand > 0 ? true : nil }) {
                Thread.sleep(forTimeInterval: Self.interval)
                for worker in workers { worker.check() }
            }
        }.start()
    }

    func stop() { state.withLock { $0.isStopped = true } }
}
