internal import Foundation
public import PipelineLanguage
public import StageHost
internal import Vips

/// Builds the lazily computed images of one input: stage after stage, in the order of the file.
///
/// Sizes and formats are known at once, pixels are computed when an output is written; only stages that answer with
/// numbers (`set`), and images that several consumers share behind a plug-in, are computed on the way.
struct ImageBuilder {
    private let pipeline: Pipeline
    private let library: StageLibrary
    private let stages: StageSession
    let context: ImageContext
    var scope: ImageScope
    /// What was built, for `explain`.
    private(set) var trace: [StageTrace] = []
    /// How often a result is read by later stages or outputs, by its `as` name.
    private let readers: ReaderCount
    /// The networks that made `scope.previous`, not yet compiled.
    private var pending: PendingNetworks?
    /// Whether the walk has ended before its last stage: where networks are only to decide, none is computed for a number that a later stage depends on.
    private(set) var isEnded = false

    init(pipeline: Pipeline, library: StageLibrary, stages: StageSession, context: ImageContext, scope: ImageScope) {
        self.pipeline = pipeline
        self.library = library
        self.stages = stages
        self.context = context
        self.scope = scope
        readers = ReaderCount(pipeline)
    }

    /// Runs a list of stages on `scope.previous`.
    ///
    /// - Parameter prefix: what stands before a stage's number in messages: empty for the main list.
    /// - Parameter skippingFirst: the first stage was already done while the file was opened.
    mutating func run(_ stages: [StageUse], prefix: String = "", skippingFirst: Bool = false) throws(ImageFailure) {
        guard !isEnded else { return }
        for (index, use) in stages.enumerated() {
            if context.isCancelled { throw ImageFailure("cancelled", "given up") }
            let label = "\(prefix)\(index + 1): \(use.name)"
            if index == 0, skippingFirst {
                trace.append(StageTrace(label: label, arguments: [:], image: scope.previous.image, note: "done while decoding"))
                if let name = use.asName { scope.advance(to: scope.previous, named: name) }
                continue
            }
            do {
                guard try use.isEnabled(in: scope.environment, pipeline: pipeline) else {
                    trace.append(StageTrace(label: label, arguments: [:], image: scope.previous.image, note: "skipped by when"))
                    if let name = use.asName {
                        scope.advance(to: scope.previous, named: name)
                        if readers.count(of: name) > 1 { pending?.obstacle = "the result before it is also read as '\(name)'" }
                    }
                    continue
                }
            } catch {
                throw ImageFailure(error, stage: label)
            }
            if context.purpose == .deciding, !use.set.isEmpty {
                isEnded = true
                break
            }
            try apply(use, label: label)
        }
        try settle()
    }

    /// Compiles the networks that made the running image: no other stage joins them.
    private mutating func settle() throws(ImageFailure) {
        guard let networks = pending else { return }
        pending = nil
        do {
            trace[networks.places[networks.places.count - 1]].network = try networks.chain.prepare()
        } catch {
            throw ImageFailure(error, stage: networks.label)
        }
    }

    private mutating func apply(_ use: StageUse, label: String) throws(ImageFailure) {
        guard let description = library.catalogue[use.name] else {
            throw ImageFailure("stage", stage: label, "there is no stage '\(use.name)'")
        }
        let arguments: [String: Value]
        do {
            arguments = try use.arguments(for: description, in: scope.environment, pipeline: pipeline)
        } catch {
            throw ImageFailure(error, stage: label)
        }
        guard let running = use.inName == nil ? scope.previous : scope.entry(named: use.inName ?? "") else {
            throw ImageFailure("stage", stage: label, "there is no image '\(use.inName ?? "prev")'")
        }
        let earlier = use.follows(description, arguments) ? pending : nil
        if earlier == nil { try settle() }
        let obstacle = stages.settings.fuses ? earlier?.obstacle : "--no-fuse"
        var primary = running
        // A number computed from an image computes its pixels; the next stage would compute them again.
        if !use.set.isEmpty, primary.isExpensive || isWorthKeeping(primary) {
            primary = try materialised(running, label)
            scope.replace(running, with: primary)
        }
        var isExpensive = primary.isExpensive || description.kind != .vips
        var result = try self.result(of: use, description, arguments, primary.image, &isExpensive, label, following: obstacle == nil ? earlier?.chain : nil)
        if description.kind == .vips, use.set.isEmpty, let made = result.image, isEnlarged(running.image, to: made) {
            // An operation that enlarges asks for the same small neighbourhoods again and again.
            let kept = ImageScope.Entry(image: try cached(running.image, label), isExpensive: running.isExpensive)
            let before = scope
            scope.replace(running, with: kept)
            result = try self.result(of: use, description, arguments, kept.image, &isExpensive, label)
            scope = before
        }
        for setting in use.set {
            guard let value = result.values[ImageScope.canonical(setting.output.text)] else {
                throw ImageFailure("stage", stage: label, "the stage gave no '\(setting.output.text)'")
            }
            scope.environment.variables[setting.variable.text] = value
        }
        if let made = result.image, description.kind == .vips { noteDepth(primary.image, made, description.name) }
        if description.kind == .vips, description.name == "cast", case .string(let format)? = arguments["format"] {
            scope.castFormat = BandFormat(rawValue: format)
        }
        trace.append(StageTrace(label: label, arguments: arguments, image: result.image ?? primary.image, note: result.image == nil ? "computes a number" : nil))
        try note(result, after: earlier, obstacle, label)
        guard let image = result.image else {
            if let name = use.asName { scope.advance(to: scope.previous, named: name) }
            return
        }
        var entry = ImageScope.Entry(image: image, isExpensive: isExpensive)
        if isExpensive, let name = use.asName, readers.count(of: name) > 1 {
            pending?.obstacle = "the result before it is also read as '\(name)'"
            if !context.isOnlyLookedAt { entry = try materialised(entry, label) }
        }
        scope.advance(to: entry, named: use.asName)
    }

