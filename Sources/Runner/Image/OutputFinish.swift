internal import PipelineLanguage
internal import StageHost
internal import Vips

/// Brings a pipeline's result to what its file holds: the depth of the input, the profile that was asked for, no tags of ours.
struct OutputFinish {
    let saver: String
    /// The band format of the input as it was loaded.
    let inputFormat: BandFormat
    /// What the pipeline's last `cast` asked for.
    let castFormat: BandFormat?
    /// The file's, with its dot; of the formats of one saver some hold what others do not.
    var ext = ""

    /// - Returns: the image to save, and what the user should know about it.
    func apply(_ image: Image) throws(VipsError) -> (image: Image, notes: [String]) {
        var notes: [String] = []
        var image = image
        // libvips keeps the first four and says nothing.
        if image.bands > Self.mostBands(saver, image.interpretation) {
            throw VipsError(operation: saver, message: "the result has \(image.bands) bands, and this format holds at most "
                + "\(Self.mostBands(saver, image.interpretation)): take some with extract_band, or write a .tif")
        }
        if let target = integerTarget(of: image) {
            image = try Self.rounded(image, to: target)
            if let input = Self.bits(inputFormat), let stored = Self.bits(target), stored < input, castFormat == nil {
                notes.append("stored with \(stored) bits a sample, which a stage has brought the \(input) of the input down to")
            } else if inputFormat.isFloat, castFormat == nil {
                notes.append(noFloats)
            }
        } else if image.format == .ushort || (image.format.isFloat && inputFormat == .ushort), Self.holdsEightBits(saver) {
            notes.append("stored with 8 bits a sample, since '\(saver)' holds no more")
        }
        if image.format.isFloat, !Self.holdsFloat(saver) || saver == "ppmsave" && [".ppm", ".pgm", ".pbm", ".pnm"].contains(ext.lowercased()) && image.interpretation == .scrgb {
            notes.append(noFloats)
            // The other savers do that themselves; this one takes every picture, and knows no floats.
            if saver == "jp2ksave", image.interpretation == .scrgb { image = try Operation.image("colourspace", ["in": .image(image), "space": "srgb"]) }
        }
        if image.format == .ushort, saver == "heifsave" {
            notes.append("stored with 12 bits a sample, since 'heifsave' holds no more")
        }
        if image.hasAlpha, Self.holdsNoAlpha(saver) {
            notes.append("transparency laid on a background (black unless the saver's option 'background' says otherwise), since '\(saver)' holds no alpha")
        }
        return (image, notes)
    }

    private var noFloats: String { "floats stored as integers, since '\(saver)' holds no others" }

    /// The integer format that a float result is rounded to, or nil where it stays as it is.
    private func integerTarget(of image: Image) -> BandFormat? {
        guard image.format == .float || image.format == .double else { return nil }
        if let castFormat, castFormat.isFloat, Self.holdsFloat(saver) { return nil }
        guard let white = pictureWhite(of: image) else { return nil }
        let deep = white > 255
        if inputFormat.isInteger || castFormat?.isInteger == true {
            let wanted = deep ? BandFormat.ushort : .uchar
            return deep && Self.holdsEightBits(saver) ? nil : wanted
        }
        // A float picture into a format of integers: round here, since libvips would truncate.
        return Self.holdsFloat(saver) ? nil : (deep && !Self.holdsEightBits(saver) ? .ushort : deep ? nil : .uchar)
    }

    /// Full scale of a picture in one of the spaces whose floats have the numbers of its integers; nil for data and for spaces like Lab.
    private func pictureWhite(of image: Image) -> Double? {
        switch image.interpretation {
        case .scrgb, .lab, .xyz, .lch, .cmc, .yxy, .labs, .labq, .fourier, .matrix: return nil
        default: return image.pictureFullScale
        }
    }

    /// Half away from zero: samples of a picture are not negative, and the cast truncates and clips.
    private static func rounded(_ image: Image, to format: BandFormat) throws(VipsError) -> Image {
        let raised = try Operation.image("linear", ["in": .image(image), "a": .doubles([1]), "b": .doubles([0.5])])
        return try Operation.image("cast", ["in": .image(raised), "format": .string(format.rawValue)])
    }

    private static func bits(_ format: BandFormat) -> Int? {
        format.isInteger ? format.bytesPerSample * 8 : nil
    }

    static func holdsFloat(_ saver: String) -> Bool {
        ["tiffsave", "vipssave", "fitssave", "rawsave", "radsave", "matrixsave", "csvsave", "jxlsave", "openexrsave", "ppmsave"].contains(saver)
    }

    static func holdsEightBits(_ saver: String) -> Bool {
        ["jpegsave", "webpsave", "gifsave"].contains(saver)
    }

    /// Formats that take several pages as one tall image.
    static func holdsPages(_ saver: String) -> Bool {
        ["gifsave", "webpsave", "tiffsave", "heifsave", "vipssave"].contains(saver)
    }

    /// Colour bands and alpha. CMYK with alpha has five.
    static func mostBands(_ saver: String, _ space: Interpretation) -> Int {
        guard ["pngsave", "jpegsave", "webpsave", "gifsave", "heifsave", "jxlsave", "ppmsave"].contains(saver) else { return .max }
        return space == .cmyk ? 5 : 4
    }

    static func holdsNoAlpha(_ saver: String) -> Bool {
        ["jpegsave", "ppmsave", "radsave"].contains(saver)
    }
}
