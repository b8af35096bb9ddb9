internal import Inference
internal import PipelineLanguage
internal import StageHost
internal import Vips

/// One input from its file to its outputs.
struct ImageJob {
    let session: RunSession
    let planned: PlannedImage
    let context: ImageContext
    /// Told of the share of the work that is done, 0...1; from any thread.
    let progress: @Sendable (Double) -> Void

    /// Computes the outputs and writes them where nobody sees them: what is left waits for the disk (`ComputedImage.commit`).
    ///
    /// - Parameter clock: what it takes, also where it fails.
    func run(_ clock: inout JobClock) throws(ImageFailure) -> ComputedImage {
        let watch = session.pipeline.limits.timeout.map { DeadlineWatch(seconds: $0, context: context) }
        defer {
            watch?.cancel()
            context.finish()
        }
        // Before it is opened: what comes later is told by its time.
        let file = OpenedFile(planned.input.path)
        do throws(ImageFailure) {
            return try compute(file, &clock)
        } catch {
            guard let watch, watch.isExpired else { throw damaged(file, error) ?? error }
            throw ImageFailure("timeout", "took longer than the \(session.pipeline.limits.timeout ?? 0) seconds of limits.timeout")
        }
    }

    private func compute(_ file: OpenedFile, _ clock: inout JobClock) throws(ImageFailure) -> ComputedImage {
        var transaction = OutputTransaction()
        let made = try write(file, &transaction, &clock)
        if context.isCancelled { throw ImageFailure("cancelled", "given up") }
        clock.begin("sync")
        return ComputedImage(made, of: file, transaction: transaction, clock: clock, context: context)
    }

    /// Writes the outputs, which have no names yet. What that took of memory is free when it returns: others may be computed while these wait for a disk.
    private func write(_ file: OpenedFile, _ transaction: inout OutputTransaction, _ clock: inout JobClock) throws(ImageFailure) -> MadeImage {
        let opened: InputImage, prepared: [PreparedOutput]
        do throws(ImageFailure) {
            (opened, prepared) = try self.opened(file)
        } catch {
            throw error.endingRun(FullDisk(error.message, output: nil))
        }
        // Not before its size was found to be within the limits.
        let damage = try keptDamage(file)
        noteUnreadMetadata(of: opened, file)
        clock.begin("save")
        for (index, output) in prepared.enumerated() {
            let share = 1 / Double(prepared.count), start = Double(index) * share
            let temporary: String
            do throws(RunError) {
                temporary = try transaction.writablePath(for: planned.outputs[index], isStreamed: Self.streamingSavers.contains(output.saver) && !session.request.usesPlugins)
            } catch {
                throw ImageFailure("save", error.description, endsRun: error.status == .cannotCreateOutput || error.status == .inputOutput ? error : nil)
            }
            do throws(ImageFailure) {
                try save(output, to: temporary, for: planned.outputs[index], from: start, share)
            } catch {
                // Asked while the unfinished file is there: without it, the disk is no longer full.
                throw error.endingRun(FullDisk(error.message, output: planned.outputs[index]))
            }
        }
        let precisions = context.precisions
        return MadeImage(pixels: opened.facts.width * opened.facts.height * max(1, opened.frames.count), notes: [], seconds: 0,
                         precision: precisions.isEmpty ? nil : precisions.map(\.rawValue).joined(separator: ", "),
                         engine: precisions.isEmpty ? nil : session.stages.engine.version,
                         inputSize: [opened.facts.width, opened.facts.height], outputSizes: prepared.map { [$0.image.width, $0.image.height] }, files: context.usedFiles, damage: damage)
    }

    /// What the input says and libvips does not hand out is lost, unless nobody wants it.
    private func noteUnreadMetadata(of opened: InputImage, _ file: OpenedFile) {
        guard let first = opened.frames.first, session.pipeline.outputs.contains(where: { $0.metadata.has(.exif) || $0.metadata.has(.xmp) }) else { return }
        let kinds = UnreadMetadata.kinds(of: file, opened.loader, first)
        if !kinds.isEmpty { context.note("\(kinds.joined(separator: ", ")) not kept, since libvips' \(opened.loader) does not read \(kinds.count == 1 ? "it" : "them")") }
    }

    /// What is wrong with an input that is to be kept as far as it can be read.
    private func keptDamage(_ file: OpenedFile) throws(ImageFailure) -> String? {
        guard session.pipeline.input.onDamage == .keep, let loader = file.loader, InputTrust.isTrusted(loader) || session.pipeline.input.allowsUntrusted,
              var options = try? InputImage.loaderOptions(loader, session.request), case .string("none")? = options["fail_on"] else { return nil }
        if let scale = try? Drawing.scale(file, loader, session.pipeline.input, options) { options["scale"] = .double(scale) }
        return try damage(of: file, loader, options)
    }

