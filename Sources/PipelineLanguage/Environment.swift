/// The facts of one image, known from its header.
public struct ImageFacts: Sendable, Hashable {
    /// Pixels. For a multi-page image that was loaded as one tall strip, the size of a page.
    public var width, height: Int
    public var bands: Int
    public var pages: Int
    /// libvips' nickname of the band format: `uchar`, `ushort`, `float`.
    public var format: String
    /// libvips' nickname of the interpretation: `srgb`, `b-w`.
    public var interpretation: String

    public init(width: Int, height: Int, bands: Int, pages: Int, format: String, interpretation: String) {
        self.width = width
        self.height = height
        self.bands = bands
        self.pages = pages
        self.format = format
        self.interpretation = interpretation
    }

    public subscript(fact: Fact) -> Value {
        switch fact {
        case .width: .int(width)
        case .height: .int(height)
        case .bands: .int(bands)
        case .pages: .int(pages)
        case .format: .string(format)
        case .interpretation: .string(interpretation)
        }
    }
}

/// What expressions can read at one point of a run.
public struct Environment: Sendable {
    /// The pipeline's variables, and those that stages have `set` so far.
    public var variables: [String: Value]
    /// By `input`, `prev`, or the name given by `as:` or `images`.
    public var facts: [String: ImageFacts]

    public init(variables: [String: Value] = [:], facts: [String: ImageFacts] = [:]) {
        self.variables = variables
        self.facts = facts
    }
}
