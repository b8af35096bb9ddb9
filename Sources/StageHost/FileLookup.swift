internal import Foundation

/// Where the files that a pipeline names are looked for: beside the pipeline file, then along the model path.
public struct FileLookup: Sendable {
    /// Absolute folders, in order.
    public let folders: [String]

    public struct NotFound: Error, Sendable {
        public let message: String
    }

    public init(folders: [String]) { self.folders = folders }

    /// The folders for a pipeline: its own, `$AQUATINT_MODEL_PATH`, `$XDG_DATA_HOME/aquatint/models`, and `models` beside the installed pipelines.
    public init(pipelineFolder: String, environment: [String: String], executable: String?) {
        var folders = [pipelineFolder]
        folders += (environment["AQUATINT_MODEL_PATH"] ?? "").split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
        let data = environment["XDG_DATA_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? environment["HOME"].map { "\($0)/.local/share" }
        if let data { folders.append("\(data)/aquatint/models") }
        if let executable {
            let prefix = URL(fileURLWithPath: executable).deletingLastPathComponent().deletingLastPathComponent().path
            folders.append("\(prefix)/share/aquatint/models")
        }
        self.folders = folders
    }

    /// The absolute path of the first file of that name.
    public func find(_ name: String) throws(NotFound) -> String {
        let candidates = name.hasPrefix("/") ? [name] : folders.map { "\($0)/\(name)" }
        for path in candidates {
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue {
                return URL(fileURLWithPath: path).standardizedFileURL.path
            }
        }
        if let folder = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) { throw NotFound(message: "'\(folder)' is a folder, not a file") }
        throw NotFound(message: name.hasPrefix("/") ? "there is no file '\(name)'" : "there is no file '\(name)'; looked in \(folders.joined(separator: ", "))")
    }

    /// A profile: a file where there is one of that name, else libvips' built-in of that name.
    public func profile(_ name: String) -> String { (try? find(name)) ?? name }
}
