/// Who does a stage's work.
public enum StageKind: String, Sendable, Hashable, CaseIterable {
    case vips, pixel, network
}

/// An image that a stage reads.
public struct StageInput: Sendable, Hashable {
    /// With `_`.
    public var name: String
    public var optional: Bool
    public var doc: String
    /// Whether it takes a list of images.
    public var isList: Bool

    public init(_ name: String, optional: Bool = false, doc: String = "", isList: Bool = false) {
        self.name = Names.canonical(name)
        self.optional = optional
        self.doc = doc
        self.isList = isList
    }
}

/// Something a stage yields: its image, or a value that `set` can take.
public struct StageOutput: Sendable, Hashable {
    public var name: String
    public var isImage: Bool
    public var type: ParameterType

    public init(_ name: String, isImage: Bool = true, type: ParameterType = .image) {
        self.name = Names.canonical(name)
        self.isImage = isImage
        self.type = type
    }
}

/// A stage (or a loader or saver) as it describes itself.
public struct StageDescription: Sendable, Hashable {
    public var name: String
    public var kind: StageKind
    /// One sentence.
    public var summary: String
    /// `libvips`, or the plug-in's name.
    public var library: String
    /// In order; the first that is not optional takes the running image unless the file says otherwise.
    public var inputs: [StageInput]
    /// Without the images.
    public var parameters: [ParameterDescription]
    public var outputs: [StageOutput]
    /// What a user should know besides: depth lowered, alpha, approximate halo.
    public var notes: [String]

    public init(name: String, kind: StageKind, summary: String = "", library: String, inputs: [StageInput] = [],
                parameters: [ParameterDescription] = [], outputs: [StageOutput] = [StageOutput("out")], notes: [String] = []) {
        self.name = name
        self.kind = kind
        self.summary = summary
        self.library = library
        self.inputs = inputs
        self.parameters = parameters
        self.outputs = outputs
        self.notes = notes
    }

    /// The parameter of a name; `-` and `_` are the same.
    public func parameter(_ name: String) -> ParameterDescription? {
        let name = Names.canonical(name)
        return parameters.first { $0.name == name }
    }

    public func input(_ name: String) -> StageInput? {
        let name = Names.canonical(name)
        return inputs.first { $0.name == name }
    }

    /// The input that takes the running image, or the one named by `in:`.
    public var runningInput: StageInput? { inputs.first { !$0.optional } }

    /// Parameters without which the stage cannot run.
    public var required: [ParameterDescription] { parameters.filter(\.required) }

    /// Whether the stage's name alone is a complete stage.
    public var canStandBare: Bool {
        required.isEmpty && inputs.filter { !$0.optional }.count <= 1
    }

    /// The object that `stages NAME --json` prints; without `v` for a list.
    public func json(versioned: Bool = true) -> JSON {
        var entries: [(String, JSON)] = versioned ? [("v", .int(1))] : []
        entries += [
            ("name", .string(name)),
            ("kind", .string(kind.rawValue)),
            ("summary", .string(summary)),
            ("library", .string(library)),
            ("inputs", .array(inputs.map {
                .object([("name", .string($0.name)), ("optional", .bool($0.optional)), ("list", .bool($0.isList)), ("doc", .string($0.doc))])
            })),
            ("parameters", .array(parameters.map(\.json))),
            ("outputs", .array(outputs.map {
                .object([("name", .string($0.name)), ("image", .bool($0.isImage)), ("type", .string($0.type.rawValue))])
            })),
            ("notes", .array(notes.map(JSON.string))),
        ]
        return .object(entries)
    }
}

extension ParameterDescription {
    public var json: JSON {
        .object([
            ("name", .string(name)),
            ("type", .string(type.rawValue)),
            ("required", .bool(required)),
            ("default", fallback.map(JSON.init) ?? .null),
            ("min", minimum.map(JSON.double) ?? .null),
            ("max", maximum.map(JSON.double) ?? .null),
            ("choices", .array(choices.map(JSON.string))),
            ("unit", unit.map(JSON.string) ?? .null),
            ("doc", .string(doc)),
            ("deprecated", .bool(isDeprecated)),
            ("host", .bool(host)),
        ])
    }
}
