import AquatintPlugin

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension ModelBytes {
    /// The bytes of a file below `limit`.
    ///
    /// - Parameters:
    ///   - limit: the size in bytes that a file must stay below, and `reason`: why.
    ///   - parameter: the one that named the file, for errors.
    convenience init(contentsOf path: String, limit: Int, reason: String, parameter: String) throws(StageError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .io("\(path): \(String(cString: strerror(errno)))", parameter: parameter) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .io("\(path): \(String(cString: strerror(errno)))", parameter: parameter) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .io("\(path) is no regular file", parameter: parameter) }
        let size = Int(status.st_size)
        guard size > 0 else { throw .io("\(path) is empty", parameter: parameter) }
        guard size < limit else { throw .io("\(path) has \(size) bytes, the limit is \(limit): \(reason)", parameter: parameter) }
        try self.init(count: size) { (memory) throws(StageError) in
            var offset = 0
            while offset < size {
                let count = read(file, memory.baseAddress.map { $0 + offset }, size - offset)
                if count < 0 && errno == EINTR { continue }
                guard count >= 0 else { throw .io("\(path): \(String(cString: strerror(errno)))", parameter: parameter) }
                guard count > 0 else { throw .io("\(path) became shorter while it was read", parameter: parameter) }
                offset += count
            }
        }
    }
}