    /// A failure as what it is where the input is damaged: whatever needs its pixels fails then, be it a stage or the saver, with the loader's words.
    ///
    /// Decodes the input once more, if there are such words. Nil where the pipeline says itself what its loader is to fail on.
    private func damaged(_ file: OpenedFile, _ failure: ImageFailure) -> ImageFailure? {
        let input = session.pipeline.input
        guard failure.endsRun == nil, !context.isCancelled, input.onDamage == .fail, let loader = file.loader, InputDamage.isLikely(loader, failure),
              let codec = session.library.catalogue.codec(loader),
              let given = try? input.options(for: codec, in: Environment(variables: session.request.variables), pipeline: session.pipeline), given["fail_on"] == nil,
              let options = try? InputImage.loaderOptions(loader, session.request), let header = try? file.load(loader, options: options),
              (try? session.pipeline.limits.check(header, "has")) != nil, let damage = try? damage(of: file, loader, options),
              damage.split(separator: ";").contains(where: failure.message.contains) else { return nil }
        return InputDamage.failure(damage)
    }

    /// What is wrong with the pages that are taken of a file. Decodes them once.
    private func damage(of file: OpenedFile, _ loader: String, _ options: [String: Argument]) throws(ImageFailure) -> String? {
        if let damage = InputDamage.ofPages(file, loader, session.pipeline.input.pages) { return damage }
        // Frames of an animation are decoded in their order, pages one by one: they may have different sizes.
        let pages = session.pipeline.input.pages == .first ? [nil] : InputPages.taken(file, loader, options, session.request)
        if ["gifload", "webpload"].contains(loader), pages.count > 1, let last = pages.last ?? nil {
            return try InputDamage.find(file, loader, options.merging(["n": .int(last)]) { $1 }, context)
        }
        for page in pages {
            let options = page.map { options.merging(["page": .int($0 - 1)]) { $1 } } ?? options
            if let damage = try InputDamage.find(file, loader, options, context) { return damage }
        }
        return nil
    }

    /// The input and its outputs, not computed yet. It is decoded from top to bottom where the pipeline allows that and no network wants to see parts of it first.
    private func opened(_ file: OpenedFile) throws(ImageFailure) -> (InputImage, [PreparedOutput]) {
        do throws(ImageFailure) {
            let opened = try InputImage.open(file, session: session, context: context)
            let prepared = try outputs(of: opened)
            if !context.wantsRandomAccess { return (opened, prepared) }
        } catch {
            guard context.wantsRandomAccess else { throw error }
        }
        let opened = try InputImage.open(file, session: session, context: context, isStreamable: false)
        return (opened, try outputs(of: opened))
    }

    /// An image that is ready to be saved.
    struct PreparedOutput {
        var image: Image
        var saver: String
        var options: [String: Argument]
        var traces: [StageTrace]
        var metadata: KeptMetadata
    }

    /// Builds the graph of every output, frame by frame where the input has several.
    ///
    /// - Returns: none where the walk ends before the outputs (`ImageBuilder.isEnded`).
    func outputs(of opened: InputImage) throws(ImageFailure) -> [PreparedOutput] {
        var frames: [[(image: Image, builder: ImageBuilder)]] = []
        for frame in opened.frames {
            let scope = ImageScope(input: frame, facts: opened.facts, shared: session.images, variables: session.variables)
            var builder = ImageBuilder(pipeline: session.pipeline, library: session.library, stages: session.stages, context: context, scope: scope)
            try builder.run(session.pipeline.stages, skippingFirst: opened.firstStageIsDone)
            if builder.isEnded { return [] }
            if session.pipeline.outputs.count > 1, builder.scope.previous.isExpensive, !context.isOnlyLookedAt {
                builder.scope.previous = try builder.materialised(builder.scope.previous, "outputs")
            }
            var images: [(Image, ImageBuilder)] = []
            for (index, output) in session.pipeline.outputs.enumerated() {
                var branch = builder
                if let from = output.from {
                    guard let entry = branch.scope.entry(named: from.text) else { throw ImageFailure("output", "there is no image '\(from.text)'") }
                    branch.scope.advance(to: entry, named: nil)
                }
                try branch.run(output.stages, prefix: session.pipeline.outputs.count > 1 ? "output \(index + 1), " : "output, ")
                images.append((branch.scope.previous.image, branch))
            }
            if images.contains(where: \.1.isEnded) { return [] }
            frames.append(images)
        }
        var result: [PreparedOutput] = []
        var paths = planned.outputs[...]
        for (index, output) in session.pipeline.outputs.enumerated() {
            guard let first = frames.first?[index] else { continue }
            let images = frames.map { $0[index].image }, isSplit = planned.pages != nil && output.file.usesPage
            for image in isSplit ? try opened.parted(images) : [try opened.joined(images)] {
                guard let path = paths.popFirst() else { throw ImageFailure("load", "it has more pages than when the run was planned: run it again") }
                result.append(try finish(image, output, path, opened, first.builder))
            }
        }
        guard paths.isEmpty else { throw ImageFailure("load", "it has fewer pages than when the run was planned: run it again") }
        return result
    }

