public import Foundation

/// One image file that a run was given.
public struct InputFile: Sendable, Equatable, Codable {
    /// As it can be opened: the given argument, or the given folder plus what lies below it.
    public let path: String
    /// The place below the folder that was given, without its file name: empty for a file given by itself.
    public let folder: String
    /// What `{index}` stands for where an earlier run has settled that.
    var number: Int?

    public var name: String { Path.base(path) }
    /// Place and name below the given folder.
    var relativePath: String { Path.join(folder, name) }
}

/// A file that lies among the inputs and is none, and why.
public struct Stray: Sendable, Equatable {
    public let path: String
    public let reason: String
    /// Of a folder: its place below the one that was given.
    var folder = ""
}

/// Which files a run works on. Folders are walked to their depth, patterns are expanded, litter is skipped and counted.
public struct InputSelection: Sendable {
    public var arguments: [String]
    public var includes: [GlobPattern] = []
    public var excludes: [GlobPattern] = []
    public var isRecursive = true
    public var followsLinks = false
    /// Lists on standard input end their names with a zero byte instead of a line feed.
    public var isNulSeparated = false
    /// A folder whose contents are never inputs: the run's own output.
    public var output: String?
    /// Files that are never inputs, wherever they lie: the run's own report.
    public var ownFiles: [String] = []
    /// Whether files are taken while others write to these folders: names of unfinished downloads are passed over.
    public var isWatching = false

    public init(arguments: [String]) { self.arguments = arguments }

    public struct Found: Sendable {
        public var files: [InputFile] = []
        public var strays: [Stray] = []
        /// Folders that could not be listed, one message each.
        public var unreadable: [Stray] = []
    }

    /// - Parameter isImage: told of every file whose name does not end in a known image extension: looks at its content.
    /// - Throws: `RunError` 66 for an argument that names nothing.
    public func resolve(
        knownExtensions: Set<String>, isImage: @escaping (String) -> Bool,
        standardInput: () -> [UInt8] = { Array((try? FileHandle.standardInput.readToEnd()) ?? Data()) }
    ) throws(RunError) -> Found {
        try resolve(knownExtensions: knownExtensions, isImage: isImage, standardInput: standardInput, entering: { _ in })
    }

    /// - Parameter entering: told of each folder before it is listed.
    func resolve(
        knownExtensions: Set<String>, isImage: @escaping (String) -> Bool, standardInput: () -> [UInt8] = { [] }, entering: @escaping (FolderPlace) -> Void
    ) throws(RunError) -> Found {
        var walk = Walk(selection: self, knownExtensions: knownExtensions, isImage: isImage, entering: entering)
        for argument in try expandedArguments(standardInput) { try walk.take(argument) }
        walk.found.files = NaturalOrder.sorted(walk.found.files, by: \.path)
        return walk.found
    }

    /// The inputs that failed in earlier runs, in place of arguments, with the filters of this one. Folders that could not be listed then are walked now.
    public func resolve(_ failed: FailedInputs, knownExtensions: Set<String>, isImage: @escaping (String) -> Bool) -> Found {
        var walk = Walk(selection: self, knownExtensions: knownExtensions, isImage: isImage, entering: { _ in })
        for entry in failed.entries { walk.take(entry) }
        walk.found.files.sort { NaturalOrder.precedes($0.path, $1.path) }
        var next = failed.largestNumber
        for index in walk.found.files.indices where walk.found.files[index].number == nil {
            next += 1
            walk.found.files[index].number = next
        }
        return walk.found
    }

    /// What a name in a folder of the walk stands for: a file, or a folder with all that lies in it.
    func look(at place: FilePlace, knownExtensions: Set<String>, isImage: @escaping (String) -> Bool, entering: @escaping (FolderPlace) -> Void) -> Found {
        var walk = Walk(selection: self, knownExtensions: knownExtensions, isImage: isImage, entering: entering)
        walk.open(place.folder)
        walk.look(at: place.name, in: place.folder.path, real: Path.real(place.folder.path), below: place.folder.below)
        walk.found.files.sort { NaturalOrder.precedes($0.path, $1.path) }
        return walk.found
    }

    /// All that lies in a folder that was given.
    func look(into folder: String, knownExtensions: Set<String>, isImage: @escaping (String) -> Bool, entering: @escaping (FolderPlace) -> Void) -> Found {
        var walk = Walk(selection: self, knownExtensions: knownExtensions, isImage: isImage, entering: entering)
        walk.visit(folder, below: "")
        return walk.found
    }

