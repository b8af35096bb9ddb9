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
    /// Which part of a larger plan this is.
    public var shard: Shard?
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
    /// What `{index}` stands for: its place in the whole plan, from 1, or the one that it had in an earlier run.
    public var number: Int { input.number ?? index + 1 }
}

extension RunPlan {
    /// Names every output, and refuses what cannot be: two inputs for one file, an input overwritten, a format that nothing writes.
    ///
    /// - Throws: `RunError` 73 for collisions, 65 for a name that cannot be.
    public init(_ found: InputSelection.Found, request: RunRequest, settings: RunSettings) throws(RunError) {
        strays = found.strays
        unreadable = found.unreadable
        images = []
        let pipeline = request.pipeline, catalogue = request.library.catalogue
        let file = Self.isFileName(settings.output, catalogue) && found.files.count == 1 && pipeline.outputs.count == 1
            && FileStatus(settings.output)?.kind != .directory
        journalFolder = file ? nil : settings.output
        var claims: [String: String] = [:]
        let inputs = Set(found.files.map { Path.real($0.path) })
        // One odd file among many is that file's failure; where nothing can be written, the pipeline or -o is wrong.
        var problem: RunError?
        for (index, input) in found.files.enumerated() {
            var outputs: [String] = []
            let before = problem
            problem = nil
            for output in pipeline.outputs {
                let path: String
                do throws(RunError) {
                    path = file ? settings.output : try Self.name(output, for: input, number: input.number ?? index + 1, request: request, folder: settings.output)
                    try Self.checkWritable(path, input, catalogue)
                } catch {
                    problem = error
                    break
                }
                let key = Path.real(path)
                if inputs.contains(key) {
                    throw RunError(.cannotCreateOutput, "the output '\(path)' is an input of this run, which is never overwritten", hint: "name another folder with -o")
                }
                if let other = claims[key] {
                    let who = other == input.path ? "two outputs of '\(other)'" : "'\(other)' and '\(input.path)'"
                    throw RunError(.cannotCreateOutput, "\(who) would both write '\(path)'", hint: "use {ext}, {dir} or {index} in the output's name")
                }
                claims[key] = input.path
                outputs.append(path)
            }
            if problem != nil { outputs = [] }
            images.append(PlannedImage(index: index, input: input, outputs: outputs, bytes: FileStatus(input.path)?.size ?? 0, problem: problem?.description))
            problem = problem ?? before
        }
        if let problem, images.allSatisfy({ $0.problem != nil }) { throw problem }
    }

    private static func isFileName(_ path: String, _ catalogue: Catalogue) -> Bool {
        let ext = Path.split(Path.base(path)).ext
        return !path.hasSuffix("/") && !ext.isEmpty && catalogue.saver(forExtension: ext) != nil
    }

    private static func name(_ output: OutputSpec, for input: InputFile, number: Int, request: RunRequest, folder: String) throws(RunError) -> String {
        let (stem, ext) = Path.split(input.name)
        let fields = TemplateFields(stem: stem, ext: ext, dir: input.folder, index: number)
        do {
            return Path.join(folder, try output.fileName(fields, in: Environment(variables: request.variables)))
        } catch {
            let text = error.all.map { "\($0.file)\($0.mark.map { ":\($0.line):\($0.column)" } ?? ""): \($0.message)" }.joined(separator: "; ")
            throw RunError(.invalidPipeline, "\(text) (for the input '\(input.path)')")
        }
    }

    private static func checkWritable(_ path: String, _ input: InputFile, _ catalogue: Catalogue) throws(RunError) {
        let ext = Path.split(Path.base(path)).ext
        guard !ext.isEmpty, catalogue.saver(forExtension: ext) != nil else {
            let what = ext.isEmpty ? "has no extension" : "ends in '\(ext)', which nothing here writes"
            throw RunError(.cannotCreateOutput, "the output '\(path)' (of '\(input.path)') \(what)", hint: "name a format: output: \"{stem}.png\"")
        }
    }
}
