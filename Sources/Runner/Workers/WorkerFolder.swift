internal import Foundation

/// The temporary folder of one worker process: what libvips and stages put there goes with the worker, however that ends.
///
/// `TMPDIR/aquatint-<supervisor's process id>-<number>@<place>.tmp`; see ``TemporaryFiles`` for the place.
struct WorkerFolder: Sendable {
    let path: String
    static let nameSuffix = ".tmp"
    private static let variable = "TMPDIR"

    /// - Throws: `RunError` 74 where it cannot be made.
    init() throws(RunError) {
        path = TemporaryFiles.uniqueName(in: FileManager.default.temporaryDirectory.path, suffix: Self.nameSuffix)
        guard mkdir(path, 0o700) == 0 else {
            throw RunError(.inputOutput, "the temporary folder '\(path)' cannot be made: \(String(cString: strerror(errno)))", hint: "TMPDIR names another place")
        }
    }

    /// Where temporary files go, as the user named it: not the folder that this process was given, where it is a worker.
    static var temporaryPlace: String {
        let path = FileManager.default.temporaryDirectory.path
        return path.hasSuffix(nameSuffix) && Path.base(path).hasPrefix("aquatint-") ? Path.directory(path) : path
    }

    /// This process' environment, with the folder as the place for temporary files.
    var environment: [String] {
        ProcessInfo.processInfo.environment.filter { $0.key != Self.variable }.map { "\($0.key)=\($0.value)" } + ["\(Self.variable)=\(path)"]
    }

    /// Makes it the place for temporary files of this process. Before its first thread.
    func use() { setenv(Self.variable, path, 1) }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// Removes the folder that this process was given, where it was given one: for the end of a worker whose supervisor is gone.
    static func removeOwn() {
        guard let path = ProcessInfo.processInfo.environment[variable], path.hasSuffix(nameSuffix), Path.base(path).hasPrefix("aquatint-") else { return }
        try? FileManager.default.removeItem(atPath: path)
    }
}
