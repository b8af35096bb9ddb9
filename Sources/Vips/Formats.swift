import CVips
import Glibc

extension VipsLibrary {
    /// A file format that this libvips reads or writes: one loader or saver.
    public struct Format: Sendable {
        public enum Direction: Sendable, Hashable { case load, save }

        /// The operation: `"jpegload"`, `"jpegsave"`.
        public let nickname: String
        public let direction: Direction
        public let summary: String

        /// With the dot, lower case: `[".jpg", ".jpeg", ".jpe"]`. Loaders go by content; for most of them this is only a hint.
        public let suffixes: [String]

        /// Not hardened against hostile files.
        public let isUntrusted: Bool

        /// Recognises a loader's files by their content. nil: it goes by the suffix.
        let readsSignature: (@convention(c) (UnsafePointer<CChar>?) -> gboolean)?

        func hasSuffix(of path: String) -> Bool {
            let path = path.lowercased()
            return suffixes.contains { path.hasSuffix($0) }
        }
    }

    /// Loaders and savers of files, each in the order in which libvips tries them.
    public static let formats: [Format] = loaders + savers

    static let loaders = foreignClasses("VipsForeignLoad", .load)
    static let savers = foreignClasses("VipsForeignSave", .save)

    private static func foreignClasses(_ base: String, _ direction: Format.Direction) -> [Format] {
        guard (try? start()) != nil else { return [] }
        var classes: [UnsafeMutableRawPointer] = []
        withUnsafeMutablePointer(to: &classes) { classes in
            _ = vips_foreign_map(base, { item, classes, _ in
                classes!.assumingMemoryBound(to: [UnsafeMutableRawPointer].self).pointee.append(item!)
                return nil
            }, classes, nil)
        }
        return classes.compactMap { format($0, direction) }
    }

    private static func format(_ pointer: UnsafeMutableRawPointer, _ direction: Format.Direction) -> Format? {
        let type = pointer.assumingMemoryBound(to: GTypeClass.self).pointee.g_type
        guard
            g_type_test_flags(type, G_TYPE_FLAG_ABSTRACT.rawValue) == 0,
            let nickname = pointer.assumingMemoryBound(to: VipsObjectClass.self).pointee.nickname.map({ String(cString: $0) }),
            let operation = Operation.describe(nickname),
            // Those that read or write memory have no file name.
            operation["filename"]?.isInput == true
        else { return nil }

        var suffixes: [String] = []
        if let list = pointer.assumingMemoryBound(to: VipsForeignClass.self).pointee.suffs {
            var next = list
            while let suffix = next.pointee {
                suffixes.append(String(cString: suffix).lowercased())
                next += 1
            }
        }
        // Classes of libvips stay for ever.
        let readsSignature = direction == .load ? pointer.assumingMemoryBound(to: VipsForeignLoadClass.self).pointee.is_a : nil
        return Format(
            nickname: nickname, direction: direction, summary: operation.summary, suffixes: suffixes,
            isUntrusted: operation.isUntrusted, readsSignature: readsSignature)
    }

    /// The first loader that recognises the file, as `vips_foreign_find_load` finds it, but with the name taken as it is: that function
    /// would cut `holiday [2024].jpg` at the bracket and read options from it.
    static func loader(forFile path: String) -> Format? {
        // Not by `vips_foreign_is_a`, which walks all classes for the one that is meant.
        loaders.first { format in format.readsSignature.map { $0(path) != 0 } ?? format.hasSuffix(of: path) }
    }
}

/// What a path leads to, before a codec is let at it.
enum FileKind {
    case regular(size: Int)
    case directory
    /// A device, a pipe, a socket: reading one may block for ever.
    case special
    case unreadable(reason: String)

    init(_ path: String) {
        guard !path.utf8.contains(0) else {
            self = .unreadable(reason: "its name holds a NUL character")
            return
        }
        var status = stat()
        guard stat(path, &status) == 0 else {
            self = .unreadable(reason: String(cString: strerror(errno)).lowercased())
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            guard access(path, R_OK) == 0 else {
                self = .unreadable(reason: String(cString: strerror(errno)).lowercased())
                return
            }
            self = .regular(size: Int(status.st_size))
        case S_IFDIR: self = .directory
        default: self = .special
        }
    }
}
