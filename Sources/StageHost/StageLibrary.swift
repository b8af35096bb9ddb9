public import PipelineLanguage
internal import Vips

/// Every stage that a pipeline can name: libvips' operations and the plug-ins', with what each says of itself.
public final class StageLibrary: Sendable {
    public let catalogue: Catalogue
    public let plugins: InstalledPlugins

    /// Starts libvips, asks it for its operations, and looks at the plug-ins that `search` finds.
    ///
    /// - Parameter scanner: as for ``PluginSearch/load(host:scanner:)``.
    /// - Throws: `StageError` if libvips cannot be started. A plug-in that cannot be used is in `plugins.reports`.
    public init(search: PluginSearch, host: PluginHost, scanner: PluginScanner? = nil) throws(StageError) {
        do {
            try VipsLibrary.start()
        } catch {
            throw .vips(error)
        }
        plugins = search.load(host: host, scanner: scanner)
        let operations = Operation.all.filter { !Self.isHidden($0.nickname) }
        let vips = operations.filter { !Self.isCodec($0.nickname) }.map(VipsDescription.stage)
        let codecs = operations.filter { Self.isCodec($0.nickname) }.map(VipsDescription.codec)
        let pluginStages = plugins.stages.values.map(\.description)
        let names = Set(vips.map(\.name))
        var conflicts = plugins.conflicts
        for stage in pluginStages where names.contains(stage.name) { conflicts[stage.name] = ["libvips", stage.library] }
        let version = VipsLibrary.version
        var libraries = ["libvips": "\(version.major).\(version.minor).\(version.micro)"]
        for library in plugins.libraries { libraries[library.descriptor.name] = library.descriptor.version }
        for stage in plugins.stages.values { libraries[stage.id] = stage.declared.version }
        catalogue = Catalogue(
            vips + pluginStages, codecs: codecs, conflicts: conflicts, saverForExtension: Self.extensions(.save),
            loaderForExtension: Self.extensions(.load), libraries: libraries, namesakes: plugins.namesakes,
            whyUnusable: { [plugins] in plugins.whyUnusable($0) }, hash: { [plugins] in plugins.hash(of: $0) })
    }

    /// Loaders and savers have their own place in a pipeline: `input` and `output`.
    private static func isCodec(_ nickname: String) -> Bool {
        nickname.hasSuffix("load") || nickname.hasSuffix("save")
    }

    /// Operations that a pipeline file must not reach: they run programs, read and write files, or take what a file cannot hold.
    private static func isHidden(_ nickname: String) -> Bool {
        // matrixprint, *_mime and *_fd write to standard output, or to whatever file of this process has the number.
        let hidden: Set<String> = ["system", "thumbnail", "profile_load", "matrixprint"]
        return hidden.contains(nickname) || ["_buffer", "_source", "_target", "_mime", "_fd"].contains { nickname.hasSuffix($0) }
    }

    private static func extensions(_ direction: VipsLibrary.Format.Direction) -> [String: String] {
        var result: [String: String] = [:]
        for format in VipsLibrary.formats where format.direction == direction {
            // A '.dz' is a folder of tiles and a file beside it, which cannot appear as one: '.szi' holds the same in a file.
            for suffix in format.suffixes where result[suffix] == nil && !(direction == .save && suffix == ".dz") { result[suffix] = format.nickname }
        }
        return result
    }
}

/// libvips' own descriptions in the catalogue's terms.
private enum VipsDescription {
    static func stage(_ operation: OperationDescription) -> StageDescription {
        var inputs: [StageInput] = [], parameters: [ParameterDescription] = [], outputs: [StageOutput] = []
        for parameter in operation.parameters where parameter.isInput || parameter.isOutput {
            if parameter.isOutput && !parameter.isInput {
                let type = type(of: parameter.kind)
                outputs.append(StageOutput(parameter.name, isImage: type == .image, type: type))
                continue
            }
            switch parameter.kind {
            case .image: inputs.append(StageInput(parameter.name, optional: !parameter.isRequired, doc: parameter.doc))
            case .images: inputs.append(StageInput(parameter.name, optional: !parameter.isRequired, doc: parameter.doc, isList: true))
            case .source, .target, .blob, .other: continue
            default: parameters.append(description(parameter))
            }
        }
        if LinearLight.operations.contains(operation.nickname) { parameters.append(LinearLight.parameter) }
        // draw_* change the image that they are given: their result is that image.
        if !outputs.contains(where: \.isImage), operation.parameters.contains(where: \.isModified) { outputs.append(StageOutput("image")) }
        return StageDescription(name: operation.nickname, kind: .vips, summary: operation.summary, library: "libvips", inputs: inputs,
                                parameters: parameters, outputs: outputs, notes: notes(operation.nickname))
    }

