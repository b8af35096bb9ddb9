internal import Foundation
internal import StageHost
internal import Vips

/// How far two pictures are apart: in samples, in structure, as colours are seen, and in what their files say beside the pixels.
///
/// Both are turned upright first. Where their profiles differ, both are brought to sRGB; where their depths differ, the second is measured on the scale of the first.
public struct ImageComparison: Sendable {
    /// 10 log10(full scale^2 / mean squared difference) over all bands, dB; infinite for equal pictures.
    public let psnr: Double
    /// The same of the luma of BT.601 in its studio range, 16 to 235 of 255, as papers on super-resolution measure it; nil where there are no colours.
    public let psnrY: Double?
    /// Structural similarity of the luma, 1 for equal pictures (Wang et al. 2004: Gaussian window of 11 x 11, sigma 1.5, K 0.01 and 0.03); nil for pictures smaller than the window.
    public let ssim: Double?
    /// The largest difference of any sample, in code values of the first picture.
    public let maxDifference: Double
    /// CIEDE2000, the mean and the largest of all pixels; nil where there are no colours.
    public let de2000: (mean: Double, max: Double)?
    public let width: Int
    public let height: Int
    public let bands: Int
    /// The band format of the first.
    public let format: String
    /// What had to be done to make them comparable, for people.
    public let notes: [String]
    /// Metadata that one has and the other lacks, or that differ.
    public let metadata: [FieldDifference]

    public struct FieldDifference: Sendable, Hashable {
        public enum Kind: String, Sendable { case onlyInFirst = "only in the first", onlyInSecond = "only in the second", differs }
        public let name: String
        public let kind: Kind
    }

    /// Where the pictures differ, as colours: black for none, up to red for CIEDE2000 of 10 and more (or a tenth of full scale where there are no colours).
    private let map: Image
    /// The real paths of both.
    private let files: [String]

    /// - Parameter border: pixels on each side that are left out.
    /// - Throws: `RunError` 66 for a file that is no picture; 1 for pictures of different sizes, which cannot be compared.
    public init(_ first: String, _ second: String, border: Int = 0) throws(RunError) {
        files = [Path.real(first), Path.real(second)]
        let pictures = [try Self.open(first), try Self.open(second)]
        metadata = Self.differences(pictures[0], pictures[1])
        do {
            var notes: [String] = []
            var (a, b) = try Self.comparable(pictures[0], pictures[1], &notes)
            format = pictures[0].format.rawValue
            guard (a.width, a.height) == (b.width, b.height) else {
                throw RunError(.someFailed, "the pictures have different sizes, \(a.width) x \(a.height) and \(b.width) x \(b.height)")
            }
            if border > 0 {
                guard a.width > 2 * border, a.height > 2 * border else { throw RunError(.usage, "nothing is left of \(a.width) x \(a.height) pixels without a border of \(border)") }
                a = try Self.cropped(a, border)
                b = try Self.cropped(b, border)
            }
            if a.hasAlpha, b.hasAlpha { (a, b) = try Self.visible(a, b) }
            (width, height, bands) = (a.width, a.height, a.bands)
            let full = pictures[0].pictureFullScale ?? 1
            let difference = try Operation.image("subtract", ["left": .image(a), "right": .image(b)])
            let meanSquare = try? Self.mean(try Self.squared(difference))
            guard let meanSquare, meanSquare.isFinite else { throw RunError(.someFailed, "the pictures cannot be compared: there is NaN or infinity in them") }
            psnr = Self.decibels(full, meanSquare)
            let distance = try Operation.image("abs", ["in": .image(difference)])
            maxDifference = try Self.number("max", distance)
            let lumas = try Self.luma(a, full).flatMap { first in try Self.luma(b, full).map { (first, $0) } }
            if let (first, second) = lumas {
                let error = try Operation.image("subtract", ["left": .image(first), "right": .image(second)])
                // The range of a colour's luma is 219 of 255.
                psnrY = a.bands >= 3 ? Self.decibels(255, try Self.mean(try Self.squared(error))) : nil
                ssim = try Similarity.mean(first, second)
            } else {
                (psnrY, ssim) = (nil, nil)
            }
            if let colours = try Self.lab(a, full).flatMap({ first in try Self.lab(b, full).map { (first, $0) } }) {
                let distances = try Operation.image("dE00", ["left": .image(colours.0), "right": .image(colours.1)])
                de2000 = (try Self.mean(distances), try Self.number("max", distances))
                map = try Self.scaled(distances, 25.5)
            } else {
                de2000 = nil
                map = try Self.scaled(try Operation.image("bandmean", ["in": .image(distance)]), 2550 / full)
            }
            self.notes = notes
        } catch let error as VipsError {
            throw RunError(.inputMissing, "the pictures cannot be compared: \(error.description)")
        } catch let error as RunError {
            throw error
        } catch {
            throw RunError(.inputMissing, "the pictures cannot be compared: \(error)")
        }
    }

