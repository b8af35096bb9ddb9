internal import Foundation
internal import PipelineLanguage
internal import StageHost

/// What a run will do: every input, its outputs, and what is skipped. Made before any pixel; `--dry-run` prints it.
public struct RunPlan: Sendable {
    public var images: [PlannedImage]
    public var strays: [Stray]
    /// Folders that could not be listed.
    public var unreadable: [Stray]
    /// The folder that the journal is kept in; nil where `-o` is a file.
    public var journalFolder: String?
}

/// One input and where its results go.
public struct PlannedImage: Sendable, Codable {
    public var index: Int
    public var input: InputFile
    /// One path per entry of the pipeline's outputs.
    public var outputs: [String]
    public var bytes: Int64
    /// Why it cannot be made, where that is known already: a format that nothing writes, a name that cannot be.
    public var problem: String?
}

extension RunPlan {
    /// Names every output, and refuses what cannot be: two inputs for one file, an input overwritten, a format that nothing writes.
    ///
    /// - Throws: `RunError` 73 for collisions and names that cannot be, 65 for one that cannot be computed.
    public init(_ found: InputSelection.Found, request: RunRequest, settings: RunSettings) throws(RunError) {
        try self.init(found, request: request, settings: settings, foldsCase: FileSystem.foldsCase)
    }

    /// - Parameter foldsCase: whether a folder holds names to be the same that differ by case alone.
    init(_ found: InputSelection.Found, request: RunRequest, settings: RunSettings, foldsCase: @escaping (String) -> Bool) throws(RunError) {
        strays = found.strays
        unreadable = found.unreadable
        images = []
        let pipeline = request.pipeline, catalogue = request.library.catalogue
        let file = Self.isFileName(settings.output, catalogue) && found.files.count == 1 && pipeline.outputs.count == 1
            && FileStatus(settings.output)?.kind != .directory
        journalFolder = file ? nil : settings.output
        var places = RealPlaces(), claims = Claims(foldsCase: foldsCase)
        var sizes: [Int64] = []
        sizes.reserveCapacity(found.files.count)
        for input in found.files {
            var status = FileStatus(input.path, followLinks: false)
            claims.protect(places.place(of: input.path))
            if status?.kind == .link {
                status = FileStatus(input.path)
                claims.protect(PathKey(Path.real(input.path)))
            }
            sizes.append(status?.size ?? 0)
        }
        // One odd file among many is that file's failure; where nothing can be written, the pipeline or -o is wrong.
        var problem: RunError?
        for (index, input) in found.files.enumerated() {
            var outputs: [String] = []
            let before = problem
            problem = nil
            for output in pipeline.outputs {
                let path: String
                do throws(RunError) {
                    path = file ? settings.output : try Self.name(output, for: input, index: index, request: request, folder: settings.output)
                    try Self.checkWritable(path, input, catalogue)
                } catch {
                    problem = error
                    break
                }
                try claims.claim(path, places.place(of: path), for: input.path)
                outputs.append(path)
            }
            if problem != nil { outputs = [] }
            images.append(PlannedImage(index: index, input: input, outputs: outputs, bytes: sizes[index], problem: problem?.description))
            problem = problem ?? before
        }
        if let problem, images.allSatisfy({ $0.problem != nil }) { throw problem }
    }

    private static func isFileName(_ path: String, _ catalogue: Catalogue) -> Bool {
        let ext = Path.split(Path.base(path)).ext
        return !path.hasSuffix("/") && !ext.isEmpty && catalogue.saver(forExtension: ext) != nil
    }

    private static func name(_ output: OutputSpec, for input: InputFile, index: Int, request: RunRequest, folder: String) throws(RunError) -> String {
        let (stem, ext) = Path.split(input.name)
        let fields = TemplateFields(stem: stem, ext: ext, dir: input.folder, index: index + 1)
        do {
            return Path.join(folder, try output.fileName(fields, in: Environment(variables: request.variables)))
        } catch {
            let text = error.all.map { "\($0.file)\($0.mark.map { ":\($0.line):\($0.column)" } ?? ""): \($0.message)" }.joined(separator: "; ")
            throw RunError(error.all.allSatisfy { $0.code == .outputName } ? .cannotCreateOutput : .invalidPipeline, "\(text) (for the input '\(input.path)')")
        }
    }

    private static func checkWritable(_ path: String, _ input: InputFile, _ catalogue: Catalogue) throws(RunError) {
        guard Path.base(path).utf8.count <= FileSystem.longestName, path.utf8.count <= FileSystem.longestPath else {
            throw RunError(.cannotCreateOutput, "the output '\(path)' (of '\(input.path)') has a name that is too long for a file system", hint: "use {index} in the output's name")
        }
        let ext = Path.split(Path.base(path)).ext
        guard !ext.isEmpty, catalogue.saver(forExtension: ext) != nil else {
            let what = ext.isEmpty ? "has no extension" : "ends in '\(ext)', which nothing here writes"
            throw RunError(.cannotCreateOutput, "the output '\(path)' (of '\(input.path)') \(what)", hint: "name a format: output: \"{stem}.png\"")
        }
    }
}

/// Which places are taken, and by whom: no two outputs for one file, and none for an input.
private struct Claims {
    /// Whether a folder holds names to be the same that differ by case alone. Asked only where it matters.
    let foldsCase: (String) -> Bool
    private var inputs: Set<PathKey> = []
    private var outputs: [PathKey: String] = [:]
    /// By lower case: the first input or output of that name.
    private var folded: [String: (isInput: Bool, place: PathKey, owner: String)] = [:]
    private var folding: [String: Bool] = [:]

    init(foldsCase: @escaping (String) -> Bool) { self.foldsCase = foldsCase }

    mutating func protect(_ place: PathKey) {
        inputs.insert(place)
        folded[place.path.lowercased()] = (true, place, "")
    }

    mutating func claim(_ path: String, _ place: PathKey, for input: String) throws(RunError) {
        if inputs.contains(place) { throw Self.overwrites(path) }
        if let other = outputs.updateValue(input, forKey: place) { throw Self.collision(path, other, input) }
        guard let known = folded.updateValue((false, place, input), forKey: place.path.lowercased()), known.place != place else { return }
        let folder = Path.directory(place.path)
        let folds = folding[folder] ?? foldsCase(folder)
        folding[folder] = folds
        guard folds else { return }
        throw known.isInput ? Self.overwrites(path, ", but for upper and lower case, which its file system does not tell apart")
            : Self.collision(path, known.owner, input, ", as its file system does not tell upper from lower case")
    }

    private static func overwrites(_ path: String, _ addition: String = "") -> RunError {
        RunError(.cannotCreateOutput, "the output '\(path)' is an input of this run\(addition.isEmpty ? ", which is never overwritten" : addition)", hint: "name another folder with -o")
    }

    private static func collision(_ path: String, _ one: String, _ other: String, _ addition: String = "") -> RunError {
        let who = one == other ? "two outputs of '\(one)'" : "'\(one)' and '\(other)'"
        return RunError(.cannotCreateOutput, "\(who) would both write '\(path)'\(addition)", hint: "use {ext}, {dir} or {index} in the output's name")
    }
}
