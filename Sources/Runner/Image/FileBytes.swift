internal import Glibc

/// Parts of a file, read as they are asked for; its first block is kept, where most of them lie.
final class FileBytes {
    private let descriptor: Int32
    private let head: [UInt8]

    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        head = Self.read(descriptor, 0, 4096)
    }

    deinit { close(descriptor) }

    func read(_ place: Int, _ count: Int, orLess: Bool = false) -> [UInt8]? {
        guard place >= 0, count >= 0 else { return nil }
        if count <= head.count - place { return Array(head[place..<place + count]) }
        let bytes = Self.read(descriptor, place, count)
        return !bytes.isEmpty && (orLess || bytes.count == count) ? bytes : nil
    }

    private static func read(_ descriptor: Int32, _ place: Int, _ count: Int) -> [UInt8] {
        // A length comes from the file: no more is set aside than the file has.
        var status = stat()
        guard fstat(descriptor, &status) == 0, place < Int(status.st_size) else { return [] }
        return [UInt8](unsafeUninitializedCapacity: min(count, Int(status.st_size) - place)) { buffer, initialized in
            initialized = max(0, pread(descriptor, buffer.baseAddress, buffer.count, off_t(place)))
        }
    }
}

extension [UInt8] {
    /// An unsigned integer of 1 to 8 bytes; nil where it is not there, or too large.
    func number(_ place: Int, _ count: Int, isLittle: Bool = false) -> Int? {
        guard place >= 0, place <= self.count - count else { return nil }
        let bytes = self[place..<place + count]
        return Int(exactly: (isLittle ? Array(bytes.reversed()) : Array(bytes)).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}
