import Foundation

/// Paths as text. No symbolic link is resolved: what the user wrote is what messages say.
enum Path {
    private static let slash = UInt8(ascii: "/")

    static func join(_ folder: String, _ name: String) -> String {
        if folder.isEmpty || name.utf8.first == slash { return name }
        return folder.utf8.last == slash ? folder + name : folder + "/" + name
    }

    static func base(_ path: String) -> String {
        let bytes = path.utf8
        guard let last = bytes.lastIndex(where: { $0 != slash }) else { return "" }
        let end = bytes.index(after: last)
        let start = bytes[..<end].lastIndex(of: slash).map(bytes.index(after:)) ?? bytes.startIndex
        return String(path[start..<end])
    }

    static func directory(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: slash) else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The folders that files lie in, each once.
    static func folders(of paths: some Sequence<String>) -> [String] { Set(paths.map { PathKey(directory($0)) }).map(\.path) }

    /// `photo.tar.gz` -> (`photo.tar`, `.gz`); `.hidden` has no extension.
    static func split(_ name: String) -> (stem: String, ext: String) {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot != name.startIndex else { return (name, "") }
        return (String(name[..<dot]), String(name[dot...]))
    }

    /// Absolute, with `.`, `..` and double slashes taken out by text alone.
    static func absolute(_ path: String) -> String { absolute(path, in: path.utf8.first == slash ? "" : FileManager.default.currentDirectoryPath) }

    /// - Parameter current: the folder that a relative path is relative to.
    static func absolute(_ path: String, in current: String) -> String {
        let whole = path.utf8.first == slash ? path : join(current, path)
        // Most are plain already, and there may be a hundred thousand of them.
        guard needsCleaning(whole) else { return whole }
        var parts: [Substring.UTF8View] = []
        for part in whole.utf8.split(separator: slash) {
            if part.elementsEqual(".".utf8) { continue }
            if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.map { String(Substring($0)) }.joined(separator: "/")
    }

    /// Whether a component is empty or begins with a dot, or a slash stands at the end.
    private static func needsCleaning(_ path: String) -> Bool {
        var previous: UInt8 = 0
        for byte in path.utf8 {
            if previous == slash, byte == slash || byte == UInt8(ascii: ".") { return true }
            previous = byte
        }
        return previous == slash && path.utf8.count > 1
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

/// A path to look up by: its bytes, as the file system compares them. As strings, two names that Unicode holds to be the same would be one file.
struct PathKey: Hashable, Sendable {
    let path: String

    init(_ path: String) { self.path = path }

    static func == (left: PathKey, right: PathKey) -> Bool {
        left.path.utf8.count == right.path.utf8.count && left.path.utf8.elementsEqual(right.path.utf8)
    }

    /// Whether this is that folder, or lies in it. Both are absolute.
    func isWithin(_ folder: PathKey) -> Bool {
        let own = path.utf8, others = folder.path.utf8
        guard own.starts(with: others) else { return false }
        return own.count == others.count || others.last == UInt8(ascii: "/") || own.dropFirst(others.count).first == UInt8(ascii: "/")
    }

    func hash(into hasher: inout Hasher) {
        var path = path
        path.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// Where files are, however they were named: the real path of the folder, which is asked for once, and the name in it.
struct RealPlaces {
    private var folders: [PathKey: String] = [:]

    /// The place of the name itself, also where it is a link, or nothing yet.
    mutating func place(of path: String) -> PathKey {
        let name = Path.base(path)
        // What ends in dots is no name in a folder.
        guard name != ".", name != "..", !name.isEmpty else { return PathKey(Path.real(path)) }
        return PathKey(Path.join(folder(Path.directory(path)), name))
    }

    mutating func folder(_ path: String) -> String {
        if let known = folders[PathKey(path)] { return known }
        let real = Path.real(path.isEmpty ? "." : path)
        folders[PathKey(path)] = real
        return real
    }
}
