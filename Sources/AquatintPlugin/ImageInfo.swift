/// How one sample is stored. Full scale is 255, 65535 or 1.0.
public enum SampleFormat: Int32, Sendable, Hashable, CaseIterable {
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

/// What the numbers of an image mean.
public enum ColourSpace: Int32, Sendable, Hashable, CaseIterable {
    /// Not said.
    case any = 0
    /// sRGB with its transfer curve, full scale 1.
    case srgb = 1
    /// One band of lightness with sRGB's transfer curve.
    case grey = 2
    /// scRGB: linear light.
    case linear = 3
    /// CIE L\*a\*b\* in its usual units, float only.
    case lab = 4
    /// Numbers that are no picture: feature maps, measurements. Never scaled, never clipped.
    case data = 5
}

/// The size, format and meaning of one whole image.
public struct ImageInfo: Sendable, Hashable {
    /// Pixels.
    public var width: Int
    /// Pixels.
    public var height: Int
    /// All bands, alpha included.
    public var bands: Int
    public var format: SampleFormat
    public var space: ColourSpace
    /// Whether the last band is straight (not premultiplied) alpha.
    public var hasAlpha: Bool

    public init(width: Int, height: Int, bands: Int, format: SampleFormat = .float32, space: ColourSpace = .any,
                hasAlpha: Bool = false) {
        self.width = width
        self.height = height
        self.bands = bands
        self.format = format
        self.space = space
        self.hasAlpha = hasAlpha
    }

    /// The bands that are not alpha.
    public var colourBands: Int { bands - (hasAlpha ? 1 : 0) }

    /// The whole image as a rectangle.
    public var bounds: Rect { Rect(x: 0, y: 0, width: width, height: height) }
}

/// A rectangle of pixels.
public struct Rect: Sendable, Hashable {
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

    /// The columns.
    public var columns: Range<Int> { x..<(x + width) }
    /// The rows.
    public var rows: Range<Int> { y..<(y + height) }
}

/// One declared image input of a stage. The host converts what a pipeline passes to a format and space that is asked for.
public struct ImageInput: Sendable, Hashable {
    public var name: String
    public var doc: String
    /// Whether a pipeline may leave it out. Never true of the first.
    public var isOptional: Bool
    /// The formats taken; empty: any.
    public var formats: Set<SampleFormat>
    /// The spaces taken; empty: any.
    public var spaces: Set<ColourSpace>
    /// How many colour bands; an `upperBound` of `Int.max` is no limit.
    public var bands: ClosedRange<Int>

    public init(_ name: String = "in", formats: Set<SampleFormat> = [.float32], spaces: Set<ColourSpace> = [],
                bands: ClosedRange<Int> = 1...Int.max, isOptional: Bool = false, doc: String = "The picture.") {
        self.name = name
        self.doc = doc
        self.isOptional = isOptional
        self.formats = formats
        self.spaces = spaces
        self.bands = bands
    }
}

/// One thing per declared input of a stage, in order: their sizes in a plan, their pixels in a call.
public struct Inputs<Element> {
    let elements: [Element?]
    let names: [String]
    /// The first input, the running image of the pipeline. It is always there.
    public let primary: Element

    /// Inputs for a stage outside any host, as its tests need them.
    public init(_ primary: Element, others: [(name: String, element: Element?)] = []) {
        self.primary = primary
        self.elements = [primary] + others.map(\.element)
        self.names = ["in"] + others.map(\.name)
    }

    init(primary: Element, elements: [Element?], names: [String]) {
        self.primary = primary
        self.elements = elements
        self.names = names
    }

    /// How many inputs are declared.
    public var count: Int { elements.count }

    /// The input of that number; `nil` where it is optional and absent, or not declared.
    public subscript(index: Int) -> Element? { elements.indices.contains(index) ? elements[index] : nil }

    /// The input of that name; `nil` where it is optional and absent, or not declared.
    public subscript(name: String) -> Element? { names.firstIndex(of: name).flatMap { elements[$0] } }
}

extension Inputs: Sendable where Element: Sendable {}
