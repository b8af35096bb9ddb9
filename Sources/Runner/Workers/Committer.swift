internal import Foundation

/// Gives the outputs of computed images their names, on a thread of its own, while the next images are computed.
///
///     order ──▶ lanes: compute ──▶ waiting ──▶ committer: sync several at once, name each, answer
///
/// Files that are synced together cost a file system little more than one (``GroupSync``). So where images come quickly, some are waited for; never while there are
/// none to come, and never for long.
final class Committer: Sendable {
    struct Item: Sendable {
        let image: ComputedImage
        /// Called with what came of it.
        let done: @Sendable (Result<MadeImage, FailedImage>) -> Void
    }

    private struct State {
        /// Images that were ordered and not answered.
        var inHand = 0
        var waiting: [Item] = []
    }

    private let state = Monitor(State())
    /// How many are synced at once at most; 1: each by itself.
    private let most: Int
    /// Seconds that an image waits for others: less than anybody sees, and several times what a small one takes.
    private static let patience = 0.02

    init(most: Int) { self.most = most }

    /// - Returns: whether the system has a thread for it.
    func start() -> Bool { SystemThread.start { [self] in run() } }

    /// Ordered, and not answered.
    var inHand: Int { state.withLock { $0.inHand } }
    func ordered() { state.withLock { $0.inHand += 1 } }
    func answered() { state.withLock { $0.inHand -= 1 } }

    func commit(_ item: Item) { state.withLock { $0.waiting.append(item) } }

    private func run() {
        var sync = GroupSync()
        while true {
            state.wait { $0.waiting.isEmpty ? nil : () }
            if most > 1 { state.wait(atMost: Self.patience) { [most] in $0.waiting.count >= most || $0.waiting.count >= $0.inHand } }
            let items = state.withLock { state in
                defer { state.waiting.removeFirst(min(most, state.waiting.count)) }
                return Array(state.waiting.prefix(most))
            }
            let isSynced = most > 1 && sync.sync(items.flatMap(\.image.files))
            for item in items {
                do throws(FailedImage) {
                    item.done(.success(try item.image.commit(isSynced: isSynced)))
                } catch {
                    item.done(.failure(error))
                }
            }
        }
    }
}
