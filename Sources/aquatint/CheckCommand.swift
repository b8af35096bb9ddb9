import ArgumentParser
import Foundation
import PipelineLanguage
import Runner
import StageHost

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Check pipelines without touching a pixel.")

    @Argument(help: "Pipeline files, or bare names.")
    var pipelines: [String]

    @Option(name: .customLong("set"), help: ArgumentHelp("Override a variable.", valueName: "name=value"))
    var set: [String] = []

    @Flag(help: "One JSON object for each file, on standard output.")
    var json = false

    @OptionGroup var paths: PathOptions

    func run() throws {
        let set = try settings(set)
        let library = try paths.library(isQuiet: json)
        var worst: ExitStatus?
        for name in pipelines {
            let loaded = try LoadedPipeline(name, lookup: paths.lookup, library: library, set: set)
            if json {
                Terminal.standardOutput(report(loaded).text() + "\n")
            } else {
                loaded.print(Terminal(colour: .auto))
                if !loaded.hasErrors { Terminal.standardError("\(loaded.source.name): good\n") }
            }
            if let status = loaded.status, worst == nil || worst == .unavailable { worst = status }
        }
        if let worst { throw worst }
    }

    private func report(_ loaded: LoadedPipeline) -> JSON {
        .object([
            ("v", .int(1)), ("file", .string(loaded.source.name)),
            ("diagnostics", .array(loaded.diagnostics.map { diagnostic in
                .object([
                    ("line", diagnostic.mark.map { .int($0.line) } ?? .null), ("column", diagnostic.mark.map { .int($0.column) } ?? .null),
                    ("severity", .string(diagnostic.severity.rawValue)), ("message", .string(diagnostic.message)),
                    ("suggestion", diagnostic.suggestion.map { .string($0) } ?? .null), ("code", .string(diagnostic.code.rawValue)),
                ])
            })),
        ])
    }
}

struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how a pipeline is resolved: sizes, access, tiles, networks.",
        discussion: "Shows what `run` with the same options does with that image alone; with --jobs, with one of as many images in flight.")

    @Argument(help: "A pipeline file, or a bare name.")
    var pipeline: String

    @Argument(help: "An image to resolve it for.")
    var input: String?

    @Option(name: .customLong("set"), help: ArgumentHelp("Override a variable.", valueName: "name=value"))
    var set: [String] = []

    @Flag(help: "One JSON object on standard output.")
    var json = false

    @OptionGroup var compute: ComputeOptions
    @OptionGroup var paths: PathOptions

    func run() throws {
        let set = try settings(set)
        let library = try paths.library(isQuiet: json)
        let pipeline = try LoadedPipeline(pipeline, lookup: paths.lookup, library: library, set: set).usable(Terminal(colour: .auto))
        // One image alone, or one of as many as are in flight.
        let run = try compute.settings(), schedule = Schedule(images: run.jobs ?? 1, settings: run)
        let session = try RunSession(library: library, pipeline: pipeline, set: set, schedule: schedule)
        let explanation = try input.map { try Explanation(input: $0, session: session, schedule: schedule) }
        let printer = ExplanationPrinter(session: session, schedule: schedule, explanation: explanation)
        Terminal.standardOutput(json ? printer.json.text() + "\n" : printer.text)
    }
}
