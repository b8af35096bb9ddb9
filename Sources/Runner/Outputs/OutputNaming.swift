internal import PipelineLanguage
internal import StageHost

/// Gives outputs their names, and knows which are taken: by another input, or by an input itself.
struct OutputNaming: Sendable {
    private let request: RunRequest
    private let output: String
    /// Whether `-o` is the name of the only output.
    let isFile: Bool
    private var inputs: Set<String>
    /// Who writes an output, by its real path.
    private var claims: [String: String] = [:]
    /// Why the last image that has no names has none.
    private(set) var problem: RunError?

    init(_ request: RunRequest, _ settings: RunSettings, inputs: [InputFile]) {
        self.request = request
        output = settings.output
        self.inputs = Set(inputs.map { Path.real($0.path) })
        let pipeline = request.pipeline
        isFile = !settings.isWatching && Self.isFileName(output, request.library.catalogue) && inputs.count == 1 && pipeline.outputs.count == 1
            && FileStatus(output)?.kind != .directory
    }

    /// Names the outputs of an input. Where they cannot be named, that is said in the image.
    ///
    /// - Throws: `RunError` 73 where another writes there, or an input lies there.
    mutating func planned(_ input: InputFile, index: Int) throws(RunError) -> PlannedImage {
        var image = PlannedImage(index: index, input: input, outputs: [], bytes: FileStatus(input.path)?.size ?? 0)
        var keys: [String: String] = [:]
        for spec in request.pipeline.outputs {
            let path: String
            do throws(RunError) {
                path = isFile ? output : try Self.name(spec, for: input, number: input.number ?? index + 1, request: request, folder: output)
                try Self.checkWritable(path, input, request.library.catalogue)
            } catch {
                problem = error
                image.outputs = []
                image.problem = error.description
                return image
            }
            let key = Path.real(path)
            if inputs.contains(key) {
                throw RunError(.cannotCreateOutput, "the output '\(path)' is an input of this run, which is never overwritten", hint: "name another folder with -o")
            }
            if let other = keys[key] ?? claims[key] {
                let who = other == input.path ? "two outputs of '\(other)'" : "'\(other)' and '\(input.path)'"
                throw RunError(.cannotCreateOutput, "\(who) would both write '\(path)'", hint: "use {ext}, {dir} or {index} in the output's name")
            }
            keys[key] = input.path
            image.outputs.append(path)
        }
        claims.merge(keys) { $1 }
        return image
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

// MARK: a run that goes on

extension OutputNaming {
    /// As `planned`, for an image that fails alone where another writes there.
    mutating func arrival(_ input: InputFile, index: Int) -> PlannedImage {
        inputs.insert(Path.real(input.path))
        do throws(RunError) {
            return try planned(input, index: index)
        } catch {
            return PlannedImage(index: index, input: input, outputs: [], bytes: 0, problem: error.description)
        }
    }

    /// Whether a file is what the run itself writes.
    func isOutput(_ path: String) -> Bool { claims[Path.real(path)] != nil }

    /// Lets others have the names of an input that is gone.
    mutating func release(_ image: PlannedImage) {
        inputs.remove(Path.real(image.input.path))
        for output in image.outputs { claims[Path.real(output)] = nil }
    }
}
