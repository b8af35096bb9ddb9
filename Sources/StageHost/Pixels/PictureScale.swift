public import Vips

/// Which number means white in an image: what turns samples into the 0..1 that networks and plug-ins see, and back.
///
/// Integer samples say it by their format. For floats it depends on where they come from: a float image that
/// began as an 8-bit photograph still has its white at 255, whereas a float TIFF of measurements has none at all. So the
/// host tags each picture at its door; the tag rides along as a header field through every libvips operation and is
/// taken off before saving. Without a tag the rules of the interpretation hold. What floats are:
///
///     interpretation            numbers                                  from
///     scrgb                     light of sRGB's primaries, white at 1    float RGB of TIFF, EXR, Radiance, PFM and JPEG XL files; `colourspace: scrgb`
///     srgb, rgb                 code values, white at 255, or the tag    8 bits that a stage has made floats of
///     rgb16, grey16             code values, white at 65535              16 bits, and light that was brought to code values (`ManagedColour`)
///     b-w, with a tag           code values of grey, white at the tag    grey pictures that a stage has made floats of
///     multiband, b-w, matrix    data, never scaled and never clipped     grey float files, feature maps, measurements
enum PictureScale: Equatable {
    case picture(fullScale: Double)
    case data

    /// The number that means white; nil for data.
    var white: Double? {
        if case .picture(let white) = self { white } else { nil }
    }

    static let field = "aquatint-full-scale"

    init(of image: Image) {
        if let white = Self.white(of: image.format) {
            self = .picture(fullScale: white)
            return
        }
        switch image.interpretation {
        case .srgb: self = .picture(fullScale: image.double(Self.field) == 65535 ? 65535 : 255)
        case .scrgb: self = .picture(fullScale: 1)
        case .rgb16, .grey16: self = .picture(fullScale: 65535)
        default:
            if let tag = image.double(Self.field), tag > 0, Self.isPicture(image) {
                self = .picture(fullScale: tag)
            } else {
                self = .data
            }
        }
    }

    /// Whether the image's numbers are light: white at 1, brighter ones above.
    static func isLight(_ image: Image) -> Bool {
        image.interpretation == .scrgb && image.format.isFloat && image.bands - (image.hasAlpha ? 1 : 0) == 3
    }

    /// A float map of other than one or three colour bands is data, whatever it was made from.
    private static func isPicture(_ image: Image) -> Bool {
        isPictureBands(image.bands - (image.hasAlpha ? 1 : 0))
    }

    static func isPictureBands(_ colours: Int) -> Bool { colours == 1 || colours == 3 }

    static func white(of format: BandFormat) -> Double? {
        switch format {
        case .uchar, .char: 255
        case .ushort, .short: 65535
        case .uint, .int: 4_294_967_295
        default: nil
        }
    }

    /// The tag of a picture that a run has just opened, or nil where it gets none (floats speak for themselves).
    static func tag(forOpened image: Image) -> Double? {
        white(of: image.format)
    }
}

extension PictureScale {
    /// The image with a tag that fits its samples: a stage that made integers of another depth has moved white.
    static func retagged(_ image: Image, from input: Image) throws(StageError) -> Image {
        guard let white = white(of: image.format), input.double(field) != nil, image.double(field) != white else { return image }
        do {
            return try image.settingFields([(field, .double(white))])
        } catch {
            throw .vips(error)
        }
    }
}

extension Image {
    /// Full scale of a picture, or nil where the image is data.
    public var pictureFullScale: Double? {
        if case .picture(let white) = PictureScale(of: self) { white } else { nil }
    }

    /// The image as a run takes it in: its white is remembered, whatever happens to its samples.
    public func taggedAsOpened() throws(VipsError) -> Image {
        guard let white = PictureScale.tag(forOpened: self) else { return self }
        return try settingFields([(PictureScale.field, .double(white))])
    }

    /// Tags an image that was just opened, and is nobody else's yet: see ``taggedAsOpened()``.
    public func tagAsOpened() {
        if let white = PictureScale.tag(forOpened: self) { setOwnField(PictureScale.field, white) }
    }

    /// The header fields that the host rides on, and no file is to have.
    public static var hostFields: [String] {
        [PictureScale.field, WholeSamples.field, ManagedColour.field, ManagedColour.originField, ManagedColour.whiteField, GreyPicture.field, ExtendedColours.field, UncachedPixels.field]
    }
}
