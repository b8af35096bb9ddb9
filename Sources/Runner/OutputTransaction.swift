import Foundation
import Synchronization

/// The outputs of one image: written under temporary names in their own folders, then all of them made visible, or none.
///
/// Temporary names are `.aquatint-<process id>-<number><extension>`: a later run tells by the process id whether one is a leftover.
struct OutputTransaction: ~Copyable {
    private var pending: [(temporary: String, final: String)] = []
    private static let counter = Atomic<Int>(0)

    init() {}

    /// The name to write to for the output `final`. Creates its folder where it is missing.
    mutating func temporaryName(for final: String) throws(RunError) -> String {
        let folder = Path.directory(final)
        if let reason = Self.create(folder.isEmpty ? "." : folder) {
            throw RunError(.cannotCreateOutput, "the output folder '\(folder)' cannot be created: \(reason)")
        }
        let number = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
        let name = ".aquatint-\(ProcessInfo.processInfo.processIdentifier)-\(number)\(Path.split(Path.base(final)).ext)"
        let temporary = Path.join(folder, name)
        pending.append((temporary, final))
        Self.live.withLock { _ = $0.insert(temporary) }
        return temporary
    }

    /// Syncs every file to the disk, then gives each its final name, then syncs the folders.
    ///
    /// On failure nothing that this transaction wrote stays behind, except finals that an earlier rename of the same call has
    /// already made complete.
    mutating func commit() throws(RunError) {
        for file in pending { try Self.sync(file.temporary) }
        for file in pending where rename(file.temporary, file.final) != 0 {
            throw RunError(.cannotCreateOutput, "'\(file.final)' cannot be put in place: \(String(cString: strerror(errno)))")
        }
        for folder in Set(pending.map { Path.directory($0.final) }) { try? Self.sync(folder.isEmpty ? "." : folder) }
        Self.live.withLock { for file in pending { $0.remove(file.temporary) } }
        pending = []
    }

    deinit {
        for file in pending { unlink(file.temporary) }
        Self.live.withLock { for file in pending { $0.remove(file.temporary) } }
    }

    /// Temporary names in use by this process, some of which may have their final name by now.
    private static let live = Mutex<Set<String>>([])

    /// Removes what the transactions of this process have written so far: for an end that cannot wait for them.
    static func abandonAll() {
        live.withLock { for path in $0 { unlink(path) } }
    }

    private static func sync(_ path: String) throws(RunError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw RunError(.inputOutput, "'\(path)' was written but cannot be opened again: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else {
            throw RunError(.inputOutput, "'\(path)' cannot be written to the disk: \(String(cString: strerror(errno)))")
        }
    }

    /// Creates a folder and those above it.
    ///
    /// - Returns: why that cannot be, or nil.
    private static func create(_ folder: String) -> String? {
        if let status = FileStatus(folder) { return status.kind == .directory ? nil : "there is a file of that name" }
        let parent = Path.directory(folder.hasSuffix("/") ? String(folder.dropLast()) : folder)
        if !parent.isEmpty, parent != folder, let reason = create(parent) { return reason }
        guard mkdir(folder, 0o777) != 0, errno != EEXIST else { return nil }
        return String(cString: strerror(errno))
    }

    /// Removes the temporary files that killed runs left in `folder`: those whose process is gone.
    static func clearLeftovers(in folder: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        where name.hasPrefix(".aquatint-") {
            let parts = name.dropFirst(".aquatint-".count).split(separator: "-")
            guard parts.count == 2, let process = pid_t(parts[0]), process > 0 else { continue }
            if kill(process, 0) != 0, errno == ESRCH { unlink(Path.join(folder, name)) }
        }
    }
}
