import Dispatch
import Foundation
import Synchronization

/// Ctrl-C and TERM: the first asks the run to finish the images in flight, the second to give them up. So does what cannot go on being written.
public final class StopSignal: Sendable {
    /// How far a stop has come.
    public enum State: Int, Sendable, Comparable {
        case running, draining, abandoning
        public static func < (left: State, right: State) -> Bool { left.rawValue < right.rawValue }
    }

    private let level = Atomic<Int>(0)
    private let signalNumber = Atomic<Int32>(0)
    private let failure = Mutex<RunError?>(nil)
    private let observers = Mutex<[@Sendable (State) -> Void]>([])

    public init() {}

    public var state: State { State(rawValue: min(level.load(ordering: .acquiring), 2)) ?? .abandoning }
    /// The status to end with, where a signal stopped the run.
    public var exitStatus: ExitStatus? {
        switch signalNumber.load(ordering: .acquiring) {
        case SIGINT: .interrupted
        case SIGTERM, SIGHUP: .terminated
        default: nil
        }
    }

    /// Why the run is to end, where that is no signal.
    public var error: RunError? { failure.withLock { $0 } }

    /// Asks the run to finish the images in flight and to end with `error`: the first one counts.
    public func end(_ error: RunError) {
        let isFirst = failure.withLock { failure in
            defer { failure = failure ?? error }
            return failure == nil
        }
        guard isFirst, level.compareExchange(expected: 0, desired: 1, ordering: .acquiringAndReleasing).exchanged else { return }
        tell()
    }

    /// Called on each change, from a private queue or from who ends the run.
    public func observe(_ body: @escaping @Sendable (State) -> Void) { observers.withLock { $0.append(body) } }

    public func raise(_ number: Int32) {
        _ = signalNumber.compareExchange(expected: 0, desired: number, ordering: .acquiringAndReleasing)
        level.wrappingAdd(1, ordering: .acquiringAndReleasing)
        tell()
    }

    private func tell() {
        let now = state
        for observer in observers.withLock({ $0 }) { observer(now) }
    }

    /// Takes over SIGINT, SIGTERM and SIGHUP for the rest of the process' life; SIGHUP not where `nohup` has said that the end of the terminal is not to matter.
    public func install() {
        var earlier = sigaction()
        let outlivesTerminal = sigaction(SIGHUP, nil, &earlier) == 0 && unsafeBitCast(earlier.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        for number in [SIGINT, SIGTERM, SIGHUP] where number != SIGHUP || !outlivesTerminal {
            // Until the source takes it over; ignored, it would be so in programs that are started from here, too.
            signal(number) { _ in }
            let source = DispatchSource.makeSignalSource(signal: number, queue: Self.queue)
            source.setEventHandler { [self] in raise(number) }
            source.resume()
            Self.sources.withLock { $0.append(Source(source)) }
        }
    }

    private static let queue = DispatchQueue(label: "aquatint.signals")
    /// A dispatch source dies with its last reference.
    private struct Source: @unchecked Sendable {
        let source: any DispatchSourceSignal
        init(_ source: any DispatchSourceSignal) { self.source = source }
    }
    private static let sources = Mutex<[Source]>([])
}
