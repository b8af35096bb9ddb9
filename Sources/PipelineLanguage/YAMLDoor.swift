import Yams

/// Reads YAML into ``SourceNode``, bounded at every step: the one place that knows the parser.
///
/// Two of the parser's habits are turned off by rewriting the text before it is parsed, code point for code point, so that every
/// mark stays true:
///
/// - `*` becomes a private-use character. The parser copies an aliased tree at each use, and hashes whole trees to find duplicate
///   keys, so nine short lines can cost it hours. Here an alias arrives as a scalar and is expanded, and counted, by us.
/// - The first of two equal keys is disguised and the text parsed again. The parser stops at the first such mapping and tells the
///   place of the first key; users need all of them, at the second key.
struct YAMLDoor {
    /// Levels of lists and mappings in a file.
    static let maximumDepth = 32
    /// Nodes that all aliases of a file together may stand for.
    static let maximumAliasNodes = 10_000
    /// Duplicate keys that are looked for before reading gives up.
    static let maximumDuplicates = 16

    private let source: SourceText
    private var diagnostics: DiagnosticList
    private var anchors: [String: Anchored] = [:]
    private var openAnchors: Set<String> = []
    private var aliasNodes = 0
    private var alias: Unicode.Scalar = "*"
    private var disguise: Unicode.Scalar = "_"
    private var disguised: [SourceMark: Unicode.Scalar] = [:]

    private struct Anchored {
        var node: SourceNode
        var nodes: Int
        var height: Int
    }

    /// Ends the reading: what is wrong has been noted.
    private struct Stop: Error {}

    private init(_ source: SourceText) {
        self.source = source
        diagnostics = DiagnosticList(file: source.name)
    }

    /// The document in `source`. Duplicate keys are all reported; any other mistake ends the reading.
    static func read(_ source: SourceText) throws(Diagnostics) -> SourceNode {
        var door = YAMLDoor(source)
        let root = try? door.document()
        guard let root, !door.diagnostics.hasErrors else { throw Diagnostics(door.diagnostics.sorted) }
        return root
    }

    private mutating func document() throws(Stop) -> SourceNode {
        let bytes = source.text.utf8.count
        guard bytes <= SourceText.maximumBytes else {
            diagnostics.append(.tooLarge(file: source.name, bytes: bytes))
            throw Stop()
        }
        try checkCharacters()
        guard let spare = Self.unusedCharacters(in: source.text) else {
            throw stop(.limit, nil, "the file uses every private-use character of Unicode")
        }
        (alias, disguise) = spare
        for _ in 0...Self.maximumDuplicates {
            do {
                let parser = try Parser(yaml: disguisedText(), resolver: .basic, encoding: .utf8)
                // Nodes hold their anchors weakly; the parser owns them.
                return try withExtendedLifetime(parser) { () throws -> SourceNode in
                    guard let root = try parser.singleRoot() else {
                        throw stop(.structure, SourceMark(line: 1, column: 1), "the file is empty: a pipeline begins with 'version: 1'")
                    }
                    return try convert(root, depth: 1).node
                }
            } catch let error as YamlError {
                if case .duplicatedKeysInMapping(let names, let context) = error {
                    if disguiseKey(at: context.mark) { continue }
                    throw stop(.syntax, source.clamped(SourceMark(line: context.mark.line, column: context.mark.column)),
                               "the key \(Quoted.text(restored(names.first ?? ""))) is written twice in one mapping")
                }
                diagnostics.append(YAMLProblem.diagnostic(for: error, in: source))
                throw Stop()
            } catch {
                throw Stop()
            }
        }
        throw stop(.syntax, nil, "the file has more than \(Self.maximumDuplicates) keys that are written twice")
    }

    private mutating func stop(_ code: Diagnostic.Code, _ mark: SourceMark?, _ message: String, suggestion: String? = nil) -> Stop {
        diagnostics.error(code, mark, message, suggestion: suggestion)
        return Stop()
    }

    // MARK: Before parsing

    /// Refuses what YAML does not allow in a file, with its place: the parser would only tell a byte offset.
    private mutating func checkCharacters() throws(Stop) {
        for number in 1...max(1, source.lineCount) {
            for (index, scalar) in (source.scalars(ofLine: number) ?? []).enumerated() {
                switch scalar.value {
                case 0x09, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: continue
                default:
                    let hex = String(scalar.value, radix: 16, uppercase: true)
                    throw stop(.syntax, SourceMark(line: number, column: index + 1),
                               "the character U+\(String(repeating: "0", count: max(0, 4 - hex.count)))\(hex) is not allowed in YAML")
                }
            }
        }
    }