    /// Writes where the pictures differ as a picture of false colours.
    ///
    /// - Throws: `RunError` 73 where that is one of the pictures, or cannot be written.
    public func writeHeatmap(to path: String) throws(RunError) {
        guard !files.contains(where: { PathKey($0) == PathKey(Path.real(path)) }) else { throw RunError(.cannotCreateOutput, "'\(path)' is one of the pictures that are compared", hint: "name another file with --heatmap") }
        do {
            try Operation.image("falsecolour", ["in": .image(try Operation.image("cast", ["in": .image(map), "format": "uchar"]))]).save(path)
        } catch {
            throw RunError(.cannotCreateOutput, "'\(path)' cannot be written: \(error)")
        }
    }

    // MARK: to the same footing

    private static func open(_ path: String) throws(RunError) -> Image {
        do {
            guard let loader = Image.loader(forFile: path) else { throw VipsError(message: FileStatus(path) == nil ? "there is no file '\(path)'" : "'\(path)' is no image that libvips can read") }
            var options: [String: Argument] = [:]
            if Operation.describe(loader)?.parameters.contains(where: { $0.name == "n" }) == true { options["n"] = -1 }
            let image = try InputImage.decoded(try Image.load(path, loader: loader, options: options), isUpright: false)
            return try image.taggedAsOpened()
        } catch let error as VipsError {
            throw RunError(.inputMissing, error.message)
        } catch {
            throw RunError(.inputMissing, "\(error)")
        }
    }

    private static func comparable(_ a: Image, _ b: Image, _ notes: inout [String]) throws -> (Image, Image) {
        var (first, second) = (a, b)
        let profiles = [a, b].map { $0.blob("icc-profile-data") }
        let isForeign = [a, b].contains { [.cmyk, .lab, .labs, .xyz, .scrgb].contains($0.interpretation) }
        if profiles[0] != profiles[1] || isForeign && a.interpretation != b.interpretation {
            notes.append("their profiles or colour spaces differ: both were brought to sRGB")
            (first, second) = (try sRGB(a), try sRGB(b))
        }
        // Deep pictures are 16 bits deep in sRGB, whatever they were.
        let isConverted = first !== a, full = a.pictureFullScale ?? 1
        func white(_ image: Image, _ original: Image) -> Double { isConverted ? (image.format == .uchar ? 255 : 65535) : original.pictureFullScale ?? 1 }
        let scale = full / white(first, a), other = full / white(second, b)
        if a.format != b.format { notes.append("stored as \(a.format.rawValue) and \(b.format.rawValue)") }
        first = try linear(first, scale)
        second = try linear(second, other)
        if first.bands != second.bands {
            notes.append("\(a.bands) and \(b.bands) bands: grey counts as colour, and no transparency as opaque")
            let most = max(colours(first), colours(second)), hasAlpha = first.hasAlpha || second.hasAlpha
            (first, second) = (try widened(first, most, hasAlpha, a), try widened(second, most, hasAlpha, a))
        }
        return (first, second)
    }

    /// Both with no colour where neither has any that can be seen.
    private static func visible(_ a: Image, _ b: Image) throws(VipsError) -> (Image, Image) {
        func alpha(_ image: Image) throws(VipsError) -> Image { try Operation.image("extract_band", ["in": .image(image), "band": .int(image.bands - 1)]) }
        let sum = try Operation.image("add", ["left": .image(try alpha(a)), "right": .image(try alpha(b))])
        let isSeen = try Operation.image("relational_const", ["in": .image(sum), "relational": "more", "c": 0])
        let share = try Operation.image("linear", ["in": .image(isSeen), "a": .doubles([1.0 / 255]), "b": .doubles([0])])
        func masked(_ image: Image) throws(VipsError) -> Image {
            let product = try Operation.image("multiply", ["left": .image(image), "right": .image(share)])
            return try Operation.image("copy", ["in": .image(product), "interpretation": .string(image.interpretation.rawValue)])
        }
        return (try masked(a), try masked(b))
    }

    private static func colours(_ image: Image) -> Int { image.bands - (image.hasAlpha ? 1 : 0) }

