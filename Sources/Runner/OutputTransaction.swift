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
        do {
            try FileManager.default.createDirectory(atPath: folder.isEmpty ? "." : folder, withIntermediateDirectories: true)
        } catch {
            throw RunError(.cannotCreateOutput, "the output folder '\(folder)' cannot be created: \(Self.reason(error))")
        }
        let number = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
        let name = ".aquatint-\(ProcessInfo.processInfo.processIdentifier)-\(number)\(Path.split(Path.base(final)).ext)"
        let temporary = Path.join(folder, name)
        pending.append((temporary, final))
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
        pending = []
    }

    deinit {
        for file in pending { unlink(file.temporary) }
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

    private static func reason(_ error: any Error) -> String {
        let inner = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        if let inner, inner.domain == NSPOSIXErrorDomain { return String(cString: strerror(Int32(inner.code))) }
        return error.localizedDescription
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
