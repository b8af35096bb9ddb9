internal import CAquatintPlugin

/// One declared parameter of a stage: name, type, default, range, unit and documentation in one place.
///
/// The host checks a pipeline against this declaration, fills the defaults in, prints help from it and writes the JSON Schema from
/// it, so a stage only ever sees values of the declared type inside the declared range.
///
/// ```swift
/// static let parameters: [Parameter] = [
///     .double("cell", default: 8, in: 2...200, unit: "px", doc: "Distance of two dots."),
///     .choice("shape", of: ["round", "line", "diamond"], doc: "Shape of the dots."),
///     .file("weights", required: true, doc: "Trained weights, a safetensors file."),
/// ]
/// ```
///
/// A number, a boolean or a colour without a default is required, because the interface has no "not given" for them; a string, a
/// file, a JSON value and a list may be left out.
public struct Parameter: Sendable, Hashable {
    /// The type of a parameter's value, and its default where it has one.
    enum Kind: Sendable, Hashable {
        case bool(Bool?)
        case int(Int?)
        case double(Double?)
        case string(String?)
        case choice(choices: [String], fallback: String?)
        case file
        case colour([Double]?)
        case ints([Int]?)
        case doubles([Double]?)
        case json(String?)
    }

    /// The name that pipelines use: `[a-z][a-z0-9_]*`, unique in the stage, never renamed.
    public let name: String
    /// One sentence on what it does.
    public let doc: String
    /// The unit of the numbers, such as `px` or `%`.
    public let unit: String?
    /// Whether a pipeline must give it.
    public let isRequired: Bool
    /// Whether it is kept only for old pipelines. Set with ``deprecated()``.
    public private(set) var isDeprecated = false

    let kind: Kind
    /// The inclusive bounds of each number.
    let range: ClosedRange<Double>?
    /// How many items a list has; an `upperBound` of `Int.max` is no limit.
    let counts: ClosedRange<Int>

    private init(_ name: String, _ kind: Kind, range: ClosedRange<Double>? = nil, counts: ClosedRange<Int> = 0...Int.max,
                 unit: String? = nil, required: Bool, doc: String) {
        self.name = name
        self.kind = kind
        self.range = range
        self.counts = counts
        self.unit = unit
        self.isRequired = required
        self.doc = doc
    }

    /// `true` or `false`. Without a default it is required.
    public static func bool(_ name: String, default fallback: Bool? = nil, doc: String) -> Parameter {
        Parameter(name, .bool(fallback), required: fallback == nil, doc: doc)
    }

    /// A whole number. Without a default it is required.
    public static func int(_ name: String, default fallback: Int? = nil, in range: ClosedRange<Int>? = nil, unit: String? = nil,
                           doc: String) -> Parameter {
        Parameter(name, .int(fallback), range: range.map { Double($0.lowerBound)...Double($0.upperBound) }, unit: unit,
                  required: fallback == nil, doc: doc)
    }

    /// A number. Without a default it is required.
    public static func double(_ name: String, default fallback: Double? = nil, in range: ClosedRange<Double>? = nil,
                              unit: String? = nil, doc: String) -> Parameter {
        Parameter(name, .double(fallback), range: range, unit: unit, required: fallback == nil, doc: doc)
    }

    /// Text.
    public static func string(_ name: String, default fallback: String? = nil, required: Bool = false, doc: String) -> Parameter {
        Parameter(name, .string(fallback), required: required, doc: doc)
    }

    /// One of `choices`; the default is the first of them unless another is given or it is required. Choices may be appended in a
    /// later version, never removed or reordered.
    public static func choice(_ name: String, of choices: [String], default fallback: String? = nil, required: Bool = false,
                              doc: String) -> Parameter {
        Parameter(name, .choice(choices: choices, fallback: required ? nil : fallback ?? choices.first), required: required, doc: doc)
    }

    /// A file. The stage gets an absolute path; the host has resolved it against the pipeline file and the model paths.
    public static func file(_ name: String, required: Bool = false, doc: String) -> Parameter {
        Parameter(name, .file, required: required, doc: doc)
    }

    /// A colour: numbers from 0 to 1, one per band (1 grey, 3 sRGB unless `counts` says otherwise). Without a default it is required.
    public static func colour(_ name: String, default fallback: [Double]? = nil, counts: ClosedRange<Int> = 1...4,
                              doc: String) -> Parameter {
        Parameter(name, .colour(fallback), range: 0...1, counts: counts, required: fallback == nil, doc: doc)
    }

    /// A list of whole numbers; empty where it is neither given nor has a default.
    public static func ints(_ name: String, default fallback: [Int]? = nil, in range: ClosedRange<Int>? = nil,
                            counts: ClosedRange<Int> = 0...Int.max, unit: String? = nil, required: Bool = false,
                            doc: String) -> Parameter {
        Parameter(name, .ints(fallback), range: range.map { Double($0.lowerBound)...Double($0.upperBound) }, counts: counts,
                  unit: unit, required: required, doc: doc)
    }

    /// A list of numbers; empty where it is neither given nor has a default.
    public static func doubles(_ name: String, default fallback: [Double]? = nil, in range: ClosedRange<Double>? = nil,
                               counts: ClosedRange<Int> = 0...Int.max, unit: String? = nil, required: Bool = false,
                               doc: String) -> Parameter {
        Parameter(name, .doubles(fallback), range: range, counts: counts, unit: unit, required: required, doc: doc)
    }

    /// Any YAML value; the stage gets it as JSON text. `fallback` is JSON text too.
    public static func json(_ name: String, default fallback: String? = nil, required: Bool = false, doc: String) -> Parameter {
        Parameter(name, .json(fallback), required: required, doc: doc)
    }

    /// The same parameter, kept only for old pipelines: still read, no longer advertised.
    public func deprecated() -> Parameter {
        var copy = self
        copy.isDeprecated = true
        return copy
    }
}
