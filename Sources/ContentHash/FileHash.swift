internal import Glibc

extension SHA256 {
    /// The hash of a file's bytes, read in pieces of 1 MiB; `nil` where it cannot be read (`errno` says why).
    public static func hash(contentsOf path: String) -> Digest? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var hash = SHA256()
        guard readAll(of: file, { hash.update($0) }) else { return nil }
        return hash.finish()
    }
}

extension XXH64 {
    /// The hash of bytes.
    public static func hash(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = XXH64()
        hash.update(bytes)
        return hash.finish()
    }

    /// The hash of what is to be read from an open file, from its position on; `nil` where reading fails (`errno` says why).
    public static func hash(of file: Int32) -> UInt64? {
        var hash = XXH64()
        guard readAll(of: file, { hash.update($0) }) else { return nil }
        return hash.finish()
    }
}

/// Reads an open file to its end, in pieces of 64 KiB: of memory that is at hand, where more would be asked of the system for every small file.
///
/// - Returns: whether that went well.
private func readAll(of file: Int32, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { buffer.deallocate() }
    while true {
        let count = read(file, buffer.baseAddress, buffer.count)
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { return false }
        guard count > 0 else { return true }
        body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
}
