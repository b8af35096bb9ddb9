/// `images`, `stages` and the outputs.
extension PipelineReader {
    // MARK: Names of images

    /// Notes that an image has the name; nil, with a diagnostic, where it cannot have it.
    private mutating func claim(_ name: String, _ mark: SourceMark) -> MarkedName? {
        let canonical = Names.canonical(name)
        if Names.reservedImages.contains(canonical) {
            list.error(.image, mark, "\(Quoted.text(name)) has a meaning of its own and cannot name an image")
            return nil
        }
        guard Names.isImage(name) else {
            list.error(.image, mark, "\(Quoted.text(name)) cannot name an image: use letters, digits, '_' and '-', a letter first")
            return nil
        }
        if let taken = takenImages[canonical] {
            list.error(.image, mark, "the name \(Quoted.text(name)) is taken: an image has it in line \(taken.line)")
            return nil
        }
        takenImages[canonical] = mark
        return MarkedName(text: name, mark: mark)
    }

    mutating func images(_ node: SourceNode) -> [NamedImage] {
        guard case .mapping(let entries) = node.content else {
            if !node.isEmpty { list.error(.structure, node.mark, "'images' must map names to files, as {logo: logo.png}, not \(node.kind)") }
            return []
        }
        var images: [NamedImage] = []
        for entry in entries {
            let name = claim(entry.key, entry.keyMark)
            if entry.value.scalar != nil {
                let file = interpolation(entry.value, what: "the image \(Quoted.text(entry.key))")
                if let name, let file { images.append(NamedImage(name: name.text, mark: name.mark, file: file, options: [], stages: [])) }
                continue
            }
            let what = "the image \(Quoted.text(entry.key))"
            guard let fields = fields(of: entry.value, what: what, allowed: ["file", "options", "stages"]) else { continue }
            guard let fileEntry = fields["file"] else {
                list.error(.structure, entry.keyMark, "\(what) has no 'file'")
                continue
            }
            let file = interpolation(fileEntry.value, what: "'file'")
            let options = options(fields["options"])
            let stages = fields["stages"].map { self.stages($0.value) } ?? []
            if let name, let file { images.append(NamedImage(name: name.text, mark: name.mark, file: file, options: options, stages: stages)) }
        }
        return images
    }

    // MARK: Stages

    static let modifiers = ["as", "in", "when", "set", "alpha"]

    mutating func stages(_ node: SourceNode) -> [StageUse] {
        guard case .sequence(let items) = node.content else {
            if !node.isEmpty { list.error(.structure, node.mark, "'stages' must be a list: begin each stage with '- ', not \(node.kind)") }
            return []
        }
        return items.compactMap { stage($0) }
    }

    private mutating func stage(_ node: SourceNode) -> StageUse? {
        switch node.content {
        case .scalar(let scalar):
            guard !scalar.text.isEmpty else {
                list.error(.structure, node.mark, "this stage has no name")
                return nil
            }
            return StageUse(name: scalar.text, mark: node.mark, argument: nil, asMarked: nil, inMarked: nil, when: nil, set: [], alpha: nil)
        case .sequence:
            list.error(.structure, node.mark, "a stage must be a name or 'name: arguments', not a list")
            return nil
        case .mapping(let entries):
            return stage(entries, node.mark)
        }
    }

    private mutating func stage(_ entries: [SourceNode.Entry], _ mark: SourceMark) -> StageUse? {
        var stage: SourceNode.Entry?
        var fields: [String: SourceNode.Entry] = [:]
        for entry in entries {
            if Self.modifiers.contains(entry.key) {
                fields[entry.key] = entry
            } else if let first = stage {
                list.error(.structure, entry.keyMark, "a list item holds one stage: \(Quoted.text(entry.key)) comes after \(Quoted.text(first.key)); begin another with '- '",
                           suggestion: NearestName.of(entry.key, among: Self.modifiers))
            } else {
                stage = entry
            }
        }
        guard let stage else {
            list.error(.structure, mark, "this list item names no stage, only \(entries.map(\.key).joined(separator: ", "))")
            return nil
        }
        let argument: ArgumentNode? = stage.value.isEmpty ? nil : self.argument(stage.value)
        let asName = fields["as"].flatMap { entry in text(entry).flatMap { claim($0, entry.value.mark) } }
        let inName = fields["in"].flatMap { entry in text(entry).map { MarkedName(text: $0, mark: entry.value.mark) } }
        let when = fields["when"].flatMap { condition($0) }
        let set = fields["set"].map { settings($0) } ?? []
        let alpha: AlphaMode? = fields["alpha"].flatMap { choice($0) }
        if argument == nil, !stage.value.isEmpty { return nil }
        return StageUse(name: stage.key, mark: stage.keyMark, argument: argument, asMarked: asName, inMarked: inName, when: when, set: set, alpha: alpha)
    }

    /// `when: prev.width > 320`, with or without `${}` around it.
    private mutating func condition(_ entry: SourceNode.Entry) -> Expression? {
        guard text(entry) != nil, let scalar = entry.value.scalar else { return nil }
        return noted { source throws(Diagnostic) -> Expression in
            if scalar.text.hasPrefix("${"), let whole = try Interpolation(scalar, at: entry.value.mark, in: source).whole { return whole }
            let marks = ScalarLayout.marks(of: scalar, at: entry.value.mark, in: source)
            return try ExpressionParser.parse(Array(scalar.text.unicodeScalars)[...], marks: marks[...], file: source.name)
        }
    }

