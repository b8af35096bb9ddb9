/// What stages, loaders and savers there are. Filled from libvips and the plug-ins; everything that needs to know a stage reads it.
public struct Catalogue: Sendable {
    private let stages: [String: StageDescription]
    private let codecs: [String: StageDescription]
    private let conflicts: [String: [String]]
    private let savers: [String: String]
    private let loaders: [String: String]
    /// The version of each library that provides stages, by name; libvips is `libvips`.
    public let libraries: [String: String]
    /// Files of libraries that say one name, by it: which of them `requires` means cannot be told.
    let namesakes: [String: [String]]
    /// Why a stage that is not there cannot be had, where something is known of it.
    public let whyUnusable: @Sendable (String) -> String?
    /// The SHA-256 of the file of a library in `libraries`.
    let hash: @Sendable (String) -> String?

    /// - Parameters:
    ///   - stages: what a pipeline's `stages` may name.
    ///   - codecs: the loaders and savers, by libvips' nicknames (`jpegload`, `jpegsave`); their images and file names are no parameters.
    ///   - conflicts: names that more than one library claims, with those libraries; such a name is an error where it is used.
    ///   - saverForExtension: the saver's nickname by extension, with or without the dot, in any case.
    ///   - loaderForExtension: the loader's.
    ///   - libraries: versions by library name, for `requires`.
    ///   - namesakes: names that several libraries say of themselves, with their files.
    ///   - whyUnusable: why a stage that is not there cannot be had: a sentence without its subject, the stage; asked where a pipeline names one.
    ///   - hash: the SHA-256 of a library's file in hexadecimal, for `requires`.
    public init(_ stages: [StageDescription], codecs: [StageDescription] = [], conflicts: [String: [String]] = [:],
                saverForExtension: [String: String] = [:], loaderForExtension: [String: String] = [:], libraries: [String: String] = [:],
                namesakes: [String: [String]] = [:],
                whyUnusable: @escaping @Sendable (String) -> String? = { _ in nil }, hash: @escaping @Sendable (String) -> String? = { _ in nil }) {
        self.stages = Self.keyed(stages)
        self.codecs = Self.keyed(codecs)
        self.conflicts = Dictionary(conflicts.map { (Names.canonical($0.key), $0.value.sorted()) }, uniquingKeysWith: +)
        savers = Dictionary(saverForExtension.map { (Self.plain($0.key), $0.value) }) { first, _ in first }
        loaders = Dictionary(loaderForExtension.map { (Self.plain($0.key), $0.value) }) { first, _ in first }
        self.libraries = libraries
        self.namesakes = namesakes
        self.whyUnusable = whyUnusable
        self.hash = hash
    }

    private static func keyed(_ descriptions: [StageDescription]) -> [String: StageDescription] {
        Dictionary(descriptions.map { (Names.canonical($0.name), $0) }) { first, _ in first }
    }

    private static func plain(_ fileExtension: String) -> String {
        (fileExtension.hasPrefix(".") ? String(fileExtension.dropFirst()) : fileExtension).lowercased()
    }

    /// The stage of a name; `-` and `_` are the same. Nil also for a name that two libraries claim.
    public subscript(name: String) -> StageDescription? {
        let name = Names.canonical(name)
        return conflicts[name] == nil ? stages[name] : nil
    }

    /// Every stage, by name.
    public var all: [StageDescription] {
        stages.filter { conflicts[$0.key] == nil }.values.sorted { $0.name < $1.name }
    }

    /// Every loader and saver, by name.
    public var allCodecs: [StageDescription] { codecs.values.sorted { $0.name < $1.name } }

    /// The libraries that claim a name, if there is more than one.
    public func claimants(of name: String) -> [String]? { conflicts[Names.canonical(name)] }

    /// The stage whose name is nearest to a mistyped one.
    public func nearest(to name: String) -> String? { NearestName.of(name, among: stages.values.map(\.name)) }

    /// A loader or saver by nickname.
    public func codec(_ nickname: String) -> StageDescription? { codecs[Names.canonical(nickname)] }

    /// The saver for files that end in `.fileExtension` (with or without the dot); nil if no saver writes them.
    public func saver(forExtension fileExtension: String) -> StageDescription? {
        savers[Self.plain(fileExtension)].flatMap(codec)
    }

    /// The loader that files with the extension usually need; what a file really is decides when it is read.
    public func loader(forExtension fileExtension: String) -> StageDescription? {
        loaders[Self.plain(fileExtension)].flatMap(codec)
    }

    /// The extensions that can be written, without dots.
    public var writableExtensions: [String] { savers.keys.sorted() }

    var loaderNames: Set<String> { Set(loaders.values.map(Names.canonical)) }
    var saverNames: Set<String> { Set(savers.values.map(Names.canonical)) }

    /// The list that `stages --json` prints.
    public var json: JSON { .array(all.map { $0.json() }) }
}
