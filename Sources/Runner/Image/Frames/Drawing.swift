internal import PipelineLanguage
internal import StageHost
internal import Vips

/// SVG and PDF: pictures that have the size that one asks for.
enum Drawing {
    static let loaders: Set<String> = ["svgload", "pdfload"]

    /// The scale at which a drawing gets the pipeline's `input: {width: ...}`; nil where the file is none, or its own size will do.
    ///
    /// - Throws: `ImageFailure` where it says a size that cannot be.
    static func scale(_ file: OpenedFile, _ loader: String, _ settings: InputSettings, _ options: [String: Argument]) throws -> Double? {
        guard loaders.contains(loader) else { return nil }
        func width(_ scale: Double) throws -> (width: Int, height: Int) {
            var options = options
            options["scale"] = .double(scale)
            let image = try file.load(loader, options: options)
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

    /// Whether the pages of these numbers, from 1, have the same size.
    ///
    /// Each is opened for that, and let go: hundreds that are open at once take as many files.
    static func areOfOneSize(_ pages: ClosedRange<Int>, _ file: OpenedFile, _ loader: String, _ options: [String: Argument]) -> Bool {
        func size(_ page: Int) -> [Int]? {
            // Large, since sizes are rounded to pixels.
            let fine: [String: Argument] = ["page": .int(page - 1), "n": 1, "scale": 16]
            return (try? file.load(loader, options: options.merging(fine) { $1 })).map { [$0.width, $0.height] }
        }
        guard pages.count > 1, let first = size(pages.lowerBound) else { return pages.count == 1 }
        return pages.dropFirst().allSatisfy { size($0) == first }
    }
}
