/// `requires`, `vars`, `limits` and `input`.
extension PipelineReader {
    mutating func requirements(_ node: SourceNode) -> Requirements {
        var requirements = Requirements()
        guard let fields = fields(of: node, what: "'requires'", allowed: ["vips", "plugins"]) else { return requirements }
        if let entry = fields["vips"] {
            requirements.vips = versions(entry)
            requirements.vipsMark = entry.value.mark
        }
        guard let plugins = fields["plugins"] else { return requirements }
        guard case .mapping(let entries) = plugins.value.content else {
            list.error(.structure, plugins.value.mark, "'plugins' must map plug-in names to versions, as {acme.grain: \">=1.2\"}, not \(plugins.value.kind)")
            return requirements
        }
        for entry in entries {
            if case .mapping = entry.value.content {
                guard let pin = self.fields(of: entry.value, what: "'\(entry.key)'", allowed: ["version", "sha256"]) else { continue }
                let range = pin["version"].flatMap { versions($0) }, hash = pin["sha256"].flatMap { sha256($0) }
                requirements.plugins.append(Requirements.Plugin(name: entry.key, range: range, sha256: hash, mark: entry.keyMark))
            } else if let range = versions(entry) {
                requirements.plugins.append(Requirements.Plugin(name: entry.key, range: range, sha256: nil, mark: entry.keyMark))
            }
        }
        return requirements
    }

