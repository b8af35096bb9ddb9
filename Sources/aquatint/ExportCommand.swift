import ArgumentParser
import Foundation
import PipelineLanguage
import Runner
import StageHost

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a pipeline's network stages as one ONNX file.",
        discussion: """
            The file takes and gives pictures as [1, channels, height, width], red first, 0 for black and 1 for white; ranges, \
            means and strengths of the stages are part of it. The network stages must follow each other; stages before and after \
            them are left out, and named.
            """)

    @Argument(help: "A pipeline file, or a bare name.")
    var pipeline: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "net.onnx"))
    var output: String

    @Option(name: .customLong("set"), help: ArgumentHelp("Override a variable.", valueName: "name=value"))
    var set: [String] = []

    @Flag(help: "Replace the file where it is there already.")
    var overwrite = false

    @Flag(name: .shortAndLong, help: "Only errors.")
    var quiet = false

    @OptionGroup var paths: PathOptions

    func run() throws {
        let set = try settings(set)
        let library = try paths.library(isQuiet: quiet)
        let pipeline = try LoadedPipeline(pipeline, lookup: paths.lookup, library: library, set: set).usable(Terminal(colour: .auto))
        let session = try RunSession(library: library, pipeline: pipeline, set: set, schedule: Schedule(images: 1, settings: RunSettings(output: "")))
        let export = try NetworkExport(session)
        try export.write(to: output, overwrites: overwrite)
        guard !quiet else { return }
        Terminal.standardError("\(output): \(export.network.stages)\n  in   \(export.network.input)\n  out  \(export.network.output)\n")
        for stage in export.leftOut { Terminal.standardError("  not part of it: stage \(stage)\n") }
    }
}
