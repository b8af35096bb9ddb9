import Foundation

/// What `stat` says of a path, as far as a batch needs it.
struct FileStatus: Sendable, Equatable {
    enum Kind: Sendable { case file, directory, link, other }
    var kind: Kind
    var size: Int64
    /// Nanoseconds since 1970.
    var modified: Int64
    var device: UInt64
    var inode: UInt64

    /// Whether this process can open nothing more.
    static var isOutOfDescriptors: Bool {
        let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno == EMFILE || errno == ENFILE }
        close(descriptor)
        return false
    }

    /// nil where there is nothing, or nothing that we may look at (`errno` says which). A link is followed unless it is asked for.
    init?(_ path: String, followLinks: Bool = true) {
        var info = stat()
        guard (followLinks ? stat(path, &info) : lstat(path, &info)) == 0 else { return nil }
        self.init(info)
    }

    /// With the time of the last change of status, in nanoseconds since 1970, which no program can set back. No part of the others: a new name or right is no change of
    /// what a file holds.
    static func withChange(_ path: String) -> (status: FileStatus, changed: Int64)? {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        return (FileStatus(info), nanoseconds(info.st_ctim))
    }

    private static func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }

    /// Of an open file.
    init?(descriptor: Int32) {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { return nil }
        self.init(info)
    }

    private init(_ info: stat) {
        switch info.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .link
        default: kind = .other
        }
        size = Int64(info.st_size)
        modified = Self.nanoseconds(info.st_mtim)
        device = UInt64(info.st_dev)
        inode = UInt64(info.st_ino)
    }
}
