/// Checks a pipeline against the stages there are, in the order in which it runs.
struct PipelineValidator {
    private let pipeline: Pipeline
    private let catalogue: Catalogue
    private var list: DiagnosticList
    private var evaluator: Evaluator
    private var scope = ReferenceScope()

    static func validate(_ pipeline: Pipeline, against catalogue: Catalogue, set: [String: String]) -> [Diagnostic] {
        var validator = PipelineValidator(pipeline, catalogue)
        validator.run(set)
        return validator.list.sorted
    }

    private init(_ pipeline: Pipeline, _ catalogue: Catalogue) {
        self.pipeline = pipeline
        self.catalogue = catalogue
        list = DiagnosticList(file: pipeline.source.name)
        evaluator = Evaluator(environment: Environment(), file: pipeline.source.name, factsArePending: true)
    }

    private mutating func run(_ set: [String: String]) {
        checkRequirements()
        let (values, problems) = pipeline.typedVariables(set: set, mustBeComplete: false)
        list.append(contentsOf: problems)
        evaluator.environment.variables = values
        evaluator.pendingVariables = Set(pipeline.variables.map(\.name)).subtracting(values.keys)
        scope.variables = Set(pipeline.variables.map(\.name))
        scope.laterImages = Self.names(of: pipeline.stages)
        for image in pipeline.images { scope.laterImages[Names.canonical(image.name)] = image.mark }
        scope.laterVariables = Self.settings(of: pipeline.stages)
        checkInput()
        for image in pipeline.images { check(image) }
        for use in pipeline.stages { check(use) }
        for output in pipeline.outputs { check(output) }
    }

    private static func names(of stages: [StageUse]) -> [String: SourceMark] {
        Dictionary(stages.compactMap(\.asMarked).map { (Names.canonical($0.text), $0.mark) }) { first, _ in first }
    }

    private static func settings(of stages: [StageUse]) -> [String: SourceMark] {
        Dictionary(stages.flatMap(\.set).map { ($0.variable.text, $0.variable.mark) }) { first, _ in first }
    }

    // MARK: Requirements

    private mutating func checkRequirements() {
        if let range = pipeline.requires.vips, let mark = pipeline.requires.vipsMark {
            let version = catalogue.libraries["libvips"]
            if version.map(range.contains) != true {
                list.error(.missingPlugin, mark, "the pipeline needs libvips \(range); this is \(version ?? "of unknown version")")
            }
        }
        for plugin in pipeline.requires.plugins {
            let library = catalogue.libraries[plugin.name] != nil ? plugin.name : catalogue[plugin.name]?.library
            guard let library else {
                let range = plugin.range.map { " \($0)" } ?? ""
                list.error(.missingPlugin, plugin.mark, "the pipeline needs the plug-in \(Quoted.text(plugin.name))\(range), which is not installed",
                           suggestion: NearestName.of(plugin.name, among: catalogue.libraries.keys))
                continue
            }
            if let files = catalogue.namesakes[library] {
                list.error(.missingPlugin, plugin.mark,
                           "which plug-in \(Quoted.text(plugin.name)) is cannot be told: \(files.joined(separator: " and ")) both call themselves that; take all but one of them off the plug-in path")
                continue
            }
            let version = catalogue.libraries[library]
            if let range = plugin.range, version.map(range.contains) != true {
                list.error(.missingPlugin, plugin.mark, "the pipeline needs the plug-in \(Quoted.text(plugin.name)) \(range); this is \(version ?? "of unknown version")")
            }
            guard let wanted = plugin.sha256 else { continue }
            let hash = catalogue.hash(library)
            guard hash != wanted else { continue }
            list.error(.missingPlugin, plugin.mark,
                       "the pipeline needs the plug-in \(Quoted.text(plugin.name)) with the SHA-256 \(wanted); this one (version \(version ?? "unknown")) has \(hash ?? "none that can be read")")
        }
    }

    // MARK: Images

    private mutating func checkInput() {
        checkOptions(pipeline.input.options, known: nil, among: catalogue.loaderNames, noun: "loader", noScope: true)
    }

