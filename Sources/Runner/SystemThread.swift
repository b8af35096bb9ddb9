internal import Foundation

/// Threads whose start can fail: `Foundation.Thread` says nothing where the system has none left, and whoever waits for it waits for ever.
enum SystemThread {
    /// Runs `body` on a thread of its own, with the stack that libvips recurses through, as deep as pipelines go.
    ///
    /// - Returns: whether there is such a thread.
    static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        let box = Unmanaged.passRetained(Body(body))
        let code = withUnsafeTemporaryAllocation(of: pthread_attr_t.self, capacity: 1) { buffer in
            guard let attributes = buffer.baseAddress else { return EAGAIN }
            pthread_attr_init(attributes)
            defer { pthread_attr_destroy(attributes) }
            pthread_attr_setstacksize(attributes, 8 << 20)
            pthread_attr_setdetachstate(attributes, Int32(PTHREAD_CREATE_DETACHED))
            var thread = pthread_t()
            return pthread_create(&thread, attributes, { box in
                if let box { Unmanaged<Body>.fromOpaque(box).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        }
        if code != 0 { box.release() }
        return code == 0
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static let none = RunError(.inputOutput, "the system has no thread left for this run", hint: "fewer images at a time (--jobs), or a higher limit of processes (ulimit -u) or of memory (ulimit -v)")
}
