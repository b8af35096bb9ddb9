import Foundation
import Inference

/// The program under test, as the build has put it beside the tests.
enum Program {
    /// The build directory: where the tests' own library lies, as the kernel has mapped it.
    static let directory: String = {
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        let library = maps.split(separator: "\n").first { $0.hasSuffix(".xctest") }
        guard let library, let start = library.firstIndex(of: "/"), let end = library.lastIndex(of: "/") else { return "." }
        return String(library[start..<end])
    }()

    static let path = "\(directory)/aquatint"

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// Whether the program will find an inference engine: from `$AQUATINT_OPENVINO`, the checkout or the system.
    static let hasEngine = EngineLocation.candidates(environment: ProcessInfo.processInfo.environment, programs: [path])
        .contains { !$0.libraries().isEmpty }

    static func pipeline(_ name: String) -> String { "\(root)/Pipelines/\(name).yaml" }

    static func has(_ tool: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)") }
    }
}

/// How a command ended and what it said.
struct Outcome {
    var status: Int32
    var output: String
    var error: String
}

/// A folder that goes away with its owner, and the commands that run in it.
final class Workplace: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "aquatint-cli-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url.appending(path: "home"), withIntermediateDirectories: true)
        path = url.resolvingSymlinksInPath().path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let url = URL(filePath: self(name))
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: self(name)))) }

    /// Files below a folder, sorted, without the journal.
    func files(_ folder: String) -> [String] {
        guard let all = FileManager.default.enumerator(atPath: self(folder)) else { return [] }
        return all.compactMap { $0 as? String }.filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(self(folder))/\(name)", isDirectory: &isFolder) && !isFolder.boolValue && !name.hasPrefix(".aquatint/")
        }.sorted()
    }

    /// Runs the program in this folder, to its end.
    func aquatint(_ arguments: String..., environment: [String: String] = [:], input: String? = nil) throws -> Outcome {
        try run(Program.path, arguments, environment: environment, input: input)
    }

    func run(_ program: String, _ arguments: [String], environment: [String: String] = [:], input: String? = nil) throws -> Outcome {
        let process = prepared(program, arguments, environment)
        // Files, since two pipes that fill would want two readers.
        let names = ["output", "error"].map { self("home/\($0)-\(UUID().uuidString)") }
        for name in names { try Data().write(to: URL(filePath: name)) }
        process.standardOutput = FileHandle(forWritingAtPath: names[0])
        process.standardError = FileHandle(forWritingAtPath: names[1])
        if let input {
            let name = self("home/input-\(UUID().uuidString)")
            try Data(input.utf8).write(to: URL(filePath: name))
            process.standardInput = FileHandle(forReadingAtPath: name)
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
        process.waitUntilExit()
        let texts = try names.map { String(decoding: try Data(contentsOf: URL(filePath: $0)), as: UTF8.self) }
        return Outcome(status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus, output: texts[0], error: texts[1])
    }

    /// Starts the program, and sends it the signal as soon as it has said `marker`. Waits for its end.
    func aquatint(_ arguments: [String], signal number: Int32, after marker: String) throws -> Outcome {
        let process = prepared(Program.path, arguments, [:]), pipe = Pipe()
        process.standardError = pipe
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try pipe.fileHandleForWriting.close()
        var said = Data(), isSent = false
        while true {
            let more = pipe.fileHandleForReading.availableData
            if more.isEmpty { break }
            said += more
            if !isSent, String(decoding: said, as: UTF8.self).contains(marker) {
                kill(process.processIdentifier, number)
                isSent = true
            }
        }
        process.waitUntilExit()
        return Outcome(status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus, output: "",
                       error: String(decoding: said, as: UTF8.self))
    }

    func prepared(_ program: String, _ arguments: [String], _ environment: [String: String]) -> Process {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: path)
        // Nothing of the user's own set-up but where programs and the engine are.
        var variables = ["HOME": self("home"), "TMPDIR": self("home"), "LC_ALL": "C.UTF-8"]
        for name in ["PATH", EngineLocation.variable, "LD_LIBRARY_PATH"] { variables[name] = ProcessInfo.processInfo.environment[name] }
        process.environment = variables.merging(environment) { $1 }
        return process
    }
}
