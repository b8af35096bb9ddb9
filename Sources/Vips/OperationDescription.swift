/// A libvips operation as it describes itself.
public struct OperationDescription: Sendable, Hashable {
    /// The name that ``Operation/call(_:_:outputs:)`` takes, `"gaussblur"`.
    public let nickname: String

    /// One line in libvips' words, `"gaussian blur"`.
    public let summary: String

    /// Reads its input from top to bottom, so that it runs on an image opened with ``Access/sequential``.
    public let isSequential: Bool

    /// Not hardened against hostile input; refused after ``VipsLibrary/blockUntrusted(_:)``.
    public let isUntrusted: Bool

    /// Gives another result each time, or has effects besides its result.
    public let isNoCache: Bool

    /// In the order in which the `vips` command takes them.
    public let parameters: [OperationParameter]

    /// The parameter of that name; `-` and `_` are the same.
    public subscript(name: String) -> OperationParameter? {
        let name = OperationParameter.canonical(name)
        return parameters.first { $0.name == name }
    }

    public var inputs: [OperationParameter] { parameters.filter(\.isInput) }
    public var outputs: [OperationParameter] { parameters.filter { $0.isOutput || $0.isModified } }
}

/// An argument or a result of an operation.
public struct OperationParameter: Sendable, Hashable {
    /// With `_` where libvips also writes `-`.
    public let name: String

    /// One line in libvips' words.
    public let doc: String

    /// Must be given, or is always returned. Never so for a deprecated one.
    public let isRequired: Bool
    public let isInput: Bool
    public let isOutput: Bool

    /// An image that the operation paints on. ``Operation/call(_:_:outputs:)`` paints on a copy and returns that under this name.
    public let isModified: Bool

    public let isDeprecated: Bool
    public let kind: ParameterKind

    static func canonical(_ name: String) -> String {
        String(name.map { $0 == "-" ? "_" : $0 })
    }
}

/// The type of a parameter, with its range, and the default that libvips declares.
///
/// A declared default can mislead (`thumbnail.height` says 1 and means "as the width"): leave a parameter out rather than
/// writing its default.
public enum ParameterKind: Sendable, Hashable {
    case bool(default: Bool)
    case int(min: Int, max: Int, default: Int)
    case double(min: Double, max: Double, default: Double)
    case string(default: String?)
    /// One of the choices, by nickname.
    case enumeration([EnumChoice], default: String)
    /// Any of the choices together.
    case flags([EnumChoice], default: [String])
    case image
    case images
    case doubles
    case ints
    /// A list of enumeration values: the blend modes of `composite`. Integers are taken as well.
    case enumerations([EnumChoice])
    /// An interpolator by nickname; ``VipsLibrary/interpolators`` lists them.
    case interpolate
    case blob
    /// Where to read from: a path, or bytes.
    case source
    /// Where to write to: a path.
    case target
    /// A type that cannot be given; the text is libvips' name of it.
    case other(String)
}

/// One value of an enumeration or of flags.
public struct EnumChoice: Sendable, Hashable {
    /// What is written: `"bilinear"`.
    public let nickname: String
    public let value: Int
}
