internal import PipelineLanguage
internal import StageHost
internal import Vips

/// Brings a pipeline's result to what its file holds: no alpha where the format has none, the profile that was asked for, the depth of the input.
struct OutputFinish {
    let saver: String
    /// With its dot, in lower case: `ppmsave` holds floats in some of its formats.
    var fileExtension = ""
    /// The band format of the input as it was loaded.
    let inputFormat: BandFormat
    /// What the pipeline's last `cast` asked for.
    let castFormat: BandFormat?
    var colour = ColourOut(profile: nil, isStripped: false)
    /// What transparency is laid on; nil leaves it to the saver.
    var background: [Double]? = [255, 255, 255]
    var dithers = true
    /// What the saver's options ask for.
    var bitDepth: Int?
    /// Whether the saver chooses colours for a palette.
    var takesPalette = false

    /// - Returns: the image to save, and what the user should know about it.
    func apply(_ result: Image) throws(VipsError) -> (image: Image, notes: [String]) {
        // libvips keeps the first four and says nothing.
        if result.bands > Self.mostBands(saver, result.interpretation) {
            throw VipsError(operation: saver, message: "the result has \(result.bands) bands, and this format holds at most "
                + "\(Self.mostBands(saver, result.interpretation)): take some with extract_band, or write a .tif")
        }
        var notes: [String] = []
        var given = result, image = result
        if given.hasAlpha, Self.holdsNoAlpha(saver) {
            if let background, let white = given.pictureFullScale {
                image = try Flattening.applied(given, background: background, white: white)
                notes.append("transparency laid on \(Self.name(background)), since '\(saver)' holds no alpha (output: {background: ...} says on what)")
            } else {
                notes.append("transparency laid on the saver's own background, since '\(saver)' holds no alpha")
            }
        }
        // libvips would take Lab of D50 for one of D65, and make 16 bits of what came from 8.
        let isOtherSpace = [.lab, .labs, .lch, .cmc, .xyz, .yxy, .hsv].contains(image.interpretation) && !holdsAnything
        if isOtherSpace { image = try ManagedColour.light(image) }
        if holdsLight(image), let (light, note) = try asLight(image) { return (light, notes + (note.map { [$0] } ?? [])) }
        if image.interpretation == .scrgb, saver == "fitssave", image.format.isFloat {
            image = try ManagedColour.asCodeValues(image)
            given = image
        }
        if image.interpretation == .scrgb, !holdsFloat || isOtherSpace {
            image = try Self.displayed(image)
            given = image
        }
        // Laid on a colour, a picture of integers is one of floats, on the same scale.
        let white = pictureWhite(of: given), format = isOtherSpace && inputFormat == .uchar ? .uchar : storedFormat(of: given)
        let (converted, more) = try colour.apply(image, white: white, holdsInks: Self.holdsInks(saver))
        notes += more
        if image.interpretation == .cmyk, !Self.holdsInks(saver) { notes.append("converted from CMYK to sRGB, since '\(saver)' holds no CMYK") }
        guard let white else {
            if let note = dataNote(converted) { notes.append(note) }
            return (converted, notes)
        }
        let isReduced = isLessThanInput(format) && !isExact(result.interpretation == .scrgb ? result : given, in: format)
        if isReduced { notes.append(depthNote(format, of: given)) }
        if let note = integerNote(given) { notes.append(note) }
        if saver == "heifsave", format == .ushort {
            // 12 is libvips' own default for more than 8.
            notes.append(bitDepth.map { "stored with \($0) bits a sample, as the saver's options say" } ?? "stored with 12 bits a sample, since '\(saver)' holds no more")
        }
        return (try stored(converted, as: format, from: pictureWhite(of: converted) ?? white, to: white, isDithered: isReduced && isDithered(format)), notes)
    }

    /// Linear light as the numbers that a format of integers holds, at 16 bits.
    private static func displayed(_ image: Image) throws(VipsError) -> Image {
        let colours = image.bands - (image.hasAlpha ? 1 : 0)
        guard colours == 3 else { return image }
        let light = try Operation.image("extract_band", ["in": .image(image), "band": 0, "n": 3])
        let shown = try Operation.image("colourspace", ["in": .image(light), "space": "rgb16"])
        guard image.hasAlpha else { return shown }
        let band = try Operation.image("extract_band", ["in": .image(image), "band": 3])
        let alpha = try Operation.image("linear", ["in": .image(band), "a": .doubles([65535]), "b": .doubles([0.5])])
        return try Operation.image("bandjoin", ["in": .images([shown, try Operation.image("cast", ["in": .image(alpha), "format": "ushort"])])])
    }

    // MARK: light

