internal import Foundation

/// What is asked of the file systems that folders lie on.
enum FileSystem {
    /// Why nothing can be written in a folder, which may have to be made first; nil where nothing is seen to be in the way.
    static func obstacle(toWritingIn folder: String) -> String? {
        func cannotBeMade(_ code: Int32) -> String { "the output folder '\(folder)' cannot be created: \(String(cString: strerror(code)))" }
        var path = folder
        while FileStatus(path) == nil {
            let code = errno
            // A link that leads nowhere is in the way of a folder of its name.
            if FileStatus(path, followLinks: false) != nil { return cannotBeMade(code) }
            guard code == ENOENT || code == ENOTDIR else { return cannotBeMade(code) }
            if Path.base(path).utf8.count > longestName { return cannotBeMade(ENAMETOOLONG) }
            let above = Path.directory(path)
            path = above.isEmpty ? "." : above
        }
        guard FileStatus(path)?.kind == .directory else { return cannotBeMade(ENOTDIR) }
        guard access(path, W_OK | X_OK) != 0 else { return nil }
        return path == folder ? "the output folder '\(folder)' cannot be written: \(String(cString: strerror(errno)))" : cannotBeMade(errno)
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

    /// Bytes of a name that Linux' file systems take (`NAME_MAX`), and of a path (`PATH_MAX`, with its zero).
    static let longestName = 255, longestPath = 4095

    /// Bytes that this user may still write below a folder, which need not be there yet.
    static func freeBytes(_ folder: String) -> Int64? {
        var status = statvfs()
        guard statvfs(existing(folder), &status) == 0 else { return nil }
        return Int64(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }

    /// Whether names in a folder, which need not be there yet, are the same where they differ by case alone.
    static func foldsCase(_ folder: String) -> Bool {
        let folder = existing(folder)
        if let device = FileStatus(folder)?.device, let type = typeName(ofDevice: device), foldingTypes.contains(type) { return true }
        // ext4 and f2fs have it for single folders: FS_IOC_GETFLAGS, FS_CASEFOLD_FL.
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var flags: CLong = 0
        return ioctl(descriptor, 0x8008_6601, &flags) == 0 && flags & 0x4000_0000 != 0
    }

    private static let foldingTypes: Set<Substring> = ["vfat", "msdos", "exfat", "ntfs", "ntfs3", "cifs", "smb3", "hfs", "hfsplus"]

    /// Its name, such as `cifs`, where what others do to it is not announced to this machine; nil for the others.
    static func blindName(of folder: String, mounts: String? = mounts) -> String? {
        guard let device = FileStatus(folder)?.device, let type = typeName(ofDevice: device, mounts: mounts).map(String.init) else { return nil }
        return isBlind(type) ? type : nil
    }

    /// Those of networks, and those that virtual machines and containers share with their hosts. `fuse.` is any program's.
    static func isBlind(_ name: String) -> Bool {
        name.hasPrefix("fuse.") || name.hasPrefix("nfs") || name.hasPrefix("smb")
            || ["cifs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "ocfs2", "gfs2", "davfs", "virtiofs", "vboxsf", "prl_fs", "vmhgfs", "fakeowner"].contains(name)
    }

    private static var mounts: String? { try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8) }

    /// By which name a file system is mounted: proc(5), `id parent major:minor root place options [more] - type source ...`.
    private static func typeName(ofDevice device: UInt64, mounts: String? = mounts) -> Substring? {
        let major = device >> 8 & 0xFFF | device >> 32 & 0xFFFF_F000, minor = device & 0xFF | device >> 12 & 0xFFFF_FF00
        for line in (mounts ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 2, words[2] == "\(major):\(minor)", let dash = words.firstIndex(of: "-"), dash + 1 < words.count else { continue }
            return words[dash + 1]
        }
        return nil
    }

    private static func existing(_ folder: String) -> String {
        var path = folder.isEmpty ? "." : folder
        while FileStatus(path) == nil, path != "/", path != "." { path = Path.directory(path).isEmpty ? "." : Path.directory(path) }
        return path
    }
}
