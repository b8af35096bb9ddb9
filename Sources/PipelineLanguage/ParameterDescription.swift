/// What a parameter takes.
public enum ParameterType: String, Sendable, Hashable, CaseIterable {
    case bool, int, double, string
    /// A path; relative to the pipeline file, then to the model path.
    case file
    /// A built-in profile's name (`srgb`, `p3`, `cmyk`) or a path.
    case profile
    /// One of `choices`.
    case choice
    /// Any of `choices`: a list, or one text with `|` between them.
    case flags
    /// A list of numbers or `#rrggbb`.
    case colour
    case ints, doubles, strings
    /// An image: see ``ImageReference``.
    case image
    /// A list of images.
    case images
    /// An interpolator by nickname.
    case interpolate
    /// Anything: scalars are typed by how they look, lists and mappings stay.
    case json
    /// A count of bytes (unit `bytes`) or pixels, with `K M G`.
    case size

    /// For messages and help: `an integer`.
    public var described: String {
        switch self {
        case .bool: "true or false"
        case .int: "an integer"
        case .double: "a number"
        case .string: "a text"
        case .file: "a file name"
        case .profile: "a profile"
        case .choice: "one of its choices"
        case .flags: "a list of its choices"
        case .colour: "a colour"
        case .ints: "a list of integers"
        case .doubles: "a list of numbers"
        case .strings: "a list of texts"
        case .image: "an image"
        case .images: "a list of images"
        case .interpolate: "an interpolator"
        case .json: "a value"
        case .size: "a size"
        }
    }

    var isImage: Bool { self == .image || self == .images }
    var isList: Bool {
        switch self {
        case .flags, .colour, .ints, .doubles, .strings, .images: true
        default: false
        }
    }
}

/// One parameter of a stage, as declared by libvips or a plug-in; the single source for checks, help, JSON and the schema.
public struct ParameterDescription: Sendable, Hashable {
    /// With `_`.
    public var name: String
    public var type: ParameterType
    public var required: Bool
    /// What the stage does when the argument is not given; not passed on.
    public var fallback: Value?
    /// Inclusive bounds of the number, or of each number of a list.
    public var minimum: Double?
    public var maximum: Double?
    /// The nicknames that a choice or flag may have; for an interpolator those known, or none.
    public var choices: [String]
    /// `px`, `%`, `bytes`; nil where the number has none.
    public var unit: String?
    public var doc: String
    public var isDeprecated: Bool
    /// How many items a list may have.
    public var counts: ClosedRange<Int>?
    /// Whether the host takes the argument, and the stage never sees it (`tiling`, `precision`, `strength`, `range`).
    public var host: Bool

    public init(_ name: String, _ type: ParameterType, required: Bool = false, fallback: Value? = nil, minimum: Double? = nil,
                maximum: Double? = nil, choices: [String] = [], unit: String? = nil, doc: String = "", isDeprecated: Bool = false,
                counts: ClosedRange<Int>? = nil, host: Bool = false) {
        self.name = Names.canonical(name)
        self.type = type
        self.required = required
        self.fallback = fallback
        self.minimum = minimum
        self.maximum = maximum
        self.choices = choices
        self.unit = unit
        self.doc = doc
        self.isDeprecated = isDeprecated
        self.counts = counts
        self.host = host
    }

    /// `between 0 and 100`, `at least 1`, `at most 9`; nil without bounds that say anything.
    public var rangeText: String? {
        // libvips writes "no bound" as the largest number of the type.
        let low = minimum.flatMap { $0 > -1e300 ? $0 : nil }
        let high = maximum.flatMap { $0 < 1e300 ? $0 : nil }
        switch (low, high) {
        case (let low?, let high?): return "between \(NumberText.shortest(low)) and \(NumberText.shortest(high))"
        case (let low?, nil): return "at least \(NumberText.shortest(low))"
        case (nil, let high?): return "at most \(NumberText.shortest(high))"
        case (nil, nil): return nil
        }
    }

    var sizeUnit: ScalarText.SizeUnit { unit == "bytes" ? .bytes : .pixels }
}
