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
    var inputs: [String]

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

    @Flag(name: .customLong("in-process"), help: "Make the images in this process, where a crash of a codec or plug-in ends the run: for debugging.")
    var inProcess = false

    @Flag(name: .shortAndLong, help: "Only errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "One line for every image and every file skipped.")
    var verbose = false

    @Flag(name: .customLong("no-progress"), help: "No progress bar.")
    var noProgress = false

    @Option(help: "Colour: auto, always or never.")
    var color = Terminal.Colour.auto

    @OptionGroup var compute: ComputeOptions
    @OptionGroup var paths: PathOptions

    func run() throws {
        VipsLibrary.returnLargeBlocks()
        let terminal = Terminal(colour: color)
        let set = try settings(set)
        var run = try compute.settings(output: output)
        run.overwrite = overwrite
        run.failsFast = failFast
        run.inProcess = inProcess ? true : nil
        run.pluginPath = paths.pluginPath
        run.isVerbose = verbose

        let library = try paths.library(isQuiet: quiet)
        let pipeline = try LoadedPipeline(pipeline, lookup: paths.lookup, library: library, set: set).usable(terminal)
        VipsLibrary.onWarning { text in if verbose { Terminal.standardError("libvips: \(text)\n") } }

        let tables = pipeline.input.allowsUntrusted
        let found = try selection().resolve(knownExtensions: InputTrust.pictureExtensions(includingTables: tables)) { InputTrust.isPicture($0, includingTables: tables) }
        let schedule = Schedule(images: found.files.count, settings: run)
        let request = try RunRequest(library: library, pipeline: pipeline, set: set, neural: schedule.neural, memory: schedule.memory)
        let plan = try RunPlan(found, request: request, settings: run)
        if dryRun {
            // What would fail every image is said here, too.
            try plan.checkPlaces(of: plan.images)
            _ = try RunSession(request)
            return printPlan(plan)
        }

        // Before anything starts a thread.
        let crew = try Crew(request, schedule: schedule, images: plan.images.count, settings: run)
        let stop = StopSignal()
        stop.install()
        let printer = RunPrinter(terminal: terminal, verbosity: quiet ? .quiet : verbose ? .verbose : .normal, showsBar: !noProgress)
        let summary = try Batch(plan, request: request, settings: run, schedule: schedule, crew: crew, stop: stop, endProcess: { _exit($0.rawValue) }) { printer.handle($0) }.run()
        let status = summary.exitStatus(stop)
        if status != .done { throw status }
    }

    private func selection() -> InputSelection {
        var selection = InputSelection(arguments: inputs)
        selection.includes = include.map(GlobPattern.init)
        selection.excludes = exclude.map(GlobPattern.init)
        selection.isRecursive = !noRecursive
        selection.followsLinks = followSymlinks
        selection.isNulSeparated = nulSeparated
        selection.output = output
        return selection
    }

    private func printPlan(_ plan: RunPlan) {
        for image in plan.images { Terminal.standardOutput("\(image.input.path) -> \(image.outputs.joined(separator: ", "))\n") }
        for folder in plan.unreadable { Terminal.standardError("\(folder.path): \(folder.reason)\n") }
        guard !quiet else { return }
        Terminal.standardError("\(plan.images.count) images would be read, \(plan.strays.count) other files skipped; nothing was written\n")
        if verbose { for stray in plan.strays { Terminal.standardError("  \(stray.path): \(stray.reason)\n") } }
    }
}