    /// With that many colour bands, and alpha where it is wanted.
    private static func widened(_ image: Image, _ bands: Int, _ hasAlpha: Bool, _ like: Image) throws -> Image {
        let own = colours(image)
        guard own == bands || own == 1 else { throw RunError(.someFailed, "pictures of \(own) and \(bands) bands cannot be compared") }
        let colour = try Operation.image("extract_band", ["in": .image(image), "band": 0, "n": .int(own)])
        var parts = own == bands ? [colour] : Array(repeating: colour, count: bands)
        if hasAlpha {
            parts.append(image.hasAlpha ? try Operation.image("extract_band", ["in": .image(image), "band": .int(own)])
                : try linear(try Operation.image("extract_band", ["in": .image(colour), "band": 0]), 0, offset: like.pictureFullScale ?? 1))
        }
        let joined = parts.count == 1 ? parts[0] : try Operation.image("bandjoin", ["in": .images(parts)])
        return bands == 3 ? try Operation.image("copy", ["in": .image(joined), "interpretation": "srgb"]) : joined
    }

    private static func sRGB(_ image: Image) throws(VipsError) -> Image {
        let isDeep = image.format != .uchar
        if let profile = image.blob("icc-profile-data") {
            if ManagedColour.fits(profile, image), let white = image.pictureFullScale {
                let isSame = ManagedColour.isSRGB(profile, bands: colours(image))
                let shown = isSame ? image : try ColourConversion.between(profile, nil, bands: colours(image))?.applied(to: image, white: white, clips: true)
                if let shown {
                    // Floats of 65535, which is what is not of 8 bits is taken for.
                    return try Operation.image("copy", ["in": .image(try linear(shown, 65535 / white)), "interpretation": .string(colours(image) == 1 ? "b-w" : "srgb")])
                }
            }
            return try Operation.image("icc_transform", ["in": .image(image), "output_profile": "srgb", "embedded": true, "depth": isDeep ? 16 : 8])
        }
        return try Operation.image("colourspace", ["in": .image(image), "space": .string(isDeep ? "rgb16" : "srgb")])
    }

    private static func cropped(_ image: Image, _ border: Int) throws(VipsError) -> Image {
        try Operation.image("extract_area", ["input": .image(image), "left": .int(border), "top": .int(border), "width": .int(image.width - 2 * border), "height": .int(image.height - 2 * border)])
    }

    // MARK: figures

    private static func linear(_ image: Image, _ factor: Double, offset: Double = 0) throws(VipsError) -> Image {
        try Operation.image("linear", ["in": .image(image), "a": .doubles([factor]), "b": .doubles([offset])])
    }

    private static func scaled(_ image: Image, _ factor: Double) throws(VipsError) -> Image { try linear(image, factor) }

    private static func squared(_ image: Image) throws(VipsError) -> Image { try Operation.image("multiply", ["left": .image(image), "right": .image(image)]) }

    private static func number(_ operation: String, _ image: Image) throws(VipsError) -> Double {
        guard let value = try Operation.call(operation, ["in": .image(image)])["out"]?.doubleValue else { throw VipsError(operation: operation, message: "gave no number") }
        return value
    }

    private static func mean(_ image: Image) throws(VipsError) -> Double { try number("avg", image) }

    private static func decibels(_ full: Double, _ meanSquare: Double) -> Double { meanSquare > 0 ? 10 * log10(full * full / meanSquare) : .infinity }

    /// 16 + 219 (0.299 R + 0.587 G + 0.114 B) for colours of full scale 1, or the grey on a scale of 255; nil where there are two bands.
    private static func luma(_ image: Image, _ full: Double) throws(VipsError) -> Image? {
        switch colours(image) {
        case 1: return try linear(try Operation.image("extract_band", ["in": .image(image), "band": 0]), 255 / full)
        case 3:
            let colour = try Operation.image("extract_band", ["in": .image(image), "band": 0, "n": 3])
            // The coefficients as MATLAB's rgb2ycbcr has them, which the papers' figures were made with.
            let weights = try Image.matrix([[65.481, 128.553, 24.966].map { $0 / full }])
            return try linear(try Operation.image("recomb", ["in": .image(colour), "m": .image(weights)]), 1, offset: 16)
        default: return nil
        }
    }

