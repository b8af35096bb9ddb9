internal import Foundation

/// Where the files that a pipeline names are looked for: beside the pipeline file, then along the model path.
public struct FileLookup: Sendable {
    /// Absolute folders, in order.
    public let folders: [String]

    public struct NotFound: Error, Sendable {
        public let message: String
    }

    public init(folders: [String]) { self.folders = folders }

    /// The folders for a pipeline: its own, then the model path.
    public init(pipelineFolder: String, environment: [String: String], executable: String?) {
        folders = [pipelineFolder] + Self.modelPath(environment: environment, executable: executable)
    }

    /// `$AQUATINT_MODEL_PATH`, `$XDG_DATA_HOME/aquatint/models`, `<prefix>/share/aquatint/models`, and the `Models` of the checkout that the program was built in.
    public static func modelPath(environment: [String: String], executable: String?) -> [String] {
        var folders = (environment["AQUATINT_MODEL_PATH"] ?? "").split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
        let data = environment["XDG_DATA_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? environment["HOME"].map { "\($0)/.local/share" }
        if let data { folders.append("\(data)/aquatint/models") }
        if let executable {
            var folder = URL(fileURLWithPath: executable).deletingLastPathComponent()
            folders.append(folder.deletingLastPathComponent().appending(path: "share/aquatint/models").path)
            // A build directory lies in its checkout: CHECKOUT/.build/TRIPLE/debug.
            for _ in 0..<3 {
                folder.deleteLastPathComponent()
                let models = folder.appending(path: "Models").path
                if FileManager.default.fileExists(atPath: "\(models)/\(ModelIndex.fileName)") { folders.append(models) }
            }
        }
        return folders
    }

    /// The absolute path of the first file of that name. A bare name, without slash or dot, also stands for weights: `upscale2x` for `upscale2x.safetensors`.
    public func find(_ name: String) throws(NotFound) -> String {
        let isBare = !name.isEmpty && !name.contains { $0 == "/" || $0 == "." }
        let names = isBare ? [name, "\(name).safetensors"] : [name]
        let candidates = name.hasPrefix("/") ? [name] : folders.flatMap { folder in names.map { "\(folder)/\($0)" } }
        for path in candidates {
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue {
                return URL(fileURLWithPath: path).standardizedFileURL.path
            }
        }
        if let folder = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) { throw NotFound(message: "'\(folder)' is a folder, not a file") }
        if isBare {
            let known = folders.compactMap { try? ModelIndex(folder: $0) }.flatMap(\.entries).map(\.name)
            let list = known.isEmpty ? "" : "; by bare names there are \(known.joined(separator: ", "))"
            throw NotFound(message: "there is no file '\(name)' and no '\(name).safetensors'; looked in \(folders.joined(separator: ", "))\(list)")
        }
        throw NotFound(message: name.hasPrefix("/") ? "there is no file '\(name)'" : "there is no file '\(name)'; looked in \(folders.joined(separator: ", "))")
    }

    /// As `find`, for a file that is loaded now: one that a `models.json` beside it lists must be the file that it lists.
    public func load(_ name: String) throws(NotFound) -> String {
        let path = try find(name)
        let url = URL(fileURLWithPath: path)
        if let index = try ModelIndex(folder: url.deletingLastPathComponent().path) { try index.check(url.lastPathComponent) }
        return path
    }

    /// A profile: a file where there is one of that name, else libvips' built-in of that name.
    public func profile(_ name: String) -> String { (try? find(name)) ?? name }
}
