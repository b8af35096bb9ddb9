internal import Foundation

/// What scans have found, on disk: one JSON file, replaced as a whole.
///
/// A file that cannot be read, is damaged, was written by another version of the program, or could have been written by another user is taken for absent, and so
/// is an entry that no scan can have made. None of that is ever an error: plug-ins can be scanned again.
struct ScanCache: Sendable {
    struct Entry: Sendable, Codable {
        var path: String
        var identity: FileIdentity
        var finding: ScanFinding
    }

    private struct Contents: Codable {
        var version: String
        var entries: [Entry]
    }

    private let folder: String
    /// The program's version, and its file: what a development build finds does not count for the next.
    private let version: String

    /// Raised when the meaning of the file changes.
    private static let format = 1
    private static let mostBytes = 16 << 20
    private static let mostEntries = 4096

    init(folder: String, program: String, version: String) {
        self.folder = folder
        let identity = FileIdentity(program)
        self.version = "\(Self.format) \(version) \(identity?.size ?? 0) \(identity?.modified ?? 0)"
    }

    private var path: String { "\(folder)/scan.json" }

    /// The entries by path.
    func read() -> [String: Entry] {
        guard let bytes = contents(), let file = try? ScanJSON.decoder.decode(Contents.self, from: Data(bytes)), file.version == version,
              file.entries.count <= Self.mostEntries else { return [:] }
        let sound = file.entries.filter { $0.path.hasPrefix("/") && $0.finding.isSound && $0.finding.lasts }
        return Dictionary(sound.map { ($0.path, $0) }) { first, _ in first }
    }

    /// Readers see all of it or what was there before. Of what several processes write at once, one stays.
    func write(_ entries: [String: Entry]) {
        let kept = entries.values.sorted { $0.path < $1.path }.prefix(Self.mostEntries)
        guard let data = try? ScanJSON.encoder.encode(Contents(version: version, entries: Array(kept))) else { return }
        makeFolder()
        let temporary = "\(path).\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        let isWritten = data.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) } == data.count
        let isClosed = close(file) == 0
        if !isWritten || !isClosed || rename(temporary, path) != 0 { unlink(temporary) }
    }

    private func contents() -> [UInt8]? {
        // A pipe or a device of that name must not hold up the program.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= Self.mostBytes,
              status.st_uid == geteuid() || status.st_uid == 0, status.st_mode & (S_IWOTH | S_IWGRP) == 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size)), filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress.map { $0 + filled }, $0.count - filled) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            filled += count
        }
        return bytes
    }

    private func makeFolder() {
        var end = folder.startIndex
        while end < folder.endIndex {
            end = folder[folder.index(after: end)...].firstIndex(of: "/") ?? folder.endIndex
            mkdir(String(folder[..<end]), 0o700)
        }
    }
}
