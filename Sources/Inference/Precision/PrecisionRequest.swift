/// The arithmetic that a user asks for.
public enum PrecisionRequest: Sendable, Hashable, CustomStringConvertible {
    /// f32, unless a faster type of the device is proven on probes (`PrecisionTrial`).
    case auto
    /// This one, or an error.
    case exactly(Precision)

    /// Every request, as users write them.
    public static let allNames = ["auto"] + Precision.allCases.map(\.rawValue)

    /// `auto`, `f32`, `f16`, `bf16`; nil for anything else.
    public init?(name: String) {
        if name == "auto" {
            self = .auto
        } else if let precision = Precision(rawValue: name) {
            self = .exactly(precision)
        } else {
            return nil
        }
    }

    public var description: String {
        switch self {
        case .auto: "auto"
        case .exactly(let precision): precision.rawValue
        }
    }
}