    static func codec(_ operation: OperationDescription) -> StageDescription {
        let own: Set<String> = ["filename", "buffer", "source", "target", "in", "out", "flags", "access", "sequential", "disc", "memory"]
        let parameters = operation.parameters.filter { $0.isInput && !own.contains($0.name) }.map(description)
        return StageDescription(name: operation.nickname, kind: .vips, summary: operation.summary, library: "libvips", inputs: [], parameters: parameters)
    }

    private static func notes(_ nickname: String) -> [String] {
        switch AlphaPolicy(operation: nickname) {
        case .premultiply: ["with alpha it runs premultiplied (alpha: raw switches that off)"]
        case .coloursContinued: ["with alpha it runs on the colours alone, continued under transparent pixels (alpha: raw switches that off)"]
        case .coloursOnly: ["with alpha it runs on the colours alone (alpha: raw switches that off)"]
        case .pass: []
        }
    }

    private static func type(of kind: ParameterKind) -> ParameterType {
        switch kind {
        case .bool: .bool
        case .int: .int
        case .double: .double
        case .string: .string
        case .enumeration: .choice
        case .enumerations: .strings
        case .flags: .flags
        case .image: .image
        case .images: .images
        case .doubles: .doubles
        case .ints: .ints
        case .interpolate: .interpolate
        case .blob, .source, .target, .other: .string
        }
    }

    private static let profileParameters: Set<String> = ["input_profile", "output_profile", "import_profile", "export_profile", "profile"]

    private static func description(_ parameter: OperationParameter) -> ParameterDescription {
        var result = ParameterDescription(parameter.name, type(of: parameter.kind), required: parameter.isRequired, doc: parameter.doc,
                                          isDeprecated: parameter.isDeprecated)
        switch parameter.kind {
        case .bool(let fallback): result.fallback = .bool(fallback)
        case .int(let minimum, let maximum, let fallback):
            (result.minimum, result.maximum) = (Double(minimum), Double(maximum))
            result.fallback = .int(fallback)
        case .double(let minimum, let maximum, let fallback):
            (result.minimum, result.maximum) = (minimum, maximum)
            result.fallback = .double(fallback)
        case .string(let fallback):
            result.fallback = fallback.map { .string($0) }
            if profileParameters.contains(parameter.name) { result.type = .profile }
        case .enumeration(let choices, let fallback):
            result.choices = choices.map(\.nickname)
            result.fallback = .string(fallback)
        case .enumerations(let choices): result.choices = choices.map(\.nickname)
        case .flags(let choices, let fallback):
            result.choices = choices.map(\.nickname)
            result.fallback = .list(fallback.map { .string($0) })
        case .interpolate: result.choices = VipsLibrary.interpolators
        default: break
        }
        if parameter.isRequired { result.fallback = nil }
        return result
    }
}

extension PluginStage {
    /// What the catalogue knows of the stage. A network stage gets the parameters that the host handles for all of them.
    var description: StageDescription {
        let own = declared.parameters.map(\.description)
        var parameters = own
        if declared.kind == .network {
            parameters = own.filter { !NetworkOptions.names.contains($0.name) } + NetworkOptions.parameters(declared: own)
        }
        var result = StageDescription(
            name: id, kind: declared.kind == .network ? .network : .pixel, summary: declared.summary, library: library.descriptor.name,
            inputs: declared.inputs.map { StageInput($0.name, optional: $0.isOptional, doc: $0.doc) }, parameters: parameters)
        if declared.doc != declared.summary { result.notes = [String(declared.doc.dropFirst(declared.summary.count)).trimmed] }
        return result
    }
}

extension DeclaredParameter {
    var description: ParameterDescription {
        let type: ParameterType = switch kind {
        case .bool: .bool
        case .int: .int
        case .double: .double
        case .string: .string
        case .choice: .choice
        case .file: .file
        case .colour: .colour
        case .ints: .ints
        case .doubles: .doubles
        case .json: .json
        }
        return ParameterDescription(
            name, type, required: isRequired, fallback: fallback?.value, minimum: range?.lowerBound, maximum: range?.upperBound, choices: choices,
            unit: unit, doc: doc, isDeprecated: isDeprecated, counts: kind.isList ? counts : nil)
    }
}

extension StageValue {
    /// The value in the pipeline's terms.
    var value: Value {
        switch self {
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .double(let number): .double(number)
        case .string(let text), .choice(let text), .file(let text): .string(text)
        // A plug-in gives JSON as text; what is a plain string there is one in a pipeline.
        case .json(let text): .string(text.count > 1 && text.hasPrefix("\"") && text.hasSuffix("\"") && !text.contains("\\") ? String(text.dropFirst().dropLast()) : text)
        case .colour(let numbers), .doubles(let numbers): .list(numbers.map { .double($0) })
        case .ints(let numbers): .list(numbers.map { .int($0) })
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\n" })
    }
}
