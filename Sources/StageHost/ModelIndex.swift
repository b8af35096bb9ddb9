internal import ContentHash
internal import Foundation

/// The list of models in a folder, `models.json`: what ships, by its bare names, with the SHA-256 of each file.
/// ```
/// {"version": 1, "models": [{"name": "upscale2x", "file": "upscale2x.safetensors", "stage": "network", "sha256": "...", "summary": "..."}]}
/// ```
public struct ModelIndex: Sendable {
    static let fileName = "models.json"
    /// Bytes; far above any list.
    private static let sizeLimit = 1 << 20

    public struct Entry: Sendable, Decodable {
        /// What a pipeline calls it.
        public let name: String
        /// In the folder of the list.
        public let file: String
        /// The stage that runs it.
        public let stage: String
        /// 64 lower-case hexadecimal digits.
        public let sha256: String
        /// The first line of its card.
        public let summary: String
    }

    public let entries: [Entry]
    private let folder: String

    /// The list of a folder; nil where it has none.
    ///
    /// Throws where there is one that cannot be read: files beside it could then not be told from damaged ones.
    public init?(folder: String) throws(FileLookup.NotFound) {
        let path = "\(folder)/\(Self.fileName)"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let handle = FileHandle(forReadingAtPath: path), let data = try? handle.read(upToCount: Self.sizeLimit + 1) else {
            throw FileLookup.NotFound(message: "'\(path)', the list of the models beside it, cannot be read")
        }
        struct Contents: Decodable {
            let version: Int
            let models: [Entry]
        }
        guard data.count <= Self.sizeLimit, let contents = try? JSONDecoder().decode(Contents.self, from: data) else {
            throw FileLookup.NotFound(message: "'\(path)', the list of the models beside it, is damaged; install it anew")
        }
        guard contents.version == 1 else {
            throw FileLookup.NotFound(message: "'\(path)' is of version \(contents.version), and this Aquatint reads version 1")
        }
        entries = contents.models
        self.folder = folder
    }

    /// Throws where the list names this file of its folder, and the file is another one.
    func check(_ file: String) throws(FileLookup.NotFound) {
        guard let entry = entries.first(where: { $0.file == file }) else { return }
        let path = "\(folder)/\(file)"
        guard let found = SHA256.hash(contentsOf: path)?.hex, found == entry.sha256 else {
            throw FileLookup.NotFound(message: "'\(path)' is damaged or replaced: its SHA-256 is not the one in \(Self.fileName) beside it; install it anew, or give your own file another name")
        }
    }
}
