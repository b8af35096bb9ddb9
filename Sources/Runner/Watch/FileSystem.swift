internal import Foundation

/// The file system that a folder lies on.
enum FileSystem {
    /// Its name, such as `cifs`, where what others do to it is not announced to this machine; nil for the others.
    static func blindName(of folder: String, mounts: String? = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) -> String? {
        guard let device = FileStatus(folder)?.device, let mounts else { return nil }
        // proc(5): id, parent, major:minor, ... - type, source, options.
        let number = "\(device >> 8 & 0xFFF | device >> 32 & ~0xFFF):\(device & 0xFF | device >> 12 & ~0xFF)"
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 2, fields[2] == number, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else { continue }
            let name = String(fields[dash + 1])
            return isBlind(name) ? name : nil
        }
        return nil
    }

    /// Those of networks, and those that virtual machines and containers share with their hosts. `fuse.` is any program's.
    static func isBlind(_ name: String) -> Bool {
        name.hasPrefix("fuse.") || name.hasPrefix("nfs") || name.hasPrefix("smb")
            || ["cifs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "ocfs2", "gfs2", "davfs", "virtiofs", "vboxsf", "prl_fs", "vmhgfs", "fakeowner"].contains(name)
    }
}
