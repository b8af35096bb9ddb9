/// What the fields of an output name stand for, for one input.
public struct TemplateFields: Sendable, Hashable {
    /// The input's name without its extension.
    public var stem: String
    /// The extension as spelled, with its dot; empty without one.
    public var ext: String
    /// The input's place below the directory that was given, without a slash at either end; empty for that directory itself.
    public var dir: String
    /// From 1, in natural order of the inputs.
    public var index: Int
    /// From 1.
    public var page: Int

    public init(stem: String, ext: String, dir: String = "", index: Int = 1, page: Int = 1) {
        self.stem = stem
        self.ext = ext
        self.dir = dir
        self.index = index
        self.page = page
    }

    /// The input's name with its extension.
    public var name: String { stem + ext }

    subscript(field: Template.Field) -> String {
        switch field {
        case .stem: stem
        case .name: name
        case .ext: ext
        case .dir: dir.isEmpty ? "." : dir
        case .index: String(index)
        case .page: String(page)
        }
    }
}

/// The name of an output file: text, fields in braces, `${...}`. `{{` and `}}` are plain braces.
public struct Template: Sendable, Hashable {
    public enum Field: String, Sendable, Hashable, CaseIterable { case stem, name, ext, dir, index, page }

    public enum Segment: Sendable, Hashable {
        case text(String)
        case field(Field)
        case expression(Expression)
    }

    public let mark: SourceMark
    /// As written.
    public let source: String
    public let segments: [Segment]
    private let file: String

    /// `{stem}{ext}`: the input's own name.
    static func inputName(at mark: SourceMark, file: String) -> Template {
        Template(mark: mark, source: "{stem}{ext}", segments: [.field(.stem), .field(.ext)], file: file)
    }

    private init(mark: SourceMark, source: String, segments: [Segment], file: String) {
        self.mark = mark
        self.source = source
        self.segments = segments
        self.file = file
    }

    init(_ scalar: SourceNode.Scalar, at mark: SourceMark, in source: SourceText) throws(Diagnostic) {
        let marks = ScalarLayout.marks(of: scalar, at: mark, in: source)
        let scalars = Array(scalar.text.unicodeScalars)
        var segments: [Segment] = []
        var text = String.UnicodeScalarView()
        func refuse(_ message: String, _ index: Int, _ suggestion: String? = nil) -> Diagnostic {
            Diagnostic(.outputName, message, at: marks[index], file: source.name, suggestion: suggestion)
        }
        func flush() {
            if !text.isEmpty { segments.append(.text(String(text))) }
            text.removeAll()
        }
        var index = 0
        while index < scalars.count {
            let rest = scalars[index...]
            if rest.starts(with: ["$", "$", "{"]) {
                text.append(contentsOf: ["$", "{"])
                index += 3
            } else if rest.starts(with: ["$", "{"]) {
                let end = try Interpolation.end(of: scalars, from: index, marks, source.name)
                flush()
                segments.append(.expression(try ExpressionParser.parse(scalars[(index + 2)..<end], marks: marks[(index + 2)...end], file: source.name)))
                index = end + 1
            } else if rest.starts(with: ["{", "{"]) || rest.starts(with: ["}", "}"]) {
                text.append(scalars[index])
                index += 2
            } else if scalars[index] == "{" {
                guard let end = scalars[index...].firstIndex(of: "}") else { throw refuse("this '{' is never closed with '}'", index) }
                var view = String.UnicodeScalarView()
                view.append(contentsOf: scalars[(index + 1)..<end])
                let name = String(view)
                guard let field = Field(rawValue: name) else {
                    let fields = Field.allCases.map(\.rawValue)
                    throw refuse("\(Quoted.text(name)) is not a field of an output name; the fields are \(fields.joined(separator: ", "))",
                                 index + 1, NearestName.of(name, among: fields))
                }
                flush()
                segments.append(.field(field))
                index = end + 1
            } else if scalars[index] == "}" {
                throw refuse("this '}' closes nothing: a plain brace is written '}}'", index)
            } else {
                text.append(scalars[index])
                index += 1
            }
        }
        flush()
        self.init(mark: mark, source: scalar.text, segments: segments, file: source.name)
        try checkText()
    }

