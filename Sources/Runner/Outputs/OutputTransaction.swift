internal import ContentHash
import Foundation
import StageHost
import Synchronization

/// The outputs of one image: written under temporary names in their own folders, then all of them made visible, or none.
///
/// Temporary names are `.aquatint-<process id>-<number>@<place><extension>`: a later run tells by the process id whether one is a leftover,
/// and by the place whether it is the one to tell: process ids mean nothing on another machine, or in another container.
struct OutputTransaction: ~Copyable {
    /// With the temporary file as it was made, open: what is synced is what lies there.
    private var pending: [(temporary: String, final: String, descriptor: Int32)] = []
    private static let counter = Atomic<Int>(0)

    init() {}

    /// The name to write to for the output `final`: of an empty file, since the system tells why there can be none and savers do not. Creates its folder where
    /// it is missing.
    ///
    /// - Throws: `RunError`: 73 where it cannot be made, 74 where the disk is full or broken: the next image would fail alike.
    mutating func temporaryName(for final: String) throws(RunError) -> String {
        let folder = Path.directory(final)
        let code = Self.makeFolder(folder.isEmpty ? "." : folder)
        guard code == 0 else {
            throw RunError(.cannotCreateOutput, "the output folder '\(folder)' cannot be created: \(String(cString: strerror(code)))")
        }
        let temporary = Self.uniqueName(in: folder, prefix: ".aquatint-", suffix: Path.split(Path.base(final)).ext)
        Self.live.withLock { _ = $0.insert(temporary) }
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        let reason = errno
        pending.append((temporary, final, descriptor))
        guard descriptor >= 0 else {
            let isBroken = [ENOSPC, EDQUOT, EIO].contains(reason)
            throw RunError(isBroken ? .inputOutput : .cannotCreateOutput, "nothing can be written in '\(folder.isEmpty ? "." : folder)': \(String(cString: strerror(reason)))")
        }
        return temporary
    }

    /// `PREFIXprocess-number@placeSUFFIX`: a name by which a later run can tell whether it is a leftover.
    static func uniqueName(in folder: String, prefix: String = "aquatint-", suffix: String) -> String {
        let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
        return Path.join(folder, "\(prefix)\(ProcessInfo.processInfo.processIdentifier)-\(number)@\(place)\(suffix)")
    }

    /// Syncs every file to the disk, then gives each its final name. The folders are synced at the end of a run (`syncFolders`): a name that a power failure takes
    /// back is one that the next run makes again.
    ///
    /// On failure nothing that this transaction wrote stays behind, and what it had replaced already is put back.
    ///
    /// - Returns: bytes and time of last change (nanoseconds since 1970) of each: what the journal knows them by, whoever writes there next.
    @discardableResult
    mutating func commit() throws(RunError) -> [[Int64]] {
        var stamps: [[Int64]] = []
        for file in pending {
            let status = FileStatus(file.temporary)
            // Some savers put another file in the place of the one that they are given.
            if let status, let open = FileStatus(descriptor: file.descriptor), open.inode == status.inode, open.device == status.device {
                try Self.sync(file.descriptor, file.temporary)
            } else {
                try Self.sync(file.temporary)
            }
            stamps.append(status.map { [$0.size, $0.modified] } ?? [])
            guard status?.size != 0 else { throw RunError(.inputOutput, "'\(file.final)' was not written: its temporary file is empty") }
        }
        var replaced: [(final: String, old: String?)] = []
        defer { for old in replaced.compactMap(\.old) { unlink(old) } }
        for (index, file) in pending.enumerated() {
            // What is replaced stays at hand as long as a later output may fail.
            var old: String?
            if index < pending.count - 1 {
                let kept = Self.uniqueName(in: Path.directory(file.final), prefix: ".aquatint-", suffix: ".old")
                if link(file.final, kept) == 0 { old = kept }
            }
            guard rename(file.temporary, file.final) == 0 else {
                let reason = String(cString: strerror(errno))
                if let old { unlink(old) }
                for (final, old) in replaced { _ = if let old { rename(old, final) } else { unlink(final) } }
                throw RunError(.cannotCreateOutput, "'\(file.final)' cannot be put in place: \(reason)")
            }
            replaced.append((file.final, old))
        }
        close()
        return stamps
    }

    /// Lets go of the temporary files, which have their names or are gone.
    private mutating func close() {
        for file in pending where file.descriptor >= 0 { Glibc.close(file.descriptor) }
        Self.live.withLock { for file in pending { $0.remove(file.temporary) } }
        pending = []
    }

