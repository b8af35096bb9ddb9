internal import Dispatch
internal import Foundation
internal import Inference
internal import PipelineLanguage
internal import StageHost
internal import Synchronization
internal import Vips

/// Runs a plan: several images in flight, each failing alone, every output complete or absent.
public final class Batch: Sendable {
    private let request: RunRequest
    private let plan: RunPlan
    private let settings: RunSettings
    private let schedule: Schedule
    private let maker: any ImageMaker
    private let stop: StopSignal
    private let report: @Sendable (RunEvent) -> Void
    private let arrivals: FolderWatch?
    private let journal: Journal?
    /// What the outputs of this run are made by, as far as journals tell it.
    private let recipe: String
    private let hashes: RememberedHashes
    /// The files that the recipe knows of.
    private let knownFiles: Set<PathKey>
    private let endProcess: (@Sendable (ExitStatus) -> Void)?
    private let journalIsUnused = Atomic<Bool>(false)

    /// - Parameters:
    ///   - schedule: for as many images as the plan has.
    ///   - crew: makes the images; ended with the run.
    ///   - arrivals: folders whose files are made as they come, after the images of the plan, until the run is stopped.
    ///   - endProcess: ends the process where an image that was given up does not stop; nil waits for it.
    ///   - report: called from several threads, one event at a time is not guaranteed.
    public init(_ plan: RunPlan, request: RunRequest, settings: RunSettings, schedule: Schedule, crew: Crew, stop: StopSignal, arrivals: FolderWatch? = nil,
                endProcess: (@Sendable (ExitStatus) -> Void)? = nil, report: @escaping @Sendable (RunEvent) -> Void) {
        self.endProcess = endProcess
        self.arrivals = arrivals
        self.plan = plan
        self.request = request
        self.settings = settings
        self.schedule = schedule
        maker = crew.maker
        self.stop = stop
        self.report = report
        journal = plan.journalFolder.map { Journal(outputFolder: $0) }
        hashes = RememberedHashes(outputFolder: plan.journalFolder)
        recipe = journal == nil ? "" : request.recipe(hashes)
        knownFiles = Set(request.knownFiles.map { PathKey(Path.absolute($0)) })
    }

    private struct State {
        var summary = RunSummary()
        var isOver = false
    }

    private let state = Mutex(State())
    /// How far a stop was told to have come; nil where it is not listened for, or everything was told.
    private let toldStop = Mutex<StopSignal.State?>(nil)
    /// What has computed the networks, once one was.
    private let engine = Mutex<String?>(nil)

    /// Runs to the end (there is none where files arrive), or until a signal, a full disk, or the first failure with `failsFast` ends it.
    ///
    /// - Throws: `RunError` where no image can be made at all: a stage that cannot be created, a second image that is missing.
    public func run() throws(RunError) -> RunSummary {
        let start = Date()
        defer { maker.close() }
        report(.started(RunHeader(plan, request: request, settings: settings, schedule: schedule)))
        do throws(RunError) {
            try makeAll()
        } catch {
            finish(since: start, refusal: error)
            throw error
        }
        hashes.keep()
        return finish(since: start)
    }

    private func makeAll() throws(RunError) {
        for folder in plan.unreadable {
            finish(ImageReport(unreadable: folder))
        }
        clearLeftovers()
        arrivals?.begin(plan) { [report] in report(.note($0)) }
        defer { arrivals?.end() }
        if let problem = journal?.problem { try journalIsBroken(problem) }
        let standings = standings()
        let wanted = plan.images.filter { isWanted($0, standings[$0.index] ?? Standing()) }
        if !wanted.isEmpty || arrivals != nil, shouldContinue {
            try plan.checkPlaces(of: wanted)
            if let warning = plan.warningOfSpace(for: wanted) { report(.note(warning)) }
            try make(wanted)
        }
    }

    /// Tells how the run ended: the last that is told of it.
    ///
    /// - Parameter refusal: why there was no first image.
    @discardableResult
    private func finish(since start: Date, refusal: RunError? = nil) -> RunSummary {
        var summary = state.withLock { state in
            state.isOver = true
            return state.summary
        }
        if let refusal { (summary.stopped, summary.isRefused) = (refusal, true) }
        summary.strays = plan.strays.count + (arrivals?.strays ?? 0)
        if arrivals == nil { summary.notReached = max(0, plan.images.count - summary.done - summary.skipped - summary.failed - summary.planned) }
        summary.shard = plan.shard
        summary.versions = request.versions
        summary.versions.engine = engine.withLock { $0 }
        summary.stopped = summary.stopped ?? stop.error
        summary.seconds = Date().timeIntervalSince(start)
        // Who raised it may not have come to tell it yet.
        tellStop(stop.state)
        toldStop.withLock { $0 = nil }
        report(.finished(summary))
        return summary
    }

