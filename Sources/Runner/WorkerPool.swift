import Foundation
import Synchronization

/// Runs a body for 0 ..< count on a number of threads, in order of the index, and returns when all of them are done.
///
/// Threads of their own rather than the shared pool of Swift's tasks: an image is minutes of blocking C code at worst.
enum WorkerPool {
    static func run(
        count: Int, threads: Int, while shouldContinue: @escaping @Sendable () -> Bool, _ body: @escaping @Sendable (Int) -> Void
    ) {
        let counter = Counter()
        let group = DispatchGroup()
        for _ in 0..<max(1, min(threads, count)) {
            group.enter()
            let thread = Thread {
                while shouldContinue() {
                    let index = counter.take()
                    guard index < count else { break }
                    body(index)
                }
                group.leave()
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
        group.wait()
    }

    private final class Counter: Sendable {
        private let next = Atomic<Int>(0)
        func take() -> Int { next.wrappingAdd(1, ordering: .relaxed).oldValue }
    }
}
