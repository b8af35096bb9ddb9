/// What a run will do: every input, its outputs, and what is skipped. Made before any pixel; `--dry-run` prints it.
public struct RunPlan: Sendable {
    public var images: [PlannedImage]
    public var strays: [Stray]
    /// Folders that could not be listed.
    public var unreadable: [Stray]
    /// The names that the images have taken.
    var naming: OutputNaming
    /// The folder that the journal is kept in; nil where `-o` is a file.
    public var journalFolder: String?
    /// Which part of a larger plan this is.
    public var shard: Shard?
}

/// One input and where its results go.
public struct PlannedImage: Sendable, Codable {
    public var index: Int
    public var input: InputFile
    /// One path per entry of the pipeline's outputs, or one for each of its pages.
    public var outputs: [String]
    public var bytes: Int64
    /// Why it cannot be made, where that is known already: a format that nothing writes, a name that cannot be.
    public var problem: String?
    /// The pages that have files of their own, by their numbers in the input, where the outputs' names say `{page}` and several are taken. The outputs are then those
    /// of the first entry, page by page, then those of the next.
    public var pages: [Int]?
    /// What `{index}` stands for: its place in the whole plan, from 1, or the one that it had in an earlier run.
    public var number: Int { input.number ?? index + 1 }
}

extension RunPlan {
    /// Names every output, and refuses what cannot be: two inputs for one file, an input overwritten, a format that nothing writes. A run that watches its folders
    /// has those images fail instead.
    ///
    /// - Throws: `RunError` 73 for collisions and names that cannot be, 65 for one that cannot be computed.
    public init(_ found: InputSelection.Found, request: RunRequest, settings: RunSettings) throws(RunError) {
        try self.init(found, request: request, settings: settings, foldsCase: { FileSystem.foldsCase($0) })
    }

    /// - Parameter foldsCase: whether a folder holds names to be the same that differ by case alone.
    init(_ found: InputSelection.Found, request: RunRequest, settings: RunSettings, foldsCase: @escaping @Sendable (String) -> Bool) throws(RunError) {
        strays = found.strays
        unreadable = found.unreadable
        images = []
        naming = OutputNaming(request, settings, inputs: found.files, foldsCase: foldsCase)
        journalFolder = naming.isFile ? nil : settings.output
        for (index, input) in found.files.enumerated() {
            images.append(settings.isWatching ? naming.arrival(input, index: index) : try naming.planned(input, index: index))
        }
        // One odd file among many is that file's failure; where nothing can be written, the pipeline or -o is wrong.
        if !settings.isWatching, let problem = naming.problem, images.allSatisfy({ $0.problem != nil }) { throw problem }
    }
}
