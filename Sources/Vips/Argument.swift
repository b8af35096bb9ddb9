/// A value given to an operation, or taken from it.
public enum Argument: Sendable {
    case bool(Bool)
    case int(Int)
    case double(Double)
    /// Text; and by nickname: an enumeration, flags (`"a|b"`), a blend mode, an interpolator. Also the path of a source or target.
    case string(String)
    case doubles([Double])
    case ints([Int])
    /// Flags, or a list of blend modes, by nickname.
    case strings([String])
    case image(Image)
    case images([Image])
    /// Bytes: an encoded file, an ICC profile.
    case blob([UInt8])
    /// A file that is watched while a saver writes it.
    case target(FileTarget)
}

extension Argument: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByStringLiteral
{
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(stringLiteral value: String) { self = .string(value) }
}

extension Argument {
    public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var intValue: Int? { if case .int(let value) = self { value } else { nil } }

    /// A number, whichever way it is held.
    public var doubleValue: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
    public var doublesValue: [Double]? { if case .doubles(let value) = self { value } else { nil } }
    public var intsValue: [Int]? { if case .ints(let value) = self { value } else { nil } }
    public var imageValue: Image? { if case .image(let value) = self { value } else { nil } }
    public var imagesValue: [Image]? { if case .images(let value) = self { value } else { nil } }
    public var blobValue: [UInt8]? { if case .blob(let value) = self { value } else { nil } }

    /// What the value is, as an error message says it.
    var noun: String {
        switch self {
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .string(let value): "'\(value)'"
        case .doubles(let values): "a list of \(values.count) numbers"
        case .ints(let values): "a list of \(values.count) integers"
        case .strings(let values): "a list of \(values.count) names"
        case .image: "an image"
        case .images(let values): "a list of \(values.count) images"
        case .blob(let bytes): "\(bytes.count) bytes"
        case .target: "a file"
        }
    }
}
