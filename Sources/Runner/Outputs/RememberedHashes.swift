internal import ContentHash
import Foundation
import Synchronization

/// SHA-256 of weights, models and plug-ins, kept in `OUT/.aquatint/hashes` so that a run which has nothing to do need not read a gigabyte to see that.
///
/// A line is `hash size modified changed inode device path`. A hash holds as long as all of these do: a file cannot be written without the time of its last change
/// of status moving on. It only serves to see what is out of date; where a pipeline demands a hash, the file is read.
final class RememberedHashes: Sendable {
    private struct State {
        var known: [String: String] = [:]
        /// Those that were asked for: others are not kept.
        var used: [String: String] = [:]
        var filesRead = 0
    }

    private let path: String?
    private let state = Mutex(State())

    /// - Parameter outputFolder: nil: nothing is kept.
    init(outputFolder: String?) {
        path = outputFolder.map { Path.join(Path.join($0, ".aquatint"), "hashes") }
        guard let path, let text = FileManager.default.contents(atPath: path) else { return }
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2, parts[0].utf8.count == 64 { state.withLock { $0.known[String(parts[1])] = String(parts[0]) } }
        }
    }

    /// How many had to be read so far.
    var filesRead: Int { state.withLock { $0.filesRead } }

    /// The hash of a file in hexadecimal digits; nil where it cannot be read.
    func hash(of path: String) -> String? {
        guard let before = Self.mark(path) else { return nil }
        if let known = state.withLock({ $0.known[before.text] ?? $0.used[before.text] }) {
            state.withLock { $0.used[before.text] = known }
            return known
        }
        state.withLock { $0.filesRead += 1 }
        guard let hash = SHA256.hash(contentsOf: path)?.hex else { return nil }
        // One that is being written, or was in the last moment, may be written once more within the same tick of the clock.
        if let after = Self.mark(path), after.text == before.text, !after.isFresh { state.withLock { $0.used[before.text] = hash } }
        return hash
    }

    /// Keeps what is new. A failure costs time on the next run, and nothing else.
    func keep() {
        let (used, known) = state.withLock { ($0.used, $0.known) }
        guard let path, used.contains(where: { known[$0.key] == nil }) else { return }
        let text = used.map { "\($0.value) \($0.key)\n" }.sorted().joined()
        let temporary = TemporaryFiles.uniqueName(in: Path.directory(path), prefix: ".aquatint-", suffix: ".hashes")
        guard FileManager.default.createFile(atPath: temporary, contents: Data(text.utf8)) else { return }
        if rename(temporary, path) != 0 { unlink(temporary) }
    }

    private static func mark(_ path: String) -> (text: String, isFresh: Bool)? {
        guard let (status, changed) = FileStatus.withChange(path) else { return nil }
        let now = Int64(Date().timeIntervalSince1970 * 1e9)
        let text = "\(status.size) \(status.modified) \(changed) \(status.inode) \(status.device) \(Path.absolute(path))"
        return path.contains("\n") ? nil : (text, now < changed + 2_000_000_000)
    }
}
