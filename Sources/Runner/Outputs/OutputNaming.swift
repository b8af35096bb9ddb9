internal import PipelineLanguage
internal import StageHost

/// Gives outputs their names, and knows which are taken: by another input, or by an input itself.
struct OutputNaming: Sendable {
    private let request: RunRequest
    private let output: String
    /// Whether `-o` is the name of the only output.
    let isFile: Bool
    private var claims: Claims
    private var places = RealPlaces()
    /// Bytes of the inputs that were known at the start, by their place among them.
    private let sizes: [Int64]
    /// Why the last image that has no names has none.
    private(set) var problem: RunError?

    /// - Parameter foldsCase: whether a folder holds names to be the same that differ by case alone.
    init(_ request: RunRequest, _ settings: RunSettings, inputs: [InputFile], foldsCase: @escaping @Sendable (String) -> Bool) {
        self.request = request
        output = settings.output
        let pipeline = request.pipeline
        isFile = !settings.isWatching && Self.isFileName(output, request.library.catalogue) && inputs.count == 1 && pipeline.outputs.count == 1
            && FileStatus(output)?.kind != .directory
        claims = Claims(foldsCase: foldsCase)
        var sizes: [Int64] = []
        sizes.reserveCapacity(inputs.count)
        for input in inputs { sizes.append(Self.protect(input, &claims, &places)) }
        self.sizes = sizes
    }

    /// Keeps an input, and what it is a link to, from being written to. Gives its size.
    private static func protect(_ input: InputFile, _ claims: inout Claims, _ places: inout RealPlaces) -> Int64 {
        claims.protect(places.place(of: input.path))
        var status = FileStatus(input.path, followLinks: false)
        if status?.kind == .link {
            status = FileStatus(input.path)
            claims.protect(PathKey(Path.real(input.path)))
        }
        return status?.size ?? 0
    }

    /// Names the outputs of an input. Where they cannot be named, that is said in the image.
    ///
    /// - Throws: `RunError` 73 where another writes there, or an input lies there.
    mutating func planned(_ input: InputFile, index: Int) throws(RunError) -> PlannedImage {
        var image = PlannedImage(index: index, input: input, outputs: [], bytes: sizes.indices.contains(index) ? sizes[index] : FileStatus(input.path)?.size ?? 0)
        if !isFile { image.pages = InputPages.numbers(input.path, request) }
        let pages = image.pages ?? [1]
        var taken: [PathKey] = []
        for (spec, page) in request.pipeline.outputs.flatMap({ spec in (spec.file.usesPage ? pages : [pages[0]]).map { (spec, $0) } }) {
            let path: String
            do throws(RunError) {
                path = isFile ? output : try Self.name(spec, for: input, number: input.number ?? index + 1, page: page, request: request, folder: output)
                try Self.checkWritable(path, input, request.library.catalogue)
            } catch {
                problem = error
                for place in taken { claims.release(place) }
                image.outputs = []
                image.problem = error.description
                return image
            }
            let place = places.place(of: path)
            do throws(RunError) {
                try claims.claim(path, place, for: input.path)
            } catch {
                for place in taken { claims.release(place) }
                throw error
            }
            taken.append(place)
            image.outputs.append(path)
        }
        return image
    }

    private static func isFileName(_ path: String, _ catalogue: Catalogue) -> Bool {
        let ext = Path.split(Path.base(path)).ext
        return !path.hasSuffix("/") && !ext.isEmpty && catalogue.saver(forExtension: ext) != nil
    }

    private static func name(_ output: OutputSpec, for input: InputFile, number: Int, page: Int, request: RunRequest, folder: String) throws(RunError) -> String {
        let (stem, ext) = Path.split(input.name)
        let fields = TemplateFields(stem: stem, ext: ext, dir: input.folder, index: number, page: page)
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

// MARK: a run that goes on

extension OutputNaming {
    /// As `planned`, for an image that fails alone where another writes there.
    mutating func arrival(_ input: InputFile, index: Int) -> PlannedImage {
        // Folders come and go meanwhile.
        places = RealPlaces()
        _ = Self.protect(input, &claims, &places)
        do throws(RunError) {
            return try planned(input, index: index)
        } catch {
            return PlannedImage(index: index, input: input, outputs: [], bytes: 0, problem: error.description)
        }
    }

    /// Whether a file is what the run itself writes.
    func isOutput(_ path: String) -> Bool {
        var places = RealPlaces()
        return claims.isTaken(places.place(of: path))
    }

    /// Lets others have the names of an input that is gone.
    mutating func release(_ image: PlannedImage) {
        places = RealPlaces()
        for path in [image.input.path] + image.outputs { claims.release(places.place(of: path)) }
    }
}
