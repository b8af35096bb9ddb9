internal import Foundation
internal import PipelineLanguage

/// Finds a pipeline: a path, or a bare name along the pipeline path.
public struct PipelineLookup: Sendable {
    /// Where bare names are looked for, in order.
    public let folders: [String]

    /// In order: `--pipeline-path`, `$AQUATINT_PIPELINE_PATH`, `$XDG_DATA_HOME/aquatint/pipelines`, `<prefix>/share/aquatint/pipelines`, and the
    /// `Pipelines` of the checkout that the program was built in.
    public init(option: [String], environment: [String: String], executable: String?) {
        var folders = option.flatMap { $0.split(separator: ":").map(String.init) }
        folders += (environment["AQUATINT_PIPELINE_PATH"] ?? "").split(separator: ":").map(String.init)
        let data = environment["XDG_DATA_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? environment["HOME"].map { "\($0)/.local/share" }
        if let data { folders.append("\(data)/aquatint/pipelines") }
        if let executable {
            let folder = Path.directory(executable)
            folders.append("\(Path.directory(folder))/share/aquatint/pipelines")
            if let checkout = Self.checkout(above: folder) { folders.append("\(checkout)/Pipelines") }
        }
        self.folders = folders
    }

    /// The path of a pipeline file.
    public func find(_ name: String) throws(RunError) -> String {
        if FileStatus(name)?.kind == .file { return name }
        let isBare = !name.contains("/")
        if isBare {
            for folder in folders {
                for candidate in [name, "\(name).yaml", "\(name).yml"] where FileStatus("\(folder)/\(candidate)")?.kind == .file {
                    return "\(folder)/\(candidate)"
                }
            }
        }
        let places = isBare && !folders.isEmpty ? "; looked in the current folder, \(folders.joined(separator: ", "))" : ""
        throw RunError(.inputMissing, "there is no pipeline '\(name)'\(places)")
    }

    /// The text of a pipeline file.
    public static func read(_ path: String) throws(RunError) -> [UInt8] {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw RunError(.inputMissing, "the pipeline '\(path)' cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { try? handle.close() }
        // One byte more than is allowed tells that there is more.
        do {
            return Array(try handle.read(upToCount: SourceText.maximumBytes + 1) ?? Data())
        } catch {
            throw RunError(.inputMissing, "the pipeline '\(path)' cannot be read: \(error.localizedDescription)")
        }
    }

    private static func checkout(above folder: String) -> String? {
        var folder = folder
        while folder.count > 1 {
            if FileStatus("\(folder)/Package.swift") != nil { return folder }
            folder = Path.directory(folder)
        }
        return nil
    }
}
