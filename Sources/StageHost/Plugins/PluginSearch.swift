internal import ContentHash
internal import Glibc

/// A folder that may hold plug-ins, and why it is looked into.
public struct PluginFolder: Sendable, Hashable {
    public enum Source: String, Sendable, Hashable {
        /// `--plugin-path`.
        case option = "--plugin-path"
        /// `$AQUATINT_PLUGIN_PATH`.
        case environment = "AQUATINT_PLUGIN_PATH"
        /// `$XDG_DATA_HOME/aquatint/plugins`.
        case user = "user data"
        /// `<prefix>/lib/aquatint/plugins`.
        case installation = "installation"
        /// The build directory that the program was started from; only `libaqt_*.so`.
        case build = "build directory"
    }

    /// Absolute, unless it was given as relative with `--plugin-path`.
    public var path: String
    public var source: Source

    public init(path: String, source: Source) {
        self.path = path
        self.source = source
    }
}

/// A file that was looked at as a plug-in, and what came of it.
public struct PluginReport: Sendable, Hashable {
    public enum Status: String, Sendable, Hashable {
        case ok, refused
        /// Its code misbehaved when it was loaded.
        case quarantined
    }

    /// The file, or the folder where a whole folder is refused.
    public var path: String
    public var status: Status
    /// Why it is not used; `nil` where it is.
    public var reason: String?
    /// Everything that is wrong with it, for the plug-in's author. The first is `reason`.
    public var faults: [String] = []
    /// What the plug-in says of itself; `nil` where it could not be read.
    public var descriptor: PluginDescriptor?

    public var name: String? { descriptor?.name }
    public var version: String? { descriptor?.version }
    /// The version of the interface that it was built with, such as `1.0`.
    public var abi: String? { descriptor?.abi }
    /// The ids of its stages.
    public var stages: [String] { descriptor?.stages.map(\.id) ?? [] }
    /// The licences of its stages, each once.
    public var licence: String? {
        var seen: [String] = []
        for licence in descriptor?.stages.compactMap(\.licence) ?? [] where !seen.contains(licence) { seen.append(licence) }
        return seen.isEmpty ? nil : seen.joined(separator: ", ")
    }

    /// The SHA-256 of the file in hexadecimal; `nil` where it cannot be read. Reads the whole file each time.
    public var sha256: String? { SHA256.hash(contentsOf: path)?.hex }
}

/// Every plug-in that was found, and what came of each.
public struct InstalledPlugins: Sendable {
    /// One per file looked at and per folder refused, in the order of the search.
    public let reports: [PluginReport]
    /// The libraries whose stages can be used.
    public let libraries: [PluginLibrary]
    /// The stages that exactly one library provides, by id.
    public let stages: [String: PluginStage]
    /// Stage ids that several libraries claim, and the files that do. None of them is used.
    public let conflicts: [String: [String]]
    /// Where was looked, in order.
    public let folders: [PluginFolder]
}

/// Finds and loads plug-ins.
public struct PluginSearch: Sendable {
    /// Where to look, in order.
    public let folders: [PluginFolder]
    /// Entries of the path variables that are not looked into, with the reason.
    public let refusedFolders: [PluginReport]
    private let trust: PluginTrust

