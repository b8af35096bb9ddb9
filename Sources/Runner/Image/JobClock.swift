internal import StageHost

/// What the parts of the work on an image take, one after the other, until it is made or has failed.
struct JobClock {
    private var ended: [StageSeconds] = []
    private var part = "load"
    private var since = ContinuousClock.now
    private let start = ContinuousClock.now

    /// All of it so far.
    var seconds: Double { (ContinuousClock.now - start).seconds }

    /// The next part begins, and the one before it has ended.
    mutating func begin(_ next: String) {
        let now = ContinuousClock.now
        ended.append(StageSeconds(name: part, seconds: (now - since).seconds))
        (part, since) = (next, now)
    }

    /// `load`, what plug-ins and networks have taken within that and the others, and the others so far.
    func seconds(_ context: ImageContext) -> [StageSeconds] {
        let all = ended + [StageSeconds(name: part, seconds: (ContinuousClock.now - since).seconds)]
        return all.prefix(1) + context.stageSeconds.map { StageSeconds(name: $0.stage, seconds: $0.seconds) } + all.dropFirst()
    }
}
