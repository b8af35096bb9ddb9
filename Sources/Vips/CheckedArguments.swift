import CVips

/// An argument that fits its parameter, in the form in which it is set.
enum CheckedValue: Sendable {
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case enumeration(Int)
    case flags(Int)
    case image(Image)
    case images([Image])
    case doubles([Double])
    case ints([Int32])
    case interpolate(String)
    case blob([UInt8])
    case sourceFile(String)
    case sourceBytes([UInt8])
    case targetFile(String)
    case target(FileTarget)
}

extension OperationClass {
    /// Checks all arguments and the names of the wanted outputs; nothing has been set when this throws.
    func check(
        _ arguments: [String: Argument], outputs: Set<String>
    ) throws(VipsError) -> (settings: [(property: Property, value: CheckedValue)], outputs: [Property]) {
        var given: [String: String] = [:]
        // Sorted, so that of several mistakes the same one is reported every time.
        for name in arguments.keys.sorted() {
            let canonical = OperationParameter.canonical(name)
            guard let property = properties[canonical], property.parameter.isInput else {
                throw error(unknown(name, among: description.inputs, what: "argument"))
            }
            if let other = given.updateValue(name, forKey: canonical) {
                throw error("'\(other)' and '\(name)' are the same argument; give it once")
            }
        }

        var settings: [(Property, CheckedValue)] = []
        var missing: [String] = []
        for parameter in description.inputs {
            guard let property = properties[parameter.name] else { continue }
            if let name = given[parameter.name], let argument = arguments[name] {
                settings.append((property, try checked(argument, for: parameter)))
            } else if parameter.isRequired {
                missing.append("'\(parameter.name)' (\(parameter.kind.noun))")
            }
        }
        guard missing.isEmpty else {
            throw error("missing required argument\(missing.count == 1 ? "" : "s") \(missing.joined(separator: ", "))")
        }

        let wanted = Set(outputs.map(OperationParameter.canonical))
        for name in wanted.sorted() {
            guard let parameter = properties[name]?.parameter, parameter.isOutput || parameter.isModified else {
                throw error(unknown(name, among: description.outputs, what: "output"))
            }
        }
        let results = description.outputs.filter {
            $0.isModified || $0.isRequired || wanted.contains($0.name)
        }
        return (settings, results.compactMap { properties[$0.name] })
    }

    private func error(_ message: String) -> VipsError {
        VipsError(operation: description.nickname, message: message)
    }

    private func unknown(_ name: String, among parameters: [OperationParameter], what: String) -> String {
        let names = parameters.filter { !$0.isDeprecated }.map(\.name)
        let suggestion = Spelling.suggestion(for: name, in: names)
        if !suggestion.isEmpty { return "no \(what) '\(name)'\(suggestion)" }
        return names.isEmpty ? "no \(what) '\(name)': it has none" : "no \(what) '\(name)'; it has \(names.joined(separator: ", "))"
    }

    // MARK: One value

