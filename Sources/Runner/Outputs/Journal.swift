import Foundation
import Synchronization

/// What earlier runs into the same output folder finished: one line per image in `OUT/.aquatint/journal.jsonl`.
///
///     {"v":1,"recipe":"3f...","input":"/in/a.png","size":2048,"modified":17...,"hash":"9c...","outputs":[["a.jpg",1024,17...]]}
///
/// A line is appended after the image's outputs have their final names, so a journal never claims more than is there. The last line about a first output holds.
/// A line torn by a crash is ignored. Lines of a later version are ignored, too, and kept. Deleting the file is safe: everything is made again.
///
/// Every line is written in one call, at the end of the file, by who holds its lock: several processes may share it. When most lines are about outputs
/// that later ones tell of again, the file is replaced by one without them.
final class Journal: Sendable {
    /// What was remembered of an image.
    struct Entry: Sendable, Equatable {
        /// ``RunRequest/recipe(_:)``: everything but the input that the pixels depend on.
        var recipe: String
        /// The absolute path.
        var input: String
        var content: ContentStamp
        var outputs: [Output]
        /// Files whose names depend on the image, which the recipe does not know of: weights, models and profiles.
        var files: [Ingredient] = []
    }

    struct Ingredient: Sendable, Equatable {
        var path: String
        /// SHA-256 in hexadecimal digits; empty where it could not be read.
        var hash: String
    }

    struct Output: Sendable, Equatable {
        /// Below the output folder, or absolute where it is elsewhere.
        var path: String
        /// Bytes and nanoseconds since 1970: another run may have put another picture there. -1 for one that is missing, or no file.
        var size: Int64
        var modified: Int64
    }

    /// How what is there stands to what is wanted.
    enum Standing: Equatable {
        case upToDate
        /// All agrees but the time of the input: its content decides.
        case ifContentIs(hash: String)
        case outOfDate
    }

    let path: String
    /// Why what is there cannot be read; nil where nothing is there.
    let problem: RunError?
    private let folder: String
    /// What relative paths are relative to: asked for once, since there may be a million.
    private let current = FileManager.default.currentDirectoryPath
    private let entries: Mutex<[PathKey: Entry]>
    private let file = Mutex(-1 as Int32)
    private let openStatus: @Sendable (Int32, String) -> FileStatus?

    /// Reads what is there; creates nothing until ``open()`` or the first ``append(_:)``.
    ///
    /// - Parameter openStatus: what an open file is like as long as it is the one of that name; nil where it is another.
    init(outputFolder: String, openStatus: @escaping @Sendable (Int32, String) -> FileStatus? = Journal.status(of:named:)) {
        self.openStatus = openStatus
        folder = Path.absolute(outputFolder)
        path = Self.path(in: outputFolder)
        do throws(RunError) {
            entries = Mutex(JournalText(try Self.read(path)).entries)
            problem = nil
        } catch {
            entries = Mutex([:])
            problem = error
        }
    }

    deinit {
        let descriptor = file.withLock { $0 }
        if descriptor >= 0 { close(descriptor) }
    }

    static func path(in outputFolder: String) -> String { Path.join(Path.join(outputFolder, ".aquatint"), "journal.jsonl") }

    /// The outputs of all entries, by absolute path.
    var outputs: Set<PathKey> { entries.withLock { Set($0.values.flatMap { $0.outputs.map { PathKey(Path.join(folder, $0.path)) } }) } }

    /// Whether the outputs of `input` exist and were made from it as it is now, by the same recipe.
    func standing(input: String, status: FileStatus, recipe: String, outputs: [String], hash: (String) -> String? = { _ in nil }) -> Standing {
        let wanted = outputs.map(place)
        guard let first = wanted.first, let entry = entries.withLock({ $0[PathKey(first)] }) else { return .outOfDate }
        guard entry.recipe == recipe, PathKey(entry.input) == PathKey(Path.absolute(input, in: current)), entry.content.size == status.size, entry.outputs.count == wanted.count else { return .outOfDate }
        for (output, path) in zip(entry.outputs, wanted) where PathKey(output.path) != PathKey(path) || output != self.output(path) { return .outOfDate }
        for file in entry.files where hash(file.path) != file.hash { return .outOfDate }
        if entry.content.modified == status.modified { return .upToDate }
        return entry.content.hash.map { .ifContentIs(hash: $0) } ?? .outOfDate
    }

    /// Remembers that the outputs were made of this content.
    ///
    /// - Parameters:
    ///   - written: bytes and time of last change of each output as it was made; nil: as they are now. Another run may have replaced them since.
    ///   - files: beyond those of the recipe; nil: those that are remembered.
    func append(input: String, content: ContentStamp, recipe: String, outputs: [String], written: [[Int64]]? = nil, files: [Ingredient]? = nil) throws(RunError) {
        let made = outputs.enumerated().map { index, path in
            guard let written, written.indices.contains(index), written[index].count == 2 else { return output(place(path)) }
            return Output(path: place(path), size: written[index][0], modified: written[index][1])
        }
        guard let first = made.first else { return }
        let entry = Entry(recipe: recipe, input: Path.absolute(input, in: current), content: content, outputs: made,
                          files: files ?? entries.withLock { $0[PathKey(first.path)]?.files } ?? [])
        let line = JournalText.line(entry)
        try locked { descriptor, size throws(RunError) in
            // A line torn by a crash must not swallow this one.
            var last: UInt8 = 10
            let isTorn = size > 0 && pread(descriptor, &last, 1, off_t(size - 1)) == 1 && last != 10
            try Self.write((isTorn ? [10] : []) + line, to: descriptor, after: size, path)
        }
        entries.withLock { $0[PathKey(first.path)] = entry }
    }

