import Foundation

/// Runs a body for everything that `next` gives, on a number of threads, and returns when there is no more and all of them are done.
///
/// Threads of their own rather than the shared pool of Swift's tasks: an image is minutes of blocking C code at worst.
enum WorkerPool {
    static func run<Item>(threads: Int, next: @escaping @Sendable () -> Item?, _ body: @escaping @Sendable (Item) -> Void) {
        let group = DispatchGroup()
        var started = 0
        for _ in 0..<max(1, threads) {
            group.enter()
            let isStarted = SystemThread.start {
                while let item = next() { body(item) }
                group.leave()
            }
            guard isStarted else {
                group.leave()
                break
            }
            started += 1
        }
        // Where the system has none, there is still this one.
        if started == 0 { while let item = next() { body(item) } }
        group.wait()
    }
}
