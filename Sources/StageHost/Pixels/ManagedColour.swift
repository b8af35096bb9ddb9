internal import ContentHash
internal import Foundation
internal import Synchronization
public import Vips

/// Colours on their way through stages that know sRGB only, which networks and most plug-ins do.
///
/// A picture with another profile is brought to sRGB before the first such stage, in floats where its profile is one of curves and a matrix, else at 16 bits, and remembers its own
/// profile in a header field; it stays in sRGB until it is saved, and is brought back then. So a row of networks is converted once, and a picture stored as Display P3 gives what the
/// same picture stored as sRGB does. Colours outside sRGB are clipped on the way, as every program does that hands such pictures to a network.
///
/// Light (scRGB) goes the same way, by the curve of sRGB, which goes on above white and as its own mirror image below black: nothing is clipped, so that what is brighter than white comes back.
public enum ManagedColour {
    /// The profile that the input had, while the image is in sRGB.
    static let field = "aquatint-origin-profile"
    /// On every image that was brought to where a stage wants it: whether its own numbers were light (1) or code values (0).
    static let originField = "aquatint-origin-is-light"
    public static let profileField = "icc-profile-data"

    /// The picture in sRGB, its samples on the scale that they had.
    ///
    /// - Parameter image: colours without alpha.
    /// - Returns: the image as it is where it has no profile, or one that is sRGB for all that can be seen.
    static func inSRGB(_ image: Image) throws(StageError) -> Image {
        if PictureScale.isLight(image) { return try coded(image) }
        guard let profile = image.blob(profileField), fits(profile, image), case .picture(let white) = PictureScale(of: image), white == 255 || white == 65535,
              !isSRGB(profile, bands: image.bands) else { return image }
        do {
            let converted = try converted(image, from: profile, white)
            let typed = try Operation.image("copy", ["in": .image(converted), "interpretation": image.bands == 1 ? "b-w" : "srgb"])
            // CMYK has no way back that more than a few formats could hold, and some profiles have none at all.
            let origin: FieldValue? = image.bands <= 3 && isReversible(profile, bands: image.bands) ? .blob(profile) : nil
            // The profile of three bands says nothing of one.
            let own = image.bands == 1 ? nil : srgbProfile
            return try typed.settingFields([(PictureScale.field, .double(white)), (field, origin), (originField, origin.map { _ in .int(0) }), (profileField, own.map { .blob($0) })])
        } catch {
            throw .vips(error)
        }
    }

    /// Light as code values of sRGB, neither clipped nor rounded: floats on a scale of 65535, or on that of the code values that it came from. Alpha with it.
    private static func coded(_ image: Image) throws(StageError) -> Image {
        let tag = image.double(PictureScale.field), white = image.int(originField) == 0 && tag == 255 ? 255.0 : 65535
        do {
            let shown = try scaled(try ColourConversion.ofLight.applied(to: image, white: 1, clips: false), white)
            let float = try Operation.image("cast", ["in": .image(shown), "format": "float"])
            let typed = try Operation.image("copy", ["in": .image(float), "interpretation": white == 255 ? "srgb" : "rgb16"])
            let own: [(name: String, value: FieldValue?)] = isAway(image) ? [] : [(originField, .int(1)), (field, image.blob(profileField).map { .blob($0) })]
            return try typed.settingFields([(PictureScale.field, .double(white)), (WholeSamples.field, .int(1))] + own)
        } catch let error as VipsError {
            throw .vips(error)
        } catch {
            throw .host("\(error)")
        }
    }

    /// A picture of code values as light, for a stage that asks for it; one of light as it is.
    static func inLight(_ given: Image) throws(StageError) -> Image {
        if PictureScale.isLight(given) { return given }
        var image = try joining(given)
        guard case .picture(let white) = PictureScale(of: image) else { return image }
        if image.bands - (image.hasAlpha ? 1 : 0) == 1 { image = try JoinedColour.widened(image) }
        do {
            guard let light = try asLight(image, white: white) else { return image }
            return try light.settingFields([(PictureScale.field, .double(white == 255 ? 255 : 65535)), (originField, .int(image.int(originField) ?? 0))])
        } catch {
            throw .vips(error)
        }
    }