    private mutating func settings(_ entry: SourceNode.Entry) -> [StageUse.Setting] {
        guard case .mapping(let entries) = entry.value.content else {
            list.error(.structure, entry.value.mark, "'set' must map outputs of the stage to variables, as {left: l, top: t}, not \(entry.value.kind)")
            return []
        }
        var settings: [StageUse.Setting] = []
        for pair in entries {
            guard let name = text(pair) else { continue }
            guard Names.isVariable(name), !Names.reservedVariables.contains(name) else {
                list.error(.variable, pair.value.mark, "\(Quoted.text(name)) cannot name a variable: use letters, digits and '_', a letter first")
                continue
            }
            if let earlier = settings.first(where: { $0.variable.text == name }) {
                list.error(.variable, pair.value.mark, "the variable \(Quoted.text(name)) already takes the output \(Quoted.text(earlier.output.text))")
                continue
            }
            settings.append(StageUse.Setting(output: MarkedName(text: pair.key, mark: pair.keyMark), variable: MarkedName(text: name, mark: pair.value.mark)))
        }
        return settings
    }

    // MARK: Outputs

    mutating func outputs(_ one: SourceNode.Entry?, _ several: SourceNode.Entry?, _ mark: SourceMark) -> [OutputSpec] {
        if one != nil, let several {
            list.error(.structure, several.keyMark, "a pipeline has 'output' or 'outputs', not both")
        }
        if let one { return output(one.value).map { [$0] } ?? [] }
        guard let several else {
            return [OutputSpec(mark: mark, from: nil, file: .inputName(at: mark, file: source.name), stages: [], options: [], metadata: .keep, profile: nil, background: nil, dither: .auto)]
        }
        guard case .sequence(let items) = several.value.content, !items.isEmpty else {
            list.error(.structure, several.value.mark, "'outputs' must be a list with at least one output; a single one is written 'output:'")
            return []
        }
        let outputs = items.compactMap { output($0) }
        var seen: [[Template.Segment]: SourceMark] = [:]
        for output in outputs {
            // A leading {dir}/ says what is the case anyway.
            var segments = output.file.segments[...]
            if segments.first == .field(.dir), case .text(let text)? = segments.dropFirst().first, text == "/" { segments = segments.dropFirst(2) }
            if let earlier = seen.updateValue(output.mark, forKey: Array(segments)) {
                list.error(.outputName, output.file.mark, "this output would write the same file as the one in line \(earlier.line)")
            }
        }
        return outputs
    }

    private mutating func output(_ node: SourceNode) -> OutputSpec? {
        if let scalar = node.scalar {
            guard text(node, what: "'output'") != nil, let file = template(scalar, node.mark) else { return nil }
            return OutputSpec(mark: node.mark, from: nil, file: file, stages: [], options: [], metadata: .keep, profile: nil, background: nil, dither: .auto)
        }
        let allowed = ["from", "file", "stages", "options", "metadata", "profile", "background", "dither"]
        guard let fields = fields(of: node, what: "an output", allowed: allowed) else { return nil }
        let from = fields["from"].flatMap { entry in text(entry).map { MarkedName(text: $0, mark: entry.value.mark) } }
        var file: Template? = .inputName(at: node.mark, file: source.name)
        if let entry = fields["file"] {
            file = text(entry) == nil ? nil : entry.value.scalar.flatMap { template($0, entry.value.mark) }
        }
        let stages = fields["stages"].map { self.stages($0.value) } ?? []
        let options = options(fields["options"])
        let metadata = fields["metadata"].flatMap { self.metadata($0) }
        let profile = fields["profile"].flatMap { interpolation($0.value, what: "'profile'") }
        let background = fields["background"].flatMap { argument($0.value) }
        let dither: OutputSpec.Dither? = fields["dither"].flatMap { choice($0) }
        if let entry = fields["background"], options.contains(where: { Names.same($0.name, "background") }) {
            list.error(.structure, entry.keyMark, "'background' is given twice: here, and in 'options'")
        }
        guard let file else { return nil }
        return OutputSpec(mark: node.mark, from: from, file: file, stages: stages, options: options, metadata: metadata ?? .keep,
                          profile: profile?.literal == "keep" ? nil : profile, background: background, dither: dither ?? .auto)
    }

    /// `keep`, `strip`, or a list of kinds.
    private mutating func metadata(_ entry: SourceNode.Entry) -> KeptMetadata? {
        let names = KeptMetadata.Kind.allCases.map(\.rawValue)
        guard case .sequence(let items) = entry.value.content else {
            guard let text = text(entry) else { return nil }
            switch text {
            case "keep": return .keep
            case "strip": return .strip
            default:
                let single = KeptMetadata.Kind(rawValue: text) == nil ? NearestName.of(text, among: ["keep", "strip"]) : "[\(text)]"
                list.error(.value, entry.value.mark, "'metadata' must be keep, strip or a list of \(names.joined(separator: ", ")), not \(Quoted.text(text))", suggestion: single)
                return nil
            }
        }
        var kinds: Set<KeptMetadata.Kind> = []
        for item in items {
            guard let text = text(item, what: "a kind of metadata") else { return nil }
            guard let kind = KeptMetadata.Kind(rawValue: text) else {
                list.error(.value, item.mark, "a kind of metadata must be one of \(names.joined(separator: ", ")), not \(Quoted.text(text))",
                           suggestion: NearestName.of(text.lowercased(), among: names))
                return nil
            }
            kinds.insert(kind)
        }
        if kinds.contains(.gps), kinds.isDisjoint(with: [.exif, .xmp, .iptc]) {
            list.error(.value, entry.value.mark, "'gps' keeps nothing by itself: the place lies in exif, xmp and iptc; name those that are to keep it, as in [exif, gps]")
            return nil
        }
        return KeptMetadata(kinds: kinds)
    }

    private mutating func template(_ scalar: SourceNode.Scalar, _ mark: SourceMark) -> Template? {
        noted { source throws(Diagnostic) in try Template(scalar, at: mark, in: source) }
    }
}
