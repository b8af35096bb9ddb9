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
    }

    /// Begins to count. To be cancelled when the work is over.
    init(seconds: Double, context: ImageContext) {
        let expired = Expiry(), timer = DispatchSource.makeTimerSource()
        timer.schedule(deadline: .now() + seconds)
        timer.setEventHandler {
            expired.isSet.store(true, ordering: .relaxed)
            context.cancel()
        }
        timer.resume()
        (self.expired, self.timer) = (expired, timer)
    }

    /// Whether the time limit ended the work.
    var isExpired: Bool { expired.isSet.load(ordering: .relaxed) }

    func cancel() { timer.cancel() }
}
