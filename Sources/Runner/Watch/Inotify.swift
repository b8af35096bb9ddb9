internal import Glibc

/// The kernel's announcements of what happens in folders: `inotify(7)`, and nothing beyond it.
final class Inotify: Sendable {
    struct Event: Sendable {
        /// The watched folder's number; -1 where announcements were lost.
        var folder: Int32
        var mask: UInt32
        /// What it happened to in that folder; empty where it happened to the folder itself.
        var name: String

        func has(_ bits: Int32) -> Bool { mask & UInt32(bitPattern: bits) != 0 }
        var isFolder: Bool { mask & UInt32(IN_ISDIR) != 0 }
    }

    private let descriptor: Int32
    /// A socket by which a waiting thread can be woken.
    private let wakeEnds: (read: Int32, write: Int32)

    private static let wanted = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF

    /// - Throws: `RunError` 74 where the system has no more of these.
    init() throws(RunError) {
        descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard descriptor >= 0 else {
            throw RunError(.inputOutput, "folders cannot be watched: \(String(cString: strerror(errno)))",
                           hint: errno == EMFILE ? "sysctl fs.inotify.max_user_instances and ulimit -n limit how many programs of a user watch" : nil)
        }
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &ends) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw RunError(.inputOutput, "folders cannot be watched: \(reason)")
        }
        wakeEnds = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(wakeEnds.read)
        close(wakeEnds.write)
    }

    /// Watches a folder, or goes on watching it.
    ///
    /// - Returns: its number; nil where it is gone, no folder or not ours to read, which listing it will tell.
    /// - Throws: `RunError` 74 where the system's limit is reached.
    func watch(_ folder: String) throws(RunError) -> Int32? {
        let number = inotify_add_watch(descriptor, folder, UInt32(bitPattern: Self.wanted) | UInt32(IN_ONLYDIR))
        if number >= 0 { return number }
        switch errno {
        case ENOSPC:
            throw RunError(.inputOutput, "'\(folder)' cannot be watched: the system's limit of watched folders is reached",
                           hint: "raise it: sysctl fs.inotify.max_user_watches=1048576")
        case ENOMEM: throw RunError(.inputOutput, "'\(folder)' cannot be watched: \(String(cString: strerror(ENOMEM)))")
        default: return nil
        }
    }

    func unwatch(_ number: Int32) { inotify_rm_watch(descriptor, number) }

    /// Waits until something is announced, `wake` is called, or so many milliseconds are over.
    func wait(milliseconds: Int32) {
        var polled = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: wakeEnds.read, events: Int16(POLLIN), revents: 0)]
        guard poll(&polled, 2, milliseconds) > 0, polled[1].revents != 0 else { return }
        var byte: UInt8 = 0
        while read(wakeEnds.read, &byte, 1) > 0 {}
    }

    func wake() {
        var byte: UInt8 = 1
        _ = write(wakeEnds.write, &byte, 1)
    }

    /// What was announced since the last time, at most some thousand events.
    func events() -> [Event] {
        var events: [Event] = []
        withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            var start = 0
            // struct inotify_event: wd, mask, cookie and len of four bytes each, then len bytes of a name that ends at its first zero.
            while count > 0, start + 16 <= count {
                let length = Int(buffer.loadUnaligned(fromByteOffset: start + 12, as: UInt32.self))
                guard start + 16 + length <= count else { break }
                let name = buffer[(start + 16)..<(start + 16 + length)].prefix { $0 != 0 }
                events.append(Event(folder: buffer.loadUnaligned(fromByteOffset: start, as: Int32.self),
                                    mask: buffer.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self), name: String(decoding: name, as: UTF8.self)))
                start += 16 + length
            }
        }
        return events
    }
}
