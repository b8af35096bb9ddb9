internal import Vips

/// Samples in fewer bits, with the lost part spread over neighbouring pixels: slow gradients keep their look, without steps.
///
/// Ordered dithering with Bayer's matrix of 16 x 16: a sample goes up where its fraction is above the threshold of its place. It depends on nothing but the sample and its
/// place, so the same picture gives the same file, in whatever order and parts it is computed; whole numbers, black and white among them, stay what they are.
enum Dither {
    /// - Parameter image: samples on the scale of the result, as floats.
    static func applied(_ image: Image, to format: BandFormat) throws(VipsError) -> Image {
        let across = (image.width + side - 1) / side, down = (image.height + side - 1) / side
        let thresholds = try Operation.image("cast", ["in": .image(try Image.matrix(matrix)), "format": "float"])
        let tiled = try Operation.image("replicate", ["in": .image(thresholds), "across": .int(across), "down": .int(down)])
        let cut = try Operation.image("extract_area", ["input": .image(tiled), "left": 0, "top": 0, "width": .int(image.width), "height": .int(image.height)])
        // The cast cuts the fraction off, and clips.
        return try Operation.image("cast", ["in": .image(try Operation.image("add", ["left": .image(image), "right": .image(cut)])), "format": .string(format.rawValue)])
    }

    private static let side = 16

    /// Each of 0.5/256, 1.5/256, ... once, any two that follow each other far apart: the bits of x ^ y and y, woven and turned round.
    static let matrix: [[Double]] = (0..<side).map { y in
        (0..<side).map { x in
            let woven = (0..<4).reduce(0) { $0 << 2 | ((x ^ y) >> $1 & 1) << 1 | (y >> $1 & 1) }
            return (Double(woven) + 0.5) / Double(side * side)
        }
    }
}
