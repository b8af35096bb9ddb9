/// What a plug-in says of itself, read and checked without calling any of its stages.
public struct PluginDescriptor: Sendable, Hashable, Codable {
    /// The plug-in's name.
    public var name: String
    public var version: String
    /// Empty where the plug-in names none.
    public var vendor: String
    public var url: String?
    /// The version of the interface that it was built with: 1 and this minor number.
    public var abiMinor: Int
    public var stages: [DeclaredStage]

    /// `1.0`.
    public var abi: String { "1.\(abiMinor)" }
}

/// One stage as a plug-in declares it.
public struct DeclaredStage: Sendable, Hashable, Codable {
    /// What the stage is.
    public enum Kind: String, Sendable, Hashable, Codable {
        /// Computes pixels from pixels.
        case pixel
        /// Hands over an ONNX graph.
        case network
    }

    /// Which process() calls may run at the same time.
    public enum Threads: String, Sendable, Hashable, Codable {
        /// One in the whole library.
        case library
        /// One per instance.
        case instance
        /// Any number.
        case free
    }

    /// The name in pipelines.
    public var id: String
    public var kind: Kind
    public var threads: Threads
    public var version: String
    /// The first sentence is the summary.
    public var doc: String
    /// An SPDX expression, where the plug-in gives one.
    public var licence: String?
    /// Whether it takes alpha as a band. Otherwise the host splits it off.
    public var takesAlpha: Bool
    /// Whether its result must never be cached.
    public var isImpure: Bool
    /// The images that it takes. The first is the running image.
    public var inputs: [DeclaredInput]
    public var parameters: [DeclaredParameter]

    /// The first sentence of `doc`.
    public var summary: String {
        guard let end = doc.firstRange(of: ". ") ?? doc.firstRange(of: ".\n") else { return doc }
        return String(doc[..<end.lowerBound]) + "."
    }
}

/// One image input.
public struct DeclaredInput: Sendable, Hashable, Codable {
    public var name: String
    public var doc: String
    public var isOptional: Bool
    /// The formats taken; empty: any.
    public var formats: Set<PluginImage.Format>
    /// The spaces taken; empty: any.
    public var spaces: Set<PluginImage.Space>
    /// How many colour bands; an `upperBound` of `Int.max` is no limit.
    public var bands: ClosedRange<Int>
}

/// One parameter.
public struct DeclaredParameter: Sendable, Hashable, Codable {
    public enum Kind: String, Sendable, Hashable, Codable {
        case bool, int, double, string, choice, file, colour, ints, doubles, json

        /// Whether it holds numbers, which a range can bound.
        var isNumeric: Bool {
            switch self {
            case .int, .double, .colour, .ints, .doubles: true
            case .bool, .string, .choice, .file, .json: false
            }
        }

        var isList: Bool { self == .colour || self == .ints || self == .doubles }
    }

    public var name: String
    public var kind: Kind
    public var doc: String
    public var unit: String?
    public var isRequired: Bool
    public var isDeprecated: Bool
    /// The inclusive bounds of each number.
    public var range: ClosedRange<Double>?
    /// The names of a `choice`.
    public var choices: [String]
    /// The value where none is given; `nil`: it is required, or there is none.
    public var fallback: StageValue?
    /// How many items a list has; an `upperBound` of `Int.max` is no limit.
    public var counts: ClosedRange<Int>
}

/// A value of a parameter, as the host hands it to a plug-in.
public enum StageValue: Sendable, Hashable, Codable {
    case bool(Bool)
    case int(Int)
    case double(Double)
    /// Text, of a string parameter.
    case string(String)
    /// The choice by name.
    case choice(String)
    /// An absolute path.
    case file(String)
    /// Numbers from 0 to 1.
    case colour([Double])
    case ints([Int])
    case doubles([Double])
    /// JSON text.
    case json(String)

    /// The kind of parameter that takes it.
    public var kind: DeclaredParameter.Kind {
        switch self {
        case .bool: .bool
        case .int: .int
        case .double: .double
        case .string: .string
        case .choice: .choice
        case .file: .file
        case .colour: .colour
        case .ints: .ints
        case .doubles: .doubles
        case .json: .json
        }
    }
}

/// The size, format and meaning of one whole image, in the terms of the plug-in interface.
public struct PluginImage: Sendable, Hashable {
    /// How a sample is stored. Full scale is 255, 65535 or 1.0.
    public enum Format: Int32, Sendable, Hashable, CaseIterable, Codable {
        case uint8 = 1
        case uint16 = 2
        case float16 = 3
        case float32 = 4

        /// The bytes of one sample.
        public var size: Int {
            switch self {
            case .uint8: 1
            case .uint16, .float16: 2
            case .float32: 4
            }
        }
    }

    /// What the numbers mean.
    public enum Space: Int32, Sendable, Hashable, CaseIterable, Codable {
        case any = 0
        case srgb = 1
        case grey = 2
        /// scRGB, linear light.
        case linear = 3
        /// CIE L\*a\*b\*.
        case lab = 4
        /// Numbers that are no picture.
        case data = 5
    }

    /// Pixels.
    public var width: Int
    /// Pixels.
    public var height: Int
    /// All bands, alpha included.
    public var bands: Int
    public var format: Format
    public var space: Space
    /// Whether the last band is straight alpha.
    public var hasAlpha: Bool

    public init(width: Int, height: Int, bands: Int, format: Format = .float32, space: Space = .any, hasAlpha: Bool = false) {
        self.width = width
        self.height = height
        self.bands = bands
        self.format = format
        self.space = space
        self.hasAlpha = hasAlpha
    }

    /// The whole image as a rectangle.
    public var bounds: PluginRect { PluginRect(x: 0, y: 0, width: width, height: height) }
}

/// A rectangle of pixels.
public struct PluginRect: Sendable, Hashable {
    public var x: Int
    public var y: Int
    public var width: Int
    public var height: Int

    public init(x: Int, y: Int, width: Int, height: Int) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }
}