    private mutating func check(_ image: NamedImage) {
        let outer = scope
        scope.hasInput = false
        scope.laterImages.merge(Self.names(of: image.stages)) { first, _ in first }
        scope.laterVariables.merge(Self.settings(of: image.stages)) { first, _ in first }
        checkFile(image.file, what: "the file of an image")
        let fileExtension = image.file.literal.flatMap(Template.fileExtension)
        checkOptions(image.options, known: fileExtension.flatMap(catalogue.loader(forExtension:)), among: catalogue.loaderNames, noun: "loader", noScope: false)
        let pending = evaluator.pendingVariables
        for use in image.stages { check(use) }
        // What its stages name or set stays among them.
        evaluator.pendingVariables = pending
        scope = outer
        let canonical = Names.canonical(image.name)
        scope.images[canonical] = image.name
        scope.laterImages[canonical] = nil
    }

    /// A file that is opened before any input is known: its name may hold variables, but no facts.
    private mutating func checkFile(_ file: Interpolation, what: String) {
        for reference in file.expressions.flatMap(\.images) {
            list.error(.expression, reference.mark, "\(what) is needed before any image: it cannot depend on \(Quoted.text(reference.name))")
        }
        resolve { resolver in _ = resolver.value(ArgumentNode(mark: file.mark, content: .scalar(file)), as: .file) }
    }

    // MARK: Stages

    private mutating func check(_ use: StageUse) {
        if let when = use.when { resolve { resolver in _ = resolver.condition(when) } }
        if let stage = description(of: use) {
            resolve { resolver in _ = resolver.arguments(of: use, for: stage) }
            checkSettings(use, stage)
        } else {
            resolve { resolver in
                resolver.checkReferences(use.arguments)
                for expression in (use.shorthand?.scalars ?? []).flatMap(\.expressions) { _ = resolver.areNamesKnown(in: expression) }
                if let name = use.inMarked { _ = resolver.reference(name.text, at: name.mark) }
            }
        }
        for setting in use.set {
            evaluator.pendingVariables.insert(setting.variable.text)
            scope.variables.insert(setting.variable.text)
            scope.laterVariables[setting.variable.text] = nil
        }
        if let name = use.asName {
            scope.images[Names.canonical(name)] = name
            scope.laterImages[Names.canonical(name)] = nil
        }
    }

    private mutating func description(of use: StageUse) -> StageDescription? {
        if let stage = catalogue[use.name] { return stage }
        let name = Quoted.text(use.name)
        if let libraries = catalogue.claimants(of: use.name) {
            list.error(.ambiguousStage, use.mark, "the stage \(name) is claimed by \(libraries.joined(separator: " and ")): take one of them off the plug-in path")
        } else if catalogue.codec(use.name) != nil {
            let isSaver = catalogue.saverNames.contains(Names.canonical(use.name))
            list.error(.unknownStage, use.mark, isSaver
                ? "\(name) writes files and is no stage: name the file in 'output', its options in 'options'"
                : "\(name) reads files and is no stage: name a second image in 'images', options in 'options'")
        } else if let reason = catalogue.whyUnusable(use.name) {
            list.error(.missingPlugin, use.mark, "the stage \(name) cannot be used: \(reason)")
        } else if use.name.contains(".") {
            list.error(.missingPlugin, use.mark, "no plug-in provides the stage \(name): install it, or add its folder with --plugin-path",
                       suggestion: catalogue.nearest(to: use.name))
        } else if Pipeline.isReservedKey(use.name) {
            list.error(.unknownStage, use.mark, "\(name) is no stage: it belongs beside a stage, in the same list item")
        } else {
            list.error(.unknownStage, use.mark, "there is no stage \(name): 'aquatint stages' lists them", suggestion: catalogue.nearest(to: use.name))
        }
        return nil
    }

