internal import PipelineLanguage
internal import StageHost
internal import Vips

/// Which pages of an input are taken.
enum InputPages {
    /// The numbers of those that a selection takes of so many, from 1; none where the selection lies behind the last.
    static func numbers(_ selection: PageSelection, of count: Int) -> ClosedRange<Int>? {
        switch selection {
        case .first: 1...1
        case .all: 1...max(1, count)
        case .range(let range): range.lowerBound <= count ? range.clamped(to: 1...count) : nil
        }
    }

    /// Pages that a file has. What libvips calls pages of a JPEG 2000, a slide or a pyramidal TIFF is the one picture at smaller sizes.
    static func count(of header: Image, _ path: String, _ loader: String, _ request: RunRequest) -> Int {
        guard request.library.catalogue.codec(loader)?.parameter("n") != nil else { return 1 }
        return header.pagesInFile > 1 && loader == "tiffload" && isPyramid(path, header) ? 1 : header.pagesInFile
    }

    /// Whether the second page is the first at half its size.
    private static func isPyramid(_ path: String, _ header: Image) -> Bool {
        guard let second = try? Image.load(path, loader: "tiffload", options: ["page": 1]) else { return false }
        return header.width > 2 && abs(second.width * 2 - header.width) <= 1 && abs(second.height * 2 - header.height) <= 1
    }

    /// The pages that have outputs of their own; nil where no output is named by its page, or just one page is taken.
    ///
    /// Reads the header of the file. One that cannot be read has one page: that fails when its turn comes.
    static func numbers(_ path: String, _ request: RunRequest) -> [Int]? {
        let settings = request.pipeline.input
        guard settings.pages != .first, request.pipeline.outputs.contains(where: \.file.usesPage) else { return nil }
        guard let loader = Image.loader(forFile: path), (try? InputTrust.check(loader, settings)) != nil, let options = try? InputImage.loaderOptions(loader, request) else { return [1] }
        return taken(path, loader, options, request).map { $0 ?? 1 }
    }

    /// The numbers of the pages that the pipeline takes of a file; one without a number where it is not known to have pages.
    static func taken(_ path: String, _ loader: String, _ options: [String: Argument], _ request: RunRequest) -> [Int?] {
        guard request.library.catalogue.codec(loader)?.parameter("page") != nil, let header = try? Image.load(path, loader: loader, options: options),
              let pages = numbers(request.pipeline.input.pages, of: count(of: header, path, loader, request)) else { return [nil] }
        return Array(pages)
    }
}

extension InputImage {
    /// Opens the pages that the pipeline asks for.
    static func severalPages(_ path: String, _ loader: String, _ options: [String: Argument], _ session: RunSession, _ context: ImageContext) throws -> InputImage {
        let pipeline = session.pipeline
        let first = try Image.load(path, loader: loader, options: options)
        let count = InputPages.count(of: first, path, loader, session.request)
        guard let pages = InputPages.numbers(pipeline.input.pages, of: count) else {
            throw ImageFailure("load", "has \(count == 1 ? "one page" : "\(count) pages"), and the pipeline takes others (input: {pages: ...})")
        }
        if case .range(let wanted) = pipeline.input.pages, wanted.upperBound > count {
            context.note("has \(count == 1 ? "one page" : "\(count) pages"): those behind the last are not there")
        }
        let opened = try self.pages(pages, path, loader, options, session, first)
        let isTurned = pipeline.input.autorot && first.orientation > 1
        var frames: [Image] = []
        for page in opened {
            try pipeline.limits.check(page, "has")
            frames.append(try decoded(page, isUpright: !isTurned).taggedAsOpened())
        }
        var facts = ImageFacts(opened[0])
        facts.pages = count
        if isTurned, first.orientation >= 5 { swap(&facts.width, &facts.height) }
        return InputImage(frames: frames, facts: facts, format: frames[0].format, loader: loader, animation: Animation(first, pages: Array(pages)))
    }

    /// One image for each page.
    private static func pages(_ pages: ClosedRange<Int>, _ path: String, _ loader: String, _ options: [String: Argument], _ session: RunSession, _ first: Image) throws -> [Image] {
        guard let codec = session.library.catalogue.codec(loader), codec.parameter("n") != nil, codec.parameter("page") != nil else { return [first] }
        func load(_ page: Int, _ count: Int) throws -> Image {
            var options = options
            options["page"] = .int(page - 1)
            options["n"] = .int(count)
            return try Image.load(path, loader: loader, options: options)
        }
        do {
            let tall = try load(pages.lowerBound, pages.count)
            try session.pipeline.limits.check(tall, "has")
            try session.pipeline.limits.checkCompression(of: tall, fileBytes: FileStatus(path)?.size ?? 0)
            if tall.pageCount == pages.count { return try split(tall) }
        } catch let error as VipsError {
            // Frames of an animation stand on those before them: they are one picture to its loader.
            if ["gifload", "webpload"].contains(loader) { throw error }
        }
        // Of different sizes, which libvips refuses in a TIFF, and pads in a PDF.
        var pixels = 0
        return try pages.map { number in
            let page = try load(number, 1)
            pixels += page.width * page.height
            try session.pipeline.limits.check(pixels, "has \(pages.count) pages with")
            return page
        }
    }

    /// The pages back in one tall image, as savers of several pages want them.
    func joined(_ pages: [Image]) throws(ImageFailure) -> Image {
        guard pages.count > 1, let first = pages.first else {
            guard let only = pages.first else { throw ImageFailure("save", "there is no page to save") }
            return only
        }
        guard pages.allSatisfy({ $0.width == first.width && $0.height == first.height && $0.bands == first.bands }) else {
            throw ImageFailure("save", "the pages have different sizes, and one file cannot hold them: put {page} into the output's name for a file of each")
        }
        do {
            return try Operation.image("arrayjoin", ["in": .images(pages), "across": 1]).settingFields(animation.fields(frames: pages.count, height: first.height))
        } catch {
            throw ImageFailure(error, code: "save")
        }
    }
}
