/// From text, or from an expression's value, to the value that a parameter takes. Image-typed parameters are read elsewhere: they
/// need to know which images there are.
extension ParameterDescription {
    /// The name of a file that the pipeline itself opens or hands on.
    static let file = ParameterDescription("file", .file, required: true)

    /// The value that `text` spells.
    func value(ofText text: String) throws(ScalarText.Problem) -> Value {
        // A C string would end there: 'a\0.png' would name the file 'a'.
        guard !text.utf8.contains(0) else { throw ScalarText.Problem(message: "must not hold a NUL character") }
        switch type {
        case .bool: return .bool(try ScalarText.bool(text))
        case .int: return .int(try checked(try ScalarText.int(text)))
        case .size: return .int(try checked(try ScalarText.size(text, of: sizeUnit)))
        case .double: return .double(try checked(try ScalarText.double(text)))
        case .string: return .string(choices.isEmpty ? text : try choice(text))
        case .file, .profile:
            guard !text.isEmpty else {
                throw ScalarText.Problem(message: "must be \(type.described), not \(Quoted.text(text))")
            }
            return .string(text)
        case .choice: return .string(try choice(text))
        case .interpolate: return .string(choices.isEmpty ? text : try choice(text))
        case .flags:
            var flags: [Value] = []
            for part in text.split(separator: "|") { flags.append(.string(try choice(Self.trimmed(part)))) }
            return .list(try counted(flags))
        case .colour:
            guard let bands = try ScalarText.hexColour(text) else { return .list(try counted([.double(try checked(try ScalarText.double(text)))])) }
            let scale = maximum ?? 1
            return .list(try counted(bands.map { .double($0 * scale) }))
        case .ints, .doubles, .strings: return .list(try counted([try element(ofText: text)]))
        case .json: return Self.guess(text)
        case .image, .images: throw ScalarText.Problem(message: "must be an image, not \(Quoted.text(text))")
        }
    }

    /// The value that an expression's result stands for. Types are kept: a number is no text, except where a text is wanted.
    func value(of result: Value) throws(ScalarText.Problem) -> Value {
        switch (type, result) {
        case (_, .list(let items)) where type.isList:
            var values: [Value] = []
            for item in items { values.append(try element(of: item)) }
            return .list(try counted(values))
        case (.bool, .bool), (.json, _): return result
        case (.int, .int(let value)), (.size, .int(let value)): return .int(try checked(value))
        case (.int, .double(let value)), (.size, .double(let value)):
            guard let whole = Int(exactly: value) else {
                throw ScalarText.Problem(message: "must be an integer, not \(NumberText.shortest(value)): use round(...)")
            }
            return .int(try checked(whole))
        case (.double, .int(let value)): return .double(try checked(Double(value)))
        case (.double, .double(let value)): return .double(try checked(value))
        case (.size, .string(let text)), (.flags, .string(let text)), (.choice, .string(let text)), (.interpolate, .string(let text)),
             (.string, .string(let text)), (.file, .string(let text)), (.profile, .string(let text)), (.strings, .string(let text)):
            return try value(ofText: text)
        case (.colour, .string(let text)) where text.hasPrefix("#"): return try value(ofText: text)
        case (.string, .int), (.string, .double), (.string, .bool): return try value(ofText: result.description)
        case (.colour, _), (.ints, _), (.doubles, _), (.strings, _): return .list(try counted([try element(of: result)]))
        default: throw ScalarText.Problem(message: "must be \(type.described), not \(result.described)")
        }
    }

    /// One item of a list.
    func element(ofText text: String) throws(ScalarText.Problem) -> Value {
        switch type {
        case .ints: .int(try checked(try ScalarText.int(text)))
        case .doubles, .colour: .double(try checked(try ScalarText.double(text)))
        case .flags: .string(try choice(text))
        case .strings where !choices.isEmpty: .string(try choice(text))
        case .strings: try ParameterDescription(name, .string).value(ofText: text)
        default: try value(ofText: text)
        }
    }

    func element(of result: Value) throws(ScalarText.Problem) -> Value {
        switch (type, result) {
        case (.ints, .int(let value)): return .int(try checked(value))
        case (.ints, .double(let value)):
            guard let whole = Int(exactly: value) else {
                throw ScalarText.Problem(message: "must be integers, not \(NumberText.shortest(value)): use round(...)")
            }
            return .int(try checked(whole))
        case (.doubles, .int), (.doubles, .double), (.colour, .int), (.colour, .double): return .double(try checked(result.number ?? 0))
        case (.flags, .string(let text)), (.strings, .string(let text)): return try element(ofText: text)
        default: throw ScalarText.Problem(message: "must be \(type.described), not a list with \(result.described)")
        }
    }

    /// `items`, if a list may have so many.
    func counted(_ items: [Value]) throws(ScalarText.Problem) -> [Value] {
        guard let counts, !counts.contains(items.count) else { return items }
        let wanted = if counts.lowerBound == counts.upperBound {
            counts.lowerBound == 1 ? "1 item" : "\(counts.lowerBound) items"
        } else if counts.upperBound == Int.max {
            "at least \(counts.lowerBound) items"
        } else {
            "\(counts.lowerBound) to \(counts.upperBound) items"
        }
        throw ScalarText.Problem(message: "must have \(wanted), not \(items.count)")
    }

    private func checked(_ value: Int) throws(ScalarText.Problem) -> Int {
        _ = try checked(Double(value), shown: String(value))
        return value
    }

    private func checked(_ value: Double) throws(ScalarText.Problem) -> Double {
        try checked(value, shown: NumberText.shortest(value))
    }

    private func checked(_ value: Double, shown: String) throws(ScalarText.Problem) -> Double {
        guard value.isFinite else { throw ScalarText.Problem(message: "must be a finite number") }
        if let minimum, value < minimum { throw ScalarText.Problem(message: "must be \(rangeText ?? "larger"), not \(shown)") }
        if let maximum, value > maximum { throw ScalarText.Problem(message: "must be \(rangeText ?? "smaller"), not \(shown)") }
        return value
    }

    /// The choice as declared; `-` and `_` are the same.
    private func choice(_ text: String) throws(ScalarText.Problem) -> String {
        if let found = choices.first(where: { $0 == text }) ?? choices.first(where: { Names.same($0, text) }) { return found }
        let shown = choices.prefix(12).joined(separator: ", ") + (choices.count > 12 ? ", ..." : "")
        throw ScalarText.Problem(message: "must be one of \(shown), not \(Quoted.text(text))", suggestion: NearestName.of(text, among: choices))
    }

    private static func trimmed(_ text: Substring) -> String {
        String(String(text.drop { $0 == " " }.reversed()).drop { $0 == " " }.reversed())
    }

    /// For `json`: an integer, a number, true or false if the text looks like one, otherwise text.
    private static func guess(_ text: String) -> Value {
        if let value = try? ScalarText.int(text) { return .int(value) }
        if let value = try? ScalarText.double(text) { return .double(value) }
        if text == "true" || text == "false" { return .bool(text == "true") }
        return .string(text)
    }
}
