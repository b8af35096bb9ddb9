internal import Dispatch
internal import Foundation
internal import Inference
internal import PipelineLanguage
internal import StageHost
internal import Synchronization
internal import Vips

/// Runs a plan: several images in flight, each failing alone, every output complete or absent.
public final class Batch: Sendable {
    private let session: RunSession
    private let plan: RunPlan
    private let settings: RunSettings
    private let stop: StopSignal
    private let report: @Sendable (RunEvent) -> Void
    private let journal: Journal?
    private let recipe: String
    private let schedule: Schedule
    private let endProcess: (@Sendable (ExitStatus) -> Void)?

    /// - Parameters:
    ///   - endProcess: ends the process where an image that was given up does not stop; nil waits for it.
    ///   - report: called from several threads, one event at a time is not guaranteed.
    public init(_ plan: RunPlan, session: RunSession, settings: RunSettings, stop: StopSignal, endProcess: (@Sendable (ExitStatus) -> Void)? = nil,
                report: @escaping @Sendable (RunEvent) -> Void) {
        self.endProcess = endProcess
        self.plan = plan
        self.session = session
        self.settings = settings
        self.stop = stop
        self.report = report
        journal = plan.journalFolder.map(Journal.init(outputFolder:))
        recipe = session.recipe()
        schedule = Schedule(images: plan.images.count, settings: settings)
    }

    private struct State {
        var summary = RunSummary()
        var contexts: [Int: ImageContext] = [:]
        var isOver = false
    }

    private let state = Mutex(State())

    /// Runs to the end, or until a signal, a full disk, or the first failure with `failsFast` ends it.
    public func run() -> RunSummary {
        let start = Date()
        VipsLibrary.setConcurrency(schedule.threads)
        report(.started(header))
        for note in session.imageNotes { report(.note(note)) }
        for folder in plan.unreadable {
            finish(ImageReport(index: -1, input: folder.path, outputs: [], status: .failed, failure: .init(code: "load", stage: nil, message: folder.reason),
                               notes: [], seconds: 0, pixels: 0, inputBytes: 0))
        }
        clearLeftovers()
        stop.observe { [weak self] level in self?.stopped(level) }
        settlePrecision()
        WorkerPool.run(count: plan.images.count, threads: schedule.jobs, while: { [self] in shouldContinue }) { [self] index in
            work(plan.images[index])
        }
        reportPrecision()
        var summary = state.withLock { state in
            state.isOver = true
            return state.summary
        }
        summary.strays = plan.strays.count
        summary.seconds = Date().timeIntervalSince(start)
        report(.finished(summary))
        return summary
    }

    private var header: RunHeader {
        RunHeader(
            pipeline: session.pipeline.source.name, images: plan.images.count, inputBytes: plan.images.reduce(0) { $0 &+ $1.bytes }, skipped: plan.strays,
            jobs: schedule.jobs, threadsPerImage: schedule.threads, memoryBudget: schedule.memory,
            engine: session.usesNetworks ? "networks in \(settings.precision == .auto ? "automatic precision" : settings.precision.description) on \(settings.device)" : nil)
    }

    private var shouldContinue: Bool {
        stop.state == .running && state.withLock { $0.summary.stopped == nil }
    }

    private func stopped(_ level: StopSignal.State) {
        report(.stopping(abandoned: level == .abandoning))
        guard level == .abandoning else { return }
        for context in state.withLock({ Array($0.contexts.values) }) { context.cancel() }
        // A codec or a plug-in that does not look up cannot be stopped from inside the process: it ends with it.
        guard let endProcess else { return }
        let status = stop.exitStatus ?? .interrupted
        DispatchQueue.global().asyncAfter(deadline: .now() + 2) { [weak self] in
            guard let self, !self.state.withLock({ $0.isOver }) else { return }
            OutputTransaction.abandonAll()
            endProcess(status)
        }
    }

    /// Temporary files that a killed run left where this one will write.
    private func clearLeftovers() {
        OutputTransaction.clearTemporaryPixels()
        for folder in Set(plan.images.flatMap(\.outputs).map(Path.directory)) { OutputTransaction.clearLeftovers(in: folder) }
    }