    private func tellStop(_ level: StopSignal.State) {
        toldStop.withLock { told in
            guard let last = told, level > last else { return }
            told = level
            report(.stopping(abandoned: level == .abandoning))
        }
    }

    private func make(_ wanted: [PlannedImage]) throws(RunError) {
        VipsLibrary.setConcurrency(schedule.threads)
        if maker is LocalMaker { prepareForFaults(wanted) }
        toldStop.withLock { $0 = .running }
        stop.observe { [weak self] level in self?.stopped(level) }
        if stop.state == .abandoning { maker.abandon() }
        for note in try maker.prepare(Array(wanted.prefix(Self.rehearsalImages))) { report(.note(note)) }
        // Not before it is known that there can be images: nothing is left of a run that has none.
        do {
            try journal?.open()
        } catch {
            try journalIsBroken(error)
        }
        let stream = stream(wanted)
        // With --fail-fast no image waits behind one that may fail: it would be begun before the failure is known.
        let places = settings.failsFast ? min(schedule.jobs, maker.places) : maker.places
        // Before an image is taken from the list: one that arrives may change as long as nobody has it.
        let turnstile = Turnstile(min(places, maker.room))
        let leave = { @Sendable [maker] in turnstile.leave(min(places, maker.room)) }
        WorkerPool.run(threads: arrivals == nil ? min(places, wanted.count) : places, wanted: { [maker] in maker.room }, next: { [self] in
            turnstile.enter()
            let planned = next(stream)
            if planned == nil { leave() }
            return planned
        }) { [self] planned in
            defer { leave() }
            let status = FileStatus(planned.input.path)
            work(planned, status)
            stream.finished(planned, status)
            // There is no end to wait for.
            if arrivals != nil { OutputTransaction.syncFolders(of: planned.outputs) }
        }
        if let problem = arrivals?.problem { state.withLock { $0.summary.stopped = $0.summary.stopped ?? problem } }
        reportNotes()
        OutputTransaction.syncFolders(of: wanted.flatMap(\.outputs))
    }

    /// What is said should a codec or a plug-in take this process down.
    private func prepareForFaults(_ wanted: [PlannedImage]) {
        let what = arrivals != nil ? "what arrived" : wanted.count == 1 ? "'\(wanted[0].input.path)'" : "\(wanted.count) images"
        WorkerBoard.setLastWords("aquatint: crashed while making \(what) in this process: a codec, a plug-in or the program itself is at fault; no output is half written\n")
        WorkerBoard.handleFaults()
    }

    private func stream(_ wanted: [PlannedImage]) -> any ImageStream {
        guard let arrivals else { return ImageList(wanted) }
        arrivals.put(wanted)
        for text in arrivals.announcement { report(.note(text)) }
        return arrivals
    }

    private func next(_ stream: any ImageStream) -> PlannedImage? {
        while shouldContinue, let planned = stream.next() {
            // The images of the plan were looked at already.
            if arrivals == nil || isWanted(planned, standing(of: planned)) { return planned }
        }
        return nil
    }

    /// Networks choose their arithmetic on the first of these that can be opened.
    private static let rehearsalImages = 4

    private var shouldContinue: Bool {
        stop.state == .running && state.withLock { $0.summary.stopped == nil }
    }

    private func stopped(_ level: StopSignal.State) {
        // Whoever reads what is told may have gone to sleep: that must not hold up the stop, or the next signal.
        DispatchQueue.global().async { [weak self] in self?.tellStop(level) }
        arrivals?.end()
        guard level == .abandoning else { return }
        maker.abandon()
        // A codec or a plug-in in this process that does not look up cannot be stopped: it ends with the process.
        guard let endProcess else { return }
        let status = stop.exitStatus ?? .interrupted
        DispatchQueue.global().asyncAfter(deadline: .now() + 2 * WorkerLimits.grace) { [weak self] in
            guard let self, !self.state.withLock({ $0.isOver }) else { return }
            OutputTransaction.abandonAll()
            endProcess(status)
        }
    }

