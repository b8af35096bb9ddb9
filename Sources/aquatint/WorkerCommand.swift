import ArgumentParser
import Runner
import StageHost

/// The process that makes images for `run`, which starts it: not for people.
struct Worker: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Make images for a supervisor.", shouldDisplay: false)

    @Option(help: "The number of the socket to the supervisor.")
    var channel: Int32

    @Option(help: "The number of the shared memory.")
    var board: Int32

    func run() throws {
        try WorkerMain.check(channel: channel, board: board)
        WorkerMain(channel: channel, board: board) { pluginPath in
            var paths = PathOptions()
            paths.pluginPath = pluginPath
            // The supervisor has said which plug-ins were refused.
            return try paths.library(isQuiet: true)
        }.run()
    }
}

/// The process that looks at plug-ins for every other command, which starts it: not for people.
struct ScanPlugins: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "scan-plugins", abstract: "Look at plug-ins for another process.", shouldDisplay: false)

    @Argument(help: "Libraries.")
    var files: [String] = []

    func run() { PluginScanProcess.run(files) }
}

/// The process that tries a stage for `plugins check`, which starts it: not for people.
struct TryStage: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "try-stage", abstract: "Try a stage for another process.", shouldDisplay: false)

    @Option(help: "The stage's place in the plug-in.")
    var stage: Int

    @Option(help: "What is tried.")
    var part: String

    @Option(name: .customLong("set"), help: "A parameter's value.")
    var set: [String] = []

    @Argument(help: "A library.")
    var file: String

    func run() { ConformanceProcess.run(file, stage: stage, part: part, values: set, version: AquatintVersion.text) }
}
