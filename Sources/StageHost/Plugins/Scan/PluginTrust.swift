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
        if let fault = Self.writers(status, owners) { return fault }
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

    /// Why the symbolic links on the way to a file or folder cannot be trusted, to be read after its path; nil where they can, or there are none.
    ///
    /// Who can put another link in the place of one of them decides what is loaded, wherever that lies.
    func fault(ofLinksTo path: String) -> String? {
        func words(_ path: String) -> [Substring] { path.split(separator: "/") }
        var place = path.hasPrefix("/") ? "/" : realPath(".") ?? "/", rest = words(path)[...], links = 0
        while let name = rest.popFirst() {
            if name == "." { continue }
            if name == ".." {
                place = parent(of: place)
                continue
            }
            let entry = place == "/" ? "/\(name)" : "\(place)/\(name)"
            guard let target = Self.target(ofLink: entry) else {
                place = entry
                continue
            }
            links += 1
            // More than the system follows: there is nothing at the end.
            guard links <= 40 else { return nil }
            if let fault = fault(ofAncestor: place) { return "is reached by the link \(entry), whose folder \(fault)" }
            if let owner = Self.owner(ofLink: entry), !owners.contains(owner), owner != nobody {
                return "is reached by the link \(entry), which belongs to the user \(Self.name(of: owner)), who is neither you nor the administrator"
            }
            if target.hasPrefix("/") { place = "/" }
            rest = (words(target) + rest)[...]
        }
        return nil
    }

    private static func owner(ofLink path: String) -> uid_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_uid : nil
    }

    /// Where a symbolic link leads, as it says; nil where there is no link.
    private static func target(ofLink path: String) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            let count = readlink(path, base, buffer.count)
            return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
        }
    }

    /// Who may rename entries of a folder can put others in their place; in one like /tmp, only their owners may.
    private func fault(ofAncestor path: String) -> String? {
        guard let status = Self.status(path) else { return nil }
        if status.st_mode & S_ISVTX == 0, let fault = Self.writers(status, owners) { return fault }
        guard owners.contains(status.st_uid) || status.st_uid == nobody else { return "belongs to the user \(Self.name(of: status.st_uid)), who is neither you nor the administrator" }
        return nil
    }

    /// Who else may write to a file or folder.
    private static func writers(_ status: stat, _ owners: Set<uid_t>) -> String? {
        if status.st_mode & S_IWOTH != 0 { return "is writable by every user (take that away with chmod o-w)" }
        guard status.st_mode & S_IWGRP != 0, let other = member(of: status.st_gid, besides: owners) else { return nil }
        let group = getgrgid(status.st_gid).flatMap { String(validatingCString: $0.pointee.gr_name) }.map { "'\(cleaned($0))'" } ?? "\(status.st_gid)"
        return "is writable by the group \(group), to which the user '\(cleaned(other))' belongs (take that away with chmod g-w)"
    }

    /// A user of a group whom nobody trusts yet; nil where there is none, as in the private group that many systems give each user.
    private static func member(of group: gid_t, besides owners: Set<uid_t>) -> String? {
        guard group != 0 else { return nil }
        var member = getgrgid(group)?.pointee.gr_mem
        while let name = member?.pointee {
            // A name that belongs to nobody may be given to somebody.
            let user = getpwnam(name)?.pointee.pw_uid
            if user.map({ !owners.contains($0) }) ?? true { return String(validatingCString: name) ?? "?" }
            member = member?.advanced(by: 1)
        }
        // Those whose first group it is are not among its members.
        setpwent()
        defer { endpwent() }
        while let user = getpwent() {
            if user.pointee.pw_gid == group, !owners.contains(user.pointee.pw_uid) { return String(validatingCString: user.pointee.pw_name) ?? "\(user.pointee.pw_uid)" }
        }
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