    /// The folders of a program.
    ///
    /// In order: `--plugin-path`, `$AQUATINT_PLUGIN_PATH`, `$XDG_DATA_HOME/aquatint/plugins`, `<prefix>/lib/aquatint/plugins` beside
    /// `<prefix>/bin`, and the program's own folder where that is a SwiftPM build directory. Code is never loaded from the current
    /// directory, unless `--plugin-path` names it.
    ///
    /// - Parameters:
    ///   - option: what `--plugin-path` gave, each a list separated by colons.
    ///   - environment: the process's variables.
    ///   - executable: the program's own file, symbolic links resolved.
    public init(option: [String], environment: [String: String], executable: String?) {
        var folders: [PluginFolder] = []
        var refused: [PluginReport] = []
        for path in option.flatMap({ $0.split(separator: ":") }) { folders.append(PluginFolder(path: String(path), source: .option)) }
        for path in environment["AQUATINT_PLUGIN_PATH"]?.split(separator: ":").map(String.init) ?? [] {
            if path.hasPrefix("/") {
                folders.append(PluginFolder(path: path, source: .environment))
            } else {
                let reason = "is relative: AQUATINT_PLUGIN_PATH takes absolute folders, so that no code comes from the current directory"
                refused.append(PluginReport(path: path, status: .refused, reason: reason, faults: [reason]))
            }
        }
        // The XDG rules: a relative or empty value counts as unset.
        let data = environment["XDG_DATA_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
            ?? environment["HOME"].flatMap { $0.hasPrefix("/") ? "\($0)/.local/share" : nil }
        if let data { folders.append(PluginFolder(path: "\(data)/aquatint/plugins", source: .user)) }
        if let executable {
            let folder = parent(of: executable)
            folders.append(PluginFolder(path: "\(parent(of: folder))/lib/aquatint/plugins", source: .installation))
            if isBuildDirectory(folder) { folders.append(PluginFolder(path: folder, source: .build)) }
        }
        self.folders = folders
        self.refusedFolders = refused
        trust = PluginTrust(program: executable)
    }

    /// Whether a library is one that came with a program.
    static func isShipped(_ library: String, with program: String) -> Bool {
        guard let folder = realPath(library).map(parent(of:)) else { return false }
        return PluginSearch(option: [], environment: [:], executable: realPath(program)).folders.contains { realPath($0.path) == folder }
    }

    /// The program's own file, symbolic links resolved; `nil` where the system does not say.
    public static var executable: String? { realPath("/proc/self/exe") }

    /// Looks at every plug-in of the folders. A file that cannot be used is reported, and never stops the others.
    ///
    /// - Parameter scanner: reads the descriptors in another process; a library is then loaded into this one when a stage of it is first made. `nil`: each is
    ///   loaded here at once, for files that are known to behave.
    public func load(host: PluginHost, scanner: PluginScanner? = nil) -> InstalledPlugins {
        var scan = Scan(host: host, trust: trust)
        scan.reports = refusedFolders.map { .report($0) }
        for folder in folders { scan.find(folder) }
        return scan.finish(folders, scanner)
    }
}

/// One search in progress.
private struct Scan {
    /// A file that is to be looked at, or what came of one that is not.
    enum Item {
        case report(PluginReport)
        /// The path as it was found, and the real one.
        case file(String, real: String)
    }

    let host: PluginHost
    let trust: PluginTrust
    var reports: [Item] = []
    /// The files that were looked at, by their real paths.
    private var seen: Set<[UInt8]> = []

    init(host: PluginHost, trust: PluginTrust) {
        self.host = host
        self.trust = trust
    }

    mutating func find(_ folder: PluginFolder) {
        guard let names = entries(of: folder.path) else { return }
        let files = names.filter { name in
            name.hasSuffix(".so") && !name.hasPrefix(".") && (folder.source != .build || name.hasPrefix("libaqt_"))
        }
        guard !files.isEmpty else { return }
        if let reason = realPath(folder.path).flatMap(trust.fault(of:)) ?? trust.fault(ofLinksTo: folder.path) {
            refuse(folder.path, "\(reason), so that no plug-in in it can be trusted")
            return
        }
        for name in files.sorted() { find("\(folder.path)/\(name)") }
    }

    private mutating func find(_ path: String) {
        guard let real = realPath(path) else {
            refuse(path, "cannot be read: \(String(cString: strerror(errno)))")
            return
        }
        guard seen.insert(Array(real.utf8)).inserted else { return }
        // The folder in which a symbolic link lies decides what it leads to.
        let place = realPath(parent(of: path)).map { "\($0)/\(path.split(separator: "/").last ?? "")" } ?? path
        if let reason = trust.fault(ofFile: real) {
            refuse(path, place == real ? reason : "leads to \(real), which \(reason)")
            return
        }
        if place != real, let reason = trust.fault(ofFile: place) {
            refuse(path, reason)
            return
        }
        if let reason = trust.fault(ofLinksTo: path) {
            refuse(path, reason)
            return
        }
        do throws(PluginRefusal) {
            try checkFileType(real)
            reports.append(.file(path, real: real))
        } catch {
            reports.append(.report(PluginReport(path: path, status: .refused, reason: error.reasons.first, faults: error.reasons)))
        }
    }

