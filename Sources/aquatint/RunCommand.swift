import ArgumentParser
import Foundation
import Inference
import PipelineLanguage
import Runner
import StageHost
import Vips

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run a pipeline over files and folders.")

    @Argument(help: "A pipeline file, or the bare name of one on the pipeline path.")
    var pipeline: String

    @Argument(help: "Files, folders (taken with all below them) and patterns; '-' reads a list from standard input.")
    var inputs: [String] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("The folder to write to, or a file for one input.", valueName: "out"))
    var output: String

    @Option(name: .customLong("set"), help: ArgumentHelp("Override a variable of the pipeline.", valueName: "name=value"))
    var set: [String] = []

    @Flag(name: [.customShort("n"), .customLong("dry-run")], help: "Print what would be done, write nothing.")
    var dryRun = false

    @Option(help: "Which existing outputs are made again: never, stale or always.")
    var overwrite = RunSettings.Overwrite.stale

    @Option(help: ArgumentHelp("Only files that match; a pattern with a slash matches the path below the given folder.", valueName: "glob"))
    var include: [String] = []

    @Option(help: ArgumentHelp("No files that match.", valueName: "glob"))
    var exclude: [String] = []

    @Flag(name: .customLong("no-recursive"), help: "Do not look into sub-folders.")
    var noRecursive = false

    @Flag(name: .customLong("follow-symlinks"), help: "Take symbolic links found in folders.")
    var followSymlinks = false

    @Flag(name: .customShort("0"), help: "Names on standard input end with a zero byte.")
    var nulSeparated = false

    @Flag(name: .customLong("fail-fast"), help: "End the run at the first image that fails.")
    var failFast = false

    @Flag(help: "Go on with the files that arrive in the folders, until Ctrl-C.")
    var watch = false

    @Flag(name: .customLong("in-process"), help: "Make the images in this process, where a crash of a codec or plug-in ends the run: for debugging.")
    var inProcess = false

    @Option(name: .customLong("start-timeout"), help: ArgumentHelp("How long a plug-in may take to make a stage ready, before the first image.", valueName: "seconds"))
    var startTimeout = 120.0

    @Flag(name: .shortAndLong, help: "Only errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "One line for every image and every file skipped.")
    var verbose = false

    @Flag(name: .customLong("no-progress"), help: "No progress bar.")
    var noProgress = false

    @Option(help: "Colour: auto, always or never.")
    var color = Terminal.Colour.auto

    @OptionGroup var records: RecordOptions
    @OptionGroup var compute: ComputeOptions
    @OptionGroup var paths: PathOptions

    func run() throws {
        VipsLibrary.returnLargeBlocks()
        let terminal = Terminal(colour: color)
        try records.check(inputs: inputs)
        let shard = try records.part()
        if watch, shard != nil || !records.retryFailed.isEmpty { throw RunError(.usage, "--watch takes whole folders: not with --shard or --retry-failed") }
        let set = try settings(set)
        var run = try compute.settings(output: output)
        run.overwrite = overwrite
        run.failsFast = failFast
        guard startTimeout > 0 else { throw RunError(.usage, "--start-timeout takes seconds above 0, not \(startTimeout)") }
        guard !inProcess || startTimeout == 120 else { throw RunError(.usage, "--start-timeout needs worker processes: in this one (--in-process), nothing can be ended that does not return") }
        run.startTimeout = startTimeout
        run.isWatching = watch
        run.inProcess = inProcess ? true : nil
        run.pluginPath = paths.pluginPath
        run.isVerbose = verbose

        let library = try paths.library(isQuiet: quiet)
        let pipeline = try LoadedPipeline(pipeline, lookup: paths.lookup, library: library, set: set).usable(terminal)
        VipsLibrary.onWarning { text in if verbose { Terminal.standardError("libvips: \(text)\n") } }

        let tables = pipeline.input.allowsUntrusted
        let wanted = InputTrust.pictureExtensions(includingTables: tables)
        let isImage: @Sendable (String) -> Bool = { InputTrust.isPicture($0, includingTables: tables) }
        let arrivals = watch ? try FolderWatch(selection(), knownExtensions: wanted, isImage: isImage) : nil
        let found = try arrivals?.find() ?? found(wanted, isImage)
        let images = watch ? .max : shard?.size(of: found.files.count) ?? found.files.count
        let schedule = Schedule(images: images, settings: run)
        let request = try RunRequest(library: library, pipeline: pipeline, set: set, neural: schedule.neural, memory: schedule.memory)
        // Before anything starts a thread.
        let crew = try Crew(request, schedule: schedule, images: images, settings: run)
        let plan: RunPlan
        do {
            plan = try RunPlan(found, request: request, settings: run).part(shard)
            if let report = records.report { try plan.check(report: report) }
        } catch {
            crew.close()
            throw error
        }
        if dryRun {
            defer { crew.close() }
            // What would fail every image is said here, too.
            try plan.checkPlaces(of: plan.images)
            try crew.check()
            return try tell(plan, plan.events(request, settings: run, schedule: schedule))
        }
        let stop = StopSignal()
        let recorders = try records.recorders(stop: stop)
        defer { for recorder in recorders { recorder.close() } }
        stop.install()
        // On standard output there is JSON, and standard error is for errors then.
        let isQuiet = quiet || records.logFormat == .json
        let printer = RunPrinter(terminal: terminal, verbosity: isQuiet ? .quiet : verbose ? .verbose : .normal, showsBar: !noProgress, report: records.report, watched: watch ? inputs : [])
        let batch = Batch(plan, request: request, settings: run, schedule: schedule, crew: crew, stop: stop, arrivals: arrivals, endProcess: { _exit($0.rawValue) }) { event in
            for recorder in recorders { recorder.handle(event) }
            printer.handle(event)
        }
        let summary: RunSummary
        do throws(RunError) {
            summary = try batch.run()
        } catch {
            // What was given up before its first image has no other fault.
            if stop.state != .running, let status = stop.exitStatus { throw status }
            throw error
        }
        // The summary itself could not be written.
        if summary.stopped == nil, let error = stop.error { throw error }
        let status = summary.exitStatus(stop)
        if status != .done { throw status }
    }

    private func found(_ extensions: Set<String>, _ isImage: @escaping (String) -> Bool) throws -> InputSelection.Found {
        guard !records.retryFailed.isEmpty else { return try selection().resolve(knownExtensions: extensions, isImage: isImage) }
        let failed = try FailedInputs(reports: records.retryFailed)
        for report in failed.unfinished where !quiet {
            Terminal.standardError("the run of '\(report)' did not end by itself: what it had not come to has not failed, and is not done now; the same command with the inputs does it\n")
        }
        if failed.isEmpty, !quiet, records.logFormat == .text { Terminal.standardError("nothing failed in \(records.retryFailed.joined(separator: ", "))\n") }
        return selection().resolve(failed, knownExtensions: extensions, isImage: isImage)
    }

    private func selection() -> InputSelection {
        var selection = InputSelection(arguments: inputs)
        selection.includes = include.map(GlobPattern.init)
        selection.excludes = exclude.map(GlobPattern.init)
        selection.isRecursive = !noRecursive
        selection.followsLinks = followSymlinks
        selection.isNulSeparated = nulSeparated
        selection.output = output
        selection.ownFiles = [records.report].compactMap(\.self)
        selection.isWatching = watch
        return selection
    }

    /// The plan, for programs and for people.
    private func tell(_ plan: RunPlan, _ events: [RunEvent]) throws {
        let stop = StopSignal()
        for recorder in try records.recorders(stop: stop) {
            for event in events { recorder.handle(event) }
            recorder.close()
        }
        if let error = stop.error { throw error }
        if records.logFormat == .text { printPlan(plan) }
    }

    private func printPlan(_ plan: RunPlan) {
        for image in plan.images { Terminal.standardOutput("\(image.input.path) -> \(image.outputs.joined(separator: ", "))\n") }
        for folder in plan.unreadable { Terminal.standardError("\(folder.path): \(folder.reason)\n") }
        guard !quiet else { return }
        Terminal.standardError("\(plan.images.count) images would be read, \(plan.strays.count) other files skipped; \(records.report == nil ? "nothing" : "only the report") was written\n")
        if verbose { for stray in plan.strays { Terminal.standardError("  \(stray.path): \(stray.reason)\n") } }
    }
}
