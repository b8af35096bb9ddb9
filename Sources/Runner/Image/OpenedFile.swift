internal import ContentHash
internal import Glibc
internal import Vips

/// An input file as it was when it was opened: what the system says of it, its first bytes, and of a small one all of them.
///
/// It is opened once for all that is asked of its head. A small file is decoded from memory as well (where its loader can: ``Image/loader(forContents:of:)``), so that the pixels are
/// those of the bytes that are hashed, whatever happens to the file meanwhile.
struct OpenedFile {
    let path: String
    /// nil where it cannot be opened, or is no regular file.
    let status: FileStatus?
    /// Why not.
    let unreadable: String?
    /// The first bytes; all of them where `isWhole`.
    private let start: [UInt8]
    private let isWhole: Bool

    /// Files up to here are read whole: where opening a file takes longer than reading it.
    private static let mostBytes = 1 << 20
    /// Of a larger one: where its headers lie.
    private static let headBytes = 1 << 16

    init(_ path: String) {
        self.path = path
        // It may be a pipe, which nobody writes to.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, let status = FileStatus(descriptor: descriptor), status.kind == .file else {
            unreadable = descriptor < 0 ? String(cString: strerror(errno)) : "it is not a regular file"
            (self.status, start, isWhole) = (nil, [], false)
            return
        }
        (self.status, unreadable) = (status, nil)
        let isSmall = status.size <= Int64(Self.mostBytes)
        start = Self.read(descriptor, 0, isSmall ? Int(status.size) : Self.headBytes)
        // Not where somebody writes to it at this moment.
        isWhole = isSmall && start.count == Int(status.size) && FileStatus(descriptor: descriptor) == status
    }

    /// What libvips would take to read it; nil where nothing will.
    var loader: String? { contents.flatMap { Image.loader(forContents: $0, of: path) } ?? Image.loader(forFile: path) }

    /// All bytes, where the pixels come from them.
    private var contents: [UInt8]? { isWhole && Image.loader(forContents: start, of: path) != nil ? start : nil }

    /// Opens the image: ``Image/load(_:contents:loader:access:options:)``.
    ///
    /// - Parameter loader: as ``loader`` names it.
    func load(_ loader: String, access: Access = .random, options: [String: Argument]) throws(VipsError) -> Image {
        try Image.load(path, contents: contents, loader: loader, access: access, options: options)
    }

    /// Opens the image at a smaller size: ``Image/thumbnail(_:contents:width:loader:options:)``.
    func thumbnail(width: Int, _ loader: String, options: [String: Argument]) throws(VipsError) -> Image {
        try Image.thumbnail(path, contents: contents, width: width, loader: loader, options: options)
    }

    /// A part of the file.
    ///
    /// - Parameters:
    ///   - place, count: from the file itself, or from anywhere.
    ///   - orLess: at its end there may be less.
    /// - Returns: nil where it has no such part.
    func read(_ place: Int, _ count: Int, orLess: Bool = false) -> [UInt8]? {
        guard place >= 0, count >= 0, let status, place < status.size else { return nil }
        // A length comes from the file: no more is set aside than the file has.
        let there = min(count, Int(status.size) - place)
        guard there == count || orLess else { return nil }
        if there <= start.count - place { return Array(start[place..<place + there]) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let bytes = Self.read(descriptor, place, there)
        return bytes.count == there || orLess && !bytes.isEmpty ? bytes : nil
    }

    private static func read(_ descriptor: Int32, _ place: Int, _ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = max(0, pread(descriptor, buffer.baseAddress, buffer.count, off_t(place)))
        }
    }

    /// By what the content that was decoded is known again.
    ///
    /// Without a hash where the file is gone, or changes while it is hashed: then it is not known what the pixels were made of.
    ///
    /// - Throws: `ImageFailure` where another file is there by now, or one of another size or time, and it was not read whole: header and pixels may be of two pictures.
    func stamp() throws(ImageFailure) -> ContentStamp? {
        guard let status else { return nil }
        guard let contents else { return try ContentStamp.taken(of: path, since: status) }
        return ContentStamp(status, hash: contents.withUnsafeBytes { XXH64.hash(of: $0) })
    }
}

extension [UInt8] {
    /// An unsigned integer of 1 to 8 bytes; nil where it is not there, or too large.
    func number(_ place: Int, _ count: Int, isLittle: Bool = false) -> Int? {
        guard place >= 0, place <= self.count - count else { return nil }
        var value: UInt64 = 0
        for index in 0..<count { value = value << 8 | UInt64(self[place + (isLittle ? count - 1 - index : index)]) }
        return Int(exactly: value)
    }

    /// So many bytes as text; nil where they are not there.
    func text(_ place: Int, _ count: Int) -> String? {
        guard place >= 0, place <= self.count - count else { return nil }
        return String(decoding: self[place..<place + count], as: UTF8.self)
    }
}