    /// Depth, profile, metadata and saver options.
    private func finish(_ image: Image, _ output: OutputSpec, _ path: String, _ opened: InputImage, _ builder: ImageBuilder) throws(ImageFailure) -> PreparedOutput {
        let ext = Path.split(Path.base(path)).ext
        guard let saver = session.library.catalogue.saver(forExtension: ext) else {
            throw ImageFailure("save", "nothing here writes '\(ext)'")
        }
        if image.pageCount > 1, opened.animation.isTimed, ["tiffsave", "heifsave"].contains(saver.name) {
            context.note("the times of its frames are not kept, since a '\(ext)' has pages and is no animation")
        }
        try session.pipeline.limits.check(image, "becomes")
        if image.pageCount > 1, !OutputFinish.holdsPages(saver.name) {
            throw ImageFailure("save", """
                has \(image.pageCount) pages, and a '\(ext)' holds one: put {page} into the output's name for a file of each, write a .tif, .webp or .gif, \
                or take one with input: {pages: first}
                """)
        }
        let made = try FinishedOutput(image, output, saver: saver, fileExtension: ext, session: session, inputFormat: opened.format, scope: builder.scope, context: context)
        return PreparedOutput(image: made.image, saver: saver.name, options: made.options, traces: builder.trace, metadata: output.metadata)
    }

    /// What a stage said while pixels were computed.
    private func failure(_ error: StageError) -> ImageFailure {
        ImageFailure(error, stage: error.stage.isEmpty ? nil : session.request.label(ofStage: error.stage) ?? error.stage)
    }

    /// Those that write to the file of the name that they are given, as libvips' targets do, and neither make another of that name nor look at its suffix.
    private static let streamingSavers: Set<String> = ["pngsave", "jpegsave", "webpsave", "gifsave", "jxlsave"]
    /// Those that write the same to a target as to a file of the name: where a plug-in runs, it is seen whether that has written there, too.
    private static let watchedSavers = streamingSavers.union(["tiffsave"])

    /// Why a file that something else has written to is not kept, with the stage that may have been it.
    private func spoiled(_ final: String) -> ImageFailure {
        let stages = session.request.pluginStages
        return ImageFailure("save", stage: stages.count == 1 ? session.request.label(ofStage: stages[0]) ?? stages[0] : nil, """
            '\(final)' was not written: while it was, something in this process has written to its file, which was not its own\
            \(stages.count > 1 ? "; it may have been any of the stages \(stages.joined(separator: ", "))" : "")
            """)
    }

    /// Computes the pixels and writes them.
    private func save(_ output: PreparedOutput, to path: String, for final: String, from start: Double, _ share: Double) throws(ImageFailure) {
        let context = context, progress = progress
        var isSpoiled = false
        do {
            let watched = try output.image.onProgress(removing: Image.hostFields) { done, total in
                if total > 0 { progress(start + share * Double(done) / Double(total)) }
                return !context.isCancelled
            }
            let file = try session.request.usesPlugins && Self.watchedSavers.contains(output.saver) ? FileTarget(path) : nil
            do {
                defer { isSpoiled = file.map { !$0.isIntact } ?? false }
                try watched.save(path, in: file, saver: output.saver, options: output.options, keepsDamage: session.pipeline.input.onDamage == .keep)
            }
            guard !isSpoiled else { throw spoiled(final) }
            if output.saver == "webpsave", !output.metadata.has(.exif) { try WebPFile.removeExif(path) }
            let lost = OutputMetadata.lost(of: output.image, in: path, saver: output.saver, options: output.options)
            if !lost.isEmpty { context.note("\(lost.joined(separator: ", ")) not kept, since '\(output.saver)' does not write \(lost.count == 1 ? "it" : "them")") }
        } catch {
            if let first = context.firstFailure { throw failure(first) }
            if context.isCancelled { throw ImageFailure("cancelled", "given up") }
            if isSpoiled { throw spoiled(final) }
            throw ImageFailure("save", (error as? VipsError).map { Self.reason($0, output, temporary: path, final: final) } ?? "cannot make '\(final)': \(error)")
        }
        // libvips' tile cache paints a cell black whose computation failed, and another thread may take that for pixels.
        if let first = context.firstFailure { throw failure(first) }
    }
}

extension ImageJob {
    /// Why a file could not be written, or the input not decoded while it was: in the name that the user knows, without the
    /// saver's echo of a failure that lies before it.
    static func reason(_ error: VipsError, _ output: PreparedOutput, temporary: String, final: String) -> String {
        var message = error.message
        for start in ["cannot write '\(temporary)': "] where message.hasPrefix(start) { message.removeFirst(start.count) }
        let parts = message.split(separator: "; ").filter { !$0.contains("unable to write to target") }
        // libvips' own name of a target that has no name.
        let reason = parts.joined(separator: "; ").replacing(temporary, with: final).replacing("target_custom: ", with: "")
        guard reason.isEmpty else { return "cannot make '\(final)': \(reason)" }
        return "cannot make '\(final)': libvips gives no reason; the input may be damaged, or the result (\(output.image)) more than \(output.saver) takes"
    }
}
