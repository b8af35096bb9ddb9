internal import Foundation

/// Lets in as many threads as there is room for, which changes: those that wait outside are woken one by one.
final class Turnstile: @unchecked Sendable {
    private let condition = NSCondition()
    // Touched with the lock held only.
    private var room: Int
    private var inside = 0

    init(_ room: Int) { self.room = max(1, room) }

    func enter() {
        condition.lock()
        defer { condition.unlock() }
        while inside >= room { condition.wait() }
        inside += 1
    }

    /// - Parameter room: how many there is room for now.
    func leave(_ room: Int) {
        condition.lock()
        defer { condition.unlock() }
        self.room = max(1, room)
        inside -= 1
        for _ in inside..<max(inside, self.room) { condition.signal() }
    }
}
