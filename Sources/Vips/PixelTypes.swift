import CVips

/// The type of one sample of one band.
public enum BandFormat: String, Sendable, Hashable, CaseIterable {
    case uchar, char, ushort, short, uint, int, float, complex, double, dpcomplex

    /// Bytes of one sample; a complex sample is a pair.
    public var bytesPerSample: Int {
        switch self {
        case .uchar, .char: 1
        case .ushort, .short: 2
        case .uint, .int, .float: 4
        case .complex, .double: 8
        case .dpcomplex: 16
        }
    }

    public var isInteger: Bool { integerRange != nil }

    /// Real floating point: `float` or `double`.
    public var isFloat: Bool { self == .float || self == .double }

    /// The values that an integer sample can hold; `nil` for floating point and complex.
    public var integerRange: ClosedRange<Int>? {
        switch self {
        case .uchar: 0...Int(UInt8.max)
        case .char: Int(Int8.min)...Int(Int8.max)
        case .ushort: 0...Int(UInt16.max)
        case .short: Int(Int16.min)...Int(Int16.max)
        case .uint: 0...Int(UInt32.max)
        case .int: Int(Int32.min)...Int(Int32.max)
        case .float, .complex, .double, .dpcomplex: nil
        }
    }

    /// libvips numbers its formats in the order in which the cases stand here.
    var cValue: VipsBandFormat {
        switch self {
        case .uchar: VIPS_FORMAT_UCHAR
        case .char: VIPS_FORMAT_CHAR
        case .ushort: VIPS_FORMAT_USHORT
        case .short: VIPS_FORMAT_SHORT
        case .uint: VIPS_FORMAT_UINT
        case .int: VIPS_FORMAT_INT
        case .float: VIPS_FORMAT_FLOAT
        case .complex: VIPS_FORMAT_COMPLEX
        case .double: VIPS_FORMAT_DOUBLE
        case .dpcomplex: VIPS_FORMAT_DPCOMPLEX
        }
    }

    init?(_ cValue: VipsBandFormat) {
        guard let format = Self.allCases.first(where: { $0.cValue == cValue }) else { return nil }
        self = format
    }
}

/// What the bands of an image mean. Raw values are libvips' nicknames.
public enum Interpretation: String, Sendable, Hashable, CaseIterable {
    case multiband
    case blackAndWhite = "b-w"
    case histogram, xyz, lab, cmyk, labq, rgb, cmc, lch, labs, srgb, yxy, fourier, rgb16, grey16, matrix, scrgb, hsv

    var cValue: VipsInterpretation {
        switch self {
        case .multiband: VIPS_INTERPRETATION_MULTIBAND
        case .blackAndWhite: VIPS_INTERPRETATION_B_W
        case .histogram: VIPS_INTERPRETATION_HISTOGRAM
        case .xyz: VIPS_INTERPRETATION_XYZ
        case .lab: VIPS_INTERPRETATION_LAB
        case .cmyk: VIPS_INTERPRETATION_CMYK
        case .labq: VIPS_INTERPRETATION_LABQ
        case .rgb: VIPS_INTERPRETATION_RGB
        case .cmc: VIPS_INTERPRETATION_CMC
        case .lch: VIPS_INTERPRETATION_LCH
        case .labs: VIPS_INTERPRETATION_LABS
        case .srgb: VIPS_INTERPRETATION_sRGB
        case .yxy: VIPS_INTERPRETATION_YXY
        case .fourier: VIPS_INTERPRETATION_FOURIER
        case .rgb16: VIPS_INTERPRETATION_RGB16
        case .grey16: VIPS_INTERPRETATION_GREY16
        case .matrix: VIPS_INTERPRETATION_MATRIX
        case .scrgb: VIPS_INTERPRETATION_scRGB
        case .hsv: VIPS_INTERPRETATION_HSV
        }
    }

    init?(_ cValue: VipsInterpretation) {
        guard let value = Self.allCases.first(where: { $0.cValue == cValue }) else { return nil }
        self = value
    }
}

/// How samples are packed. Only ``none`` images can be read sample by sample.
public enum Coding: String, Sendable, Hashable, CaseIterable {
    /// Plain samples.
    case none
    /// CIELAB in 32 bits a pixel.
    case labq
    /// Radiance's shared-exponent RGB in 32 bits a pixel.
    case rad
}

/// The order in which the pixels of a loaded image will be asked for.
public enum Access: String, Sendable, Hashable {
    /// Any order, any number of times: decoded to memory, or to a temporary file if large.
    case random
    /// Once, from top to bottom: decoded as it is consumed, in little memory.
    case sequential
}

/// A rectangle of pixels. `left` and `top` count from the image's top left corner.
public struct Rect: Sendable, Hashable {
    public var left: Int
    public var top: Int
    public var width: Int
    public var height: Int

    public init(left: Int, top: Int, width: Int, height: Int) {
        self.left = left
        self.top = top
        self.width = width
        self.height = height
    }

    /// Whether the rectangle has at least one pixel and lies in an image of the given size. Any values are safe.
    public func lies(inWidth imageWidth: Int, height imageHeight: Int) -> Bool {
        left >= 0 && top >= 0 && width > 0 && height > 0
            && width <= imageWidth && height <= imageHeight
            && left <= imageWidth - width && top <= imageHeight - height
    }

    /// The part that both have; nil where they have none. For rectangles within images.
    public func intersection(_ other: Rect) -> Rect? {
        let left = max(self.left, other.left), top = max(self.top, other.top)
        let right = min(self.left + width, other.left + other.width), bottom = min(self.top + height, other.top + other.height)
        return left < right && top < bottom ? Rect(left: left, top: top, width: right - left, height: bottom - top) : nil
    }

    init(_ rect: VipsRect) {
        self.init(left: Int(rect.left), top: Int(rect.top), width: Int(rect.width), height: Int(rect.height))
    }

    /// For a rectangle that ``lies(inWidth:height:)`` in an image, whose sides libvips holds below 10 000 000.
    var cValue: VipsRect {
        VipsRect(left: Int32(left), top: Int32(top), width: Int32(width), height: Int32(height))
    }
}
