import Foundation

/// Plug-ins in C that break one promise each, built where the test runs.
extension Workplace {
    /// Builds `Fixtures/bad.c` with these switches into `plugins/NAME.so`.
    @discardableResult
    func buildPlugin(_ name: String, _ switches: [String] = [], in folder: String = "plugins") throws -> String {
        try FileManager.default.createDirectory(atPath: self(folder), withIntermediateDirectories: true)
        let library = self("\(folder)/\(name).so")
        let built = try run("/usr/bin/env", ["cc", "-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-I", "\(Program.root)/Sources/CAquatintPlugin/include"]
            + switches.map { "-D\($0)" } + ["-o", library, "\(Program.root)/Tests/CommandLineTests/Fixtures/bad.c", "-lm"])
        guard built.status == 0 else { throw CompilerFailed(error: built.error) }
        return library
    }

    /// Builds `Fixtures/NAME.cpp` into `plugins/NAME.so`.
    func buildCpp(_ name: String, _ flags: [String]) throws {
        try FileManager.default.createDirectory(atPath: self("plugins"), withIntermediateDirectories: true)
        let built = try run("/usr/bin/env", ["c++", "-std=c++17", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-I", "\(Program.root)/Sources/CAquatintPlugin/include"] + flags
            + ["-o", self("plugins/\(name).so"), "\(Program.root)/Tests/CommandLineTests/Fixtures/\(name).cpp"])
        guard built.status == 0 else { throw CompilerFailed(error: built.error) }
    }

    struct CompilerFailed: Error {
        var error: String
    }
}
