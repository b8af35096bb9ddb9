internal import ContentHash
import Foundation

/// By what a file is known again: size and time, and where they do not agree, a hash of its content.
struct ContentStamp: Sendable, Codable, Equatable {
    var size: Int64
    /// Nanoseconds since 1970.
    var modified: Int64
    /// XXH64 of all bytes, in hexadecimal digits; nil where it is not known.
    var hash: String?
}

extension ContentStamp {
    /// - Parameter hash: XXH64 of all bytes.
    init(_ status: FileStatus, hash: UInt64? = nil) { self.init(size: status.size, modified: status.modified, hash: hash.map(Self.text)) }

    /// What a file holds that was `before` when it was opened to be decoded, and that has been decoded since.
    ///
    /// Without a hash where the file is gone, or changes while it is hashed: then it is not known what the pixels were made of.
    ///
    /// - Throws: `ImageFailure` where it is another file, or has another size or time: header and pixels may be of two pictures.
    static func taken(of path: String, since before: FileStatus) throws(ImageFailure) -> ContentStamp {
        let stamp = ContentStamp(before)
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return stamp }
        defer { close(file) }
        guard FileStatus(descriptor: file) == before else {
            throw ImageFailure("changed", "the file was changed or replaced while it was read; run again to make it of what is there now")
        }
        let hash = XXH64.hash(of: file)
        return FileStatus(descriptor: file) == before ? ContentStamp(before, hash: hash) : stamp
    }

    /// The hash of a file as it is now, while it stays so; nil where it cannot be read.
    static func hash(of path: String, status: FileStatus) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        guard let hash = XXH64.hash(of: file), FileStatus(descriptor: file) == status else { return nil }
        return text(hash)
    }

    private static func text(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
