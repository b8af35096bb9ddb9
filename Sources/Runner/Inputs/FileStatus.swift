import Foundation

/// What `stat` says of a path, as far as a batch needs it.
struct FileStatus: Sendable, Equatable {
    enum Kind: Sendable { case file, directory, other }
    var kind: Kind
    var size: Int64
    /// Nanoseconds since 1970.
    var modified: Int64
    var device: UInt64
    var inode: UInt64

    /// nil where there is nothing, or nothing that we may look at.
    init?(_ path: String, followLinks: Bool = true) {
        var info = stat()
        guard (followLinks ? stat(path, &info) : lstat(path, &info)) == 0 else { return nil }
        switch info.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        default: kind = .other
        }
        size = Int64(info.st_size)
        modified = Int64(info.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(info.st_mtim.tv_nsec)
        device = UInt64(info.st_dev)
        inode = UInt64(info.st_ino)
    }

    static func isSymbolicLink(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFLNK
    }
}

/// Paths as text. No symbolic link is resolved: what the user wrote is what messages say.
enum Path {
    static func join(_ folder: String, _ name: String) -> String {
        if folder.isEmpty || name.hasPrefix("/") { return name }
        return folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    static func base(_ path: String) -> String {
        String(path.split(separator: "/", omittingEmptySubsequences: true).last ?? "")
    }

    static func directory(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// `photo.tar.gz` -> (`photo.tar`, `.gz`); `.hidden` has no extension.
    static func split(_ name: String) -> (stem: String, ext: String) {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return (name, "") }
        return (String(name[..<dot]), String(name[dot...]))
    }

    /// Absolute, with `.`, `..` and double slashes taken out by text alone.
    static func absolute(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : join(FileManager.default.currentDirectoryPath, path)
        var parts: [Substring] = []
        for part in whole.split(separator: "/") {
            switch part {
            case ".": continue
            case "..": _ = parts.popLast()
            default: parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// Absolute with every link resolved, as far as the path exists; the rest is kept as text.
    static func real(_ path: String) -> String {
        let whole = absolute(path)
        if let resolved = realpath(whole, nil) {
            defer { free(resolved) }
            return String(cString: resolved)
        }
        let folder = directory(whole)
        return folder == whole ? whole : join(real(folder), base(whole))
    }
}
