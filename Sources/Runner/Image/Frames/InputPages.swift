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
    static func count(of header: Image, _ file: OpenedFile, _ loader: String, _ request: RunRequest) -> Int {
        guard request.library.catalogue.codec(loader)?.parameter("n") != nil else { return 1 }
        guard header.pagesInFile > 1, loader == "tiffload", let pages = TIFFPages(file) else { return header.pagesInFile }
        // libvips counts a page that the list leads to, and is not there.
        return pages.areSizesOfTheFirst(header.pagesInFile) ? 1 : pages.isCutOff ? min(pages.count, header.pagesInFile) : header.pagesInFile
    }

    /// The pages that have outputs of their own; nil where no output is named by its page, or just one page is taken.
    ///
    /// Reads the header of the file. One that cannot be read has one page: that fails when its turn comes.
    static func numbers(_ path: String, _ request: RunRequest) -> [Int]? {
        let settings = request.pipeline.input
        guard settings.pages != .first, request.pipeline.outputs.contains(where: \.file.usesPage) else { return nil }
        let file = OpenedFile(path)
        guard let loader = file.loader, (try? InputTrust.check(loader, settings)) != nil, let options = try? InputImage.loaderOptions(loader, request) else { return [1] }
        return taken(file, loader, options, request).map { $0 ?? 1 }
    }

    /// The numbers of the pages that the pipeline takes of a file; one without a number where it is not known to have pages.
    static func taken(_ file: OpenedFile, _ loader: String, _ options: [String: Argument], _ request: RunRequest) -> [Int?] {
        guard request.library.catalogue.codec(loader)?.parameter("page") != nil, let header = try? file.load(loader, options: options),
              let pages = numbers(request.pipeline.input.pages, of: count(of: header, file, loader, request)) else { return [nil] }
        return Array(pages)
    }
}

extension InputImage {
    /// Opens the pages that the pipeline asks for.
    static func severalPages(_ file: OpenedFile, _ loader: String, _ options: [String: Argument], _ session: RunSession, _ context: ImageContext) throws -> InputImage {
        let pipeline = session.pipeline
        if pipeline.input.onDamage == .fail, let damage = InputDamage.ofPages(file, loader, pipeline.input.pages) {
            throw InputDamage.failure(damage)
        }
        let first = try file.load(loader, options: options)
        let count = InputPages.count(of: first, file, loader, session.request)
        guard let pages = InputPages.numbers(pipeline.input.pages, of: count) else {
            throw ImageFailure("load", "has \(count == 1 ? "one page" : "\(count) pages"), and the pipeline takes others (input: {pages: ...})")
        }
        if case .range(let wanted) = pipeline.input.pages, wanted.upperBound > count {
            context.note("has \(count == 1 ? "one page" : "\(count) pages"): those behind the last are not there")
        }
        if count == 1, first.pagesInFile > 1, loader == "tiffload" {
            let smaller = first.pagesInFile - 1
            context.note("has its picture at \(smaller) smaller size\(smaller == 1 ? "" : "s"), too, as it says itself: \(smaller == 1 ? "this is no page" : "these are no pages")")
        }
        let opened = try self.opened(pages, file, loader, options, session, first)
        var frames: [Image] = []
        for image in opened {
            let colour = try InputColour(image, file, loader: loader, context: context)
            let isTurned = pipeline.input.autorot && image.orientation > 1
            // A libvips file holds pages that its loader cannot choose from: it stays the tall image that it is.
            if image.pageCount > pages.count {
                frames.append(try colour.applied(to: try decoded(image, isUpright: !isTurned)).taggedAsOpened())
            } else {
                frames += try self.frames(of: image, colour, isTurned: isTurned)
            }
        }
        var facts = ImageFacts(opened[0])
        facts.pages = count
        if pipeline.input.autorot, opened[0].orientation >= 5 { swap(&facts.width, &facts.height) }
        return InputImage(frames: frames, facts: facts, format: frames[0].format, loader: loader, animation: Animation(first, pages: Array(pages)))
    }

    /// The pages in one tall image, or an image for each.
    private static func opened(_ pages: ClosedRange<Int>, _ file: OpenedFile, _ loader: String, _ options: [String: Argument], _ session: RunSession, _ first: Image) throws -> [Image] {
        let limits = session.pipeline.limits
        func checked(_ more: [String: Argument]) throws -> Image {
            var options = options.merging(more) { $1 }
            let scale = try Drawing.scale(file, loader, session.pipeline.input, options)
            if let scale { options["scale"] = .double(scale) }
            let image = more.isEmpty && scale == nil ? first : try file.load(loader, options: options)
            try limits.check(image, "has")
            try limits.checkCompression(of: image, fileBytes: file.status?.size ?? 0)
            return image
        }
        guard let codec = session.library.catalogue.codec(loader), codec.parameter("n") != nil, codec.parameter("page") != nil else { return [try checked([:])] }
        func load(_ page: Int, _ count: Int) throws -> Image { try checked(["page": .int(page - 1), "n": .int(count)]) }
        // libvips draws all pages of a PDF at one scale and pads them to one width, and turns all of a TIFF as the first of them says.
        let isUneven = switch loader {
        case "pdfload": !Drawing.areOfOneSize(pages, file, loader, options)
        case "tiffload": session.pipeline.input.autorot && TIFFPages(file)?.areTurnedAlike(pages) == false
        default: false
        }
        do {
            if pages.count == 1 || !isUneven {
                let tall = try load(pages.lowerBound, pages.count)
                if tall.pageCount == pages.count { return [tall] }
            }
        } catch let error as VipsError {
            // Frames of an animation stand on those before them: they are one picture to its loader.
            if pages.count == 1 || ["gifload", "webpload"].contains(loader) { throw error }
        }
        // One by one, as those of different sizes, too, which libvips refuses in a TIFF.
        var pixels = 0
        return try pages.map { number in
            let page = try load(number, 1)
            pixels += page.width * page.height
            try limits.check(pixels, "has \(pages.count) pages with")
            return page
        }
    }

    /// The pages as pictures of their own, each with its own time.
    func parted(_ pages: [Image]) throws(ImageFailure) -> [Image] {
        do {
            return try pages.enumerated().map { index, page throws(VipsError) in
                // A libvips file stays the tall image that it is.
                let fields = page.pageCount > 1 ? [] : animation.fields(ofFrame: index)
                return fields.isEmpty ? page : try page.settingFields(fields)
            }
        } catch {
            throw ImageFailure(error, code: "save")
        }
    }

    /// The pages back in one tall image, as savers of several pages want them.
    func joined(_ pages: [Image]) throws(ImageFailure) -> Image {
        guard pages.count > 1, let first = pages.first else {
            guard let only = try parted(pages).first else { throw ImageFailure("save", "there is no page to save") }
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
