import CVips
import Glibc
import Synchronization

/// A file that a saver writes to, and that tells whether anything else in this process has written to it meanwhile.
///
/// Foreign code that writes to descriptors that are not its own moves the place at which the saver goes on, or makes the file longer than what the saver wrote:
/// either is seen before the next bytes, and at the end.
public final class FileTarget: Sendable {
    // libvips' own reference count; only handed to savers.
    nonisolated(unsafe) let pointer: UnsafeMutablePointer<VipsTarget>
    private let file: TrackedFile

    /// Opens an existing file for writing, and empties it.
    ///
    /// - Throws: ``VipsError`` with what the system says.
    public init(_ path: String) throws(VipsError) {
        try VipsLibrary.start()
        guard let file = TrackedFile(path) else { throw VipsError(message: "cannot write '\(path)': \(String(cString: strerror(errno)))") }
        guard let custom = vips_target_custom_new() else { throw VipsError(message: "cannot write '\(path)': libvips has no memory for it") }
        self.file = file
        pointer = UnsafeMutableRawPointer(custom).assumingMemoryBound(to: VipsTarget.self)
        cvips_connect_target(
            custom,
            { _, bytes, count, data in gint64(TrackedFile.of(data)?.write(bytes, Int(count)) ?? -1) },
            { _, bytes, count, data in gint64(TrackedFile.of(data)?.read(bytes, Int(count)) ?? -1) },
            { _, offset, whence, data in gint64(TrackedFile.of(data)?.seek(Int(offset), whence) ?? -1) },
            Unmanaged.passUnretained(file).toOpaque())
    }

    deinit { g_object_unref(pointer) }

    /// Whether the file holds what the saver wrote, and nothing else.
    public var isIntact: Bool { file.isIntact }
}

/// A descriptor of which is known where it stands and how long its file is.
private final class TrackedFile: Sendable {
    private struct State {
        var position = 0
        var size = 0
        var isSpoiled = false
    }

    private let descriptor: Int32
    private let device: dev_t
    private let inode: ino_t
    private let state = Mutex(State())

    init?(_ path: String) {
        let opened = open(path, O_RDWR | O_TRUNC | O_CLOEXEC)
        var status = stat()
        guard opened >= 0, fstat(opened, &status) == 0 else { return nil }
        (descriptor, device, inode) = (opened, status.st_dev, status.st_ino)
    }

    // Closed by somebody else, the number may be that of another file by now.
    deinit { if status != nil { close(descriptor) } }

    /// Of the file that was opened; nil where the descriptor leads elsewhere.
    private var status: stat? {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_dev == device && status.st_ino == inode ? status : nil
    }

    static func of(_ data: UnsafeMutableRawPointer?) -> TrackedFile? { data.map { Unmanaged.fromOpaque($0).takeUnretainedValue() } }

    var isIntact: Bool {
        state.withLock { state in
            guard !state.isSpoiled, let status else { return false }
            return Int(status.st_size) == state.size && lseek(descriptor, 0, SEEK_CUR) == state.position
        }
    }

    /// Does something at the known place; -1 where that is not the place any more.
    private func inPlace(_ body: (inout State) -> Int) -> Int {
        state.withLock { state in
            guard !state.isSpoiled, status != nil, lseek(descriptor, 0, SEEK_CUR) == state.position else {
                state.isSpoiled = true
                errno = EIO
                return -1
            }
            return body(&state)
        }
    }

    func write(_ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        inPlace { state in
            let written = Glibc.write(descriptor, bytes, count)
            if written > 0 {
                state.position += written
                state.size = max(state.size, state.position)
            }
            return written
        }
    }

    func read(_ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        inPlace { state in
            let taken = Glibc.read(descriptor, bytes, count)
            if taken > 0 { state.position += taken }
            return taken
        }
    }

    func seek(_ offset: Int, _ whence: Int32) -> Int {
        inPlace { state in
            let place = lseek(descriptor, offset, whence)
            if place >= 0 { state.position = place }
            return place
        }
    }
}
