/// One thing that is wrong, or doubtful, in a pipeline: what, where, and what was probably meant.
public struct Diagnostic: Error, Sendable, Hashable {
    public enum Severity: String, Sendable, Hashable { case error, warning }

    /// What kind of mistake it is; the exit status depends on it.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// Not YAML, or YAML that pipelines do not use (tags, merge keys, several documents).
        case syntax
        /// Over a bound: file size, depth, alias expansion, length of an expression.
        case limit
        /// An unknown, missing, duplicate or misplaced key, or a value of the wrong shape.
        case structure
        /// A value that its parameter does not take.
        case value
        /// An expression that cannot be read or evaluated.
        case expression
        /// A stage that libvips does not have (exit 65).
        case unknownStage
        /// A stage with a dot in its name, or a `requires`, that no loaded plug-in provides (exit 69).
        case missingPlugin
        /// A stage name that more than one library claims.
        case ambiguousStage
        /// An argument or option that the stage does not have, or a required one that is missing.
        case argument
        /// An image name that is unknown, defined later, reserved or taken.
        case image
        /// A variable in the file that is unknown, set later, reserved or taken.
        case variable
        /// A `--set` that names no variable of the pipeline, or does not suit it (exit 64).
        case setting
        /// An output file name that cannot be, or that leaves the output directory.
        case outputName
        /// Something defined and never used.
        case unused
    }

    public var code: Code
    public var severity: Severity
    /// One sentence without the place and without a full stop.
    public var message: String
    /// Where; nil where no place in the file is to blame.
    public var mark: SourceMark?
    /// The text to write instead, if one is likely.
    public var suggestion: String?
    /// The file as given, or `--set`.
    public var file: String

    public init(_ code: Code, _ message: String, at mark: SourceMark?, file: String, suggestion: String? = nil,
                severity: Severity = .error) {
        self.code = code
        self.severity = severity
        self.message = message
        self.mark = mark
        self.suggestion = suggestion
        self.file = file
    }

    /// `file:line:column: error: message`, the line, a caret under the column, and the suggestion, each on a line of its own.
    ///
    /// The caret line repeats the tabs of the source line, so that the caret stands right whatever a tab's width. A long line
    /// shows its part around the caret. Control characters never reach the terminal.
    public func rendered(source: SourceText?) -> String {
        var lines: [String] = []
        if let mark {
            lines.append("\(file):\(mark.line):\(mark.column): \(severity.rawValue): \(message)")
            if let source, source.name == file, let line = source.scalars(ofLine: mark.line) {
                lines += Self.excerpt(of: line, column: mark.column)
            }
        } else {
            lines.append("\(file): \(severity.rawValue): \(message)")
        }
        if let suggestion { lines.append(" did you mean '\(suggestion)'?") }
        return lines.joined(separator: "\n")
    }

    private static func excerpt(of line: [Unicode.Scalar], column: Int) -> [String] {
        let width = 160
        let column = min(max(1, column), line.count + 1)
        var start = 0
        var end = line.count
        if line.count > width {
            start = max(0, min(column - 1 - width / 2, line.count - width))
            end = start + width
        }
        var shown = String.UnicodeScalarView()
        var caret = String.UnicodeScalarView()
        if start > 0 {
            shown.append("…")
            caret.append(" ")
        }
        for (index, scalar) in line[start..<end].enumerated() {
            shown.append(Quoted.isControl(scalar) && scalar != "\t" ? "\u{FFFD}" : scalar)
            if start + index < column - 1 { caret.append(scalar == "\t" ? "\t" : " ") }
        }
        if end < line.count { shown.append("…") }
        caret.append("^")
        return [String(shown), String(caret)]
    }
}

/// Everything found wrong in one pass, in the order of the file. Never empty when thrown.
public struct Diagnostics: Error, Sendable, Hashable, CustomStringConvertible {
    public var all: [Diagnostic]

