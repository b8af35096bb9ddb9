internal import Dispatch
internal import StageHost
internal import Synchronization

/// Gives an image up when its time is over, whatever it is doing: stages that poll end by themselves, libvips at the next tile.
final class DeadlineWatch {
    private let expired: Expiry
    private let timer: any DispatchSourceTimer

    /// Told by the timer's thread, read by the one that waits.
    private final class Expiry: Sendable {
        let isSet = Atomic<Bool>(false)
        let ticks = Atomic<Int>(0)
    }

    /// Begins to count. To be cancelled when the work is over.
    init(seconds: Double, context: ImageContext) {
        let expired = Expiry(), timer = DispatchSource.makeTimerSource()
        // Counted in ticks: those of a time in which the process was stopped (Ctrl-Z) come as one.
        let tick = max(seconds / 50, 0.001)
        timer.schedule(deadline: .now() + tick, repeating: tick)
        timer.setEventHandler {
            let ticks = expired.ticks.wrappingAdd(1, ordering: .relaxed).newValue
            guard Double(ticks) * tick >= seconds, !expired.isSet.exchange(true, ordering: .relaxed) else { return }
            context.cancel()
        }
        timer.resume()
        (self.expired, self.timer) = (expired, timer)
    }

    /// Whether the time limit ended the work.
    var isExpired: Bool { expired.isSet.load(ordering: .relaxed) }

    func cancel() { timer.cancel() }
}
