/// From the YAML tree to a ``Pipeline``: keys, shapes, names, expression syntax. Goes on after a mistake, to find the next.
struct PipelineReader {
    let source: SourceText
    var list: DiagnosticList
    /// Image names taken so far (in their canonical spelling), and where.
    var takenImages: [String: SourceMark] = [:]

    static let keys = ["version", "description", "requires", "vars", "limits", "input", "alpha", "images", "stages", "output", "outputs"]

    static func read(_ source: SourceText) throws(Diagnostics) -> (Pipeline, warnings: [Diagnostic]) {
        let root = try YAMLDoor.read(source)
        var reader = PipelineReader(source: source, list: DiagnosticList(file: source.name))
        let pipeline = reader.pipeline(root)
        guard !reader.list.hasErrors else { throw Diagnostics(reader.list.sorted) }
        reader.warnOfUnusedImages(in: pipeline)
        return (pipeline, reader.list.sorted)
    }

    private mutating func pipeline(_ root: SourceNode) -> Pipeline {
        var pipeline = Pipeline(source: source)
        guard let fields = fields(of: root, what: "the pipeline", allowed: Self.keys) else { return pipeline }
        readVersion(fields["version"], root.mark)
        pipeline.description = fields["description"].flatMap { text($0) }
        if let entry = fields["requires"] { pipeline.requires = requirements(entry.value) }
        if let entry = fields["vars"] { pipeline.variables = variables(entry.value) }
        if let entry = fields["limits"] { pipeline.limits = limits(entry.value) }
        if let entry = fields["input"] { pipeline.input = input(entry.value) }
        if let mode: AlphaMode = fields["alpha"].flatMap({ choice($0) }) { pipeline.alpha = mode }
        if let entry = fields["images"] { pipeline.images = images(entry.value) }
        if let entry = fields["stages"] { pipeline.stages = stages(entry.value) }
        pipeline.outputs = outputs(fields["output"], fields["outputs"], root.mark)
        checkSetVariables(of: pipeline)
        return pipeline
    }

    private mutating func readVersion(_ entry: SourceNode.Entry?, _ mark: SourceMark) {
        guard let entry else {
            list.error(.structure, mark, "the pipeline has no 'version': begin it with 'version: 1'")
            return
        }
        guard let text = text(entry) else { return }
        guard (try? ScalarText.int(text)) == 1 else {
            list.error(.structure, entry.value.mark, "this release reads version 1 of the pipeline format, not \(Quoted.text(text))")
            return
        }
    }

    // MARK: Shapes

    /// The entries of a mapping by canonical key. Unknown and doubled keys are reported and left out; nil if it is no mapping.
    mutating func fields(of node: SourceNode, what: String, allowed: [String]) -> [String: SourceNode.Entry]? {
        guard case .mapping(let entries) = node.content else {
            list.error(.structure, node.mark, "\(what) must be a mapping with \(Self.listed(allowed)), not \(node.kind)")
            return nil
        }
        var fields: [String: SourceNode.Entry] = [:]
        for entry in entries {
            let key = Names.canonical(entry.key)
            guard allowed.contains(key) else {
                list.error(.structure, entry.keyMark, "\(what) has no key \(Quoted.text(entry.key)); it has \(Self.listed(allowed))",
                           suggestion: NearestName.of(entry.key, among: allowed))
                continue
            }
            guard fields[key] == nil else {
                list.error(.structure, entry.keyMark, "the key \(Quoted.text(entry.key)) is written twice ('-' and '_' are the same)")
                continue
            }
            fields[key] = entry
        }
        return fields
    }

    private static func listed(_ names: [String]) -> String { names.joined(separator: ", ") }

    /// The text of a scalar; anything else is reported.
    mutating func text(_ entry: SourceNode.Entry) -> String? {
        text(entry.value, what: "'\(entry.key)'")
    }

    mutating func text(_ node: SourceNode, what: String) -> String? {
        guard let scalar = node.scalar, !node.isEmpty else {
            list.error(.structure, node.mark, node.isEmpty ? "\(what) has no value" : "\(what) must be a single value, not \(node.kind)")
            return nil
        }
        return scalar.text
    }

