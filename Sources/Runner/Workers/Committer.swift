internal import Foundation

/// Gives the outputs of computed images their names, on threads of its own, while the next images are computed.
///
///     order ──▶ lanes: compute ──▶ waiting ──▶ committers: sync several at once, name each, answer
///
/// Small files that are synced together cost a file system little more than one (``GroupSync``). So where images come quickly, some are waited for; never while there
/// are none to come, and never for long. Where each is synced by itself, several threads do so at a time.
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
        /// Whether a thread waits for its group to be complete.
        var isGathering = false
    }

    private let state = Monitor(State())
    private let groups: GroupSync
    /// How many are synced at once at most; 1: each by itself.
    private let most: Int
    /// Seconds that an image waits for others: less than anybody sees, and several times what a small one takes.
    private static let patience = 0.02

    init(most: Int, groups: GroupSync = GroupSync()) { (self.most, self.groups) = (most >= GroupSync.least ? most : 1, groups) }

    /// - Returns: whether the system has a thread for it; fewer than were asked for do.
    func start(threads: Int) -> Bool { (0..<max(1, threads)).prefix { _ in SystemThread.start { [self] in run() } }.count > 0 }

    /// Ordered, and not answered.
    var inHand: Int { state.withLock { $0.inHand } }
    func ordered() { state.withLock { $0.inHand += 1 } }
    func answered() { state.withLock { $0.inHand -= 1 } }

    func commit(_ item: Item) { state.withLock { $0.waiting.append(item) } }

    private func run() {
        while true {
            let items = group()
            let isSynced = items.count > 1 && groups.sync(items.map(\.image.files))
            for item in items {
                do throws(FailedImage) {
                    item.done(.success(try item.image.commit(isSynced: isSynced)))
                } catch {
                    item.done(.failure(error))
                }
            }
        }
    }

    /// The images that are next: one thread at a time waits for company.
    private func group() -> [Item] {
        state.wait { state -> Void? in
            guard !state.isGathering, !state.waiting.isEmpty else { return nil }
            state.isGathering = true
            return ()
        }
        if most > 1 {
            state.wait(atMost: Self.patience) { [most] state in
                state.waiting.count >= most || state.waiting.count >= state.inHand || state.inHand < GroupSync.least
            }
        }
        return state.withLock { state in
            defer {
                state.waiting.removeFirst(min(most, state.waiting.count))
                state.isGathering = false
            }
            return Array(state.waiting.prefix(most))
        }
    }
}
