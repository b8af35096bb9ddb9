import ArgumentParser
import Foundation
import Runner

/// The command `aquatint`.
@main
struct Aquatint: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "aquatint",
        abstract: "Run image pipelines from text files: libvips operations and neural stages over files and folders.",
        version: AquatintVersion.text,
        subcommands: [Run.self, Check.self, Explain.self, Export.self, Compare.self, Stages.self, Schema.self, Plugins.self, ModelCommand.self, Doctor.self, Worker.self, ScanPlugins.self, TryStage.self])

    static func main() {
        // A reader that closes its end (`| head`) is no reason to die without a word. Handled, and not ignored: programs that are started from here would inherit that.
        signal(SIGPIPE) { _ in }
        // A limit to the size of files is an error of the file that meets it.
        signal(SIGXFSZ) { _ in }
        // Files that are opened later must not become standard output.
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
        // How workers end is asked for, whatever the parent of this process makes of its own children.
        signal(SIGCHLD, SIG_DFL)
        CreationMask.remember()
        do {
            var command = try parseAsRoot()
            try command.run()
            end(0)
        } catch let error as RunError {
            Terminal.standardError("aquatint: \(error.description)\n")
            end(error.status.rawValue)
        } catch let status as ExitStatus {
            end(status.rawValue)
        } catch {
            // Help and version end well; what the parser refuses is a usage error.
            let isWanted = exitCode(for: error) == .success
            let text = fullMessage(for: error)
            if isWanted { Terminal.standardOutput(text + "\n") } else { Terminal.standardError(text + "\n") }
            end(isWanted ? 0 : ExitStatus.usage.rawValue)
        }
    }

    /// Ends the process without tearing libraries down: threads of theirs still use what their own clean-up would free. Nothing is buffered that would be lost.
    static func end(_ status: Int32) -> Never {
        fflush(nil)
        _exit(status)
    }
}

/// Not libvips' arguments.
typealias Argument = ArgumentParser.Argument
