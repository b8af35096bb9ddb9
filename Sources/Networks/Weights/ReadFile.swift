import Glibc

/// All bytes of a regular file of at most `limit` bytes.
///
/// Not a mapping: a file that another process cuts short while it is mapped would end this process with SIGBUS.
func readFile(_ path: String, limit: Int) throws(WeightsError) -> [UInt8] {
    func failure(_ reason: String) -> WeightsError { WeightsError(file: path, failure: reason) }
    func systemFailure(_ code: Int32) -> WeightsError { failure("cannot be read: \(String(cString: strerror(code)))") }

    // O_NONBLOCK: opening a named pipe would otherwise wait for a writer, for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw systemFailure(errno) }
    defer { close(descriptor) }

    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw systemFailure(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw failure("is not a regular file") }
    guard status.st_size <= limit else {
        throw failure("has \(status.st_size) bytes; at most \(limit) can be read")
    }

    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var filled = 0
    while filled < bytes.count {
        let count = bytes.withUnsafeMutableBytes { buffer in
            read(descriptor, buffer.baseAddress! + filled, buffer.count - filled)
        }
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw systemFailure(errno) }
        guard count > 0 else { throw failure("became shorter while it was read") }
        filled += count
    }
    return bytes
}