    /// Takes up the networks that a stage has become part of, or begun.
    private mutating func note(_ result: StageResult, after earlier: PendingNetworks?, _ obstacle: String?, _ label: String) throws(ImageFailure) {
        guard let chain = result.chain else { return }
        let place = trace.count - 1
        guard let earlier, chain.count > 1 else {
            trace[place].group = [place]
            if earlier != nil { trace[place].refusal = result.refusal ?? obstacle }
            try settle()
            pending = PendingNetworks(chain: chain, places: [place], label: label)
            return
        }
        for old in earlier.places { (trace[old].group, trace[old].note) = ([], "runs as one network with the next") }
        trace[place].group = earlier.places + [place]
        pending = PendingNetworks(chain: chain, places: earlier.places + [place], label: "\(earlier.label) + \(label)")
    }

    /// Some operations work with 8 bits whatever they are given: that is said, since it cannot be seen in the file.
    private func noteDepth(_ before: Image, _ after: Image, _ name: String) {
        // What compares floats gives 8 bits, too, which are no picture. Floats of a picture of 8 bits lose nothing that it had.
        let isFloatPicture = before.format.isFloat && before.pictureFullScale != 255 && Self.picturesOfEightBits.contains(name)
        guard before.format == .ushort || isFloatPicture, after.format == .uchar, name != "cast" else { return }
        context.note("'\(name)' lowers the depth from \(before.format.isFloat ? "floats" : "16") to 8 bits, as libvips does")
    }

    private static let picturesOfEightBits: Set<String> = [
        "thumbnail_image", "colourspace", "scale", "falsecolour", "icc_transform", "icc_export", "composite", "composite2", "maplut", "morph", "merge", "mosaic",
    ]

    private func result(of use: StageUse, _ description: StageDescription, _ arguments: [String: Value], _ primary: Image, _ isExpensive: inout Bool,
                        _ label: String, following earlier: NetworkChain? = nil) throws(ImageFailure) -> StageResult {
        do throws(StageError) {
            return try stages.apply(
                description, arguments: arguments, primary: primary, outputs: Set(use.set.map { ImageScope.canonical($0.output.text) }),
                alpha: use.alpha ?? pipeline.alpha, context: context, isComputed: primary !== scope.input.image, following: earlier
            ) { (reference) throws(StageError) in
                try image(reference, like: primary, isExpensive: &isExpensive)
            }
        } catch {
            throw ImageFailure(error, stage: label)
        }
    }

    // MARK: keeping pixels

    /// Whether an image that stages have made takes so little memory that computing it twice would be a waste.
    private func isWorthKeeping(_ entry: ImageScope.Entry) -> Bool {
        guard entry.image !== scope.input.image, let bytes = Self.bytes(entry.image) else { return false }
        return bytes <= min(context.memoryBudget / 8, 256 << 20)
    }

    /// Whether an operation made at least four times as many pixels as it read, and those fit a small cache.
    private func isEnlarged(_ image: Image, to made: Image) -> Bool {
        // A picture that is decoded from top to bottom must be read in that order.
        guard image !== scope.input.image, !image.isStreamed, let bytes = Self.bytes(image),
              bytes <= min(context.memoryBudget / 8, 64 << 20) else { return false }
        return made.width.multipliedReportingOverflow(by: made.height).partialValue / 4 >= image.width * image.height
    }