    /// CIELAB of sRGB colours; nil for what is neither grey nor RGB.
    private static func lab(_ image: Image, _ full: Double) throws(VipsError) -> Image? {
        guard colours(image) == 3 else { return nil }
        // At 16 bits: libvips takes sRGB floats for 8 bits on the way to Lab.
        let colour = try linear(try Operation.image("extract_band", ["in": .image(image), "band": 0, "n": 3]), 65535 / full, offset: 0.5)
        let deep = try Operation.image("cast", ["in": .image(colour), "format": "ushort"])
        let tagged = try Operation.image("copy", ["in": .image(deep), "interpretation": "rgb16"])
        return try Operation.image("colourspace", ["in": .image(tagged), "space": "lab"])
    }

    // MARK: metadata

    private static func differences(_ a: Image, _ b: Image) -> [FieldDifference] {
        // Of the pixels, of libvips' own working, and what every EXIF block repeats of the size.
        let ignored: Set<String> = ["width", "height", "bands", "format", "coding", "interpretation", "xoffset", "yoffset", "filename", "vips-loader", "vips-sequential", "vips-hash",
                                    "exif-data", "aquatint-full-scale"]
        let names = [a, b].map { Set($0.fields).subtracting(ignored) }
        func value(_ image: Image, _ name: String) -> String {
            image.string(name) ?? image.int(name).map(String.init) ?? image.double(name).map { "\($0)" } ?? image.blob(name).map { "\($0.count) \($0.hashValue)" }
                ?? image.intArray(name).map { "\($0)" } ?? ""
        }
        return names[0].union(names[1]).sorted().compactMap { name in
            if !names[1].contains(name) { return FieldDifference(name: name, kind: .onlyInFirst) }
            if !names[0].contains(name) { return FieldDifference(name: name, kind: .onlyInSecond) }
            return value(a, name) == value(b, name) ? nil : FieldDifference(name: name, kind: .differs)
        }
    }
}

/// Structural similarity (Wang, Bovik, Sheikh, Simoncelli: Image Quality Assessment, IEEE TIP 2004).
private enum Similarity {
    /// Of two images of one band on a scale of 255, the mean over all places where the window lies inside; nil where there are none.
    static func mean(_ x: Image, _ y: Image) throws(VipsError) -> Double? {
        let edge = 11
        guard x.width >= edge, x.height >= edge else { return nil }
        let weights = (0..<edge).map { exp(-Double(($0 - edge / 2) * ($0 - edge / 2)) / (2 * 1.5 * 1.5)) }
        let window = try Image.matrix([weights], scale: weights.reduce(0, +))
        func blurred(_ image: Image) throws(VipsError) -> Image {
            let all = try Operation.image("convsep", ["in": .image(image), "mask": .image(window), "precision": "float"])
            return try Operation.image("extract_area", ["input": .image(all), "left": .int(edge / 2), "top": .int(edge / 2), "width": .int(image.width - edge + 1), "height": .int(image.height - edge + 1)])
        }
        func times(_ a: Image, _ b: Image) throws(VipsError) -> Image { try Operation.image("multiply", ["left": .image(a), "right": .image(b)]) }
        func minus(_ a: Image, _ b: Image) throws(VipsError) -> Image { try Operation.image("subtract", ["left": .image(a), "right": .image(b)]) }
        func plus(_ a: Image, _ b: Image) throws(VipsError) -> Image { try Operation.image("add", ["left": .image(a), "right": .image(b)]) }
        func line(_ image: Image, _ factor: Double, _ offset: Double) throws(VipsError) -> Image {
            try Operation.image("linear", ["in": .image(image), "a": .doubles([factor]), "b": .doubles([offset])])
        }
        // In doubles: variances are small differences of large squares.
        let (x, y) = (try Operation.image("cast", ["in": .image(x), "format": "double"]), try Operation.image("cast", ["in": .image(y), "format": "double"]))
        let (c1, c2) = (0.01 * 255 * 0.01 * 255, 0.03 * 255 * 0.03 * 255)
        let (mx, my) = (try blurred(x), try blurred(y))
        let (mxx, myy, mxy) = (try times(mx, mx), try times(my, my), try times(mx, my))
        let (vx, vy, cov) = (try minus(try blurred(try times(x, x)), mxx), try minus(try blurred(try times(y, y)), myy), try minus(try blurred(try times(x, y)), mxy))
        let above = try times(try line(mxy, 2, c1), try line(cov, 2, c2))
        let below = try times(try line(try plus(mxx, myy), 1, c1), try line(try plus(vx, vy), 1, c2))
        let ratio = try Operation.image("divide", ["left": .image(above), "right": .image(below)])
        return try Operation.call("avg", ["in": .image(ratio)])["out"]?.doubleValue
    }
}