    /// Whether the file is read as light: always one of Radiance or PFM, and one of floats in colours. Numbers that the pipeline has cast to floats itself go into a TIFF as they are.
    private func holdsLight(_ image: Image) -> Bool {
        if saver == "radsave" || isPFM { return image.interpretation == .scrgb || image.pictureFullScale != nil }
        guard saver == "jxlsave" || saver == "tiffsave" && castFormat?.isFloat != true else { return false }
        let colours = image.bands - (image.hasAlpha ? 1 : 0)
        return colours == 3 && pictureWhite(of: image) != nil && storedFormat(of: image).isFloat
    }

    /// The picture as the light that such a file holds; nil where it is none.
    private func asLight(_ image: Image) throws(VipsError) -> (Image, note: String?)? {
        let named = colour.profile.flatMap { $0 == "srgb" ? nil : $0 }
        let reason = "not kept, since the floats of '\(saver)' are light of sRGB's primaries, in which every colour has its place"
        var note = named.map { "the colour profile '\($0)' \(reason)" }
        if image.interpretation == .scrgb { return (image, note) }
        if note == nil, image.blob(ManagedColour.profileField) != nil { note = "the colour profile \(reason)" }
        guard let white = image.pictureFullScale else { return nil }
        var light = try ManagedColour.asLight(image, white: white)
        if light == nil {
            // Inks, and profiles of tables.
            let shown = try ColourOut(profile: "srgb", isStripped: false).apply(image, white: pictureWhite(of: image), holdsInks: false).image
            light = try ManagedColour.asLight(shown, white: shown.pictureFullScale ?? white)
        }
        guard let light else { return nil }
        guard saver == "radsave", light.bands == 1 else { return (light, note) }
        let colours = try Operation.image("bandjoin", ["in": .images([light, light, light])])
        return (try Operation.image("copy", ["in": .image(colours), "interpretation": "scrgb"]), note)
    }

    private var isPFM: Bool { saver == "ppmsave" && fileExtension == ".pfm" }

    // MARK: depth

    /// The format of the file's samples, as far as it is ours to say: that of the result, or the one that floats are rounded to.
    private func storedFormat(of image: Image) -> BandFormat {
        guard let white = pictureWhite(of: image) else { return image.format }
        let holdsEightBits = Self.holdsEightBits(saver) || bitDepth ?? 16 <= 8
        if image.format == .ushort || image.format == .uint && !holdsAnything { return holdsEightBits ? .uchar : .ushort }
        guard image.format.isFloat else { return image.format }
        if holdsFloat, castFormat?.isFloat == true || (inputFormat.isFloat && castFormat == nil) { return image.format }
        if holdsEightBits { return .uchar }
        // A format without floats still holds 16 bits of one.
        let isDeep = white > 255 || (inputFormat.isFloat && castFormat?.isInteger != true)
        return isDeep ? .ushort : .uchar
    }

    /// What a file of integers makes of numbers that have no white.
    private func dataNote(_ image: Image) -> String? {
        guard image.format.isFloat, !holdsFloat, [.multiband, .blackAndWhite, .matrix, .fourier, .histogram].contains(image.interpretation) else { return nil }
        return "its floats are data without a white: '\(saver)' keeps whole numbers from 0 to 255 of them; scale them before (linear: {a: ..., b: ...}), or write a .tif, .v or .pfm"
    }

    /// What a picture format makes of integers that are none of a picture's.
    private func integerNote(_ image: Image) -> String? {
        guard !holdsAnything else { return nil }
        let advice = "scale them before (linear: {a: ..., b: ...}), or write a .tif"
        switch image.format {
        case .uint: return "4294967295 is taken for the white of its integers: numbers that end far below come out black; \(advice)"
        case .int: return "its integers have a sign and no white: '\(saver)' keeps those from 0 to 255; \(advice)"
        case .short, .char: return "its integers have a sign, and '\(saver)' makes 0 of those below; \(advice)"
        default: return nil
        }
    }

    private func isLessThanInput(_ format: BandFormat) -> Bool {
        guard format.isInteger, castFormat?.isInteger != true, inputFormat.isInteger || inputFormat.isFloat else { return false }
        return format.bytesPerSample < inputFormat.bytesPerSample
    }

    /// Steps of 16 bits cannot be seen. Where the saver goes below 8 bits by itself, a pattern made for 8 would only be noise to it.
    private func isDithered(_ format: BandFormat) -> Bool { dithers && format == .uchar && !takesPalette && bitDepth ?? 8 >= 8 }

    private func isExact(_ image: Image, in format: BandFormat) -> Bool { image.format.isInteger && image.format.bytesPerSample <= format.bytesPerSample }

