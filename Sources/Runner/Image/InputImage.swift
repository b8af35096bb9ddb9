internal import PipelineLanguage
internal import StageHost
internal import Vips

/// An input as it was opened: header read, pixels not yet.
struct InputImage {
    /// One per page that the pipeline works on.
    var frames: [Image]
    /// Of the input upright, before any stage.
    var facts: ImageFacts
    /// The band format of the file.
    var format: BandFormat
    /// What has read it.
    var loader = ""
    /// Whether the pipeline's first stage was done by decoding at a smaller size.
    var firstStageIsDone = false
    /// Milliseconds of each frame, and how often an animation runs; nil where the file says neither.
    var animation = Animation()

    /// Opens a file as the pipeline's `input` says: loader options, pages, rotation, limits.
    ///
    /// - Parameter isStreamable: whether it may be decoded from top to bottom where the pipeline allows that; otherwise its pixels can be read in any order.
    static func open(_ file: OpenedFile, session: RunSession, context: ImageContext, isStreamable: Bool = true) throws(ImageFailure) -> InputImage {
        guard let loader = file.loader else {
            if let reason = file.unreadable { throw ImageFailure("load", "cannot be read: \(reason)") }
            throw ImageFailure("load", UnreadFrames.reason(file) ?? InputDamage.ofStart(file) ?? "not an image that libvips can read, or damaged at its start")
        }
        let pipeline = session.pipeline
        if loader == "magickload", let reason = UnreadFrames.reason(file) ?? InputDamage.ofStart(file) { throw ImageFailure("load", reason) }
        try InputTrust.check(loader, pipeline.input)
        do {
            var options = try loaderOptions(loader, session.request)
            try UnreadFrames.check(file, loader, pipeline.input.pages, context)
            if pipeline.input.pages != .first { return try severalPages(file, loader, options, session, context) }
            let scale = try Drawing.scale(file, loader, pipeline.input, options)
            if let scale { options["scale"] = .double(scale) }
            // `thumbnail` opens the file by itself, at a size of its own.
            let shrink = scale == nil ? ShrinkOnLoad(session) : nil, streaming = StreamingCheck(session)
            // Opened once where that will do: only a picture that has to be turned is read in another order.
            let isStreamed = isStreamable && shrink == nil && streaming.allows
            let header = try file.load(loader, access: isStreamed ? .sequential : .random, options: options)
            try pipeline.limits.check(header, "has")
            try pipeline.limits.checkCompression(of: header, fileBytes: file.status?.size ?? 0)
            let colour = try InputColour(header, file, loader: loader, context: context)
            let pages = InputPages.count(of: header, file, loader, session.request)
            if pages > 1, header.pageCount == 1 { context.note("has \(pages) pages; the first is used (input: {pages: all} takes every one)") }
            var facts = ImageFacts(header)
            facts.pages = pages
            if pipeline.input.autorot, header.orientation >= 5 { swap(&facts.width, &facts.height) }
            if let small = try shrink?.open(file, loader: loader, facts: facts, options: options) {
                if header.format == .ushort || header.format.isFloat, small.format == .uchar {
                    context.note("'thumbnail_image' lowers the depth from \(header.format.isFloat ? "floats" : "16") to 8 bits, as libvips does")
                }
                // A thumbnail is decoded from top to bottom, once: whatever reads it in another order needs its pixels kept.
                let frame = isStreamable && streaming.allows ? small : try small.materialised()
                frame.tagAsOpened()
                return InputImage(frames: [try colour.applied(to: frame)], facts: facts, format: header.format, loader: loader, firstStageIsDone: true)
            }
            var image = header
            let isTurned = pipeline.input.autorot && header.orientation > 1
            if isStreamed == isTurned, isStreamable, streaming.allows {
                image = try file.load(loader, access: isTurned ? .random : .sequential, options: options)
            }
            let frames = try frames(of: image, colour, isTurned: isTurned)
            return InputImage(frames: frames, facts: facts, format: frames.first?.format ?? image.format, loader: loader, animation: Animation(header, pages: nil))
        } catch let error as ImageFailure {
            throw error
        } catch let error as VipsError {
            // libvips says nothing at all about some damaged PNGs.
            let isMute = error.message.contains("gave no reason")
            throw isMute ? ImageFailure("load", "\(loader) cannot read it, and libvips gives no reason: the file is probably damaged") : ImageFailure(error, code: "load")
        } catch let error as StageError {
            throw ImageFailure("load", error.message)
        } catch let error as Diagnostics {
            throw ImageFailure(error, stage: "input")
        } catch {
            throw ImageFailure("load", "\(error)")
        }
    }

