internal import CAquatintPlugin

/// The values of a stage's parameters, as the pipeline gives them: of the declared types, within the declared ranges, defaults
/// filled in.
///
/// Each accessor throws an ``StageError/Code/internal`` error where the stage asks for a parameter that it did not declare, or for
/// another type than the declared one.
public struct Values: Sendable {
    enum Value: Sendable, Hashable {
        case bool(Bool)
        case int(Int)
        case double(Double)
        case string(String?)
        case choice(String)
        case file(String?)
        case colour([Double])
        case ints([Int])
        case doubles([Double])
        case json(String?)
    }

    /// The program that runs the stage.
    public let host: Host
    private let values: [String: Value]

    init(host: Host, values: [String: Value]) {
        self.host = host
        self.values = values
    }

    /// Values for a stage outside any host, as its tests need them: the declared defaults, with `changes` in their place. Nothing is
    /// checked but the names; a required parameter must be given.
    public init(_ parameters: [Parameter], _ changes: [String: Literal] = [:]) throws(StageError) {
        var values: [String: Value] = [:]
        for parameter in parameters {
            guard let value = changes[parameter.name]?.value(for: parameter) ?? parameter.fallbackValue else {
                throw .parameter(parameter.name, "is required and was not given, or is of another type")
            }
            values[parameter.name] = value
        }
        for name in changes.keys where values[name] == nil { throw .parameter(name, "is no parameter of this stage") }
        self.init(host: .none, values: values)
    }

    /// A `.bool` parameter.
    public func bool(_ name: String) throws(StageError) -> Bool {
        if case .bool(let value)? = values[name] { return value }
        throw undeclared(name, "bool")
    }

    /// An `.int` parameter.
    public func int(_ name: String) throws(StageError) -> Int {
        if case .int(let value)? = values[name] { return value }
        throw undeclared(name, "int")
    }

    /// A `.double` parameter.
    public func double(_ name: String) throws(StageError) -> Double {
        if case .double(let value)? = values[name] { return value }
        throw undeclared(name, "double")
    }

    /// A `.string` parameter; `nil` where it is neither given nor has a default.
    public func string(_ name: String) throws(StageError) -> String? {
        if case .string(let value)? = values[name] { return value }
        throw undeclared(name, "string")
    }

    /// A `.choice` parameter: the choice by name.
    public func choice(_ name: String) throws(StageError) -> String {
        if case .choice(let value)? = values[name] { return value }
        throw undeclared(name, "choice")
    }

    /// A `.choice` parameter as an enum whose raw values are the choices.
    public func choice<Choice: RawRepresentable>(_ name: String, as type: Choice.Type = Choice.self) throws(StageError) -> Choice
    where Choice.RawValue == String {
        let text = try choice(name)
        guard let value = Choice(rawValue: text) else {
            throw .internal("parameter \(name): the choice \(text) is no case of \(Choice.self)")
        }
        return value
    }

    /// A `.file` parameter as an absolute path; `nil` where it is not given.
    public func file(_ name: String) throws(StageError) -> String? {
        if case .file(let value)? = values[name] { return value }
        throw undeclared(name, "file")
    }

    /// A required `.file` parameter as an absolute path.
    public func requiredFile(_ name: String) throws(StageError) -> String {
        guard let path = try file(name) else { throw .parameter(name, "is required and was not given") }
        return path
    }

    /// A `.colour` parameter: numbers from 0 to 1.
    public func colour(_ name: String) throws(StageError) -> [Double] {
        if case .colour(let value)? = values[name] { return value }
        throw undeclared(name, "colour")
    }

    /// An `.ints` parameter; empty where it is neither given nor has a default.
    public func ints(_ name: String) throws(StageError) -> [Int] {
        if case .ints(let value)? = values[name] { return value }
        throw undeclared(name, "ints")
    }

    /// A `.doubles` parameter; empty where it is neither given nor has a default.
    public func doubles(_ name: String) throws(StageError) -> [Double] {
        if case .doubles(let value)? = values[name] { return value }
        throw undeclared(name, "doubles")
    }

    /// A `.json` parameter as JSON text; `nil` where it is neither given nor has a default.
    public func json(_ name: String) throws(StageError) -> String? {
        if case .json(let value)? = values[name] { return value }
        throw undeclared(name, "json")
    }

    private func undeclared(_ name: String, _ type: String) -> StageError {
        values[name] == nil
            ? .internal("the stage reads a parameter \(name) that it does not declare")
            : .internal("the stage reads its parameter \(name) as \(type), but declares another type")
    }
}

extension Values {
    /// A value written in a test: `["cell": 8, "shape": "line", "angles": [15.0, 75.0]]`.
    public enum Literal: Sendable, Hashable, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
                         ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
        case bool(Bool)
        case int(Int)
        case double(Double)
        case string(String)
        case list([Double])

        public init(booleanLiteral value: Bool) { self = .bool(value) }
        public init(integerLiteral value: Int) { self = .int(value) }
        public init(floatLiteral value: Double) { self = .double(value) }
        public init(stringLiteral value: String) { self = .string(value) }
        public init(arrayLiteral elements: Double...) { self = .list(elements) }

        func value(for parameter: Parameter) -> Value? {
            switch (parameter.kind, self) {
            case (.bool, .bool(let value)): .bool(value)
            case (.int, .int(let value)): .int(value)
            case (.double, .double(let value)): .double(value)
            case (.double, .int(let value)): .double(Double(value))
            case (.string, .string(let value)): .string(value)
            case (.choice(let choices, _), .string(let value)) where choices.contains(value): .choice(value)
            case (.file, .string(let value)): .file(value)
            case (.json, .string(let value)): .json(value)
            case (.colour, .list(let value)): .colour(value)
            case (.doubles, .list(let value)): .doubles(value)
            case (.ints, .list(let value)) where value.allSatisfy({ Int(exactly: $0) != nil }): .ints(value.map { Int($0) })
            default: nil
            }
        }
    }
}

extension Parameter {
    /// The value of a parameter that was not given; `nil` where it must be.
    var fallbackValue: Values.Value? {
        switch kind {
        case .bool(let value): value.map { .bool($0) }
        case .int(let value): value.map { .int($0) }
        case .double(let value): value.map { .double($0) }
        case .choice(_, let value): value.map { .choice($0) }
        case .colour(let value): value.map { .colour($0) }
        case .string(let value): isRequired ? nil : .string(value)
        case .file: isRequired ? nil : .file(nil)
        case .json(let value): isRequired ? nil : .json(value)
        case .ints(let value): isRequired ? nil : .ints(value ?? [])
        case .doubles(let value): isRequired ? nil : .doubles(value ?? [])
        }
    }
}
