import Foundation
internal import Synchronization

/// Runs a body for everything that `next` gives, on a number of threads, and returns when there is no more and all of them are done.
///
/// Threads of their own rather than the shared pool of Swift's tasks: an image is minutes of blocking C code at worst.
enum WorkerPool {
    /// - Parameters:
    ///   - threads: how many there are at most.
    ///   - wanted: how many there is a use for, asked before each body: so many there are then, or more.
    static func run<Item>(threads: Int, wanted: @escaping @Sendable () -> Int = { .max }, next: @escaping @Sendable () -> Item?, _ body: @escaping @Sendable (Item) -> Void) {
        let pool = Pool(most: max(1, threads), wanted: wanted, next: next, body: body)
        // Where the system has none, there is still this one.
        if !pool.grow() { while let item = next() { body(item) } }
        pool.group.wait()
    }

    private final class Pool<Item>: Sendable {
        let group = DispatchGroup()
        private let wanted: @Sendable () -> Int
        private let next: @Sendable () -> Item?
        private let body: @Sendable (Item) -> Void
        /// Threads so far, and how many there can be.
        private let size: Mutex<(started: Int, most: Int)>

        init(most: Int, wanted: @escaping @Sendable () -> Int, next: @escaping @Sendable () -> Item?, body: @escaping @Sendable (Item) -> Void) {
            (self.wanted, self.next, self.body) = (wanted, next, body)
            size = Mutex((0, most))
        }

        /// - Returns: whether there are any threads.
        @discardableResult
        func grow() -> Bool {
            let wanted = max(1, wanted())
            return size.withLock { size in
                while size.started < min(wanted, size.most) {
                    group.enter()
                    let isStarted = SystemThread.start { [self] in
                        while let item = next() {
                            grow()
                            body(item)
                        }
                        group.leave()
                    }
                    guard isStarted else {
                        group.leave()
                        // The system has no more.
                        size.most = size.started
                        break
                    }
                    size.started += 1
                }
                return size.started > 0
            }
        }
    }
}