    /// The pages of an image that was just opened, as the stages get them.
    static func frames(of image: Image, _ colour: InputColour, isTurned: Bool) throws(VipsError) -> [Image] {
        var frames: [Image] = []
        // Pages first: turned as one tall image they would lie side by side.
        for page in try split(image) { frames.append(try colour.applied(to: try described(try decoded(page, isUpright: !isTurned)))) }
        // Each was opened or made here.
        for frame in frames { frame.tagAsOpened() }
        return frames
    }

    /// The image with what libvips leaves unread: the white of a TIFF's Lab, and a resolution that EXIF alone says, as in WebP and AVIF.
    private static func described(_ image: Image) throws(VipsError) -> Image {
        let marked = image.string("vips-loader") == "tiffload" ? try ManagedColour.marked(image) : image
        // A pixel in a millimetre is what libvips says where it knows of none.
        guard image.xres == 1, image.yres == 1, let (x, y) = ExifResolution.ofImage(image) else { return marked }
        return try Operation.image("copy", ["in": .image(marked), "xres": .double(x), "yres": .double(y)])
    }

    /// Packed formats taken apart, the EXIF rotation applied, and colours of a PFM called light, which libvips calls code values of 0 to 255.
    static func decoded(_ image: Image, isUpright: Bool) throws(VipsError) -> Image {
        var image = image
        if image.fields.contains("pfm-scale"), image.bands == 3, image.format.isFloat { image = try Operation.image("copy", ["in": .image(image), "interpretation": "scrgb"]) }
        if image.coding != .none { image = try Operation.image(image.coding == .labq ? "LabQ2Lab" : "rad2float", ["in": .image(image)]) }
        return isUpright || image.orientation <= 1 ? image : try Operation.image("autorot", ["in": .image(image)])
    }

    /// What the pipeline says to a loader, but for pages.
    static func loaderOptions(_ loader: String, _ request: RunRequest) throws -> [String: Argument] {
        guard let codec = request.library.catalogue.codec(loader) else { return [:] }
        let settings = request.pipeline.input
        // Options that another loader has are for the inputs of that kind.
        var options = try VipsStage.options(
            try settings.options(for: codec, in: Environment(variables: request.variables), pipeline: request.pipeline), of: loader)
        if codec.parameter("fail_on") != nil, options["fail_on"] == nil {
            options["fail_on"] = settings.onDamage == .fail ? "error" : "none"
        }
        return options
    }

    /// The pages of a tall image, so that no stage mixes pixels of two pages.
    static func split(_ image: Image) throws(VipsError) -> [Image] {
        guard image.pageCount > 1 else { return [image] }
        var pages: [Image] = []
        for index in 0..<image.pageCount {
            pages.append(try Operation.image("extract_area", [
                "input": .image(image), "left": 0, "top": .int(index * image.pageHeight), "width": .int(image.width), "height": .int(image.pageHeight),
            ]).settingFields([("page-height", nil)]))
        }
        return pages
    }
}

extension Limits {
    /// Refuses an image of too many pixels, before any of them is computed.
    func check(_ image: Image, _ verb: String) throws(ImageFailure) {
        let limit = maxPixels ?? Self.defaultMaxPixels
        let (pixels, overflow) = image.width.multipliedReportingOverflow(by: image.height)
        guard overflow || pixels > limit else { return }
        let origin = maxPixels == nil ? "; if that is meant, raise limits: {max_pixels: ...}" : " of limits.max_pixels"
        throw ImageFailure("limit", "\(verb) \(image.width) x \(image.height) pixels, more than \(maxPixels == nil ? "the default limit of " : "the ")\(limit)\(origin)")
    }
}

extension Limits {
    /// Refuses pages of too many pixels together.
    func check(_ pixels: Int, _ verb: String) throws(ImageFailure) {
        guard pixels > maxPixels ?? Self.defaultMaxPixels else { return }
        throw ImageFailure("limit", "\(verb) \(pixels) pixels, more than the limit of \(maxPixels ?? Self.defaultMaxPixels) (limits: {max_pixels: ...})")
    }