    private mutating func sha256(_ entry: SourceNode.Entry) -> String? {
        guard let text = text(entry) else { return nil }
        let isHash = text.utf8.count == 64 && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0 | 0x20) }
        if isHash { return text.lowercased() }
        list.error(.value, entry.value.mark, "'sha256' must be 64 hexadecimal digits, as 'aquatint plugins list' shows them, not \(Quoted.text(text))")
        return nil
    }

    private mutating func versions(_ entry: SourceNode.Entry) -> VersionRange? {
        guard let text = text(entry) else { return nil }
        if let range = VersionRange(text) { return range }
        list.error(.value, entry.value.mark, "'\(entry.key)' must be a version such as \">=8.14\" or \">=1.2, <2\", not \(Quoted.text(text))")
        return nil
    }

    // MARK: Variables

    private static let variableTypes: [ParameterType] = [.int, .double, .bool, .string]
    private static let otherTypeNames = [
        "integer": "int", "number": "double", "float": "double", "real": "double", "boolean": "bool", "str": "string", "text": "string",
    ]

    mutating func variables(_ node: SourceNode) -> [Variable] {
        guard case .mapping(let entries) = node.content else {
            if !node.isEmpty { list.error(.structure, node.mark, "'vars' must map names to values, as {quality: 82}, not \(node.kind)") }
            return []
        }
        return entries.compactMap { variable($0) }
    }

    private mutating func variable(_ entry: SourceNode.Entry) -> Variable? {
        if Names.reservedVariables.contains(entry.key) {
            list.error(.variable, entry.keyMark, "\(Quoted.text(entry.key)) has a meaning of its own and cannot name a variable")
            return nil
        }
        guard Names.isVariable(entry.key) else {
            list.error(.variable, entry.keyMark, "\(Quoted.text(entry.key)) cannot name a variable: use letters, digits and '_', a letter first",
                       suggestion: Names.isVariable(Names.canonical(entry.key)) ? Names.canonical(entry.key) : nil)
            return nil
        }
        switch entry.value.content {
        case .scalar(let scalar):
            guard !entry.value.isEmpty else {
                list.error(.structure, entry.value.mark, "the variable \(Quoted.text(entry.key)) has no value: give a default, or {type: int} for one that --set must give")
                return nil
            }
            let (type, value) = Self.guess(scalar.text)
            return Variable(name: entry.key, mark: entry.keyMark, parameter: ParameterDescription(entry.key, type, fallback: value))
        case .sequence:
            list.error(.structure, entry.value.mark, "the variable \(Quoted.text(entry.key)) must be a single value or a mapping with type, default, min, max, choices, doc, not a list")
            return nil
        case .mapping:
            return declared(entry)
        }
    }

    /// The type that a default looks like.
    private static func guess(_ text: String) -> (ParameterType, Value) {
        if let value = try? ScalarText.int(text) { return (.int, .int(value)) }
        if let value = try? ScalarText.double(text) { return (.double, .double(value)) }
        if text == "true" || text == "false" { return (.bool, .bool(text == "true")) }
        return (.string, .string(text))
    }

    /// The long form of a variable.
    private mutating func declared(_ entry: SourceNode.Entry) -> Variable? {
        let allowed = ["type", "default", "min", "max", "choices", "doc"]
        guard let fields = fields(of: entry.value, what: "the variable \(Quoted.text(entry.key))", allowed: allowed) else { return nil }
        let fallback = fields["default"].flatMap { text($0) }
        guard let type = variableType(fields["type"], fallback: fallback, choices: fields["choices"]) else { return nil }
        var parameter = ParameterDescription(entry.key, type, required: fields["default"] == nil)
        parameter.name = entry.key
        parameter.doc = fields["doc"].flatMap { text($0) } ?? ""
        for key in ["min", "max"] {
            guard let bound = fields[key] else { continue }
            guard type == .int || type == .double else {
                list.error(.structure, bound.keyMark, "'\(key)' is for numbers, and \(Quoted.text(entry.key)) is \(type.described)")
                continue
            }
            let number = typed(bound, ScalarText.double)
            if key == "min" { parameter.minimum = number } else { parameter.maximum = number }
        }
        if let low = parameter.minimum, let high = parameter.maximum, low > high, let bound = fields["max"] {
            list.error(.value, bound.value.mark, "'max' is below 'min'")
            return nil
        }
        if let choices = fields["choices"] {
            guard let names = self.choices(choices, of: type) else { return nil }
            parameter.choices = names
        }
        if let fallback, let node = fields["default"]?.value {
            do throws(ScalarText.Problem) {
                parameter.fallback = try parameter.variableValue(ofText: fallback)
            } catch {
                list.error(.value, node.mark, "the default of \(Quoted.text(entry.key)) \(error.message)", suggestion: error.suggestion)
                return nil
            }
        }
        return Variable(name: entry.key, mark: entry.keyMark, parameter: parameter)
    }

    private mutating func variableType(_ entry: SourceNode.Entry?, fallback: String?, choices: SourceNode.Entry?) -> ParameterType? {
        guard let entry else { return fallback.map { Self.guess($0).0 } ?? .string }
        guard let name = text(entry) else { return nil }
        if let type = ParameterType(rawValue: name), Self.variableTypes.contains(type) { return type }
        let names = Self.variableTypes.map(\.rawValue)
        list.error(.value, entry.value.mark, "'type' must be one of \(names.joined(separator: ", ")), not \(Quoted.text(name))",
                   suggestion: Self.otherTypeNames[name.lowercased()] ?? NearestName.of(name, among: names))
        return nil
    }

    private mutating func choices(_ entry: SourceNode.Entry, of type: ParameterType) -> [String]? {
        guard case .sequence(let items) = entry.value.content, !items.isEmpty, type != .bool else {
            list.error(.structure, entry.value.mark, type == .bool ? "'choices' says nothing more of true or false" : "'choices' must be a list of values, not \(entry.value.kind)")
            return nil
        }
        let plain = ParameterDescription("choices", type)
        var names: [String] = []
        for item in items {
            guard let text = text(item, what: "a choice") else { return nil }
            do throws(ScalarText.Problem) {
                names.append(try plain.value(ofText: text).description)
            } catch {
                list.error(.value, item.mark, "a choice \(error.message)", suggestion: error.suggestion)
                return nil
            }
        }
        return names
    }

    // MARK: Limits and input

    mutating func limits(_ node: SourceNode) -> Limits {
        var limits = Limits()
        guard let fields = fields(of: node, what: "'limits'", allowed: ["max_pixels", "timeout", "max_memory"]) else { return limits }
        limits.maxPixels = typed(fields["max_pixels"]) { text throws(ScalarText.Problem) in try Self.positive(ScalarText.size(text, of: .pixels)) }
        limits.maxMemory = typed(fields["max_memory"]) { text throws(ScalarText.Problem) in try Self.positive(ScalarText.size(text, of: .bytes)) }
        limits.timeout = typed(fields["timeout"], ScalarText.seconds)
        return limits
    }

    private static func positive(_ number: Int) throws(ScalarText.Problem) -> Int {
        guard number > 0 else { throw ScalarText.Problem(message: "must be more than 0") }
        return number
    }

    mutating func input(_ node: SourceNode) -> InputSettings {
        var input = InputSettings()
        guard let fields = fields(of: node, what: "'input'", allowed: ["autorot", "pages", "width", "on_damage", "untrusted", "options"]) else { return input }
        if let value = typed(fields["autorot"], ScalarText.bool) { input.autorot = value }
        if let value = typed(fields["pages"], Self.pages) { input.pages = value }
        input.width = typed(fields["width"]) { text throws(ScalarText.Problem) in try Self.positive(ScalarText.int(text)) }
        if let value = typed(fields["untrusted"], ScalarText.bool) { input.allowsUntrusted = value }
        if let value: InputSettings.Damage = fields["on_damage"].flatMap({ choice($0) }) { input.onDamage = value }
        input.options = options(fields["options"])
        return input
    }

    private static func pages(_ text: String) throws(ScalarText.Problem) -> PageSelection {
        switch text {
        case "first": return .first
        case "all": return .all
        default: break
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let ends = parts.count == 1 ? [parts[0], parts[0]] : parts.count == 3 && parts[1].isEmpty ? [parts[0], parts[2]] : []
        let numbers = ends.compactMap { try? ScalarText.int($0) }
        guard numbers.count == 2, numbers[0] >= 1, numbers[0] <= numbers[1] else {
            throw ScalarText.Problem(message: "must be first, all, a page (from 1) or pages such as 2..5, not \(Quoted.text(text))")
        }
        return .range(numbers[0]...numbers[1])
    }
}

extension ParameterDescription {
    /// As ``value(ofText:)``, for a variable: numbers may have `choices`, too.
    func variableValue(ofText text: String) throws(ScalarText.Problem) -> Value {
        let value = try value(ofText: text)
        guard type == .int || type == .double, !choices.isEmpty, !choices.contains(value.description) else { return value }
        throw ScalarText.Problem(message: "must be one of \(choices.joined(separator: ", ")), not \(Quoted.text(text))")
    }
}
