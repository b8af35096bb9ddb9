internal import Foundation

/// The first bytes of a file, which tell its format.
enum FileHead {
    static func bytes(of path: String, _ count: Int) -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? file.close() }
        return Array((try? file.read(upToCount: count)) ?? Data())
    }
}
