/// A scalar of the file in which `${...}` may stand: `82`, `${quality}`, `a-${x}.jpg`. `$${` is a plain `${`.
public struct Interpolation: Sendable, Hashable {
    public enum Segment: Sendable, Hashable {
        case text(String)
        case expression(Expression)
    }

    /// Where the scalar begins.
    public let mark: SourceMark
    /// As written.
    public let source: String
    public let segments: [Segment]

    /// The text, if no expression stands in it.
    public var literal: String? {
        switch segments.count {
        case 0: return ""
        case 1: if case .text(let text) = segments[0] { return text } else { return nil }
        default: return nil
        }
    }

    /// The expression, if the scalar is nothing else; its value then keeps its type.
    public var whole: Expression? {
        if segments.count == 1, case .expression(let expression) = segments[0] { expression } else { nil }
    }

    public var expressions: [Expression] {
        segments.compactMap { if case .expression(let expression) = $0 { expression } else { nil } }
    }

    /// Reads a scalar of `source`.
    init(_ scalar: SourceNode.Scalar, at mark: SourceMark, in source: SourceText) throws(Diagnostic) {
        self.mark = mark
        self.source = scalar.text
        guard scalar.text.utf8.contains(UInt8(ascii: "$")) else {
            segments = scalar.text.isEmpty ? [] : [.text(scalar.text)]
            return
        }
        let marks = ScalarLayout.marks(of: scalar, at: mark, in: source)
        let scalars = Array(scalar.text.unicodeScalars)
        var segments: [Segment] = []
        var text = String.UnicodeScalarView()
        var index = 0
        while index < scalars.count {
            if scalars[index...].starts(with: ["$", "$", "{"]) {
                text.append(contentsOf: ["$", "{"])
                index += 3
            } else if scalars[index...].starts(with: ["$", "{"]) {
                let end = try Self.end(of: scalars, from: index, marks, source.name)
                if !text.isEmpty { segments.append(.text(String(text))) }
                text.removeAll()
                segments.append(.expression(try ExpressionParser.parse(scalars[(index + 2)..<end], marks: marks[(index + 2)...end], file: source.name)))
                index = end + 1
            } else {
                text.append(scalars[index])
                index += 1
            }
        }
        if !text.isEmpty { segments.append(.text(String(text))) }
        self.segments = segments
    }

    /// The index of the `}` that closes the `${` at `start`; a brace within quotes does not.
    static func end(of scalars: [Unicode.Scalar], from start: Int, _ marks: [SourceMark], _ file: String) throws(Diagnostic) -> Int {
        var quote: Unicode.Scalar?
        for index in (start + 2)..<scalars.count {
            let scalar = scalars[index]
            if let open = quote {
                if scalar == open { quote = nil }
            } else if scalar == "'" || scalar == "\"" {
                quote = scalar
            } else if scalar == "}" {
                return index
            }
        }
        throw Diagnostic(.expression, "this '${' is never closed with '}'", at: marks[start], file: file)
    }

    /// The scalar's value: a whole expression's own, otherwise text with every expression written out.
    func value(_ evaluator: Evaluator) throws(Evaluator.Failure) -> Value {
        if let whole { return try evaluator.value(of: whole) }
        return .string(try text(evaluator))
    }

    /// The scalar as text.
    func text(_ evaluator: Evaluator) throws(Evaluator.Failure) -> String {
        var result = ""
        for segment in segments {
            switch segment {
            case .text(let text): result += text
            case .expression(let expression):
                let value = try evaluator.value(of: expression)
                switch value {
                case .bool, .int, .double, .string: result += value.description
                default:
                    throw .failed(Diagnostic(.expression, "\(value.described) cannot stand within a text", at: expression.mark, file: evaluator.file))
                }
            }
        }
        return result
    }
}