    /// Two private-use characters that the text does not use.
    private static func unusedCharacters(in text: String) -> (Unicode.Scalar, Unicode.Scalar)? {
        var used: Set<UInt32> = []
        for scalar in text.unicodeScalars where (0xE000...0xF8FF).contains(scalar.value) { used.insert(scalar.value) }
        let free = (UInt32(0xE000)...0xF8FF).lazy.filter { !used.contains($0) }.compactMap(Unicode.Scalar.init).prefix(2)
        guard let first = free.first, let second = free.dropFirst().first else { return nil }
        return (first, second)
    }

    private func disguisedText() -> String {
        var view = String.UnicodeScalarView()
        for number in 1...max(1, source.lineCount) {
            if number > 1 { view.append("\n") }
            for (index, scalar) in (source.scalars(ofLine: number) ?? []).enumerated() {
                if !disguised.isEmpty, disguised[SourceMark(line: number, column: index + 1)] != nil {
                    view.append(disguise)
                } else {
                    view.append(scalar == "*" ? alias : scalar)
                }
            }
        }
        return String(view)
    }

    /// Makes the key at `mark` differ from every other; false where that cannot be done to its first letter.
    private mutating func disguiseKey(at mark: Mark) -> Bool {
        var place = SourceMark(line: mark.line, column: mark.column)
        guard let line = source.scalars(ofLine: place.line), line.indices.contains(place.column - 1) else { return false }
        if line[place.column - 1] == "\"" || line[place.column - 1] == "'" { place.column += 1 }
        guard line.indices.contains(place.column - 1), disguised[place] == nil else { return false }
        let scalar = line[place.column - 1]
        guard scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_" else { return false }
        disguised[place] = scalar
        return true
    }

    // MARK: After parsing

    private mutating func convert(_ node: Node, depth: Int) throws(Stop) -> Anchored {
        let mark = start(of: node)
        guard depth <= Self.maximumDepth else {
            throw stop(.limit, mark, "lists and mappings are nested deeper than \(Self.maximumDepth) levels here")
        }
        let anchor = node.anchor?.rawValue
        if let anchor { openAnchors.insert(anchor) }
        let converted: Anchored
        switch node {
        case .scalar(let scalar):
            try checkTag(node, is: .str, mark)
            if scalar.style == .plain, scalar.string.unicodeScalars.first == alias {
                return try expand(scalar.string, mark, depth)
            }
            let text = SourceNode.Scalar(text: restored(scalar.string), style: Self.style(scalar.style))
            converted = Anchored(node: SourceNode(content: .scalar(text), mark: mark), nodes: 1, height: 1)
        case .sequence(let sequence):
            try checkTag(node, is: .seq, mark)
            var items: [SourceNode] = []
            var (nodes, height) = (1, 0)
            for item in sequence {
                let each = try convert(item, depth: depth + 1)
                items.append(each.node)
                nodes += each.nodes
                height = max(height, each.height)
            }
            converted = Anchored(node: SourceNode(content: .sequence(items), mark: mark), nodes: nodes, height: height + 1)
        case .mapping(let mapping):
            try checkTag(node, is: .map, mark)
            var entries: [SourceNode.Entry] = []
            var (nodes, height) = (1, 0)
            var seen: Set<String> = []
            for (key, value) in mapping {
                let (name, keyMark) = try self.key(key, depth: depth)
                if !seen.insert(name).inserted {
                    diagnostics.error(.syntax, keyMark, "the key \(Quoted.text(name)) is written twice in one mapping")
                }
                let each = try convert(value, depth: depth + 1)
                entries.append(SourceNode.Entry(key: name, keyMark: keyMark, value: each.node))
                nodes += each.nodes + 1
                height = max(height, each.height)
            }
            converted = Anchored(node: SourceNode(content: .mapping(entries), mark: mark), nodes: nodes, height: height + 1)
        case .alias:
            throw stop(.syntax, mark, "this alias cannot be resolved")
        }
        if let anchor {
            anchors[anchor] = converted
            openAnchors.remove(anchor)
        }
        return converted
    }