    /// A scalar read by one of ``ScalarText``'s functions.
    mutating func typed<Result>(_ entry: SourceNode.Entry?, _ read: (String) throws(ScalarText.Problem) -> Result) -> Result? {
        guard let entry, let text = text(entry) else { return nil }
        do throws(ScalarText.Problem) {
            return try read(text)
        } catch {
            list.error(.value, entry.value.mark, "'\(entry.key)' \(error.message)", suggestion: error.suggestion)
            return nil
        }
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(_ entry: SourceNode.Entry) -> Choice? where Choice.RawValue == String {
        guard let text = text(entry) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let names = Choice.allCases.map(\.rawValue)
        list.error(.value, entry.value.mark, "'\(entry.key)' must be one of \(Self.listed(names)), not \(Quoted.text(text))",
                   suggestion: NearestName.of(text, among: names))
        return nil
    }

    mutating func interpolation(_ node: SourceNode, what: String) -> Interpolation? {
        guard text(node, what: what) != nil, let scalar = node.scalar else { return nil }
        return noted { source throws(Diagnostic) in try Interpolation(scalar, at: node.mark, in: source) }
    }

    /// What `body` makes of the source, or nil with its diagnostic noted.
    mutating func noted<Result>(_ body: (SourceText) throws(Diagnostic) -> Result) -> Result? {
        do throws(Diagnostic) {
            return try body(source)
        } catch {
            list.append(error)
            return nil
        }
    }

    // MARK: Arguments

    /// The node with every scalar read for `${...}`; nil if one of them is wrong.
    mutating func argument(_ node: SourceNode) -> ArgumentNode? {
        switch node.content {
        case .scalar(let scalar):
            if node.isEmpty { return ArgumentNode(mark: node.mark, content: .empty) }
            return noted { source throws(Diagnostic) in try Interpolation(scalar, at: node.mark, in: source) }
                .map { ArgumentNode(mark: node.mark, content: .scalar($0)) }
        case .sequence(let items):
            let read = items.map { argument($0) }
            return read.contains(nil) ? nil : ArgumentNode(mark: node.mark, content: .list(read.compactMap(\.self)))
        case .mapping(let entries):
            let read = arguments(entries)
            return read.count == entries.count ? ArgumentNode(mark: node.mark, content: .map(read)) : nil
        }
    }

    private mutating func arguments(_ entries: [SourceNode.Entry]) -> [ArgumentUse] {
        var uses: [ArgumentUse] = []
        var seen: Set<String> = []
        for entry in entries {
            if !seen.insert(Names.canonical(entry.key)).inserted {
                list.error(.structure, entry.keyMark, "\(Quoted.text(entry.key)) is given twice ('-' and '_' are the same)")
            } else if let node = argument(entry.value) {
                uses.append(ArgumentUse(name: entry.key, mark: entry.keyMark, node: node))
            }
        }
        return uses
    }

    /// `options:` of an input, image or output.
    mutating func options(_ entry: SourceNode.Entry?) -> [ArgumentUse] {
        guard let entry, !entry.value.isEmpty else { return [] }
        guard case .mapping(let entries) = entry.value.content else {
            list.error(.structure, entry.value.mark, "'options' must be a mapping of option names to values, not \(entry.value.kind)")
            return []
        }
        return arguments(entries)
    }

    // MARK: After reading

    /// A variable that a stage sets may not be one of `vars`: `--set` and the stage would both claim it.
    private mutating func checkSetVariables(of pipeline: Pipeline) {
        for use in pipeline.images.flatMap(\.stages) + pipeline.stages + pipeline.outputs.flatMap(\.stages) {
            for setting in use.set {
                guard let declared = pipeline.variables.first(where: { $0.name == setting.variable.text }) else { continue }
                list.error(.variable, setting.variable.mark, "the variable \(Quoted.text(declared.name)) is declared in line \(declared.mark.line): a stage cannot set it")
            }
        }
    }

    /// An image that no text and no expression of the file names. Without knowing which arguments are images, any equal text counts.
    private mutating func warnOfUnusedImages(in pipeline: Pipeline) {
        let uses = pipeline.images.flatMap(\.stages) + pipeline.stages + pipeline.outputs.flatMap(\.stages)
        let scalars = uses.compactMap(\.argument).flatMap(\.scalars)
        var named = Set(scalars.compactMap(\.literal).map(Names.canonical))
        named.formUnion((uses.compactMap(\.inName) + pipeline.outputs.compactMap(\.from?.text)).map(Names.canonical))
        var expressions = scalars.flatMap(\.expressions) + uses.compactMap(\.when)
        expressions += pipeline.outputs.flatMap { $0.file.expressions + $0.options.flatMap(\.node.scalars).flatMap(\.expressions) }
        named.formUnion(expressions.flatMap(\.images).map { Names.canonical($0.name) })
        // The name may be computed from a variable.
        if scalars.contains(where: { $0.literal == nil && $0.expressions.contains { !$0.variables.isEmpty } }) {
            let texts = pipeline.variables.compactMap { variable -> [String]? in
                if case .string(let text) = variable.fallback { [text] + variable.parameter.choices } else { nil }
            }
            named.formUnion(texts.joined().map(Names.canonical))
        }
        for image in pipeline.images where !named.contains(Names.canonical(image.name)) {
            list.warning(.unused, image.mark, "the image \(Quoted.text(image.name)) is never used")
        }
    }
}

extension Pipeline {
    /// Reads a pipeline file: YAML, keys, shapes, names, the syntax of expressions and output names. Everything wrong is reported at once.
    ///
    /// What needs to know the stages there are is left to ``validate(against:set:)``.
    public static func read(_ source: SourceText) throws(Diagnostics) -> (Pipeline, warnings: [Diagnostic]) {
        try PipelineReader.read(source)
    }
}
