internal import PipelineLanguage
internal import StageHost
internal import Vips

/// SVG and PDF: pictures that have the size that one asks for.
enum Drawing {
    static let loaders: Set<String> = ["svgload", "pdfload"]

    /// The scale at which a drawing gets the pipeline's `input: {width: ...}`; nil where the file is none, or its own size will do.
    ///
    /// - Throws: `ImageFailure` where it says a size that cannot be.
    static func scale(_ path: String, _ loader: String, _ settings: InputSettings, _ options: [String: Argument]) throws -> Double? {
        guard loaders.contains(loader) else { return nil }
        func width(_ scale: Double) throws -> (width: Int, height: Int) {
            var options = options
            options["scale"] = .double(scale)
            let image = try Image.load(path, loader: loader, options: options)
            return (image.width, image.height)
        }
        let given: Double = if case .double(let scale)? = options["scale"] { scale } else { 1 }
        let own = try width(given)
        // librsvg's sizes pass through C's int: beyond it, libvips makes them 1.
        if own == (1, 1), try width(given * 16) == (1, 1) {
            throw ImageFailure("limit", "says a size that no picture has, so that nothing of it would be drawn: correct its width and height")
        }
        guard let wanted = settings.width, wanted != own.width else { return nil }
        var scale = given * Double(wanted) / Double(own.width)
        // The width at scale 1 is rounded: two or three steps lead to the very pixel.
        for _ in 0..<4 {
            let made = try width(scale).width
            if made == wanted { break }
            scale *= Double(wanted) / Double(made)
        }
        return scale
    }
}