    /// Whether a file may be an input as far as names tell; `relative` is its place and name below the folder that was given.
    func admits(_ relative: String) -> Bool { isWanted(relative) && Litter.reason(Path.base(relative), watching: isWatching) == nil }

    fileprivate func isWanted(_ relative: String) -> Bool {
        if excludes.contains(where: { $0.matches(relative) }) { return false }
        return includes.isEmpty || includes.contains { $0.matches(relative) }
    }

    private func expandedArguments(_ standardInput: () -> [UInt8]) throws(RunError) -> [String] {
        var result: [String] = []
        for argument in arguments {
            if argument == "-" {
                let separator: UInt8 = isNulSeparated ? 0 : 10
                for line in standardInput().split(separator: separator) {
                    var name = String(decoding: line, as: UTF8.self)
                    if !isNulSeparated, name.hasSuffix("\r") { name.removeLast() }
                    if !name.isEmpty { result.append(name) }
                }
            } else if FileStatus(argument) == nil, GlobPattern.isPattern(argument) {
                let names = expand(argument)
                guard !names.isEmpty else { throw RunError(.inputMissing, "no file matches '\(argument)'") }
                result += names
            } else {
                result.append(argument)
            }
        }
        return result
    }

    /// Files that match a pattern which the shell did not expand (it was quoted, or the list came from elsewhere).
    private func expand(_ pattern: String) -> [String] {
        let parts = pattern.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        let fixed = parts.prefix { !GlobPattern.isPattern($0) }
        let start = (pattern.hasPrefix("/") ? "/" : "") + fixed.joined(separator: "/")
        let rest = parts.dropFirst(fixed.count).joined(separator: "/")
        // A leading slash makes the pattern one of paths, also where it is a single component.
        let glob = GlobPattern("/" + rest)
        let depth = rest.contains("**") ? Int.max : rest.split(separator: "/").count
        var names: [String] = []
        func visit(_ folder: String, _ relative: String, _ level: Int) {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? [] {
                if name.hasPrefix("."), !rest.hasPrefix(".") { continue }
                let below = Path.join(relative, name), path = Path.join(folder, name)
                if glob.matches(below) { names.append(path) }
                if level < depth, FileStatus(path, followLinks: followsLinks)?.kind == .directory {
                    visit(path, below, level + 1)
                }
            }
        }
        visit(start, "", 1)
        return NaturalOrder.sorted(names) { $0 }
    }
}

/// The walk itself: what has been seen, so that a file given twice is taken once and a loop of links ends.
private struct Walk {
    let selection: InputSelection
    let knownExtensions: Set<String>
    let isImage: (String) -> Bool
    let entering: (FolderPlace) -> Void
    var found = InputSelection.Found()
    private var seenFiles: Set<PathKey> = []
    private var openFolders: Set<PathKey> = []
    /// What relative paths are relative to.
    private let current = FileManager.default.currentDirectoryPath
    private let output: PathKey?
    private let ownFiles: [(name: PathKey, path: PathKey)]
    /// What earlier runs made, where it lies among the inputs.
    private var made: Set<PathKey> = []
    private var journals: Set<PathKey> = []

    init(selection: InputSelection, knownExtensions: Set<String>, isImage: @escaping (String) -> Bool, entering: @escaping (FolderPlace) -> Void) {
        self.entering = entering
        self.selection = selection
        self.knownExtensions = knownExtensions
        self.isImage = isImage
        output = selection.output.map { PathKey(Path.real($0)) }
        ownFiles = selection.ownFiles.map(Path.real).map { (PathKey(Path.base($0)), PathKey($0)) }
    }

    /// An input of an earlier run. One that is gone is found when its turn comes.
    mutating func take(_ entry: FailedInputs.Entry) {
        if FileStatus(entry.path)?.kind == .directory { return visit(entry.path, below: entry.folder) }
        guard selection.isWanted(Path.join(entry.folder, Path.base(entry.path))), seenFiles.insert(PathKey(Path.absolute(entry.path, in: current))).inserted else { return }
        found.files.append(InputFile(path: entry.path, folder: entry.folder, number: entry.number))
    }

    mutating func take(_ argument: String) throws(RunError) {
        guard let status = FileStatus(argument) else {
            throw RunError(.inputMissing, "input '\(argument)' does not exist or cannot be read")
        }
        switch status.kind {
        case .directory:
            visit(argument, below: "")
            if found.unreadable.contains(where: { PathKey($0.path) == PathKey(argument) }) { throw RunError(.inputMissing, "the folder '\(argument)' cannot be listed") }
        case .file: add(argument, folder: "", given: true)
        case .link, .other: throw RunError(.inputMissing, "input '\(argument)' is neither a file nor a folder")
        }
    }