    private mutating func checkSettings(_ use: StageUse, _ stage: StageDescription) {
        let values = stage.outputs.filter { !$0.isImage }
        for setting in use.set {
            guard !values.contains(where: { Names.same($0.name, setting.output.text) }) else { continue }
            let has = values.isEmpty ? "it yields only an image" : "it has \(values.map(\.name).joined(separator: ", "))"
            list.error(.argument, setting.output.mark, "\(Quoted.text(stage.name)) has no output \(Quoted.text(setting.output.text)) to set; \(has)",
                       suggestion: NearestName.of(setting.output.text, among: values.map(\.name)))
        }
    }

    // MARK: Outputs

    private mutating func check(_ output: OutputSpec) {
        let outer = scope
        let pending = evaluator.pendingVariables
        if let from = output.from { resolve { resolver in _ = resolver.reference(from.text, at: from.mark) } }
        scope.laterImages.merge(Self.names(of: output.stages)) { first, _ in first }
        scope.laterVariables.merge(Self.settings(of: output.stages)) { first, _ in first }
        for use in output.stages { check(use) }
        resolve { resolver in
            for expression in output.file.expressions {
                guard resolver.areNamesKnown(in: expression) else { continue }
                do throws(Evaluator.Failure) {
                    _ = try resolver.evaluator.value(of: expression)
                } catch {
                    if case .failed(let diagnostic) = error { resolver.list.append(diagnostic) }
                }
            }
            if let profile = output.profile { _ = resolver.evaluated(profile) }
            if let background = output.background { _ = resolver.colour(background, named: "background") }
        }
        var saver: StageDescription?
        if let fileExtension = output.file.literalExtension {
            saver = catalogue.saver(forExtension: fileExtension)
            if saver == nil, !catalogue.writableExtensions.isEmpty {
                list.error(.outputName, output.file.mark, "no saver writes files that end in \(Quoted.text(fileExtension))",
                           suggestion: NearestName.of(String(fileExtension.dropFirst()), among: catalogue.writableExtensions).map { "." + $0 })
            }
        }
        if output.file.literalExtension == nil || saver != nil {
            checkOptions(output.options, known: saver, among: catalogue.saverNames, noun: "saver", noScope: false)
        }
        evaluator.pendingVariables = pending
        scope = outer
    }

    /// Options against the loader or saver, or, where the input decides which it is, against all of them.
    private mutating func checkOptions(_ uses: [ArgumentUse], known: StageDescription?, among nicknames: Set<String>, noun: String, noScope: Bool) {
        if noScope {
            // Loader options are needed before there are facts or stages.
            for reference in uses.flatMap(\.node.scalars).flatMap(\.expressions).flatMap(\.images) {
                list.error(.expression, reference.mark, "an input's options are needed before the image: they cannot depend on \(Quoted.text(reference.name))")
            }
        }
        if let known {
            resolve { resolver in _ = resolver.options(uses, for: known) }
            return
        }
        resolve { resolver in resolver.checkReferences(uses) }
        let codecs = nicknames.compactMap(catalogue.codec)
        guard !codecs.isEmpty else { return }
        for use in uses where !codecs.contains(where: { $0.parameter(use.name) != nil }) {
            list.error(.argument, use.mark, "no \(noun) has an option \(Quoted.text(use.name))",
                       suggestion: NearestName.of(use.name, among: Set(codecs.flatMap(\.parameters).map(\.name))))
        }
    }

    private mutating func resolve(_ body: (inout ArgumentResolver) -> Void) {
        var resolver = ArgumentResolver(evaluator, scope)
        body(&resolver)
        list.append(contentsOf: resolver.list.all)
    }
}

extension Pipeline {
    /// Everything about the pipeline that can be wrong and be known without an image: stages, arguments with their types, ranges and
    /// choices, image and variable names, options, `requires`, `set` (the `--set` values). Expressions over variables alone are computed.
    public func validate(against catalogue: Catalogue, set: [String: String] = [:]) -> [Diagnostic] {
        PipelineValidator.validate(self, against: catalogue, set: set)
    }

    static func isReservedKey(_ name: String) -> Bool {
        PipelineReader.modifiers.contains(name) || PipelineReader.keys.contains(name)
    }
}