    /// Temporary files that a killed run left where this one will write.
    private func clearLeftovers() {
        TemporaryFiles.clearTemporaryPixels()
        for folder in Path.folders(of: plan.images.flatMap(\.outputs)) { TemporaryFiles.clearLeftovers(in: folder) }
    }

    private func reportNotes() {
        for note in maker.newNotes() { report(.note(note)) }
    }

    // MARK: one image

    /// What was found out of an image before it is made.
    private struct Standing: Sendable {
        /// Before anything is read: what changes from now on has the image made again.
        var status: FileStatus?
        /// Why it need not be made.
        var reason: String?
    }

    /// Whether an image has to be made: it is not up to date, and can be made. Otherwise says so.
    private func isWanted(_ planned: PlannedImage, _ standing: Standing) -> Bool {
        guard isSettled(planned, standing.reason) else { return true }
        arrivals?.finished(planned, standing.status)
        return false
    }

    private func isSettled(_ planned: PlannedImage, _ reason: String?) -> Bool {
        if let problem = planned.problem {
            fail(planned, ImageFailure("output", problem))
            return true
        }
        guard let reason else { return false }
        skip(planned, reason)
        return true
    }

    private func skip(_ planned: PlannedImage, _ reason: String) {
        var result = emptyReport(planned)
        result.status = .skipped
        result.reason = reason
        finish(result)
    }

    /// Why the failure of an image is none: where files come and go, so may its own.
    private func change(of planned: PlannedImage, since status: FileStatus?) -> String? {
        guard let arrivals else { return nil }
        if FileStatus(planned.input.path, followLinks: false) == nil, !planned.input.path.contains("\u{FFFD}") { return "it was deleted before it was made" }
        return FileStatus(planned.input.path) == status && !arrivals.isChanging(planned) ? nil : "it changed while it was made, and is made again"
    }

    private func work(_ planned: PlannedImage, _ status: FileStatus?) {
        guard let status else {
            if let change = change(of: planned, since: status) { return skip(planned, change) }
            let isMisread = planned.input.path.contains("\u{FFFD}")
            return fail(planned, ImageFailure("load", isMisread ? "its name is not UTF-8, and cannot be opened under another: rename it" : "the file is gone, or cannot be read"))
        }
        let report = report
        var result = emptyReport(planned)
        do throws(FailedImage) {
            let made = try maker.make(planned, while: { shouldContinue }) { [self] progress in
                switch progress {
                case .begun: report(.imageStarted(index: planned.index, input: planned.input.path))
                case .fraction(let fraction): report(.imageProgress(index: planned.index, fraction: fraction))
                case .failed(let failure):
                    if arrivals == nil, let end = failure.endsRun { state.withLock { $0.summary.stopped = $0.summary.stopped ?? end } }
                }
            }
            guard let made else { return }
            result.pixels = made.pixels
            result.notes = made.notes
            result.seconds = made.seconds
            result.stages = made.stages
            result.precision = made.precision
            result.peakMemory = made.peakMemory
            if let used = made.engine { engine.withLock { $0 = used } }
            result.inputSize = made.inputSize
            result.outputSizes = made.outputSizes
            result.damage = made.damage
            do throws(ImageFailure) {
                try remember(planned, made.content ?? ContentStamp(status), made.written, made.files)
            } catch {
                throw FailedImage(error, notes: made.notes, seconds: made.seconds, stages: made.stages)
            }
            finish(result)
        } catch {
            // An output folder that lies in a watched one goes with it: that does not end the run.
            if let change = change(of: planned, since: status), error.failure.endsRun == nil || FileStatus(planned.input.path) == nil { return skip(planned, change) }
            fail(planned, error.failure, notes: error.notes, seconds: error.seconds, stages: error.stages)
        }
        reportNotes()
    }

    private func emptyReport(_ planned: PlannedImage) -> ImageReport {
        ImageReport(planned)
    }

    private func fail(_ planned: PlannedImage, _ failure: ImageFailure, notes: [String] = [], seconds: Double = 0, stages: [StageSeconds] = []) {
        var result = emptyReport(planned)
        result.status = .failed
        result.failure = .init(code: failure.code, stage: failure.stage, message: failure.message)
        result.notes = notes
        result.seconds = seconds
        result.stages = stages
        if let end = failure.endsRun { state.withLock { if $0.summary.stopped == nil { $0.summary.stopped = end } } }
        finish(result)
    }

