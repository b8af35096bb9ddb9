internal import Glibc

/// Which file lay at a path, and in which state: a file that was changed or replaced has another identity.
struct FileIdentity: Sendable, Hashable, Codable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    /// When its bytes were last written, and when anything of it was changed: nanoseconds. The first can be set back by hand.
    var modified: Int64
    var changed: Int64

    /// The file that lies there now; nil where there is none.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = nanoseconds(status.st_mtim)
        changed = nanoseconds(status.st_ctim)
    }
}
