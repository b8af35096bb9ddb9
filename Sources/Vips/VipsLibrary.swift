import CVips
import Synchronization

/// libvips as a whole: starting it, and its process-wide settings.
///
/// Everything in this module starts libvips by itself; calling ``start()`` first only chooses when a broken
/// installation is noticed.
public enum VipsLibrary {
    /// Starts libvips. Idempotent, and safe from any thread; the outcome of the first call is the outcome of all.
    ///
    /// The operation cache is off: it would hand out the old pixels of a file that has been replaced since, and it holds memory.
    /// What libvips and GLib would print to stderr goes to ``onWarning(_:)`` instead.
    public static func start() throws(VipsError) {
        try startOnce.get()
    }

    private static let startOnce: Result<Void, VipsError> = {
        collectLogs()
        guard vips_init("aquatint") == 0 else {
            let lines = String(cString: vips_error_buffer()).split(separator: "\n").map(String.init)
            vips_error_clear()
            return .failure(VipsError(message: "cannot start libvips: \(ErrorLedger.sentence(from: lines, operation: nil))"))
        }
        vips_cache_set_max(0)
        return .success(())
    }()

    /// The version of the libvips that is loaded, which may be newer than the one this was built against.
    public static var version: (major: Int, minor: Int, micro: Int) {
        (Int(vips_version(0)), Int(vips_version(1)), Int(vips_version(2)))
    }

    /// Gives freed blocks of a megabyte and more back to the system at once. To be called before there are threads.
    ///
    /// glibc would keep those of up to 32 MiB once one was freed: rows of pictures and cells of networks come in all sizes, and the memory of a long run would
    /// grow with the holes between them.
    public static func returnLargeBlocks() {
        cvips_return_large_blocks()
    }

    /// How many threads one evaluation may use; 0 gives back libvips' default, the number of cores.
    public static func setConcurrency(_ threads: Int) {
        vips_concurrency_set(Int32(clamping: threads))
    }

    /// How many threads one evaluation may use; at least 1.
    public static var concurrency: Int { max(1, Int(vips_concurrency_get())) }

    /// Bytes of pixel memory that libvips holds now, and the most that it ever held.
    public static func memory() -> (current: Int, highWater: Int) {
        (Int(clamping: vips_tracked_get_mem()), Int(clamping: vips_tracked_get_mem_highwater()))
    }

    /// Refuses (or allows again) the operations that libvips marks as not hardened against hostile files:
    /// loaders such as `pdfload`, `svgload` and `magickload`.
    public static func blockUntrusted(_ on: Bool) throws(VipsError) {
        try start()
        vips_block_untrusted_set(on ? 1 : 0)
    }

    /// How many libvips objects are alive: images, regions, operations. For leak tests.
    static var liveObjects: Int {
        var count = 0
        withUnsafeMutablePointer(to: &count) { count in
            _ = vips_object_map({ _, count, _ in
                count!.assumingMemoryBound(to: Int.self).pointee += 1
                return nil
            }, count, nil)
        }
        return count
    }
}

// MARK: - Warnings

extension VipsLibrary {
    private struct Warnings {
        var handler: (@Sendable (String) -> Void)?
        /// Said before anybody listened.
        var pending: [String] = []
    }

    private static let warnings = Mutex(Warnings())

    /// Hands `handler` every warning of libvips and GLib from now on, and first those (at most 64) that came before
    /// there was a handler. One handler at a time: a later one takes over. It is called on the thread that warned.
    public static func onWarning(_ handler: @escaping @Sendable (String) -> Void) {
        let pending = warnings.withLock { warnings in
            warnings.handler = handler
            defer { warnings.pending = [] }
            return warnings.pending
        }
        pending.forEach(handler)
    }

    static func warn(_ text: String) {
        let handler = warnings.withLock { warnings in
            if warnings.handler == nil, warnings.pending.count < 64 { warnings.pending.append(text) }
            return warnings.handler
        }
        handler?(text)
    }

    private static func collectLogs() {
        let levels = GLogLevelFlags(
            rawValue: G_LOG_LEVEL_WARNING.rawValue | G_LOG_LEVEL_CRITICAL.rawValue | G_LOG_LEVEL_MESSAGE.rawValue)
        for domain in ["VIPS", "GLib", "GLib-GObject", "GLib-GIO"] {
            g_log_set_handler(domain, levels, { domain, _, text, _ in
                guard let text else { return }
                ErrorLedger.shared.warn(String(cString: text))
                let origin = domain.map { String(cString: $0) } ?? "GLib"
                VipsLibrary.warn("\(origin): \(String(cString: text))")
            }, nil)
        }
    }
}
