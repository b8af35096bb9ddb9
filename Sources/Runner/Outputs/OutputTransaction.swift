import Foundation
import Synchronization

/// The outputs of one image: written under temporary names in their own folders, then all of them made visible, or none.
///
/// See ``TemporaryFiles`` for their names.
struct OutputTransaction: ~Copyable {
    /// With the temporary file as it was made, open: what is synced is what lies there.
    private var pending: [(temporary: String, final: String, descriptor: Int32)] = []

    init() {}

    /// The name to write to for the output `final`: of an empty file, since the system tells why there can be none and savers do not. Creates its folder where
    /// it is missing.
    ///
    /// - Throws: `RunError`: 73 where it cannot be made, 74 where the disk is full or broken: the next image would fail alike.
    mutating func temporaryName(for final: String) throws(RunError) -> String {
        let folder = Path.directory(final)
        let temporary = TemporaryFiles.uniqueName(in: folder, prefix: ".aquatint-", suffix: Path.split(Path.base(final)).ext)
        Self.live.withLock { _ = $0.insert(temporary) }
        func create() -> Int32 { open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
        var descriptor = create()
        if descriptor < 0 {
            let code = FileSystem.makeFolder(folder.isEmpty ? "." : folder)
            guard code == 0 else {
                Self.live.withLock { _ = $0.remove(temporary) }
                throw RunError(.cannotCreateOutput, "the output folder '\(folder)' cannot be created: \(String(cString: strerror(code)))")
            }
            descriptor = create()
        }
        let reason = errno
        pending.append((temporary, final, descriptor))
        guard descriptor >= 0 else {
            let isBroken = [ENOSPC, EDQUOT, EIO].contains(reason)
            throw RunError(isBroken ? .inputOutput : .cannotCreateOutput, "nothing can be written in '\(folder.isEmpty ? "." : folder)': \(String(cString: strerror(reason)))")
        }
        return temporary
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
                let kept = TemporaryFiles.uniqueName(in: Path.directory(file.final), prefix: ".aquatint-", suffix: ".old")
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
    static func syncFolders(of outputs: some Sequence<String>) {
        for folder in Path.folders(of: outputs) { try? sync(folder.isEmpty ? "." : folder) }
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
}