    /// Code values as light of sRGB's primaries, unclipped: scRGB, or floats of grey. White is at 1, that of alpha, too.
    ///
    /// - Parameter white: full scale of the image.
    /// - Returns: nil where they have a profile that is none of curves and a matrix.
    public static func asLight(_ image: Image, white: Double) throws(VipsError) -> Image? {
        let colours = image.bands - (image.hasAlpha ? 1 : 0), own = image.blob(profileField).flatMap { fits($0, image) && !isSRGB($0, bands: colours) ? $0 : nil }
        guard let conversion = ColourConversion.between(own.map { .profile($0) } ?? .srgb, .light, bands: colours) else { return nil }
        let light = try Operation.image("cast", ["in": .image(try scaled(try conversion.applied(to: image, white: white, clips: false), 1 / white)), "format": "float"])
        return try Operation.image("copy", ["in": .image(light), "interpretation": colours == 1 ? "b-w" : "scrgb"]).settingFields([(PictureScale.field, .double(1))])
    }

    /// Light as code values of sRGB on a scale of 255, for files of floats that are read as such.
    public static func asCodeValues(_ light: Image) throws(VipsError) -> Image {
        let shown = try scaled(try ColourConversion.ofLight.applied(to: light, white: 1, clips: false), 255)
        return try Operation.image("cast", ["in": .image(shown), "format": "float"]).settingFields([(PictureScale.field, .double(255))])
    }

    /// Colours of a profile as sRGB's, clipped to those: floats on the same scale.
    private static func converted(_ image: Image, from profile: [UInt8], _ white: Double) throws(VipsError) -> Image {
        if let conversion = ColourConversion.between(profile, nil, bands: image.bands) { return try conversion.applied(to: image, white: white, clips: true) }
        let source = try deep(image, white)
        var converted = try Operation.image("icc_transform", ["in": .image(source), "output_profile": "srgb", "embedded": true, "depth": 16, "intent": .string(intent(from: profile))])
        // A grey picture's colours are all grey.
        if image.bands == 1 { converted = try Operation.image("extract_band", ["in": .image(converted), "band": 1]) }
        return try scaled(converted, white / 65535)
    }

    /// libvips' own; nil where it was built without lcms.
    public static let srgbProfile: [UInt8]? = try? named("srgb")

    /// The bytes of a profile.
    ///
    /// - Parameter name: one of libvips' built-in profiles (`srgb`, `cmyk`), `p3` for ``DisplayP3``, or a path.
    /// - Throws: where there is no such file, or one too large for a profile.
    public static func named(_ name: String) throws(VipsError) -> [UInt8] {
        if name == "p3" { return DisplayP3.profile }
        if name == "srgb" || name == "cmyk" {
            let black = try Image.samples([0, 0, 0], width: 1, height: 1, bands: 3, format: .uchar, interpretation: .srgb)
            let there = try Operation.image("icc_transform", ["in": .image(black), "input_profile": "srgb", "output_profile": .string(name)])
            guard let bytes = there.blob(profileField) else { throw VipsError(message: "libvips has no profile '\(name)': it was built without lcms") }
            return bytes
        }
        guard let file = FileHandle(forReadingAtPath: name) else { throw VipsError(message: "there is no profile '\(name)'; by name there are srgb, p3 and cmyk") }
        defer { try? file.close() }
        guard let bytes = try? file.read(upToCount: mostProfileBytes + 1), bytes.count <= mostProfileBytes else { throw VipsError(message: "'\(name)' is no profile: it cannot be read, or is too large for one") }
        return Array(bytes)
    }

    /// The largest printer profiles take some 10 MB.
    private static let mostProfileBytes = 64 << 20

