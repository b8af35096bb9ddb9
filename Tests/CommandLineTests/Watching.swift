import Foundation
import Testing
import Vips

/// The program with `--watch`, as it runs.
final class Watching {
    let place: Workplace
    let process: Process
    private let errorFile: String

    /// Starts it, and waits until it says that it watches.
    init(_ place: Workplace, _ arguments: [String], by program: String = Program.path, until marker: String = "watching '") throws {
        self.place = place
        errorFile = place("home/error-\(UUID().uuidString)")
        try Data().write(to: URL(filePath: errorFile))
        process = place.prepared(program, arguments, [:])
        process.standardError = FileHandle(forWritingAtPath: errorFile)
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try wait(for: "it to watch") { self.error.contains(marker) }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// What it has said so far.
    var error: String { (try? String(contentsOfFile: errorFile, encoding: .utf8)) ?? "" }

    /// How often it has said something.
    func count(_ text: String) -> Int { error.components(separatedBy: text).count - 1 }

    func wait(for what: String, within seconds: Double = 60, _ isTrue: () throws -> Bool) throws {
        let deadline = Date() + seconds
        while try !isTrue() {
            if Date() > deadline || !process.isRunning {
                Issue.record("\(process.isRunning ? "" : "it ended, ")waited in vain for \(what): \(error)")
                throw CancellationError()
            }
            usleep(20_000)
        }
    }

    /// Waits until the output folder has just these files.
    func wait(for files: [String], in folder: String = "out") throws {
        try wait(for: "\(files)") { place.files(folder).filter { !$0.contains(".aquatint-") } == files.sorted() }
    }

    /// Ends it with a signal, and gives the status that it ended with.
    @discardableResult
    func end(_ number: Int32 = SIGINT) -> Int32 {
        kill(process.processIdentifier, number)
        return status
    }

    /// Waits for the end.
    var status: Int32 {
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }
}
