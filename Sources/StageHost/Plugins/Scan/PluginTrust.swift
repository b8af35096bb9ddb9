internal import Glibc

/// Whose files may hold code that this process runs: those that nobody else can change or replace.
struct PluginTrust {
    private let owners: Set<uid_t>
    private let nobody: uid_t?

    /// Trusts the administrator, the user, and the owner of this very program.
    init(program: String?) {
        var owners: Set<uid_t> = [0, geteuid()]
        if let program, let status = Self.status(program) { owners.insert(status.st_uid) }
        self.init(owners: owners)
    }

    init(owners: Set<uid_t>) {
        self.owners = owners
        // Where a container does not map an owner, the system shows this one: the root folder of many belongs to it.
        nobody = Self.overflowOwner
    }

    /// Why a plug-in or a folder of plug-ins may not be used, to be read after its path; nil where it may.
    ///
    /// - Parameter path: real, without symbolic links.
    func fault(of path: String) -> String? {
        guard let status = Self.status(path) else { return nil }
        if status.st_mode & S_IWOTH != 0 { return "is writable by every user (take that away with chmod o-w)" }
        if !owners.contains(status.st_uid) {
            return "belongs to the user \(Self.name(of: status.st_uid)), who is neither you nor the administrator: make it your own (chown) if you trust it"
        }
        return nil
    }

    /// As ``fault(of:)``, for a file with all folders above it.
    func fault(ofFile path: String) -> String? {
        if let fault = fault(of: path) { return fault }
        var folder = parent(of: path)
        if let fault = fault(of: folder) { return "lies in a folder that \(fault)" }
        while folder != "/", folder != "." {
            folder = parent(of: folder)
            if let fault = fault(ofAncestor: folder) { return "lies below \(folder), which \(fault)" }
        }
        return nil
    }

    /// Who may rename entries of a folder can put others in their place; in one like /tmp, only their owners may.
    private func fault(ofAncestor path: String) -> String? {
        guard let status = Self.status(path) else { return nil }
        if status.st_mode & S_IWOTH != 0, status.st_mode & S_ISVTX == 0 { return "is writable by every user (take that away with chmod o-w)" }
        guard owners.contains(status.st_uid) || status.st_uid == nobody else { return "belongs to the user \(Self.name(of: status.st_uid)), who is neither you nor the administrator" }
        return nil
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    private static func name(of user: uid_t) -> String {
        getpwuid(user).flatMap { String(validatingCString: $0.pointee.pw_name) }.map { "\(user) (\(cleaned($0)))" } ?? "\(user)"
    }

    private static var overflowOwner: uid_t? {
        let file = open("/proc/sys/kernel/overflowuid", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
        return uid_t(String(decoding: bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}