    /// Whether the profile is one of the space that the samples are in: stages change that, and leave the profile.
    public static func fits(_ profile: [UInt8], _ image: Image) -> Bool {
        let colours = image.bands - (image.hasAlpha ? 1 : 0)
        return switch (ProfileHeader(profile)?.space, image.interpretation) {
        case ("RGB "?, .srgb), ("RGB "?, .rgb16), ("RGB "?, .rgb): colours == 3
        case ("GRAY"?, .blackAndWhite), ("GRAY"?, .grey16): colours == 1
        case ("CMYK"?, .cmyk): colours == 4
        default: false
        }
    }

    /// What is wrong with a profile that nothing can be converted by; nil where nothing is known to be.
    ///
    /// lcms obeys curves that are flat or fall, and makes one colour of many.
    public static func fault(of profile: [UInt8]) -> String? {
        guard let header = ProfileHeader(profile) else { return "it is none by its first bytes" }
        guard ProfileHeader.isWhole(profile) else { return "a part of it is missing" }
        guard let bands = ["GRAY": 1, "RGB ": 3][header.space], ToneCurve.areBroken(in: profile, bands: bands) else { return nil }
        return "a curve of it does not rise"
    }

    /// Whether the samples are certainly not in the profile's space: a profile of RGB with grey, or with Lab. What has bands alone to say may be in it.
    public static func contradicts(_ profile: [UInt8], _ image: Image) -> Bool {
        guard let space = ProfileHeader(profile)?.space else { return false }
        return switch image.interpretation {
        case .lab, .labs, .labq, .lch, .cmc, .xyz, .yxy, .hsv: true
        case .srgb, .rgb, .rgb16, .blackAndWhite, .grey16, .cmyk: !fits(profile, image)
        default: ["RGB ": 3, "GRAY": 1, "CMYK": 4][space].map { $0 != image.bands - (image.hasAlpha ? 1 : 0) } ?? false
        }
    }

    /// The rendering intent to leave a profile by. One with a table for the perceptual intent alone, as JPEGs in XYB have, libvips
    /// takes for broken with any other, and the picture for sRGB.
    public static func intent(from profile: [UInt8]) -> String {
        let hasOthers = ["A2B1", "rXYZ", "kTRC"].contains { ProfileHeader.place(ofTag: $0, in: profile) != nil }
        return ProfileHeader.place(ofTag: "A2B0", in: profile) != nil && !hasOthers ? "perceptual" : "relative"
    }

    /// The image as one whose colours are what its own profile says: where the pipeline converts them itself, nothing is brought back.
    static func forgotten(_ image: Image) throws(StageError) -> Image {
        guard isAway(image) else { return image }
        do { return try image.settingFields([(field, nil), (originField, nil)]) } catch { throw .vips(error) }
    }

    /// Whether the image was brought to sRGB, or to light.
    static func isAway(_ image: Image) -> Bool { image.fields.contains(originField) }

    /// Whether it was brought to sRGB, and its own numbers are light, of which integers hold nothing above white.
    static func isCodedLight(_ image: Image) -> Bool { image.int(originField) == 1 && !PictureScale.isLight(image) }

    /// As `inSRGB`, with alpha left as it is: for what is mixed with a picture that was brought there.
    static func joining(_ image: Image) throws(StageError) -> Image {
        if PictureScale.isLight(image) { return try coded(image) }
        guard image.hasAlpha else { return try inSRGB(image) }
        guard !isAway(image) else { return image }
        let (colours, alpha) = try VipsStage.splitAlpha(image)
        let converted = try inSRGB(colours)
        return converted === colours ? image : try VipsStage.images("bandjoin", [converted, alpha])
    }

