import Foundation
import Synchronization

/// The outputs of one image: written where nobody sees them, then all of them made visible, or none.
///
/// Where all code is libvips', they are files without a name (`O_TMPFILE`) until they are whole: a process that is killed leaves nothing, and the folder is changed once.
/// Otherwise, and where a saver or a file system knows no such thing, they have temporary names in their own folders (``TemporaryFiles``): a plug-in that closes
/// descriptors that are not its own must not put another file in their place.
struct OutputTransaction: ~Copyable {
    private struct Pending {
        let final: String
        /// nil: the file has no name yet.
        let temporary: String?
        /// Of the file as it was made: what is synced is what lies there.
        let descriptor: Int32
        /// What was opened. A plug-in that closes what is not its own may have put another file behind the descriptor since.
        let made: FileStatus?

        /// Whether the descriptor still is what it was when the file was made.
        var isUntouched: Bool {
            guard let made, let now = FileStatus(descriptor: descriptor) else { return false }
            return now.inode == made.inode && now.device == made.device
        }

        /// What a saver is to write to.
        var path: String { temporary ?? "/proc/self/fd/\(descriptor)" }
    }

    private var pending: [Pending] = []

    init() {}

    /// The path to write to for the output `final`: of an empty file, since the system tells why there can be none and savers do not. Creates its folder where
    /// it is missing.
    ///
    /// - Parameter isStreamed: the saver opens the file that it is given, and writes from its beginning to its end: then it needs no name.
    /// - Throws: `RunError`: 73 where it cannot be made, 74 where the disk is full or broken: the next image would fail alike.
    mutating func writablePath(for final: String, isStreamed: Bool = false) throws(RunError) -> String {
        let folder = Path.directory(final)
        if isStreamed, Self.hasDescriptorNames {
            let descriptor = open(folder.isEmpty ? "." : folder, Self.withoutName | O_WRONLY | O_CLOEXEC, 0o666)
            if descriptor >= 0 {
                let file = Pending(final: final, temporary: nil, descriptor: descriptor, made: FileStatus(descriptor: descriptor))
                pending.append(file)
                return file.path
            }
        }
        let temporary = TemporaryFiles.uniqueName(in: folder, prefix: ".aquatint-", suffix: Path.split(Path.base(final)).ext)
        Self.live.withLock { _ = $0.insert(temporary) }
        CreationMask.restore()
        // Only to be synced and told apart: a plug-in that writes to descriptors that are not its own cannot write to this one.
        func create() -> Int32 { open(temporary, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
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
        pending.append(Pending(final: final, temporary: temporary, descriptor: descriptor, made: FileStatus(descriptor: descriptor)))
        guard descriptor >= 0 else {
            let isBroken = [ENOSPC, EDQUOT, EIO].contains(reason), isOurs = [EMFILE, ENFILE].contains(reason)
            throw RunError(isBroken ? .inputOutput : isOurs ? .someFailed : .cannotCreateOutput, "nothing can be written in '\(folder.isEmpty ? "." : folder)': \(String(cString: strerror(reason)))")
        }
        return temporary
    }

    /// `O_TMPFILE`, a macro that Swift does not see.
    private static let withoutName = O_DIRECTORY | 0o20000000

    /// Whether open files can be opened and linked by the names that `/proc` gives them.
    private static let hasDescriptorNames = access("/proc/self/fd", X_OK) == 0

    /// A file that is to be on the disk before it gets its name.
    struct Unsynced {
        let descriptor: Int32
        /// nil where it is not known: foreign code may have put another file behind the descriptor.
        let device: UInt64?
    }

    /// All files written so far.
    var unsynced: [Unsynced] { pending.map { Unsynced(descriptor: $0.descriptor, device: $0.isUntouched ? $0.made?.device : nil) } }

    /// Syncs every file to the disk, then gives each its final name. The folders are synced at the end of a run (`syncFolders`): a name that a power failure takes
    /// back is one that the next run makes again.
    ///
    /// On failure nothing that this transaction wrote stays behind, and what it had replaced already is put back.
    ///
    /// - Parameter isSynced: whether somebody has synced their file system since they were written (``GroupSync``).
    /// - Returns: bytes and time of last change (nanoseconds since 1970) of each: what the journal knows them by, whoever writes there next.
    @discardableResult
    mutating func commit(isSynced: Bool = false) throws(RunError) -> [[Int64]] {
        var stamps: [[Int64]] = []
        for file in pending {
            guard file.temporary != nil || file.isUntouched else { throw Self.taken(file) }
            let status = file.temporary.map { FileStatus($0) } ?? FileStatus(descriptor: file.descriptor)
            // Some savers put another file in the place of the one that they are given.
            if let status, let made = file.made, made.inode == status.inode, made.device == status.device, file.isUntouched {
                if !isSynced { try Self.sync(file.descriptor, file.final) }
            } else {
                try Self.sync(file.path)
            }
            stamps.append(status.map { [$0.size, $0.modified] } ?? [])
            guard status?.size != 0 else { throw RunError(.someFailed, "'\(file.final)' was not written: its temporary file is empty") }
        }
        var replaced: [(final: String, old: String?, isNew: Bool)] = []
        defer { for old in replaced.compactMap(\.old) { unlink(old) } }
        for (index, file) in pending.enumerated() {
            // What is replaced stays at hand as long as a later output may fail.
            var old: String?, isNew = true
            if index < pending.count - 1 {
                let kept = TemporaryFiles.uniqueName(in: Path.directory(file.final), prefix: ".aquatint-", suffix: ".old")
                if link(file.final, kept) == 0 { old = kept } else { isNew = errno == ENOENT }
            }
            guard file.temporary != nil || file.isUntouched else {
                if let old { unlink(old) }
                Self.putBack(replaced)
                throw Self.taken(file)
            }
            let code = Self.place(file)
            guard code == 0 else {
                if let old { unlink(old) }
                Self.putBack(replaced)
                throw RunError(.cannotCreateOutput, "'\(file.final)' cannot be put in place: \(String(cString: strerror(code)))")
            }
            replaced.append((file.final, old, isNew))
        }
        close()
        return stamps
    }

    /// Undoes what was given its name. Where a file system has no second names, what was there before is gone: then the new one is better than nothing.
    private static func putBack(_ replaced: [(final: String, old: String?, isNew: Bool)]) {
        for (final, old, isNew) in replaced {
            if let old { rename(old, final) } else if isNew { unlink(final) }
        }
    }

    /// Only the image that it happens to fails: the next one has descriptors of its own.
    private static func taken(_ file: Pending) -> RunError {
        RunError(.someFailed, "'\(file.final)' was not written: while it was, something in this process has closed its file, which was not its own")
    }

    /// Gives a file its final name, whatever had it before. Gives the `errno` of what failed.
    private static func place(_ file: Pending) -> Int32 {
        if let temporary = file.temporary { return rename(temporary, file.final) == 0 ? 0 : errno }
        func named(_ name: String) -> Int32 { linkat(AT_FDCWD, file.path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno }
        let code = named(file.final)
        guard code == EEXIST else { return code }
        // Only a file that has a name can take the place of another.
        let temporary = TemporaryFiles.uniqueName(in: Path.directory(file.final), prefix: ".aquatint-", suffix: Path.split(Path.base(file.final)).ext)
        live.withLock { _ = $0.insert(temporary) }
        defer { live.withLock { _ = $0.remove(temporary) } }
        let second = named(temporary)
        guard second == 0, rename(temporary, file.final) != 0 else { return second }
        let third = errno
        unlink(temporary)
        return third
    }

    /// Lets go of the temporary files, which have their names or are gone.
    private mutating func close() {
        for file in pending where file.descriptor >= 0 { Glibc.close(file.descriptor) }
        let names = pending.compactMap(\.temporary)
        if !names.isEmpty { Self.live.withLock { $0.subtract(names) } }
        pending = []
    }

    deinit {
        let names = pending.compactMap(\.temporary)
        for name in names { unlink(name) }
        for file in pending where file.descriptor >= 0 { Glibc.close(file.descriptor) }
        if !names.isEmpty { Self.live.withLock { $0.subtract(names) } }
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
            // Without descriptors, which a plug-in may have used up, or where it has removed the file, only this image fails.
            let isOurs = [EMFILE, ENFILE, EBADF, ENOENT].contains(errno)
            throw RunError(isOurs ? .someFailed : .inputOutput, "'\(path)' was written but cannot be opened again: \(String(cString: strerror(errno)))")
        }
        defer { Glibc.close(descriptor) }
        try sync(descriptor, path)
    }

    private static func sync(_ descriptor: Int32, _ path: String) throws(RunError) {
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else {
            // Closed by somebody whose it was not: the next image has one of its own.
            throw RunError(errno == EBADF ? .someFailed : .inputOutput, "'\(path)' cannot be written to the disk: \(String(cString: strerror(errno)))")
        }
    }
}
