import ArgumentParser
import Runner

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