    /// The picture in the profile that its input had, or as light again, where it was brought to sRGB on the way.
    ///
    /// - Parameter staysWhole: whether the pipeline has made integers of it itself, which light is not.
    public static func restored(_ image: Image, staysWhole: Bool = false) throws(VipsError) -> Image {
        guard let origin = image.int(originField) else { return image }
        let profile = image.blob(field), plain = try image.settingFields([(field, nil), (originField, nil)])
        let colours = image.bands - (image.hasAlpha ? 1 : 0)
        if origin == 1 { return staysWhole || PictureScale.isLight(image) ? plain : try lightAgain(plain, colours, profile) }
        guard !PictureScale.isLight(image) else {
            // The last stage has left it as light.
            do { return try restored(try coded(image)) } catch let error as VipsError { throw error } catch { throw VipsError(message: "\(error)") }
        }
        // Somebody has converted it since: what that says holds.
        if let now = image.blob(profileField), !isSRGB(now, bands: 3) { return plain }
        guard let profile else { return plain }
        let isGrey = ProfileHeader(profile)?.space == "GRAY"
        // Stages have made something else of it: three colours of grey, one band of three.
        guard case .picture(let white) = PictureScale(of: image), colours == (isGrey ? 1 : 3) else { return plain }
        let back: Image
        if let conversion = ColourConversion.between(nil, profile, bands: colours) {
            back = try conversion.applied(to: plain, white: white, clips: false)
        } else {
            guard let file = ProfileFiles.path(of: profile) else { return plain }
            let (first, alpha) = try split(plain, colours)
            var source = try deep(first, white)
            if isGrey { source = try Operation.image("colourspace", ["in": .image(source), "space": "rgb16", "source_space": "grey16"]) }
            let converted = try scaled(try Operation.image("icc_transform", ["in": .image(source), "input_profile": "srgb", "output_profile": .string(file), "depth": 16]), white / 65535)
            back = if let alpha { try Operation.image("bandjoin", ["in": .images([converted, alpha])]) } else { converted }
        }
        return try stored(back, as: image, white).settingFields([(profileField, .blob(profile))])
    }

    /// Code values that were light, as that again. What has become grey of it are numbers with their white at 1, as a mask has them.
    private static func lightAgain(_ image: Image, _ colours: Int, _ profile: [UInt8]?) throws(VipsError) -> Image {
        // Counts of a histogram are no colours.
        guard case .picture(let white) = PictureScale(of: image), [.uchar, .ushort, .float, .double].contains(image.format) else { return image }
        switch colours {
        case 3: return try asLight(image, white: white)?.settingFields([(profileField, profile.map { .blob($0) })]) ?? image
        case 1:
            let float = try Operation.image("cast", ["in": .image(try scaled(image, 1 / white)), "format": "float"])
            return try Operation.image("copy", ["in": .image(float), "interpretation": "b-w"]).settingFields([(PictureScale.field, .double(1))])
        default: return image
        }
    }

    /// Floats as samples like those of another image, of the same scale.
    private static func stored(_ image: Image, as original: Image, _ white: Double) throws(VipsError) -> Image {
        // Rounded where the image holds integers: a cast truncates.
        let rounded = original.format.isFloat ? image : try Operation.image("linear", ["in": .image(image), "a": .doubles([1]), "b": .doubles([0.5])])
        let cast = try Operation.image("cast", ["in": .image(rounded), "format": .string(original.format.rawValue)])
        return try Operation.image("copy", ["in": .image(cast), "interpretation": .string(original.interpretation.rawValue)]).settingFields([(PictureScale.field, .double(white))])
    }

    /// The profile as a file, which libvips wants for what it converts to; nil where it cannot be written.
    public static func file(of profile: [UInt8]) -> String? { ProfileFiles.path(of: profile) }

    /// Of 16 bits, alpha with it.
    ///
    /// - Parameter white: full scale of the image.
    public static func deep(_ image: Image, _ white: Double) throws(VipsError) -> Image {
        if image.format == .ushort { return image }
        let raised = try Operation.image("linear", ["in": .image(image), "a": .doubles([65535 / white]), "b": .doubles([0.5])])
        let cast = try Operation.image("cast", ["in": .image(raised), "format": "ushort"])
        let space = image.interpretation == .cmyk ? "cmyk" : image.bands - (image.hasAlpha ? 1 : 0) == 1 ? "grey16" : "rgb16"
        return try Operation.image("copy", ["in": .image(cast), "interpretation": .string(space)])
    }

