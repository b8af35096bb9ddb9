/// How a libvips operation treats an alpha band when a pipeline says `alpha: auto` (the default).
///
/// libvips itself applies most operations to every band alike. For alpha that is wrong in two ways: mixing the colours
/// of neighbouring pixels without their weights drags the invisible colour of transparent pixels into view (dark halos), and
/// mapping values maps the transparency too (`invert` would make a solid picture vanish).
/// Without alpha none of this happens and every operation is exactly libvips'.
enum AlphaPolicy {
    /// Positions are mixed: premultiply, run on all bands, unpremultiply.
    case premultiply
    /// Differences of neighbours are taken: weighted by alpha, its edge would be one of the picture. Colour bands only, continued under transparent pixels, alpha joined again.
    case coloursContinued
    /// Values are mapped: colour bands only, alpha joined again.
    case coloursOnly
    /// Pixels move as they are, or the operation knows about alpha itself.
    case pass

    init(operation nickname: String) {
        self = Self.table[nickname] ?? .pass
    }

    private static let table: [String: AlphaPolicy] = {
        var table: [String: AlphaPolicy] = [:]
        for name in premultiplied { table[name] = .premultiply }
        for name in differences { table[name] = .coloursContinued }
        for name in mapped { table[name] = .coloursOnly }
        return table
    }()

    // thumbnail, thumbnail_image, mapim, affine, and similarity and rotate on top of it, are not here: they premultiply by themselves, and twice is wrong.
    static let premultiplied = [
        "resize", "reduce", "reduceh", "reducev", "shrink", "shrinkh", "shrinkv",
        "quadratic", "gaussblur", "conv", "conva", "convasep", "convf", "convi", "convsep", "rank", "morph",
    ]

    // libvips' sharpen works in LabS, which would also cut a deep alpha to 8 bits.
    static let differences = ["sharpen", "compass", "sobel", "canny"]

    static let mapped = [
        "invert", "linear", "gamma", "math", "math2_const", "maplut", "colourspace", "icc_transform", "round", "sign", "abs",
        "relational_const", "boolean_const", "remainder_const", "scale", "hist_equal", "hist_local", "stdif", "falsecolour", "recomb",
    ]
}
