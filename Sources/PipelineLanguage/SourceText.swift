/// A place in a source text. Lines and columns count from 1; columns count Unicode code points (a tab is one).
public struct SourceMark: Sendable, Hashable, Comparable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static func < (left: SourceMark, right: SourceMark) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// A pipeline file's text with the name it was given by, split into lines as YAML splits them.
///
/// A leading byte order mark is dropped, so that column 1 is the first thing an editor shows. Lines end at LF, CR, CRLF, NEL,
/// LS and PS: YAML 1.1's list, which is what the parser's line numbers count.
public struct SourceText: Sendable, Hashable {
    /// The largest pipeline file that is read, in bytes.
    public static let maximumBytes = 1_000_000

    /// The path as the user gave it; what diagnostics print.
    public let name: String
    /// The text without a byte order mark.
    public let text: String
    private let lines: [[Unicode.Scalar]]

    public init(name: String, text: String) {
        self.name = name
        let body = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        self.text = body
        // A text over the limit is refused by the reader: do not spend memory on its lines.
        lines = body.utf8.count > Self.maximumBytes ? [] : Self.split(body)
    }

    /// The text of a file's bytes, which must be UTF-8 and at most ``maximumBytes`` long.
    public init(name: String, bytes: [UInt8]) throws(Diagnostics) {
        guard bytes.count <= Self.maximumBytes + 3 else {
            throw Diagnostics(.tooLarge(file: name, bytes: bytes.count))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Diagnostics(Diagnostic(.syntax, "the file is not UTF-8 text: save it as UTF-8",
                                         at: Self.firstInvalid(in: bytes), file: name))
        }
        self.init(name: name, text: text)
    }

    /// The number of lines; a text that ends with a line break has an empty last line.
    public var lineCount: Int { lines.count }

    /// Line `number`, from 1, without its line break; nil past the end.
    public func line(_ number: Int) -> String? {
        scalars(ofLine: number).map { line in
            var view = String.UnicodeScalarView()
            view.append(contentsOf: line)
            return String(view)
        }
    }

    /// The folder part of ``name``, against which relative files in the pipeline resolve; "." for a bare name.
    public var directory: String {
        guard let slash = name.lastIndex(of: "/") else { return "." }
        return slash == name.startIndex ? "/" : String(name[..<slash])
    }

    func scalars(ofLine number: Int) -> [Unicode.Scalar]? {
        lines.indices.contains(number - 1) ? lines[number - 1] : nil
    }

    /// The nearest place that exists: the parser reports an unexpected end one line past the text.
    func clamped(_ mark: SourceMark) -> SourceMark {
        guard let last = lines.last else { return SourceMark(line: 1, column: 1) }
        guard mark.line <= lines.count else { return SourceMark(line: lines.count, column: last.count + 1) }
        let line = max(1, mark.line)
        return SourceMark(line: line, column: min(max(1, mark.column), lines[line - 1].count + 1))
    }

    static func isLineBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
        default: false
        }
    }

    private static func split(_ text: String) -> [[Unicode.Scalar]] {
        var lines: [[Unicode.Scalar]] = []
        var line: [Unicode.Scalar] = []
        var afterReturn = false
        for scalar in text.unicodeScalars {
            defer { afterReturn = scalar == "\r" }
            if scalar == "\n", afterReturn { continue }
            if isLineBreak(scalar) {
                lines.append(line)
                line.removeAll()
            } else {
                line.append(scalar)
            }
        }
        lines.append(line)
        return lines
    }

    /// Where the first byte sits that is not part of valid UTF-8.
    private static func firstInvalid(in bytes: [UInt8]) -> SourceMark {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var mark = SourceMark(line: 1, column: 1)
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            if scalar == "\n" {
                mark = SourceMark(line: mark.line + 1, column: 1)
            } else {
                mark.column += 1
            }
        }
        return mark
    }
}