    private static func scaled(_ image: Image, _ factor: Double) throws(VipsError) -> Image {
        try Operation.image("linear", ["in": .image(image), "a": .doubles([factor]), "b": .doubles([0])])
    }

    private static func split(_ image: Image, _ colours: Int) throws(VipsError) -> (Image, alpha: Image?) {
        guard image.hasAlpha else { return (image, nil) }
        return (try Operation.image("extract_band", ["in": .image(image), "band": 0, "n": .int(colours)]), try Operation.image("extract_band", ["in": .image(image), "band": .int(colours)]))
    }

    /// Removes what was written beside pictures: at the end of a process that has no temporary folder of its own.
    public static func removeFiles() { ProfileFiles.removeAll() }

    // MARK: Lab and XYZ

    /// On Lab and XYZ that say what colours are, whatever profile the picture came with: the white that they are of, 50 or 65 for D50 or D65.
    ///
    /// Lab of ICC profiles and of TIFF files is of D50 (ICC.1:2022, 6.3.4.3; Adobe's technical notes on TIFF 6.0); that of libvips' own conversions, and XYZ of its `icc_import`, of D65.
    static let whiteField = "aquatint-white"

    /// The image with that mark where it is of Lab or XYZ, as a TIFF file or `icc_import` has given it; another as it is.
    public static func marked(_ image: Image) throws(VipsError) -> Image {
        let whites: [Interpretation: Int] = [.lab: 50, .labs: 50, .xyz: 65]
        return try whites[image.interpretation].map { white throws(VipsError) in try image.settingFields([(whiteField, .int(white))]) } ?? image
    }

    /// The image without it: where libvips has converted colours, it has taken them for those of sRGB.
    static func unmarked(_ image: Image) throws(StageError) -> Image {
        guard image.fields.contains(whiteField) else { return image }
        do { return try image.settingFields([(whiteField, nil)]) } catch { throw .vips(error) }
    }

    /// Lab, XYZ and their like as light of sRGB's primaries.
    public static func light(_ image: Image) throws(VipsError) -> Image {
        guard let mark = image.int(whiteField) else { return try Operation.image("colourspace", ["in": .image(image), "space": "scrgb"]) }
        // What they came from says nothing of them any more.
        let plain = try image.settingFields([(whiteField, nil), (profileField, nil)])
        guard mark == 50, [.lab, .labs].contains(image.interpretation), image.bands - (image.hasAlpha ? 1 : 0) == 3, let back = MatrixProfile.srgb.matrix.inverse else { return try light(plain) }
        let (bands, alpha) = try split(plain, 3)
        var colours = bands
        if image.interpretation == .labs { colours = try Operation.image("LabS2Lab", ["in": .image(colours)]) }
        colours = try Operation.image("Lab2XYZ", ["in": .image(colours), "temp": .doubles([96.42, 100, 82.49])])
        let matrix = try Image.matrix(back.rows.map { $0.map { $0 / 100 } })
        var result = try Operation.image("cast", ["in": .image(try Operation.image("recomb", ["in": .image(colours), "m": .image(matrix)])), "format": "float"])
        // libvips' alpha is one of 255 there, and of 1 in light.
        if let alpha { result = try Operation.image("bandjoin", ["in": .images([result, try scaled(alpha, 1.0 / 255)])]) }
        return try Operation.image("copy", ["in": .image(result), "interpretation": "scrgb"])
    }