    private static func bytes(_ image: Image) -> Int? {
        let (pixels, overflow) = image.width.multipliedReportingOverflow(by: image.height)
        let (bytes, overflow2) = pixels.multipliedReportingOverflow(by: image.bytesPerPixel)
        return overflow || overflow2 ? nil : bytes
    }

    /// The image with all of its tiles kept once they are computed.
    private func cached(_ image: Image, _ label: String) throws(ImageFailure) -> Image {
        let edge = 128, across = (image.width + edge - 1) / edge, down = (image.height + edge - 1) / edge
        do {
            return try image.tileCache(tileWidth: edge, tileHeight: edge, maxTiles: across * down + 1)
        } catch {
            throw ImageFailure(error, code: "stage", stage: label)
        }
    }

    /// The image that an argument stands for.
    private func image(_ reference: ImageReference, like primary: Image, isExpensive: inout Bool) throws(StageError) -> Image {
        func entry(_ name: String) throws(StageError) -> Image {
            guard let entry = scope.entry(named: name) else { throw StageError.host("there is no image '\(name)'") }
            if entry.isExpensive { isExpensive = true }
            return entry.image
        }
        do {
            switch reference {
            case .previous: return try entry("prev")
            case .input: return try entry("input")
            case .named(let name): return try entry(name)
            case .constant(let bands): return try primary.constant(bands)
            case .matrix(let matrix): return try Image.matrix(matrix.rows, scale: matrix.scale, offset: matrix.offset)
            }
        } catch let error as StageError {
            throw error
        } catch let error as VipsError {
            throw StageError.vips(error)
        } catch {
            throw StageError.host("\(error)")
        }
    }

    /// The entry with its pixels computed once and kept: in memory, or in a temporary file where they would take too much of the budget.
    func materialised(_ entry: ImageScope.Entry, _ label: String) throws(ImageFailure) -> ImageScope.Entry {
        let image = entry.image
        do {
            let kept = try image.kept(memoryBudget: context.memoryBudget)
            if let first = context.firstFailure { throw first }
            return ImageScope.Entry(image: kept)
        } catch {
            if let first = context.firstFailure { throw ImageFailure(first, stage: first.stage.isEmpty ? label : first.stage) }
            if context.isCancelled { throw ImageFailure("cancelled", "given up") }
            throw ImageFailure("stage", stage: label, "\(error)")
        }
    }
}

/// One stage as it was resolved for one image.
public struct StageTrace: Sendable {
    public var label: String
    public var arguments: [String: Value]
    public var size: (width: Int, height: Int)
    public var summary: String
    /// Of the network that ends with this stage.
    public var network: NetworkReport?
    /// The places, in the list of all traces, of the stages that run as that network.
    public var group: [Int] = []
    /// Why the stage is not one network with the one before it.
    public var refusal: String?
    public var note: String?

    init(label: String, arguments: [String: Value], image: Image, network: NetworkReport? = nil, note: String? = nil) {
        self.label = label
        self.arguments = arguments
        size = (image.width, image.height)
        summary = image.description
        self.network = network
        self.note = note
    }
}

/// How many places of a pipeline read an `as` name. The stage after the named one reads it too, through `prev`.
struct ReaderCount {
    private var counts: [String: Int] = [:]

    init(_ pipeline: Pipeline) {
        visit(pipeline.stages)
        for output in pipeline.outputs {
            if let from = output.from { add(from.text) }
            visit(output.stages)
        }
        // Every output without a `from` reads the last result; the visit has counted one of them.
        if let last = pipeline.stages.last?.asName {
            counts[ImageScope.canonical(last), default: 0] += max(0, pipeline.outputs.filter { $0.from == nil }.count - 1)
        }
    }

    private mutating func visit(_ stages: [StageUse]) {
        for (index, use) in stages.enumerated() {
            if let name = use.inName { add(name) }
            if let argument = use.argument { addReferences(argument) }
            let next = index + 1 < stages.count ? stages[index + 1] : nil
            if let name = use.asName, next?.inName == nil { add(name) }
        }
    }

    func count(of name: String) -> Int { counts[ImageScope.canonical(name)] ?? 0 }

    private mutating func add(_ name: String) { counts[ImageScope.canonical(name), default: 0] += 1 }

    private mutating func addReferences(_ node: ArgumentNode) {
        switch node.content {
        case .empty: break
        case .scalar(let scalar): add(scalar.source)
        case .list(let items): for item in items { addReferences(item) }
        case .map(let entries): for entry in entries { addReferences(entry.node) }
        }
    }
}
