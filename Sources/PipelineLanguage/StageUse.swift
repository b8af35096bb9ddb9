/// An argument's value as written: text with `${...}`, a list, or a mapping. Typed when the stage's parameter is known.
public struct ArgumentNode: Sendable, Hashable {
    public indirect enum Content: Sendable, Hashable {
        /// `key:` with nothing after it.
        case empty
        case scalar(Interpolation)
        case list([ArgumentNode])
        case map([ArgumentUse])
    }

    public let mark: SourceMark
    public let content: Content

    public init(mark: SourceMark, content: Content) {
        self.mark = mark
        self.content = content
    }

    /// Every scalar below the node.
    var scalars: [Interpolation] {
        switch content {
        case .empty: []
        case .scalar(let scalar): [scalar]
        case .list(let items): items.flatMap(\.scalars)
        case .map(let entries): entries.flatMap(\.node.scalars)
        }
    }

    /// For messages.
    var kind: String {
        switch content {
        case .empty: "nothing"
        case .scalar(let scalar): Quoted.text(scalar.source)
        case .list: "a list"
        case .map: "a mapping"
        }
    }
}

/// `name: value` in a stage's or an output's mapping.
public struct ArgumentUse: Sendable, Hashable {
    /// As written.
    public let name: String
    public let mark: SourceMark
    public let node: ArgumentNode

    public init(name: String, mark: SourceMark, node: ArgumentNode) {
        self.name = name
        self.mark = mark
        self.node = node
    }
}

/// A name and where it is written.
public struct MarkedName: Sendable, Hashable {
    public let text: String
    public let mark: SourceMark
}

/// Whether alpha is taken care of, or left to libvips.
public enum AlphaMode: String, Sendable, Hashable, CaseIterable { case auto, raw }

/// One item of `stages`.
public struct StageUse: Sendable, Hashable {
    /// An output of the stage that goes to a variable.
    public struct Setting: Sendable, Hashable {
        public let output: MarkedName
        public let variable: MarkedName
    }

    /// As written.
    public let name: String
    public let mark: SourceMark
    /// What stands after `stage:`; nil for a bare name.
    public let argument: ArgumentNode?
    /// `as:`, the name of the result.
    public let asMarked: MarkedName?
    /// `in:`, the image that the stage runs on instead of the previous result. `prev` in its arguments is the previous result all the same.
    public let inMarked: MarkedName?
    public let when: Expression?
    public let set: [Setting]
    /// Nil: as the pipeline says.
    public let alpha: AlphaMode?

    public var asName: String? { asMarked?.text }
    public var inName: String? { inMarked?.text }

    /// The arguments by name; empty for a bare stage and for a shorthand value.
    public var arguments: [ArgumentUse] {
        if case .map(let entries) = argument?.content { entries } else { [] }
    }

    /// `stage: value`, where the value is no mapping.
    public var shorthand: ArgumentNode? {
        guard let argument else { return nil }
        switch argument.content {
        case .empty, .map: return nil
        case .scalar, .list: return argument
        }
    }
}