    /// Makes sure that lines can be added, before there is work that would be forgotten. Throws out old lines where most are.
    func open() throws(RunError) {
        try locked { descriptor, size throws(RunError) in
            let text = JournalText(try Self.read(path))
            guard text.deadLines > text.entries.count + Self.deadLinesAtLeast, text.strangeLines <= Self.strangeLinesAtMost else { return }
            try replace(with: text.compacted)
        }
    }

    /// Below this, rewriting gains nothing that anybody notices.
    static let deadLinesAtLeast = 1000
    /// Crashes leave a torn line here and there. A file of other things may be a later version's, and is not thrown away.
    static let strangeLinesAtMost = 100

    // MARK: files

    private func place(_ output: String) -> String {
        let whole = Path.absolute(output, in: current)
        return whole.utf8.starts(with: folder.utf8) && whole.utf8.dropFirst(folder.utf8.count).first == UInt8(ascii: "/")
            ? String(whole.utf8.dropFirst(folder.utf8.count + 1)) ?? whole : whole
    }

    private func output(_ place: String) -> Output {
        guard let status = FileStatus(Path.join(folder, place)), status.kind == .file else { return Output(path: place, size: -1, modified: -1) }
        return Output(path: place, size: status.size, modified: status.modified)
    }

    private static func read(_ path: String) throws(RunError) -> [UInt8] {
        func fail(_ code: Int32) -> RunError {
            RunError(.inputOutput, "the journal '\(path)' cannot be read: \(String(cString: strerror(code)))", hint: advice)
        }
        // A pipe of that name must not hold up the run.
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            // What is in the way of a folder is told when something is to be written there.
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw fail(errno)
        }
        defer { close(descriptor) }
        guard let status = FileStatus(descriptor: descriptor), status.kind == .file else { throw fail(EISDIR) }
        var bytes: [UInt8] = [], code: Int32 = 0
        // It may grow while it is read: what comes later is for the next run.
        bytes = [UInt8](unsafeUninitializedCapacity: Int(status.size)) { buffer, filled in
            while filled < buffer.count {
                let count = Glibc.read(descriptor, buffer.baseAddress! + filled, buffer.count - filled)
                if count < 0, errno == EINTR { continue }
                if count < 0 { code = errno }
                guard count > 0 else { return }
                filled += count
            }
        }
        guard code == 0 else { throw fail(code) }
        return bytes
    }

    private static let advice = "it is what tells later runs what is done already; put its folder right or delete it, or do without: --overwrite always or never"

    static func status(of descriptor: Int32, named path: String) -> FileStatus? {
        guard let open = FileStatus(descriptor: descriptor), let named = FileStatus(path), open.inode == named.inode, open.device == named.device else { return nil }
        return open
    }

    /// How often a file is opened that turns out to be another than the one of its name.
    private static let mostOpenings = 100

    /// Opens the file and locks it against every other process for the time of `body`, which is given its size.
    private func locked(_ body: (Int32, Int) throws(RunError) -> Void) throws(RunError) {
        func fail(_ code: Int32) -> RunError {
            RunError(code == ENOSPC || code == EDQUOT || code == EIO ? .inputOutput : .cannotCreateOutput,
                     "the journal '\(path)' cannot be written: \(String(cString: strerror(code)))", hint: Self.advice)
        }
        let result: Result<Void, RunError> = file.withLock { descriptor in
            for _ in 0..<Self.mostOpenings {
                if descriptor < 0 {
                    let code = FileSystem.makeFolder(Path.directory(path))
                    guard code == 0 else { return .failure(fail(code)) }
                    descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
                    guard descriptor >= 0 else { return .failure(fail(errno)) }
                }
                // File servers without locks still append whole lines.
                while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
                // Another process may have replaced it, or somebody deleted it.
                if let open = openStatus(descriptor, path) {
                    let opened = descriptor
                    defer { flock(opened, LOCK_UN) }
                    return Result { () throws(RunError) in try body(opened, Int(open.size)) }
                }
                close(descriptor)
                descriptor = -1
            }
            return .failure(RunError(.inputOutput, "the journal '\(path)' cannot be written: it is another file each time that it is opened", hint: Self.advice))
        }
        try result.get()
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, after size: Int, _ path: String) throws(RunError) {
        let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count != bytes.count else { return }
        let code = count < 0 ? errno : ENOSPC
        ftruncate(descriptor, off_t(size))
        throw RunError(.inputOutput, "the journal '\(path)' cannot be written: \(String(cString: strerror(code)))")
    }

    /// With the lock held.
    private func replace(with bytes: [UInt8]) throws(RunError) {
        let directory = Path.directory(path)
        TemporaryFiles.clearLeftovers(in: directory)
        let temporary = TemporaryFiles.uniqueName(in: directory, prefix: ".aquatint-", suffix: ".jsonl")
        let descriptor = Glibc.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        // Where there is no room for it, the long one does as well.
        guard descriptor >= 0 else { return }
        defer {
            close(descriptor)
            unlink(temporary)
        }
        let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count == bytes.count, fsync(descriptor) == 0 else { return }
        rename(temporary, path)
    }
}
