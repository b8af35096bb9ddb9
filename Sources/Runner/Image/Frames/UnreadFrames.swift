internal import PipelineLanguage
internal import StageHost

/// Files of several pictures of which libvips sees the first only, or none, and says nothing.
enum UnreadFrames {
    /// Notes that such a file is taken for its first picture.
    ///
    /// - Throws: `ImageFailure` where the others are asked for, or not even the first can be had.
    static func check(_ file: OpenedFile, _ loader: String, _ pages: PageSelection, _ context: ImageContext) throws(ImageFailure) {
        guard loader == "pngload", file.chunksBeforePixels.contains(where: { $0.name == "acTL" }) else { return }
        guard pages == .first else {
            throw ImageFailure("load", "is an animated PNG, of which libvips reads the first picture only: convert it to WebP or GIF with another program, or take that one with input: {pages: first}")
        }
        context.note("is an animated PNG, of which libvips reads the first picture only")
    }

    /// Why a file that no loader knows is none, where that can be told.
    static func reason(_ file: OpenedFile) -> String? {
        guard let start = file.read(0, 12), start.text(4, 4) == "ftyp", let brand = start.text(8, 4) else { return nil }
        let sequences = ["avis": "AVIF", "hevc": "HEIC", "hevx": "HEIC", "msf1": "HEIF"]
        return sequences[brand].map { "is an animated \($0) (an image sequence), which libheif does not read here: convert it to WebP or GIF with another program" }
    }
}
