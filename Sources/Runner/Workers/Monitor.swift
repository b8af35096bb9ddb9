internal import Foundation

/// A value that several threads change, and wait for changes of.
final class Monitor<Value>: @unchecked Sendable {
    private let condition = NSCondition()
    // Touched with the lock held only.
    private var value: Value

    init(_ value: Value) { self.value = value }

    /// Reads or changes the value; those who wait look at it again.
    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        return body(&value)
    }

    /// Waits until `body` has an answer, which it may change the value for.
    func wait<Result>(for body: (inout Value) -> Result?) -> Result {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        while true {
            if let result = body(&value) { return result }
            condition.wait()
        }
    }

    /// Waits until `body` is true, or for so many seconds.
    func wait(atMost seconds: Double, until body: (Value) -> Bool) {
        condition.lock()
        defer { condition.unlock() }
        let deadline = Date(timeIntervalSinceNow: seconds)
        while !body(value), condition.wait(until: deadline) {}
    }
}
