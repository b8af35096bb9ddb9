internal import Synchronization

/// Notes that are kept until it is known whether what they speak of happens. Each text is kept once.
final class PlanNotes: Sendable {
    private let texts = Mutex<[String]>([])

    var all: [String] { texts.withLock { $0 } }

    func add(_ text: String) { texts.withLock { if !$0.contains(text) { $0.append(text) } } }
}