    deinit {
        for file in pending {
            unlink(file.temporary)
            if file.descriptor >= 0 { Glibc.close(file.descriptor) }
        }
        Self.live.withLock { for file in pending { $0.remove(file.temporary) } }
    }

    /// Temporary names in use by this process, some of which may have their final name by now.
    private static let live = Mutex<Set<String>>([])

    /// Makes the names of finished outputs last.
    static func syncFolders(_ folders: Set<String>) {
        for folder in folders { try? sync(folder.isEmpty ? "." : folder) }
    }

    /// Removes what the transactions of this process have written so far: for an end that cannot wait for them.
    static func abandonAll() {
        live.withLock { for path in $0 { unlink(path) } }
    }

    private static func sync(_ path: String) throws(RunError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            // Without descriptors, which a plug-in may have used up, only this image fails.
            let isOurs = errno == EMFILE || errno == ENFILE
            throw RunError(isOurs ? .someFailed : .inputOutput, "'\(path)' was written but cannot be opened again: \(String(cString: strerror(errno)))")
        }
        defer { Glibc.close(descriptor) }
        try sync(descriptor, path)
    }

    private static func sync(_ descriptor: Int32, _ path: String) throws(RunError) {
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else {
            throw RunError(.inputOutput, "'\(path)' cannot be written to the disk: \(String(cString: strerror(errno)))")
        }
    }

    /// Makes a folder and those above it. Gives the `errno` of what failed: Foundation keeps it to itself.
    static func makeFolder(_ path: String) -> Int32 {
        if mkdir(path, 0o777) == 0 { return 0 }
        switch errno {
        case EEXIST: return FileStatus(path)?.kind == .directory ? 0 : ENOTDIR
        case ENOENT:
            let parent = Path.directory(path)
            guard !parent.isEmpty, parent != path else { return ENOENT }
            let code = makeFolder(parent)
            if code != 0 { return code }
            return mkdir(path, 0o777) == 0 || errno == EEXIST ? 0 : errno
        case let code: return code
        }
    }

    /// Removes the temporary files that killed runs left in `folder`: those whose process is gone.
    static func clearLeftovers(in folder: String) { clear(".aquatint-", in: folder.isEmpty ? "." : folder) }

    /// Removes what a process of this run, which is gone, was writing to `folder`.
    static func clear(of process: pid_t, in folder: String) {
        let prefix = ".aquatint-\(process)-"
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? [] where name.hasPrefix(prefix) && name.contains("@\(place)") {
            unlink(Path.join(folder, name))
        }
    }

    /// Removes what killed runs left in the temporary directory: pixels of large images between two stages, and the folders of worker processes.
    static func clearTemporaryPixels(in folder: String = FileManager.default.temporaryDirectory.path) {
        clear(TemporaryPixels.namePrefix, suffix: TemporaryPixels.nameSuffix, in: folder)
        for suffix in [WorkerFolder.nameSuffix, ".icc"] { clear("aquatint-", suffix: suffix, in: folder) }
    }

    /// Removes the files named `PREFIXprocess-numberSUFFIX` whose process is gone.
    private static func clear(_ prefix: String, suffix: String = "", in folder: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix(prefix) && name.hasSuffix(suffix) {
            let parts = name.dropFirst(prefix.count).split(separator: "-")
            guard parts.count == 2, let process = pid_t(parts[0]), process > 0 else { continue }
            let path = Path.join(folder, name)
            let place = parts[1].split(separator: "@").dropFirst().first?.prefix { $0 != "." }
            if let place, place != Self.place {
                // Another machine's, or from before a restart: a day is longer than any image takes.
                let now = Int64(Date().timeIntervalSince1970 * 1e9)
                if let status = FileStatus(path), now - status.modified > 86_400_000_000_000 { try? FileManager.default.removeItem(atPath: path) }
            } else if kill(process, 0) != 0 && errno == ESRCH || ProcessMemory.isZombie(process) {
                try? FileManager.default.removeItem(atPath: path)
            }
        }
    }

    /// Stands for this boot of this machine, and this container of it: where a process id names one process.
    static let place: String = {
        let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ProcessInfo.processInfo.hostName
        let space = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
        return String(SHA256.hash(Array((boot + space).utf8)).hex.prefix(12))
    }()
}
