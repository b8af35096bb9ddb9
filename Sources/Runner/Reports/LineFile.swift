internal import Foundation
internal import Glibc
internal import Synchronization

/// A file that programs read while it grows: every line is appended whole, by one system call, and is there for good when `append` returns.
///
/// A file that exists is replaced, not added to: by another of that name, with the first line, so that who reads the old one keeps it, and a run that ends before it has
/// anything to say leaves it alone.
final class LineFile: Sendable {
    /// As messages call it: `the report 'r.jsonl'`.
    private let title: String

    private struct State {
        var descriptor: Int32
        /// The name that it has until its first line, and the one that it gets then.
        var pending: (temporary: String, final: String)?
        /// Bytes of whole lines; nil where the file cannot be cut.
        var length: Int?
    }

    private let state: Mutex<State>

    /// Creates the file under a temporary name, with the folders that it needs; a device or a pipe is opened as it is.
    ///
    /// - Parameter isOwn: whether an existing file with this beginning may be replaced.
    /// - Throws: `RunError` 73.
    init(replacing path: String, title: String, isOwn: (Data) -> Bool) throws(RunError) {
        func fail(_ reason: String, hint: String? = nil) -> RunError { RunError(.cannotCreateOutput, "\(title) cannot be written: \(reason)", hint: hint) }
        self.title = title
        if let status = FileStatus(path), status.kind != .file {
            guard status.kind != .directory else { throw fail("it is a folder", hint: "name a file in it") }
            let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
            guard descriptor >= 0 else { throw fail(String(cString: strerror(errno))) }
            state = Mutex(State(descriptor: descriptor))
            return
        }
        let final = Path.real(path), folder = Path.directory(final)
        if FileStatus(final) != nil {
            guard access(final, W_OK) == 0 else { throw fail(String(cString: strerror(errno))) }
            guard let file = FileHandle(forReadingAtPath: final), let start = try? file.read(upToCount: 64) else { throw fail("it exists, and cannot be read") }
            guard start.isEmpty || isOwn(start) else { throw fail("it exists and is something else, which is never overwritten", hint: "name another file") }
        }
        let code = FileSystem.makeFolder(folder)
        guard code == 0 else { throw fail("the folder '\(folder)' cannot be created: \(String(cString: strerror(code)))") }
        TemporaryFiles.clearLeftovers(in: folder)
        let temporary = TemporaryFiles.uniqueName(in: folder, prefix: ".aquatint-", suffix: Path.split(Path.base(final)).ext)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw fail(String(cString: strerror(errno))) }
        state = Mutex(State(descriptor: descriptor, pending: (temporary, final), length: 0))
    }

    /// What is open already, such as standard output. It stays open.
    init(descriptor: Int32, title: String) {
        self.title = title
        state = Mutex(State(descriptor: dup(descriptor)))
    }

    deinit { close() }

    /// - Parameter line: without its end.
    /// - Throws: `RunError` 74. Nothing of the line stays in a file then. A reader that went away is no failure.
    func append(_ line: String) throws(RunError) {
        let bytes = Array((line + "\n").utf8)
        let code = state.withLock { state -> Int32 in
            guard state.descriptor >= 0 else { return EBADF }
            if let (temporary, final) = state.pending {
                guard rename(temporary, final) == 0 else { return errno }
                state.pending = nil
            }
            let code = Self.write(bytes, to: state.descriptor)
            if let length = state.length {
                // A disk that is full takes a part of a line.
                if code != 0 { ftruncate(state.descriptor, off_t(length)) } else { state.length = length + bytes.count }
            }
            return code
        }
        guard code == 0 || code == EPIPE else { throw RunError(.inputOutput, "\(title) cannot be written: \(String(cString: strerror(code)))") }
    }

    /// No more lines. A file that got none is taken away.
    func close() {
        state.withLock { state in
            guard state.descriptor >= 0 else { return }
            Glibc.close(state.descriptor)
            state.descriptor = -1
            if let (temporary, _) = state.pending { unlink(temporary) }
            state.pending = nil
        }
    }

    /// - Returns: the `errno` of what went wrong, or 0.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.unsafelyUnwrapped + start, bytes.count - start) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                // A pipe that is full, and does not wait by itself.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
                continue
            }
            guard count > 0 else { return count == 0 ? EIO : errno }
            start += count
        }
        return 0
    }
}