    public init(_ all: [Diagnostic]) {
        self.all = all
    }

    public init(_ one: Diagnostic) {
        all = [one]
    }

    public var errors: [Diagnostic] { all.filter { $0.severity == .error } }
    public var warnings: [Diagnostic] { all.filter { $0.severity == .warning } }

    /// The exit status that these call for: 65 (invalid pipeline), 69 when all that is wrong is a plug-in that is not there, 64 when
    /// all that is wrong is a `--set`; 0 without an error.
    public var exitStatus: Int32 {
        let codes = Set(errors.map(\.code))
        if codes.isEmpty { return 0 }
        if codes == [.missingPlugin] { return 69 }
        if codes == [.setting] { return 64 }
        return 65
    }

    /// Every diagnostic rendered, a line break between them.
    public func rendered(source: SourceText?) -> String {
        all.map { $0.rendered(source: source) }.joined(separator: "\n")
    }

    public var description: String { rendered(source: nil) }

    /// The object that `check --json` prints.
    public func json(file: String) -> JSON {
        .object([
            ("v", .int(1)),
            ("file", .string(file)),
            ("diagnostics", .array(all.map { diagnostic in
                .object([
                    ("line", diagnostic.mark.map { .int($0.line) } ?? .null),
                    ("column", diagnostic.mark.map { .int($0.column) } ?? .null),
                    ("severity", .string(diagnostic.severity.rawValue)),
                    ("code", .string(diagnostic.code.rawValue)),
                    ("message", .string(diagnostic.message)),
                    ("suggestion", diagnostic.suggestion.map { .string($0) } ?? .null),
                ])
            })),
        ])
    }
}

extension Diagnostic {
    static func tooLarge(file: String, bytes: Int) -> Diagnostic {
        Diagnostic(.limit, "the file has \(bytes) bytes; a pipeline may have at most \(SourceText.maximumBytes)", at: nil, file: file)
    }
}

/// Diagnostics as they are gathered, at most ``maximum`` of them.
struct DiagnosticList {
    static let maximum = 100
    let file: String
    private(set) var all: [Diagnostic] = []

    init(file: String) {
        self.file = file
    }

    var hasErrors: Bool { all.contains { $0.severity == .error } }

    mutating func error(_ code: Diagnostic.Code, _ mark: SourceMark?, _ message: String, suggestion: String? = nil) {
        append(Diagnostic(code, message, at: mark, file: file, suggestion: suggestion))
    }

    mutating func warning(_ code: Diagnostic.Code, _ mark: SourceMark?, _ message: String) {
        append(Diagnostic(code, message, at: mark, file: file, severity: .warning))
    }

    /// Adds one, unless it was said before: an alias leads to the same text more than once.
    mutating func append(_ diagnostic: Diagnostic) {
        guard all.count < Self.maximum, !all.contains(diagnostic) else { return }
        all.append(diagnostic)
    }

    mutating func append(contentsOf diagnostics: [Diagnostic]) {
        for diagnostic in diagnostics { append(diagnostic) }
    }

    /// In the order of the file; what has no place comes first.
    var sorted: [Diagnostic] {
        let start = SourceMark(line: 0, column: 0)
        return all.enumerated()
            .sorted { ($0.element.mark ?? start, $0.offset) < ($1.element.mark ?? start, $1.offset) }
            .map(\.element)
    }
}

/// User text inside a message: quoted, one line, bounded, without control characters.
enum Quoted {
    static func text(_ text: String) -> String {
        let limit = 60
        var view = String.UnicodeScalarView()
        for (count, scalar) in text.unicodeScalars.enumerated() {
            if count == limit {
                view.append("…")
                break
            }
            view.append(isControl(scalar) ? (scalar == "\n" || scalar == "\t" ? " " : "\u{FFFD}") : scalar)
        }
        return "'\(String(view))'"
    }

    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || SourceText.isLineBreak(scalar)
    }
}