    private func checked(_ argument: Argument, for parameter: OperationParameter) throws(VipsError) -> CheckedValue {
        func mismatch() -> VipsError {
            error("'\(parameter.name)' takes \(parameter.kind.noun), not \(argument.noun)")
        }
        switch (parameter.kind, argument) {
        case (.bool, .bool(let value)):
            return .bool(value)

        case (.int(let low, let high, _), .int), (.int(let low, let high, _), .double):
            guard let value = argument.exactInteger else { throw mismatch() }
            guard (low...max(low, high)).contains(value) else {
                throw error("'\(parameter.name)' is \(value), outside \(low) to \(high)")
            }
            return .int(value)

        case (.double(let low, let high, _), .int), (.double(let low, let high, _), .double):
            guard let value = argument.doubleValue else { throw mismatch() }
            guard value >= low, value <= high else {
                throw error("'\(parameter.name)' is \(number(value)), outside \(number(low)) to \(number(high))")
            }
            return .double(value)

        case (.string, .string(let text)):
            return .string(try whole(text, parameter))

        case (.enumeration(let choices, _), .string(let nickname)):
            return .enumeration(try choice(nickname, of: choices, parameter).value)

        case (.flags(let choices, _), .string), (.flags(let choices, _), .strings):
            var names: [String] = []
            if case .string(let text) = argument { names = text.split(separator: "|").map(String.init) }
            if case .strings(let list) = argument { names = list }
            guard !names.isEmpty else { throw mismatch() }
            var bits = 0
            for name in names { bits |= try choice(name, of: choices, parameter).value }
            return .flags(bits)

        case (.image, .image(let image)):
            return .image(image)

        case (.images, .image(let image)):
            return .images([image])

        case (.images, .images(let images)):
            guard !images.isEmpty else { throw mismatch() }
            return .images(images)

        case (.doubles, .int), (.doubles, .double), (.doubles, .ints), (.doubles, .doubles):
            guard let values = argument.numbers, !values.isEmpty else { throw mismatch() }
            return .doubles(values)

        case (.ints, .int), (.ints, .double), (.ints, .ints), (.ints, .doubles), (.enumerations, .int), (.enumerations, .ints):
            guard let values = argument.numbers, !values.isEmpty else { throw mismatch() }
            return .ints(try values.map { value throws(VipsError) in
                guard let integer = Int32(exactly: value) else {
                    throw error("'\(parameter.name)' holds \(number(value)), which is not an integer of 32 bits")
                }
                return integer
            })

        case (.enumerations(let choices), .string(let nickname)):
            return .ints([Int32(try choice(nickname, of: choices, parameter).value)])

        case (.enumerations(let choices), .strings(let nicknames)):
            guard !nicknames.isEmpty else { throw mismatch() }
            return .ints(try nicknames.map { nickname throws(VipsError) in
                Int32(try choice(nickname, of: choices, parameter).value)
            })

        case (.interpolate, .string(let nickname)):
            let names = VipsLibrary.interpolators
            guard names.contains(nickname) else {
                throw error("'\(parameter.name)' has no choice '\(nickname)'; choose \(names.joined(separator: ", "))")
            }
            return .interpolate(nickname)

        case (.blob, .blob(let bytes)):
            return .blob(bytes)

        case (.source, .string(let path)):
            return .sourceFile(try whole(path, parameter))

        case (.source, .blob(let bytes)):
            return .sourceBytes(bytes)

        case (.target, .string(let path)):
            return .targetFile(try whole(path, parameter))

        case (.target, .target(let file)):
            return .target(file)

        default:
            throw mismatch()
        }
    }

    /// C would cut a text with a NUL in it short, and open another file than was named.
    private func whole(_ text: String, _ parameter: OperationParameter) throws(VipsError) -> String {
        guard !text.utf8.contains(0) else { throw error("'\(parameter.name)' holds a NUL character") }
        return text
    }

    private func choice(
        _ nickname: String, of choices: [EnumChoice], _ parameter: OperationParameter
    ) throws(VipsError) -> EnumChoice {
        let wanted = OperationParameter.canonical(nickname)
        if let found = choices.first(where: { OperationParameter.canonical($0.nickname) == wanted }) { return found }
        throw error("""
            '\(parameter.name)' has no choice '\(nickname)'; choose \
            \(choices.map(\.nickname).joined(separator: ", "))
            """)
    }
}

/// `2` rather than `2.0`, and `infinity` rather than `inf`.
private func number(_ value: Double) -> String {
    if value.isInfinite { return value < 0 ? "-infinity" : "infinity" }
    return Int(exactly: value).map(String.init) ?? String(value)
}

extension Argument {
    fileprivate var exactInteger: Int? {
        switch self {
        case .int(let value): value
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }

    fileprivate var numbers: [Double]? {
        switch self {
        case .int(let value): [Double(value)]
        case .double(let value): [value]
        case .ints(let values): values.map(Double.init)
        case .doubles(let values): values
        default: nil
        }
    }
}

extension ParameterKind {
    /// What a parameter takes, as an error message says it.
    fileprivate var noun: String {
        switch self {
        case .bool: "true or false"
        case .int: "an integer"
        case .double: "a number"
        case .string: "a text"
        case .enumeration(let choices, _): "one of \(choices.map(\.nickname).joined(separator: ", "))"
        case .flags(let choices, _): "any of \(choices.map(\.nickname).joined(separator: ", "))"
        case .image: "an image"
        case .images: "a list of images"
        case .doubles: "a list of numbers"
        case .ints: "a list of integers"
        case .enumerations(let choices): "a list of \(choices.map(\.nickname).joined(separator: ", "))"
        case .interpolate: "the name of an interpolator"
        case .blob: "bytes"
        case .source: "a path or bytes"
        case .target: "a path"
        case .other(let type): "a \(type), which cannot be given"
        }
    }
}