    private mutating func key(_ node: Node, depth: Int) throws(Stop) -> (String, SourceMark) {
        let mark = start(of: node)
        guard case .scalar(let scalar) = node else {
            throw stop(.syntax, mark, "a key must be a name, not a list or a mapping")
        }
        try checkTag(node, is: .str, mark)
        if scalar.style == .plain, scalar.string.unicodeScalars.first == alias {
            throw stop(.syntax, mark, "a key must be a name, not an alias")
        }
        if scalar.style == .plain, scalar.string == "<<" {
            throw stop(.syntax, mark, "merge keys ('<<') are not part of the pipeline format: write the keys out, or alias a whole mapping")
        }
        var name = restored(scalar.string)
        // The disguise sits on the first letter of a name, quoted or not.
        for column in [mark.column, mark.column + 1] {
            if let letter = disguised[SourceMark(line: mark.line, column: column)], name.unicodeScalars.first == disguise {
                name = String(letter) + String(name.unicodeScalars.dropFirst())
            }
        }
        if let anchor = node.anchor?.rawValue {
            anchors[anchor] = Anchored(node: SourceNode(content: .scalar(.init(text: name, style: .plain)), mark: mark), nodes: 1, height: 1)
        }
        return (name, mark)
    }

    /// The node that an alias stands for. `text` begins with the stand-in for `*`.
    private mutating func expand(_ text: String, _ mark: SourceMark, _ depth: Int) throws(Stop) -> Anchored {
        let name = String(text.unicodeScalars.dropFirst())
        let isName = !name.isEmpty && name.unicodeScalars.allSatisfy {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "_" || $0 == "-"
        }
        guard isName else {
            throw stop(.syntax, mark, "a text that begins with '*' must be quoted: in YAML '*' marks an alias")
        }
        guard let anchored = anchors[name], !openAnchors.contains(name) else {
            let message = openAnchors.contains(name)
                ? "the alias '*\(name)' stands inside the very node that it refers to"
                : "the alias '*\(name)' refers to no anchor above it: quote the text if no alias was meant"
            throw stop(.syntax, mark, message, suggestion: NearestName.of(name, among: anchors.keys).map { "*\($0)" })
        }
        aliasNodes += anchored.nodes
        guard aliasNodes <= Self.maximumAliasNodes else {
            throw stop(.limit, mark, "the aliases of this file expand to more than \(Self.maximumAliasNodes) nodes")
        }
        guard depth + anchored.height - 1 <= Self.maximumDepth else {
            throw stop(.limit, mark, "lists and mappings are nested deeper than \(Self.maximumDepth) levels here")
        }
        return anchored
    }

    private mutating func checkTag(_ node: Node, is expected: Tag.Name, _ mark: SourceMark) throws(Stop) {
        let name = node.tag.rawValue
        guard name != expected.rawValue else { return }
        let short = name.hasPrefix("tag:yaml.org,2002:") ? "!!" + name.dropFirst(18) : name
        throw stop(.syntax, mark, "tags (\(Quoted.text(short))) are not part of the pipeline format: leave it out")
    }

    private func restored(_ text: String) -> String {
        guard text.unicodeScalars.contains(alias) else { return text }
        var view = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { view.append(scalar == alias ? "*" : scalar) }
        return String(view)
    }

    /// The node's mark past `&anchor` and `!tag`, which the parser counts as its beginning.
    private func start(of node: Node) -> SourceMark {
        var mark = source.clamped(SourceMark(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1))
        while let line = source.scalars(ofLine: mark.line), mark.column <= line.count,
              line[mark.column - 1] == "&" || line[mark.column - 1] == "!" {
            var index = mark.column - 1
            while index < line.count, line[index] != " ", line[index] != "\t" { index += 1 }
            while index < line.count, line[index] == " " || line[index] == "\t" { index += 1 }
            if index < line.count, line[index] != "#" {
                mark.column = index + 1
            } else if mark.line < source.lineCount {
                // `&a` alone on its line: the node begins on the next line that says something.
                var next = mark.line + 1
                while next < source.lineCount, (source.scalars(ofLine: next) ?? []).allSatisfy({ $0 == " " }) { next += 1 }
                mark = SourceMark(line: next, column: (source.scalars(ofLine: next) ?? []).prefix { $0 == " " }.count + 1)
            } else {
                break
            }
        }
        return mark
    }

    private static func style(_ style: Node.Scalar.Style) -> SourceNode.Scalar.Style {
        switch style {
        case .any, .plain: .plain
        case .singleQuoted: .singleQuoted
        case .doubleQuoted: .doubleQuoted
        case .literal: .literal
        case .folded: .folded
        }
    }
}