    /// Goes on in the midst of a walk: in a folder, which was come to through those above it.
    mutating func open(_ folder: FolderPlace) {
        var path = folder.path
        openFolders.insert(PathKey(Path.real(path)))
        for _ in folder.below.split(separator: "/") {
            path = Path.directory(path)
            openFolders.insert(PathKey(Path.real(path)))
        }
    }

    mutating func visit(_ folder: String, below: String) {
        let real = Path.real(folder)
        // Its own output is never an input, wherever it lies; nor is a folder inside itself through a link.
        if PathKey(real) == output, !below.isEmpty { return }
        guard openFolders.insert(PathKey(real)).inserted else { return }
        defer { openFolders.remove(PathKey(real)) }
        entering(FolderPlace(folder, below: below))
        let names: [String]
        do {
            names = NaturalOrder.sorted(try FileManager.default.contentsOfDirectory(atPath: folder)) { $0 }
        } catch {
            found.unreadable.append(Stray(path: folder, reason: "the folder cannot be listed", folder: below))
            return
        }
        // Asked for by name, the results of one run are the inputs of the next.
        if names.contains(".aquatint"), !below.isEmpty { readJournal(of: real) }
        if let output, PathKey(real).isWithin(output) { readJournal(of: output.path) }
        for name in names { look(at: name, in: folder, real: real, below: below) }
    }

    /// - Parameter real: the folder's real path.
    mutating func look(at name: String, in folder: String, real: String, below: String) {
        let path = Path.join(folder, name), relative = Path.join(below, name)
        if name == ".aquatint" { return }
        var entry = FileStatus(path, followLinks: false)
        if entry?.kind == .link {
            guard selection.followsLinks else {
                found.strays.append(Stray(path: path, reason: "symbolic link (--follow-symlinks takes it)"))
                return
            }
            entry = FileStatus(path)
        }
        guard let status = entry else {
            // An image that cannot be opened is a failure of the run, not litter beside it.
            if selection.admits(relative), knownExtensions.contains(Path.split(name).ext.dropFirst().lowercased()) {
                found.files.append(InputFile(path: path, folder: below))
            } else {
                found.strays.append(Stray(path: path, reason: "cannot be read"))
            }
            return
        }
        switch status.kind {
        case .directory:
            if name.utf8.first == UInt8(ascii: ".") {
                found.strays.append(Stray(path: path, reason: "hidden folder"))
            } else if selection.isRecursive {
                visit(path, below: relative)
            }
        case .file:
            if made.contains(PathKey(Path.join(real, name))) {
                found.strays.append(Stray(path: path, reason: "made by an earlier run"))
            } else if selection.isWanted(relative) {
                add(path, folder: below, given: false)
            }
        case .link, .other:
            found.strays.append(Stray(path: path, reason: "not a regular file"))
        }
    }

    private mutating func readJournal(of folder: String) {
        if journals.insert(PathKey(folder)).inserted { made.formUnion(Journal(outputFolder: folder).outputs) }
    }

    private mutating func add(_ path: String, folder: String, given: Bool) {
        let name = Path.base(path)
        if ownFiles.contains(where: { $0.name == PathKey(name) && $0.path == PathKey(Path.real(path)) }) { return }
        if !given {
            if let reason = Litter.reason(name, watching: selection.isWatching) {
                found.strays.append(Stray(path: path, reason: reason))
                return
            }
            let ext = Path.split(name).ext.dropFirst().lowercased()
            if !knownExtensions.contains(ext), !isImage(path) {
                found.strays.append(Stray(path: path, reason: "not an image by name or content"))
                return
            }
        }
        guard seenFiles.insert(PathKey(Path.absolute(path, in: current))).inserted else { return }
        found.files.append(InputFile(path: path, folder: folder))
    }
}

/// Files that systems leave among pictures.
private enum Litter {
    static func reason(_ name: String, watching: Bool) -> String? {
        switch name.lowercased() {
        case ".ds_store", "thumbs.db", "desktop.ini", "ehthumbs.db", ".directory":
            return "left there by a file browser"
        default:
            if name.hasPrefix("._") { return "AppleDouble metadata" }
            if name.hasPrefix(".aquatint-") { return "a temporary file of another run" }
            if watching, unfinished.contains(Path.split(name).ext.lowercased()) { return "an unfinished download" }
            return name.hasPrefix(".") ? "hidden file" : nil
        }
    }

    /// What programs add to a name until the file is whole.
    private static let unfinished: Set<String> = [".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp"]
}
