/// A YAML document as a plain value: aliases expanded, every node with its place. Scalars are text; who reads one types it.
struct SourceNode: Sendable, Hashable {
    indirect enum Content: Sendable, Hashable {
        case scalar(Scalar)
        case sequence([SourceNode])
        case mapping([Entry])
    }

    struct Scalar: Sendable, Hashable {
        enum Style: Sendable, Hashable { case plain, singleQuoted, doubleQuoted, literal, folded }
        var text: String
        var style: Style
    }

    struct Entry: Sendable, Hashable {
        var key: String
        var keyMark: SourceMark
        var value: SourceNode
    }

    var content: Content
    /// Where the node's own text begins, past an anchor.
    var mark: SourceMark

    var scalar: Scalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }

    /// `key:` with nothing after it.
    var isEmpty: Bool { scalar.map { $0.style == .plain && $0.text.isEmpty } ?? false }

    /// For messages: what the node is.
    var kind: String {
        switch content {
        case .scalar(let scalar): isEmpty ? "nothing" : Quoted.text(scalar.text)
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