    /// Lets the networks of the run choose their arithmetic on the first image that has to be made.
    private func settlePrecision() {
        guard session.usesNetworks, settings.precision == .auto, session.stages.hasFasterTypes else { return }
        let context = ImageContext(memoryBudget: memoryPerImage, for: .deciding)
        // As an image before the first, so that the second Ctrl-C gives it up too.
        state.withLock { $0.contexts[-1] = context }
        defer {
            context.finish()
            state.withLock { _ = $0.contexts.removeValue(forKey: -1) }
        }
        let images = plan.images.lazy.filter { [self] planned in
            guard planned.problem == nil, let status = FileStatus(planned.input.path) else { return false }
            return reasonToSkip(planned, status) == nil
        }
        PrecisionRehearsal(session: session, images: images, context: context).run()
        reportPrecision()
    }

    private func reportPrecision() {
        for note in session.stages.newPrecisionNotes() { report(.note(note)) }
    }

    private var memoryPerImage: Int { schedule.memoryPerImage(session.pipeline) }

    // MARK: one image

    private func work(_ planned: PlannedImage) {
        let start = Date()
        var result = ImageReport(index: planned.index, input: planned.input.path, outputs: planned.outputs, status: .done, notes: [], seconds: 0, pixels: 0,
                                 inputBytes: planned.bytes)
        guard let status = FileStatus(planned.input.path) else {
            result.status = .failed
            result.failure = .init(code: "load", stage: nil, message: planned.input.path.contains("\u{FFFD}")
                ? "its name is not UTF-8, and cannot be opened under another: rename it" : "the file is gone, or cannot be read")
            return finish(result)
        }
        if let problem = planned.problem {
            result.status = .failed
            result.failure = .init(code: "output", stage: nil, message: problem)
            return finish(result)
        }
        if let reason = reasonToSkip(planned, status) {
            result.status = .skipped
            result.reason = reason
            return finish(result)
        }
        report(.imageStarted(index: planned.index, input: planned.input.path))
        let context = ImageContext(memoryBudget: memoryPerImage)
        state.withLock { $0.contexts[planned.index] = context }
        defer { state.withLock { _ = $0.contexts.removeValue(forKey: planned.index) } }
        if stop.state == .abandoning { context.cancel() }
        let report = report
        do throws(ImageFailure) {
            let job = ImageJob(session: session, planned: planned, context: context) { report(.imageProgress(index: planned.index, fraction: $0)) }
            result.pixels = try job.run().pixels
            try remember(planned, status)
        } catch {
            result.status = .failed
            result.failure = .init(code: error.code, stage: error.stage, message: error.message)
            if let end = error.endsRun { state.withLock { if $0.summary.stopped == nil { $0.summary.stopped = end } } }
        }
        result.notes = context.notes
        result.seconds = Date().timeIntervalSince(start)
        finish(result)
    }

    private func reasonToSkip(_ planned: PlannedImage, _ status: FileStatus) -> String? {
        let exist = planned.outputs.allSatisfy { FileStatus($0) != nil }
        switch settings.overwrite {
        case .always: return nil
        case .never: return exist ? "the output exists" : nil
        case .stale:
            guard let journal, journal.isUpToDate(input: planned.input.path, status: status, recipe: recipe, outputs: planned.outputs) else { return nil }
            return "up to date"
        }
    }

    private func remember(_ planned: PlannedImage, _ status: FileStatus) throws(ImageFailure) {
        do {
            try journal?.append(input: planned.input.path, status: status, recipe: recipe, outputs: planned.outputs)
        } catch {
            throw ImageFailure("journal", error.message, endsRun: error)
        }
    }

    private func finish(_ result: ImageReport) {
        state.withLock { state in
            switch result.status {
            case .done:
                state.summary.done += 1
                state.summary.megapixels += Double(result.pixels) / 1e6
            case .skipped, .planned: state.summary.skipped += 1
            case .failed:
                state.summary.failed += 1
                state.summary.failures.append(result)
                if settings.failsFast, state.summary.stopped == nil {
                    state.summary.stopped = RunError(.someFailed, "the first failed image ends the run (--fail-fast)")
                }
            }
        }
        report(.imageFinished(result))
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
