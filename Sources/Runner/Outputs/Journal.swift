import Foundation
import Synchronization

/// What earlier runs into the same output folder finished: one JSON line per image in `OUT/.aquatint/journal.jsonl`.
///
/// A line is appended after the image's outputs have their final names, so a journal never claims more than is there; a line torn by a
/// crash is not JSON and is ignored, as is anything else unknown. Later lines win. Deleting the file is safe: everything is redone.
final class Journal: Sendable {
    struct Entry: Codable, Sendable, Equatable {
        var v = 1
        var input: String
        /// Bytes and nanoseconds since 1970 of the input when it was read.
        var size: Int64
        var modified: Int64
        /// Hash of everything else that the pixels depend on: `RunFingerprint`.
        var recipe: String
        var outputs: [String]
        /// Bytes and nanoseconds since 1970 of each output: another run may have put another picture there.
        var stamps: [[Int64]]
    }

    private let path: String
    private let entries: Mutex<[String: Entry]>
    private let file: Mutex<FileHandle?>

    /// Reads what is there; creates nothing until the first `append`.
    init(outputFolder: String) {
        path = Path.join(Path.join(outputFolder, ".aquatint"), "journal.jsonl")
        entries = Mutex(Self.read(path))
        file = Mutex(nil)
    }

    private static func read(_ path: String) -> [String: Entry] {
        guard let bytes = FileManager.default.contents(atPath: path) else { return [:] }
        let decoder = JSONDecoder()
        var entries: [String: Entry] = [:]
        for line in bytes.split(separator: 10) {
            if let entry = try? decoder.decode(Entry.self, from: Data(line)), entry.v == 1 { entries[entry.input] = entry }
        }
        return entries
    }

    /// Whether the outputs of `input` exist and were made from it as it is now, by the same recipe.
    func isUpToDate(input: String, status: FileStatus, recipe: String, outputs: [String]) -> Bool {
        guard let entry = entries.withLock({ $0[Path.absolute(input)] }) else { return false }
        return entry.size == status.size && entry.modified == status.modified && entry.recipe == recipe
            && entry.outputs == outputs.map(Path.absolute) && entry.stamps == Self.stamps(outputs)
    }

    /// Size and time of each file; empty for one that is missing, or no file.
    private static func stamps(_ paths: [String]) -> [[Int64]] {
        paths.map { path in
            guard let status = FileStatus(path), status.kind == .file else { return [] }
            return [status.size, status.modified]
        }
    }

    func append(input: String, status: FileStatus, recipe: String, outputs: [String]) throws(RunError) {
        let entry = Entry(input: Path.absolute(input), size: status.size, modified: status.modified, recipe: recipe,
                          outputs: outputs.map(Path.absolute), stamps: Self.stamps(outputs))
        let problem: RunError? = file.withLock { handle in
            do {
                if handle == nil { handle = try Self.open(path) }
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                var line = try encoder.encode(entry)
                line.append(10)
                try handle?.write(contentsOf: line)
                return nil
            } catch {
                return RunError(.inputOutput, "the journal '\(path)' cannot be written: \(error.localizedDescription)")
            }
        }
        if let problem { throw problem }
        entries.withLock { $0[entry.input] = entry }
    }

    private static func open(_ path: String) throws -> FileHandle {
        try FileManager.default.createDirectory(atPath: Path.directory(path), withIntermediateDirectories: true)
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        // A line torn by a crash must not swallow the next one.
        if lseek(descriptor, 0, SEEK_END) > 0 { try handle.write(contentsOf: Data([10])) }
        return handle
    }
}
