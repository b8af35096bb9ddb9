internal import Vips

/// Results that are computed anew each time that they are asked for: kept for a while for those who ask for a pixel more than once.
///
/// Most of what follows a stage asks once, and a cache would cost as much as a stage that does little.
enum UncachedPixels {
    /// On results of plug-ins that read no neighbours, and on what libvips' operations without neighbours make of them.
    static let field = "aquatint-not-cached"

    /// libvips' operations that ask for each pixel once.
    private static let readingOnce: Set<String> = Set(AlphaPolicy.mapped).subtracting(["hist_equal", "hist_local", "stdif", "scale"]).union([
        "cast", "copy", "extract_band", "extract_area", "crop", "bandjoin", "bandjoin_const", "bandmean", "bandbool", "boolean", "add", "subtract", "multiply", "divide",
        "remainder", "relational", "ifthenelse", "math2", "composite", "composite2", "premultiply", "unpremultiply", "flip", "msb", "byteswap", "addalpha",
    ])

    static func marked(_ image: Image) throws(VipsError) -> Image { try image.settingFields([(field, .int(1))]) }

    /// The image as `operation` is to get it.
    static func kept(_ image: Image, for operation: String) throws(StageError) -> Image {
        readingOnce.contains(operation) ? image : try kept(image)
    }

    /// The image, with the rows that were asked for last kept where it is a result of that kind: as many as the largest request had, and more.
    ///
    /// Whole rows, since threads that share them read a file that is being decoded in its order.
    static func kept(_ image: Image) throws(StageError) -> Image {
        guard image.int(field) != nil else { return image }
        do {
            let rows = try Operation.image("linecache", ["in": .image(image), "tile_height": 16, "access": "sequential", "threaded": true])
            return try rows.settingFields([(field, nil)])
        } catch {
            throw .vips(error)
        }
    }
}
