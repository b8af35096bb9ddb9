internal import CAquatintPlugin

/// The host as plug-ins see it: its name, its version, and where their messages go. Lives until the process exits.
public final class PluginHost: Sendable {
    /// How important a plug-in's message is.
    public enum Level: Int32, Sendable, Hashable, Comparable {
        case debug = 0
        case info = 1
        case warning = 2

        public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    /// What plug-ins are given, with the object right behind it: `struct_size` covers the first part alone.
    private struct Table {
        var host: aqt_host
        var owner: UnsafeRawPointer
    }

    // Written in `init` only.
    private nonisolated(unsafe) let table: UnsafeMutablePointer<Table>
    private let log: @Sendable (Level, String) -> Void

    /// - Parameter log: takes messages of plug-ins, one line each, from any thread.
    public init(version: String, log: @escaping @Sendable (Level, String) -> Void) {
        self.log = log
        table = .allocate(capacity: 1)
        var host = emptyStruct(aqt_host.self)
        host.abi_minor = UInt32(AQT_ABI_MINOR)
        host.name = immortal("aquatint")
        host.version = immortal(version)
        host.log = { host, level, message in
            guard let host, let message else { return }
            let owner = UnsafeRawPointer(host).load(as: Table.self).owner
            let text = readText(message, limit: DescriptorLimit.text) ?? "(a message that is no UTF-8 text)"
            Unmanaged<PluginHost>.fromOpaque(owner).takeUnretainedValue().log(Level(rawValue: level) ?? .info, cleaned(text))
        }
        host.extension = { _, _ in nil }
        table.initialize(to: Table(host: host, owner: Unmanaged.passRetained(self).toOpaque()))
    }

    /// What plug-ins are given.
    var pointer: UnsafePointer<aqt_host> { UnsafeRawPointer(table).assumingMemoryBound(to: aqt_host.self) }
}

private func immortal(_ text: String) -> UnsafePointer<CChar> {
    let bytes = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.utf8.count + 1)
    _ = bytes.initialize(from: text.utf8.map { CChar(bitPattern: $0) } + [0])
    return UnsafePointer(bytes.baseAddress.unsafelyUnwrapped)
}

/// One image being worked on, as a plug-in sees it for the length of one call.
final class JobToken {
    private struct Table {
        var job: aqt_job
        var owner: UnsafeRawPointer
    }

    private let isCancelled: @Sendable () -> Bool

    init(_ isCancelled: @escaping @Sendable () -> Bool) { self.isCancelled = isCancelled }

    /// Calls `body` with the C form of the job.
    func withJob<Result>(_ body: (UnsafePointer<aqt_job>) -> Result) -> Result {
        var job = emptyStruct(aqt_job.self)
        job.cancelled = { job in
            guard let job else { return 0 }
            let owner = UnsafeRawPointer(job).load(as: Table.self).owner
            return Unmanaged<JobToken>.fromOpaque(owner).takeUnretainedValue().isCancelled() ? 1 : 0
        }
        let table = Table(job: job, owner: Unmanaged.passUnretained(self).toOpaque())
        return withExtendedLifetime(self) {
            withUnsafeBytes(of: table) { body($0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: aqt_job.self)) }
        }
    }
}