    /// By the index of each image. Contents that must be compared are read on all cores.
    private func standings() -> [Int: Standing] {
        let found = Mutex<[Int: Standing]>([:])
        let isStopped = { @Sendable [self] in !shouldContinue }
        let images = plan.images, piece = 64
        DispatchQueue.concurrentPerform(iterations: (images.count + piece - 1) / piece) { [self] number in
            for planned in images[(number * piece)..<min(images.count, (number + 1) * piece)] where !isStopped() {
                let standing = standing(of: planned)
                found.withLock { $0[planned.index] = standing }
            }
        }
        return found.withLock { $0 }
    }

    private func standing(of planned: PlannedImage) -> Standing {
        // One that is gone is found when its turn comes.
        guard planned.problem == nil, let status = FileStatus(planned.input.path) else { return Standing() }
        return Standing(status: status, reason: reasonToSkip(planned, status))
    }

    private func reasonToSkip(_ planned: PlannedImage, _ status: FileStatus) -> String? {
        switch settings.overwrite {
        case .always: return nil
        case .never: return planned.outputs.allSatisfy { FileStatus($0) != nil } ? "the output exists" : nil
        case .stale:
            switch journal?.standing(input: planned.input.path, status: status, recipe: recipe, outputs: planned.outputs, hash: hashes.hash) {
            case .upToDate: return "up to date"
            case .ifContentIs(let hash):
                guard ContentStamp.hash(of: planned.input.path, status: status) == hash else { return nil }
                // So that the next run need not look.
                var content = ContentStamp(status)
                content.hash = hash
                try? journal?.append(input: planned.input.path, content: content, recipe: recipe, outputs: planned.outputs)
                return "up to date"
            case .outOfDate, nil: return nil
            }
        }
    }

    private func remember(_ planned: PlannedImage, _ content: ContentStamp, _ written: [[Int64]], _ files: [String]) throws(ImageFailure) {
        guard !journalIsUnused.load(ordering: .relaxed) else { return }
        let own = files.filter { !knownFiles.contains(PathKey(Path.absolute($0))) }.map { Journal.Ingredient(path: $0, hash: hashes.hash(of: $0) ?? "") }
        do {
            try journal?.append(input: planned.input.path, content: content, recipe: recipe, outputs: planned.outputs, written: written, files: own)
        } catch {
            throw ImageFailure("journal", error.message, endsRun: error)
        }
    }

    /// Without a journal every run would make everything again, and nobody would know why: only who asks for that gets it.
    private func journalIsBroken(_ problem: RunError) throws(RunError) {
        if settings.overwrite == .stale { throw problem }
        journalIsUnused.store(true, ordering: .relaxed)
        report(.note("\(problem.message); what is made now is not remembered"))
    }

    private func finish(_ result: ImageReport) {
        state.withLock { state in
            switch result.status {
            case .done:
                state.summary.done += 1
                if result.damage != nil { state.summary.damaged += 1 }
                state.summary.megapixels += Double(result.pixels) / 1e6
            case .skipped, .planned: state.summary.skipped += 1
            case .failed:
                state.summary.failed += 1
                if state.summary.failures.count < RunSummary.mostFailures { state.summary.failures.append(result) }
                if settings.failsFast, state.summary.stopped == nil {
                    state.summary.stopped = RunError(.someFailed, "the first failed image ends the run (--fail-fast)")
                }
            }
        }
        report(.imageFinished(result))
        if !shouldContinue { arrivals?.end() }
    }
}

extension RunHeader {
    init(_ plan: RunPlan, request: RunRequest, settings: RunSettings, schedule: Schedule) {
        self.init(
            pipeline: request.pipeline.source.name, images: plan.images.count, inputBytes: plan.images.reduce(0) { $0 &+ $1.bytes }, skipped: plan.strays,
            jobs: schedule.jobs, threadsPerImage: schedule.threads, memoryBudget: schedule.memory,
            engine: request.usesNetworks ? "networks in \(settings.precision == .auto ? "automatic precision" : settings.precision.description) on \(settings.device)" : nil,
            shard: plan.shard, versions: request.versions)
    }
}

extension RunSummary {
    /// The exit status that the summary stands for.
    public func exitStatus(_ stop: StopSignal) -> ExitStatus {
        if let signal = stop.exitStatus { return signal }
        if let stopped { return stopped.status }
        return failed > 0 ? .someFailed : .done
    }
}