    private func depthNote(_ format: BandFormat, of image: Image) -> String {
        let bits = min(format.bytesPerSample * 8, bitDepth ?? 16), isLowered = image.format.isFloat && !inputFormat.isFloat && (pictureWhite(of: image) ?? 0) <= 255
        // The saver makes a palette of colours by itself where they are to have less than 8 bits.
        let isPalette = takesPalette || (saver == "pngsave" && bits < 8 && image.bands > 2)
        let stored = isPalette ? "stored with a palette of \(1 << bits) colours" : "stored with \(bits) bits a sample"
        let how = isDithered(format) ? ", dithered (output: {dither: none} rounds)" : isPalette || bits < 8 ? "" : ", rounded"
        if bits < 8 || (bitDepth ?? 16 <= 8 && !isLowered) { return "\(stored)\(how), as the saver's options say" }
        return isLowered
            ? "\(stored)\(how), which a stage has brought the \(inputFormat.bytesPerSample * 8) of the input down to"
            : "\(stored)\(how), since '\(saver)' holds no \(inputFormat.isFloat && bits == 16 ? "floats" : "more")"
    }

    /// Full scale of a picture in one of the spaces whose floats have the numbers of its integers; nil for data and for spaces like Lab.
    private func pictureWhite(of image: Image) -> Double? {
        switch image.interpretation {
        case .scrgb, .lab, .xyz, .lch, .cmc, .yxy, .labs, .labq, .fourier, .matrix: return nil
        default: return image.pictureFullScale
        }
    }

    /// - Parameters:
    ///   - white: full scale of the image.
    ///   - floatWhite: that of the result, where it is one of floats.
    private func stored(_ image: Image, as format: BandFormat, from white: Double, to floatWhite: Double, isDithered: Bool) throws(VipsError) -> Image {
        guard image.format != format else { return image }
        let scale = (format.integerRange.map { Double($0.upperBound) } ?? floatWhite) / white
        // Half away from zero: samples of a picture are not negative, and the cast truncates and clips.
        let offset = isDithered || format.isFloat ? 0 : 0.5
        if scale == 1, offset == 0.5, image.format == .float, format == .uchar || format == .ushort { return try named(try image.rounded(to: format), format, floatWhite) }
        let scaled = try Operation.image("linear", ["in": .image(image), "a": .doubles([scale]), "b": .doubles([offset])])
        let cast = isDithered ? try Dither.applied(scaled, to: format) : try Operation.image("cast", ["in": .image(scaled), "format": .string(format.rawValue)])
        return try named(cast, format, floatWhite)
    }

    /// An image of samples of another format, in the space that has them.
    private func named(_ image: Image, _ format: BandFormat, _ floatWhite: Double) throws(VipsError) -> Image {
        let space: Interpretation = switch (image.interpretation, format) {
        case (.rgb16, .uchar): .srgb
        case (.grey16, .uchar): .blackAndWhite
        case (.rgb16, .float), (.rgb16, .double): floatWhite == 255 ? .srgb : .rgb16
        case (.grey16, .float), (.grey16, .double): floatWhite == 255 ? .blackAndWhite : .grey16
        case (.srgb, .ushort): .rgb16
        case (.blackAndWhite, .ushort): .grey16
        case (let other, _): other
        }
        return space == image.interpretation ? image : try Operation.image("copy", ["in": .image(image), "interpretation": .string(space.rawValue)])
    }

    // MARK: formats

    private static func name(_ colour: [Double]) -> String {
        switch colour {
        case [255, 255, 255]: return "white"
        case [0, 0, 0]: return "black"
        default: return "the background"
        }
    }

    private var holdsFloat: Bool {
        ["tiffsave", "vipssave", "fitssave", "rawsave", "radsave", "matrixsave", "csvsave", "jxlsave", "openexrsave"].contains(saver) || isPFM
    }

    /// Whether numbers of any kind go into the file as they are.
    private var holdsAnything: Bool { ["tiffsave", "vipssave", "fitssave", "rawsave", "matrixsave", "csvsave"].contains(saver) }

    static func holdsEightBits(_ saver: String) -> Bool {
        ["jpegsave", "webpsave", "gifsave"].contains(saver)
    }

    /// Formats that take several pages as one tall image.
    static func holdsPages(_ saver: String) -> Bool {
        ["gifsave", "webpsave", "tiffsave", "heifsave", "vipssave"].contains(saver)
    }

    /// Bits of a sample, where a saver's options choose them.
    static func bitDepth(_ options: [String: Value]) -> Int? {
        let most = options["palette"] == .bool(true) ? 8 : nil
        guard case .int(let bits)? = options["bitdepth"], bits > 0 else { return most }
        return min(bits, most ?? bits)
    }

    /// Colour bands and alpha. CMYK with alpha has five.
    static func mostBands(_ saver: String, _ space: Interpretation) -> Int {
        guard ["pngsave", "jpegsave", "webpsave", "gifsave", "heifsave", "jxlsave", "ppmsave"].contains(saver) else { return .max }
        return space == .cmyk ? 5 : 4
    }

    static func holdsInks(_ saver: String) -> Bool {
        !["pngsave", "webpsave", "gifsave", "heifsave", "jxlsave", "jp2ksave", "ppmsave", "radsave"].contains(saver)
    }

    static func holdsNoAlpha(_ saver: String) -> Bool {
        ["jpegsave", "ppmsave", "radsave"].contains(saver)
    }
}
