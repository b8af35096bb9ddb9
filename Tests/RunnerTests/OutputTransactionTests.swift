import Foundation
import Testing

@testable import Runner

@Suite struct OutputTransactionTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    /// Writes the named outputs in one transaction, and gives up before the commit where `commits` is false.
    func transact(_ names: [String], commits: Bool = true, isStreamed: Bool = false) throws {
        var transaction = OutputTransaction()
        for name in names {
            let temporary = try transaction.writablePath(for: folder(name), isStreamed: isStreamed)
            try Data("new \(name)".utf8).write(to: URL(filePath: temporary))
        }
        if commits { try transaction.commit() }
    }

    @Test(arguments: [false, true]) func `outputs appear together under their names, in folders that are made for them`(isStreamed: Bool) throws {
        try transact(["a.png", "b/c/d.jpg"], isStreamed: isStreamed)
        #expect(folder.files() == ["a.png", "b/c/d.jpg"])
        #expect(try String(contentsOfFile: folder("a.png"), encoding: .utf8) == "new a.png")
    }

    @Test(arguments: [false, true]) func `a transaction that is dropped leaves nothing, and what was there before stays`(isStreamed: Bool) throws {
        try folder.write("a.png", "old")
        try transact(["a.png", "b.png"], commits: false, isStreamed: isStreamed)
        #expect(folder.files() == ["a.png"])
        #expect(try String(contentsOfFile: folder("a.png"), encoding: .utf8) == "old")
        try transact(["a.png"], isStreamed: isStreamed)
        #expect(try String(contentsOfFile: folder("a.png"), encoding: .utf8) == "new a.png")
    }

    @Test func `an output that is streamed has no name until it has its own`() throws {
        try folder.write("there/x")
        var transaction = OutputTransaction()
        let name = try transaction.writablePath(for: folder("there/a.png"), isStreamed: true)
        // Where the file system of the test has no such files, it has a name.
        if name.hasPrefix("/proc/") { #expect(folder.files() == ["there/x"]) }
        try Data("whole".utf8).write(to: URL(filePath: name))
        try transaction.commit()
        #expect(folder.files() == ["there/a.png", "there/x"])
        #expect(try FileManager.default.attributesOfItem(atPath: folder("there/a.png"))[.posixPermissions] as? Int == 0o666 & ~usualMask())
    }

    /// What new files of this process are not to be.
    private func usualMask() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Umask:") })
        return try #require(Int(line.dropFirst(6).trimmingCharacters(in: .whitespaces), radix: 8))
    }

    @Test func `a temporary name lies beside its output, is hidden, and keeps the extension`() throws {
        var transaction = OutputTransaction()
        let first = try transaction.writablePath(for: folder("x/a.png")), second = try transaction.writablePath(for: folder("x/a.png"))
        #expect(first != second && Path.directory(first) == folder("x"))
        #expect(Path.base(first).hasPrefix(".aquatint-\(getpid())-") && first.hasSuffix(".png"))
    }

    @Test(arguments: [false, true]) func `an output that was never written is an error, and nothing appears`(isStreamed: Bool) throws {
        let error = runError {
            var transaction = OutputTransaction()
            try Data("x".utf8).write(to: URL(filePath: try transaction.writablePath(for: folder("a.png"), isStreamed: isStreamed)))
            _ = try transaction.writablePath(for: folder("b.png"), isStreamed: isStreamed)
            try transaction.commit()
        }
        #expect(error?.status == .someFailed)
        #expect(folder.files().isEmpty)
    }

    @Test func `a folder that cannot be made, or an output that is a folder, is 73 with the reason`() throws {
        try folder.write("file")
        let below = runError { try transact(["file/sub/a.png"]) }
        #expect(below?.status == .cannotCreateOutput)
        #expect(below?.message == "the output folder '\(folder("file/sub"))' cannot be created: Not a directory")
        try FileManager.default.createDirectory(atPath: folder("a.png/b"), withIntermediateDirectories: true)
        let taken = runError { try transact(["a.png"]) }
        #expect(taken?.status == .cannotCreateOutput && taken?.message == "'\(folder("a.png"))' cannot be put in place: Is a directory")
        #expect(folder.files() == ["file"])
    }

    @Test func `leftovers of dead processes go, those of living ones and other files stay`() throws {
        let dead = Process()
        dead.executableURL = URL(filePath: "/bin/true")
        try dead.run()
        dead.waitUntilExit()
        let gone = ".aquatint-\(dead.processIdentifier)-1.png", mine = ".aquatint-\(getpid())-1.png"
        for name in [gone, mine, ".aquatint-x-1.png", ".aquatint-12.png", "a.png"] { try folder.write(name) }
        TemporaryFiles.clearLeftovers(in: folder.path)
        #expect(folder.files() == [mine, ".aquatint-12.png", ".aquatint-x-1.png", "a.png"].sorted())
        TemporaryFiles.clearLeftovers(in: folder("none"))
        for name in ["tmp/aquatint-\(dead.processIdentifier)-7.v", "tmp/aquatint-\(getpid())-7.v", "tmp/aquatint-\(dead.processIdentifier)-7.txt"] { try folder.write(name) }
        TemporaryFiles.clearTemporaryPixels(in: folder("tmp"))
        #expect(folder.files("tmp") == ["aquatint-\(dead.processIdentifier)-7.txt", "aquatint-\(getpid())-7.v"].sorted())
    }
}