    private mutating func refuse(_ path: String, _ reason: String) {
        reports.append(.report(PluginReport(path: path, status: .refused, reason: reason, faults: [reason])))
    }

    func finish(_ folders: [PluginFolder], _ scanner: PluginScanner?) -> InstalledPlugins {
        var shelf = Shelf(host: host)
        let files = reports.compactMap { item in if case .file(_, let real) = item { real } else { nil } }
        let results = scanner?.scan(files)
        var next = 0
        for item in reports {
            switch item {
            case .report(let report): shelf.reports.append(report)
            case .file(let path, let real):
                if let results {
                    shelf.add(path, real: real, results[next])
                    next += 1
                } else {
                    shelf.open(path, real: real)
                }
            }
        }
        var claims: [String: [PluginStage]] = [:]
        for stage in shelf.libraries.flatMap(\.stages) { claims[stage.id, default: []].append(stage) }
        return InstalledPlugins(
            reports: shelf.reports, libraries: shelf.libraries, stages: claims.compactMapValues { $0.count == 1 ? $0[0] : nil },
            conflicts: claims.filter { $0.value.count > 1 }.mapValues { $0.map(\.library.path) }, folders: folders)
    }
}

/// The libraries that are used, and what is said of each file.
private struct Shelf {
    let host: PluginHost
    var reports: [PluginReport] = []
    var libraries: [PluginLibrary] = []
    /// The used files by name and size: the ones that may be copies of each other.
    private var used: [String: [String]] = [:]

    init(host: PluginHost) { self.host = host }

    /// A file that was scanned in another process.
    mutating func add(_ path: String, real: String, _ result: PluginScanner.Result) {
        switch result.finding {
        case .plugin(let descriptor):
            if isCopy(path, real) { return }
            keep(PluginLibrary(path: real, descriptor: descriptor, scanned: result.identity, host: host), path)
        case .refused(let reasons): refuse(path, reasons)
        case .quarantined(let reason): reports.append(PluginReport(path: path, status: .quarantined, reason: reason, faults: [reason]))
        }
    }

    /// A file that is loaded here and now.
    mutating func open(_ path: String, real: String) {
        if isCopy(path, real) { return }
        do {
            keep(try PluginLibrary.open(real, host: host), path)
        } catch let refusal {
            refuse(path, refusal.reasons)
        }
    }

    private mutating func keep(_ library: PluginLibrary, _ path: String) {
        libraries.append(library)
        used[copyKey(library.path), default: []].append(library.path)
        reports.append(PluginReport(path: path, status: .ok, descriptor: library.descriptor))
    }

    private mutating func refuse(_ path: String, _ reasons: [String]) {
        reports.append(PluginReport(path: path, status: .refused, reason: reasons.first, faults: reasons))
    }

    /// Whether the bytes are those of a used file of the same name: the same plug-in installed twice is no conflict.
    private mutating func isCopy(_ path: String, _ real: String) -> Bool {
        guard let candidates = used[copyKey(real)], let hash = SHA256.hash(contentsOf: real),
              let copy = candidates.first(where: { SHA256.hash(contentsOf: $0) == hash }) else { return false }
        refuse(path, ["is a copy of \(copy), which is loaded"])
        return true
    }

    private func copyKey(_ path: String) -> String {
        var status = stat()
        let size = stat(path, &status) == 0 ? Int(status.st_size) : -1
        return "\(size) \(path.split(separator: "/").last ?? "")"
    }
}

func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

func realPath(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
}

/// Whether a folder is one that SwiftPM builds into: `SCRATCH/TRIPLE/debug`, with SwiftPM's own files beside it.
private func isBuildDirectory(_ folder: String) -> Bool {
    access("\(folder)/description.json", F_OK) == 0 && access("\(parent(of: parent(of: folder)))/workspace-state.json", F_OK) == 0
}

/// The names in a folder; `nil` where there is no such folder.
func entries(of folder: String) -> [String]? {
    guard let directory = opendir(folder) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(validating: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if let name { names.append(name) }
    }
    return names
}
