internal import PipelineLanguage
internal import Vips

/// `linear: true`: pixels are mixed as light, not as code values.
///
/// A code value of half of white stands for a fifth of its light, so that a mean of code values is too dark: fine bright detail fades as a picture is made smaller. Here the picture is taken
/// to light before the operation and back after it, by the curve of sRGB, or by that of its own profile. Alpha is linear already.
///
///     8 bits ──▶ curve ──▶ floats, light × full scale ──▶ operation ──▶ curve back, rounded ──▶ 8 bits
enum LinearLight {
    static let parameter = ParameterDescription(
        "linear", .bool, fallback: .bool(false), doc: "Mix light instead of code values: slower, and fine bright detail keeps its brightness.", host: true)

    /// The operations that take the parameter. thumbnail_image has its own of that name.
    static let operations: Set<String> = ["resize", "reduce", "reduceh", "reducev", "shrink", "shrinkh", "shrinkv", "gaussblur"]

    /// - Parameter operate: gets floats whose full scale is that of the picture.
    static func applied(to image: Image, stage: String, _ operate: (Image) throws(StageError) -> VipsStage.Result) throws(StageError) -> VipsStage.Result {
        if image.interpretation == .scrgb { return try operate(image) }
        guard case .picture(let white) = PictureScale(of: image), let curves = curves(of: image) else {
            throw .host("'linear' needs a grey or RGB picture, without a profile or with one of curves, and this is \(image): convert it first (icc_transform: srgb)", stage: stage)
        }
        let light = try mapped(image) { curves[min($0, curves.count - 1)].light($1 / Float(white)) * Float(white) }
        var result = try operate(light)
        guard let mixed = result.image else { return result }
        var back = try mapped(mixed) { curves[min($0, curves.count - 1)].value($1 / Float(white)) * Float(white) }
        // A cast cuts the fraction off.
        if image.format.isInteger { back = try VipsStage.unary("round", back, ["round": "rint"]) }
        result.image = try VipsStage.unary("cast", back, ["format": .string(image.format.rawValue)])
        return result
    }

    /// One for each colour band, or for all.
    private static func curves(of image: Image) -> [ToneCurve]? {
        let colours = image.bands - (image.hasAlpha ? 1 : 0)
        guard [.srgb, .rgb, .rgb16, .blackAndWhite, .grey16].contains(image.interpretation), colours == 1 || colours == 3 else { return nil }
        guard let profile = image.blob(ManagedColour.profileField), ManagedColour.fits(profile, image), !ManagedColour.isSRGB(profile, bands: colours) else { return [.srgb] }
        return ToneCurve.curves(of: profile, bands: colours)
    }

    /// The picture as floats, its colours mapped one by one, alpha as it is.
    private static func mapped(_ given: Image, _ map: @escaping @Sendable (_ band: Int, _ sample: Float) -> Float) throws(StageError) -> Image {
        let image = [.uchar, .ushort, .float].contains(given.format) ? given : try VipsStage.unary("cast", given, ["format": "float"])
        let format = image.format, bands = image.bands, alpha = image.hasAlpha ? bands - 1 : bands
        // A table for integers: as exact, and much faster.
        let levels = image.format.integerRange.map { $0.upperBound + 1 } ?? 0
        let tables = (0..<alpha).map { band in (0..<levels).map { map(band, Float($0)) } }
        let header = GeneratedHeader(width: image.width, height: image.height, bands: bands, format: .float, interpretation: image.interpretation, demand: .thinStrip)
        do {
            return try Image.generated(header, from: [image]) { area, output, inputs in
                try inputs.withPixels(of: 0, in: area) { base, rowStride in
                    for row in 0..<area.height {
                        let line = base + row * rowStride, target = (output.base + row * output.rowStride).assumingMemoryBound(to: Float.self)
                        for index in 0..<area.width * bands {
                            let band = index % bands
                            switch format {
                            case .uchar:
                                let sample = Int(line.assumingMemoryBound(to: UInt8.self)[index])
                                target[index] = band == alpha ? Float(sample) : tables[band][sample]
                            case .ushort:
                                let sample = Int(line.assumingMemoryBound(to: UInt16.self)[index])
                                target[index] = band == alpha ? Float(sample) : tables[band][sample]
                            default:
                                let sample = line.assumingMemoryBound(to: Float.self)[index]
                                target[index] = band == alpha ? sample : map(band, sample)
                            }
                        }
                    }
                }
            }
        } catch {
            throw .vips(error)
        }
    }
}
