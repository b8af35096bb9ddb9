internal import Glibc
internal import PipelineLanguage
internal import StageHost
internal import Vips

/// What is wrong with a file of which a part can be read.
enum InputDamage {
    /// The loaders that go on past damage where they may, with what their complaints begin with.
    private static let lenient = [
        "gifload": ["gifload"], "jpegload": ["VipsJpeg", "jpegload"], "pngload": ["vipspng", "pngload", "libspng"], "tiffload": ["tiff2vips", "tiffload"],
    ]

    /// Whether a failure has words of a loader in it that could have gone on.
    static func isLikely(_ loader: String, _ failure: ImageFailure) -> Bool {
        lenient[loader]?.contains { failure.message.contains("\($0): ") } ?? false
    }

    /// A failure to read a damaged file as far as a pipeline needs it.
    static func failure(_ damage: String) -> ImageFailure {
        ImageFailure("load", "is damaged: \(damage) (input: {on_damage: keep} keeps what can be read)")
    }

    /// What its loader complains of where it is to complain of every error; nil of a file that is whole.
    ///
    /// The file is decoded for that, and thrown away: a loader that goes on past damage says nothing, and one that stops gives no pixels.
    ///
    /// - Parameters:
    ///   - options: of the loader, as the image was opened with: within the pipeline's limits.
    ///   - context: ends it where the image is given up.
    /// - Throws: where it was not decoded as far as it could have been: it is given up, or this machine has no room or no files left.
    static func find(_ file: OpenedFile, _ loader: String, _ options: [String: Argument], _ context: ImageContext) throws(ImageFailure) -> String? {
        var strict = options
        strict["fail_on"] = "error"
        var complaint: String?
        do throws(VipsError) {
            let image = try file.load(loader, access: .sequential, options: strict)
            try image.onProgress { _, _ in !context.isCancelled }.decodeAndDrop()
        } catch {
            complaint = error.message
        }
        if context.isCancelled { throw ImageFailure("cancelled", "given up") }
        guard let complaint else { return nil }
        if isOfTheMachine(complaint) { throw ImageFailure("load", "whether it is damaged could not be found out: \(complaint)") }
        let start = "cannot read '\(file.path)': "
        return complaint.hasPrefix(start) ? String(complaint.dropFirst(start.count)) : complaint
    }

    /// What is wrong with a file of several pictures that ends early, where its loader takes those that are there and says nothing; nil where those that are taken are there.
    static func ofPages(_ file: OpenedFile, _ loader: String, _ selection: PageSelection) -> String? {
        let there: Int, noun: String
        switch loader {
        case "gifload":
            guard let frames = GIFFrames(file), !frames.isWhole else { return nil }
            (there, noun) = (frames.complete, "picture")
        case "tiffload":
            guard let pages = TIFFPages(file), pages.isCutOff else { return nil }
            (there, noun) = (pages.count, "page")
        default: return nil
        }
        switch selection {
        case .first: return nil
        case .range(let range) where range.upperBound <= there: return nil
        case .range, .all: return "its end is missing: \(there == 1 ? "one \(noun) is" : "\(there) \(noun)s are") there as a whole"
        }
    }

    /// Whether an error tells of what this machine lacks, and nothing of the file.
    static func isOfTheMachine(_ message: String) -> Bool {
        [EMFILE, ENFILE, ENOMEM].contains { message.contains(String(cString: strerror($0))) } || message.lowercased().contains("out of memory")
    }

    /// Why a file that no loader of pictures takes is none, where it begins as one.
    static func ofStart(_ file: OpenedFile) -> String? {
        guard let start = file.read(0, 4), [[0x49, 0x49, 42, 0], [0x49, 0x49, 43, 0], [0x4D, 0x4D, 0, 42], [0x4D, 0x4D, 0, 43]].contains(start) else { return nil }
        return "is a damaged TIFF: its list of pages is cut off or broken, and nothing can be read without it"
    }
}