    /// Refuses a file of a few bytes that claims to hold many pixels, before any of them is decoded, unless the pipeline says how many may be.
    func checkCompression(of image: Image, fileBytes: Int64) throws(ImageFailure) {
        let pixels = Double(image.width) * Double(image.height)
        guard maxPixels == nil, pixels > Self.harmlessPixels, pixels > Double(fileBytes) * Self.mostPixelsPerByte else { return }
        throw ImageFailure("limit", """
            has \(image.width) x \(image.height) pixels in \(fileBytes) bytes, as a decompression bomb would; if that is meant, say how many pixels may be: \
            limits: {max_pixels: ...}
            """)
    }

    /// What any machine decodes within a moment.
    private static let harmlessPixels = 250e6
    /// Deflate packs at most 1032 bytes into one, so that a black PNG of colours has 344 pixels in a byte; a grey JPEG has 200.
    private static let mostPixelsPerByte = 300.0
}

/// `thumbnail_image` as the first stage becomes `thumbnail` on the file: a JPEG is then decoded at a half, a quarter or an eighth of its size.
struct ShrinkOnLoad {
    private let use: StageUse
    private let session: RunSession
    private let description: StageDescription

    /// nil where the pipeline does not begin with such a stage, or reads its full-size input elsewhere.
    init?(_ session: RunSession) {
        let pipeline = session.pipeline
        guard let first = pipeline.stages.first, first.name.replacing("-", with: "_") == "thumbnail_image", first.inName == nil, first.when == nil,
              first.set.isEmpty, pipeline.input.autorot, pipeline.input.options.isEmpty, pipeline.input.pages == .first, pipeline.alpha == .auto,
              first.alpha == nil, ReaderCount(pipeline).count(of: "input") == 0, let description = session.library.catalogue["thumbnail_image"] else { return nil }
        use = first
        self.session = session
        self.description = description
    }

    func open(_ file: OpenedFile, loader: String, facts: ImageFacts, options: [String: Argument]) throws -> Image? {
        // Nothing is gained with this one, and it takes the light of a PFM for code values.
        guard loader != "ppmload" else { return nil }
        let environment = Environment(variables: session.variables, facts: ["input": facts, "prev": facts])
        var arguments = try use.arguments(for: description, in: environment, pipeline: session.pipeline)
        // These mean something else to `thumbnail`, or need the pipeline's folder: the stage itself does them right.
        let own = ["no_rotate", "auto_rotate", "input_profile", "output_profile", "import_profile", "export_profile"]
        guard !own.contains(where: { arguments[$0] != nil }) else { return nil }
        for (name, value) in arguments { if case .image(.previous) = value { arguments[name] = nil } }
        guard case .int(let width)? = arguments.removeValue(forKey: "width"), !arguments.values.contains(where: { if case .image = $0 { true } else { false } }) else { return nil }
        var more = try VipsStage.options(arguments, of: "thumbnail")
        if let failOn = options["fail_on"], more["fail_on"] == nil { more["fail_on"] = failOn }
        return try file.thumbnail(width: width, loader, options: more)
    }
}

/// Whether an input can be decoded from top to bottom while its result is written, so that it never lies in memory as a whole.
struct StreamingCheck {
    let allows: Bool

    /// Every stage must come from a plug-in, or be a libvips operation that reads its input in order, with one consumer, and one output.
    init(_ session: RunSession) {
        let pipeline = session.pipeline
        guard pipeline.outputs.count == 1, pipeline.outputs[0].from == nil else { allows = false; return }
        let uses = pipeline.stages + pipeline.outputs[0].stages
        allows = uses.allSatisfy { use in
            guard use.set.isEmpty, use.asName == nil, use.inName == nil, let stage = session.library.catalogue[use.name] else { return false }
            // Stages of plug-ins read rows of tiles from top to bottom, and keep what they need twice (StreamedInput).
            return stage.kind != .vips || Operation.describe(stage.name)?.isSequential == true
        } && ReaderCount(pipeline).count(of: "input") == 0 && ReaderCount(pipeline).count(of: "prev") == 0
    }
}