    /// Colours of Lab and its like, without alpha, as sRGB's, clipped to those: floats on a scale of 255, however fine the samples were.
    static func shown(_ image: Image) throws(StageError) -> Image {
        do {
            let display = try ColourConversion.ofLight.applied(to: try light(image), white: 1, clips: true)
            let float = try Operation.image("cast", ["in": .image(try scaled(display, 255)), "format": "float"])
            return try float.settingFields([(PictureScale.field, .double(255))])
        } catch {
            throw .vips(error)
        }
    }

    // MARK: which profiles are sRGB

    private static let verdicts = Mutex<[String: Bool]>([:])

    /// Whether the profile gives the colours that sRGB gives, within one and a half code values of 8 bits on a grid of colours: there are dozens of files that say sRGB, with roundings of their own, libvips' own with 1.4.
    public static func isSRGB(_ profile: [UInt8], bands: Int) -> Bool {
        // Asked of a profile of another space, libvips would say something of its own default.
        guard let key = Self.key(profile, bands) else { return false }
        if let known = verdicts.withLock({ $0[key] }) { return known }
        let found = (try? largestShift(profile, bands: bands)).map { $0 <= 1.5 } ?? false
        verdicts.withLock { verdicts in
            if verdicts.count > 256 { verdicts.removeAll() }
            verdicts[key] = found
        }
        return found
    }

    /// What a verdict is kept under; nil where the profile is not one of that many bands.
    private static func key(_ profile: [UInt8], _ bands: Int) -> String? {
        guard let space = [1: "GRAY", 3: "RGB "][bands], ProfileHeader(profile)?.space == space else { return nil }
        return "\(bands) \(SHA256.hash(profile).hex)"
    }

    private static let reversals = Mutex<[String: Bool]>([:])

    /// Whether colours that came from the profile can go back to it: that of a JPEG in XYB has nothing but a stopgap for the way back.
    private static func isReversible(_ profile: [UInt8], bands: Int) -> Bool {
        // Its curves rise, and its matrix can be turned round.
        if ColourConversion.between(nil, profile, bands: bands) != nil { return true }
        guard let key = Self.key(profile, bands) else { return false }
        if let known = reversals.withLock({ $0[key] }) { return known }
        let found = (try? medianLoss(profile, bands: bands)).map { $0 < 1500 } ?? false
        reversals.withLock { reversals in
            if reversals.count > 256 { reversals.removeAll() }
            reversals[key] = found
        }
        return found
    }

    /// What the middle one of a grid of samples, of 65535, differs by after the way to sRGB and back, of those that sRGB does not clip.
    private static func medianLoss(_ profile: [UInt8], bands: Int) throws -> Int {
        let levels: [UInt8] = [51, 102, 153, 204]
        let samples = bands == 1 ? levels : levels.flatMap { red in levels.flatMap { green in levels.flatMap { [red, green, $0] } } }
        guard let file = ProfileFiles.path(of: profile) else { return 65535 }
        let image = try Image.samples(samples, width: samples.count / bands, height: 1, bands: bands, format: .uchar, interpretation: bands == 1 ? .blackAndWhite : .srgb)
        let there = try Operation.image("icc_transform", ["in": .image(try image.settingFields([(profileField, .blob(profile))])), "output_profile": "srgb", "embedded": true, "depth": 16, "intent": .string(intent(from: profile))])
        let back = try Operation.image("icc_transform", ["in": .image(there), "input_profile": "srgb", "output_profile": .string(file), "depth": 16, "intent": .string(intent(from: profile))])
        guard back.bands == bands else { return 65535 }
        let shown = try there.bytes(), returned = try back.bytes()
        func sample(_ bytes: [UInt8], _ index: Int) -> Int { Int(bytes[2 * index]) | Int(bytes[2 * index + 1]) << 8 }
        var losses: [Int] = []
        for pixel in 0..<samples.count / bands where (0..<3).allSatisfy({ (600...64900).contains(sample(shown, 3 * pixel + $0)) }) {
            for band in 0..<bands { losses.append(abs(sample(returned, bands * pixel + band) - 257 * Int(samples[bands * pixel + band]))) }
        }
        return losses.isEmpty ? 65535 : losses.sorted()[losses.count / 2]
    }

