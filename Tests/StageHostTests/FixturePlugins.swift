import Foundation
import StageHost

/// Plug-ins in C that a test builds for itself, good and bad, in a folder that goes with the test.
final class FixturePlugins {
    let folder: String

    /// Whether this machine can build them.
    static let canBuild = canBuild(with: "cc")

    /// Whether a compiler of that name is on the PATH.
    static func canBuild(with compiler: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(compiler)") }
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "aquatint-plugins-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        folder = url.resolvingSymlinksInPath().path
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Builds the fixture with these definitions into `NAME.so`, and gives its path.
    @discardableResult
    func build(_ name: String, _ definitions: [String] = [], in subfolder: String = "") throws -> String {
        let directory = subfolder.isEmpty ? folder : "\(folder)/\(subfolder)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let path = "\(directory)/\(name).so"
        let arguments = ["cc", "-shared", "-fPIC", "-fvisibility=hidden", "-I",
                         Self.root.appending(path: "Sources/CAquatintPlugin/include").path]
            + definitions.map { "-D\($0)" }
            + ["-o", path, Self.root.appending(path: "Tests/StageHostTests/Fixtures/fixture.c").path]
        guard try Self.run(arguments) == 0 else { throw CompilerFailed(name: name) }
        return path
    }

    /// Runs a compiler and gives its exit status.
    static func run(_ arguments: [String]) throws -> Int32 {
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = arguments
        try compiler.run()
        compiler.waitUntilExit()
        return compiler.terminationStatus
    }

    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = "\(folder)/\(name)"
        try Data(bytes).write(to: URL(filePath: path))
        return path
    }

    struct CompilerFailed: Error {
        let name: String
    }
}