    /// What can be refused without an input: an empty or absolute name, `..`.
    private func checkText() throws(Diagnostic) {
        guard !segments.isEmpty else { throw outputName("an output needs a name") }
        if case .text(let first) = segments[0], first.hasPrefix("/") {
            throw outputName("an output name is relative to the output directory; \(Quoted.text(source)) begins with '/'")
        }
        if case .text(let last) = segments[segments.count - 1], last.hasSuffix("/") {
            throw outputName("an output name must end in a file name, not in '/'")
        }
        // A stand-in for what is not text, so that '{stem}..' is not taken for '..'.
        let skeleton = segments.map { if case .text(let text) = $0 { text } else { "x" } }.joined()
        if skeleton.split(separator: "/").contains("..") {
            throw outputName("\(Quoted.text(source)) leaves the output directory: '..' is not allowed in an output name")
        }
    }

    private func outputName(_ message: String) -> Diagnostic {
        Diagnostic(.outputName, message, at: mark, file: file)
    }

    public var expressions: [Expression] {
        segments.compactMap { if case .expression(let expression) = $0 { expression } else { nil } }
    }

    /// The extension with its dot, if the template itself says it; nil where it comes from `{ext}`, `{name}` or an expression.
    public var literalExtension: String? {
        guard case .text(let last) = segments.last else { return nil }
        return Self.fileExtension(last)
    }

    /// The part of a path from the last dot of its last component on.
    static func fileExtension(_ path: String) -> String? {
        guard let dot = path.lastIndex(of: "."), !path[dot...].contains("/") else { return nil }
        return String(path[dot...])
    }

    /// Whether the template puts the input's place somewhere itself; otherwise it is relative to that place.
    public var usesDirectory: Bool { segments.contains(.field(.dir)) }

    /// Whether each page of an input has a file of its own.
    public var usesPage: Bool { segments.contains(.field(.page)) }

    /// The path of the output below the output directory, without `.` or `..` and without a slash at either end.
    ///
    /// Throws where an expression fails, and where the name would be empty, absolute, leave the directory, or hold a control character
    /// or a part longer than 255 bytes.
    public func expand(_ fields: TemplateFields, _ environment: Environment = Environment()) throws(Diagnostic) -> String {
        let evaluator = Evaluator(environment: environment, file: file)
        var path = usesDirectory ? "" : fields.dir.isEmpty ? "" : fields.dir + "/"
        let place = path
        for segment in segments {
            switch segment {
            case .text(let text): path += text
            case .field(let field): path += fields[field]
            case .expression(let expression):
                do throws(Evaluator.Failure) {
                    let value = try evaluator.value(of: expression)
                    switch value {
                    case .bool, .int, .double, .string: path += value.description
                    default: throw Evaluator.Failure.failed(outputName("\(value.described) cannot stand in an output name"))
                    }
                } catch {
                    switch error {
                    case .failed(let diagnostic): throw diagnostic
                    case .pending: throw outputName("the output name \(Quoted.text(source)) needs a value that is not known yet")
                    }
                }
            }
        }
        return try Self.normalised(path, isAbsolute: path.dropFirst(place.count).hasPrefix("/"), refuse: outputName)
    }

    private static func normalised(_ path: String, isAbsolute: Bool, refuse: (String) -> Diagnostic) throws(Diagnostic) -> String {
        guard !isAbsolute, !path.hasPrefix("/") else {
            throw refuse("the output name \(Quoted.text(path)) is absolute; it must stay in the output directory")
        }
        guard !path.unicodeScalars.contains(where: Quoted.isControl) else {
            throw refuse("the output name \(Quoted.text(path)) holds a control character")
        }
        guard let last = path.split(separator: "/", omittingEmptySubsequences: false).last, !last.isEmpty, last != "." else {
            throw refuse("the output name \(Quoted.text(path)) does not end in a file name")
        }
        let parts = path.split(separator: "/").filter { $0 != "." }
        guard !parts.contains("..") else {
            throw refuse("the output name \(Quoted.text(path)) leaves the output directory")
        }
        guard !parts.contains(where: { $0.utf8.count > 255 }) else {
            throw refuse("the output name \(Quoted.text(path)) has a part of more than 255 bytes")
        }
        return parts.joined(separator: "/")
    }
}