    /// The largest difference, in code values of 8 bits, between colours in the profile and the same numbers in sRGB.
    private static func largestShift(_ profile: [UInt8], bands: Int) throws(VipsError) -> Double {
        let levels = stride(from: 0, through: 255, by: 51).map { UInt8($0) }
        var samples: [UInt8] = []
        if bands == 1 {
            samples = (0...255).map { UInt8($0) }
        } else {
            for red in levels { for green in levels { for blue in levels { samples += [red, green, blue] } } }
        }
        let image = try Image.samples(samples, width: samples.count / bands, height: 1, bands: bands, format: .uchar, interpretation: bands == 1 ? .blackAndWhite : .srgb)
        let shown = try converted(try image.settingFields([(profileField, .blob(profile))]), from: profile, 255)
        let shift = try Operation.image("abs", ["in": .image(try Operation.image("subtract", ["left": .image(shown), "right": .image(image)]))])
        return try Operation.call("max", ["in": .image(shift)])["out"]?.doubleValue ?? .infinity
    }
}

/// What stands at fixed places of an ICC profile (ICC.1:2022, 7.2).
struct ProfileHeader {
    /// `RGB `, `GRAY`, `CMYK`, ...
    let space: String
    /// What colours it leads to: `XYZ ` or `Lab `.
    let connection: String

    /// nil for bytes that are no profile.
    init?(_ profile: [UInt8]) {
        guard profile.count >= 128, profile[36..<40].elementsEqual("acsp".utf8) else { return nil }
        space = String(decoding: profile[16..<20], as: UTF8.self)
        connection = String(decoding: profile[20..<24], as: UTF8.self)
    }

    /// Whether it has the length that it says, and every tag lies in it.
    static func isWhole(_ profile: [UInt8]) -> Bool {
        guard let length = number(profile, 0, 4), (132...profile.count).contains(length), let count = number(profile, 128, 4), count <= (profile.count - 132) / 12 else { return false }
        return (0..<count).allSatisfy { index in
            guard let place = number(profile, 136 + 12 * index, 4), let bytes = number(profile, 140 + 12 * index, 4) else { return false }
            return place <= profile.count && bytes <= profile.count - place
        }
    }

    /// Where a tag's data begins; nil where there is none. Whatever the bytes say.
    static func place(ofTag name: String, in profile: [UInt8]) -> Int? {
        guard let count = number(profile, 128, 4) else { return nil }
        for index in 0..<min(count, 200) {
            let place = 132 + 12 * index
            guard place <= profile.count - 12 else { return nil }
            if profile[place..<place + 4].elementsEqual(name.utf8) { return number(profile, place + 4, 4) }
        }
        return nil
    }

    /// An unsigned integer of that many bytes.
    static func number(_ profile: [UInt8], _ place: Int, _ count: Int) -> Int? {
        guard place >= 0, place <= profile.count - count else { return nil }
        return profile[place..<place + count].reduce(0) { $0 << 8 | Int($1) }
    }
}

/// Profiles of inputs as files, which libvips wants for what it writes: one for each profile of the process, in its temporary folder.
private enum ProfileFiles {
    private static let known = Mutex<[String: String]>([:])

    static func removeAll() {
        known.withLock { known in
            for path in known.values { unlink(path) }
            known = [:]
        }
    }

    static func path(of profile: [UInt8]) -> String? {
        let key = SHA256.hash(profile).hex
        return known.withLock { known in
            if let path = known[key], FileManager.default.fileExists(atPath: path) { return path }
            let path = FileManager.default.temporaryDirectory.appending(path: "aquatint-\(ProcessInfo.processInfo.processIdentifier)-\(key.prefix(16)).icc").path
            guard (try? Data(profile).write(to: URL(filePath: path), options: .atomic)) != nil else { return nil }
            known[key] = path
            return path
        }
    }
}
