internal import Synchronization

/// How long the calls of one image into one stage's own code took: those of all threads added up.
///
/// Two readings of the system's clock and one atomic addition for each call.
final class StageClock: Sendable {
    let stage: String
    private let nanoseconds = Atomic<Int>(0)

    init(stage: String) { self.stage = stage }

    var seconds: Double { Double(nanoseconds.load(ordering: .relaxed)) * 1e-9 }

    func during<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        let start = ContinuousClock.now
        defer { add(since: start) }
        return try body()
    }

    func add(since start: ContinuousClock.Instant) {
        let taken = (ContinuousClock.now - start).components
        nanoseconds.wrappingAdd(Int(taken.seconds) &* 1_000_000_000 &+ Int(taken.attoseconds / 1_000_000_000), ordering: .relaxed)
    }
}

/// Times runs of a network: buffers are filled, it computes, they are read. Only the middle is the network's own.
struct NetworkStopwatch {
    private let clock: StageClock
    private var start: ContinuousClock.Instant?

    init(_ clock: StageClock) { self.clock = clock }

    /// After each input that was filled: after the last of them the engine begins.
    mutating func filled() { start = .now }

    /// Before an output is read: before the first of them the engine has ended.
    mutating func computed() {
        guard let start else { return }
        clock.add(since: start)
        self.start = nil
    }
}
