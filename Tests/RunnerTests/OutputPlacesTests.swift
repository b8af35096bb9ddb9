import Foundation
import Testing
import Vips

@testable import Runner

@Suite struct OutputPlacesTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    func plan(_ pipeline: String = "stages: [invert]", _ inputs: [String] = ["in"], to output: String = "out", foldsCase: Bool = false) throws -> RunPlan {
        let found = try InputSelection(arguments: inputs.map { folder($0) }).resolve(knownExtensions: ["png", "jpg"]) { _ in false }
        return try RunPlan(found, request: try RunRequest.of(pipeline, in: folder), settings: RunSettings(output: folder(output)), foldsCase: { _ in foldsCase })
    }

    func refusal(of output: String) throws -> RunError? {
        let plan = try plan(to: output)
        return runError { try plan.checkPlaces(of: plan.images) }
    }

    @Test func `what is in the way of an output is told before any work, and nothing is made for it`() throws {
        try folder.write("in/a.png")
        try folder.write("file")
        try folder.link("nowhere", to: "gone/away")
        try FileManager.default.createDirectory(atPath: folder("taken/a.png"), withIntermediateDirectories: true)
        #expect(try refusal(of: "out/deeper") == nil)
        let cases = [
            ("file", "the output folder '\(folder("file"))' cannot be created: Not a directory"),
            ("file/below", "the output folder '\(folder("file/below"))' cannot be created: Not a directory"),
            ("nowhere", "the output folder '\(folder("nowhere"))' cannot be created: No such file or directory"),
            ("taken", "the output '\(folder("taken/a.png"))' is a folder, which is not overwritten"),
        ]
        for (output, message) in cases {
            let error = try refusal(of: output)
            #expect(error?.message == message && error?.status == .cannotCreateOutput)
        }
        let long = String(repeating: "x", count: 256)
        #expect(try refusal(of: "new/\(long)")?.message.hasSuffix("cannot be created: File name too long") == true)
        #expect(folder.files() == ["file", "in/a.png"] && FileStatus(folder("out")) == nil && FileStatus(folder("new")) == nil)
    }

    @Test(.enabled(if: geteuid() != 0, "root writes everywhere"))
    func `a folder without the permission is told`() throws {
        try folder.write("in/a.png")
        try FileManager.default.createDirectory(atPath: folder("shut"), withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder("shut"))
        defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder("shut")) }
        #expect(try refusal(of: "shut")?.message == "the output folder '\(folder("shut"))' cannot be written: Permission denied")
        #expect(try refusal(of: "shut/below")?.message == "the output folder '\(folder("shut/below"))' cannot be created: Permission denied")
    }

    @Test(.enabled(if: access("/proc", W_OK) != 0 || mkdir("/proc/aquatint", 0o700) != 0, "there is no folder that nobody can write"))
    func `a file system that takes nothing is found when the first output is to be written, whatever it said before`() {
        let error = runError {
            var transaction = OutputTransaction()
            _ = try transaction.writablePath(for: "/proc/a.png")
        }
        #expect(error?.status == .cannotCreateOutput && error?.message.hasPrefix("nothing can be written in '/proc': ") == true)
    }

    @Test func `a name that is too long is that image's failure, and 73 where it is every image's`() throws {
        let long = String(repeating: "n", count: 240)
        try folder.write("in/a.png")
        try folder.write("in/\(long).png")
        let images = try plan("output: \"{stem}-made-larger.png\"").images
        #expect(images.map { $0.problem == nil } == [true, false] && images[1].problem?.contains("has a part of more than 255 bytes") == true)
        #expect(runError { try plan("output: \"{stem}-made-larger.png\"", ["in/\(long).png"]) }?.status == .cannotCreateOutput)
    }

    @Test func `names that differ by case alone collide where the file system says so`() throws {
        for name in ["in/a.png", "in/A.png", "in/b.PNG", "other/B.png"] { try folder.write(name) }
        #expect(try plan().images.count == 3)
        let error = runError { try plan(foldsCase: true) }
        #expect(error?.status == .cannotCreateOutput && error?.message.hasSuffix("as its file system does not tell upper from lower case") == true)
        #expect(runError { try plan("stages: [invert]", ["other"], to: "in") } == nil)
        let input = runError { try plan("output: \"{stem}.jpg\"\nstages: [invert]", ["in/b.PNG"], to: "in/B.png", foldsCase: true) }
        #expect(input?.message.contains("is an input of this run, but for upper and lower case") == true)
        #expect(!FileSystem.foldsCase("/proc"))
    }

    @Test func `names that only Unicode holds to be the same are two files`() throws {
        for name in ["in/\u{E9}.png", "in/e\u{301}.png"] { try folder.write(name) }
        #expect(try plan().images.count == 2)
    }

    @Test func `a link at an output's place is replaced, so that what it leads to is safe; an input that is a link is not replaced`() throws {
        try folder.write("in/a.png")
        try FileManager.default.createDirectory(atPath: folder("out"), withIntermediateDirectories: true)
        try folder.link("out/a.png", to: "../in/a.png")
        #expect(try plan().images.map(\.outputs) == [[folder("out/a.png")]])
        #expect(runError { try plan("stages: [invert]", ["out/a.png"], to: "out") }?.status == .cannotCreateOutput)
        #expect(runError { try plan("stages: [invert]", ["out/a.png"], to: "in") }?.status == .cannotCreateOutput)
    }

    @Test func `too little room is a warning, by the kind of the files`() throws {
        try folder.write("in/a.jpg", String(repeating: "x", count: 1 << 20))
        func warning(_ output: String, room: Int64) throws -> String? {
            let plan = try plan("output: \"\(output)\"")
            return plan.warningOfSpace(for: plan.images) { _ in room }
        }
        #expect(try warning("{stem}.jpg", room: 2 << 20) == nil)
        #expect(try warning("{stem}.png", room: 2 << 20) == "the outputs may take about 5 MiB, and '\(folder("out"))' has 2 MiB free")
        #expect(try warning("{stem}.tif", room: 20 << 20) == nil)
        #expect(FileSystem.freeBytes(folder("not/there/yet")) == FileSystem.freeBytes(folder.path))
    }

    @Test func `the disk that is full is told by the room that is left`() {
        func end(_ message: String, output: String? = "/out/a.png", _ room: (Int64, Int64)) -> RunError? {
            FullDisk(message, output: output, temporary: "/tmp") { $0 == "/tmp" ? room.1 : room.0 }?.error
        }
        let message = "wbuffer_write: write failed; unix error: No space left on device"
        #expect(end("something else", (0, 0)) == nil)
        #expect(end(message, (0, 1000))?.message == "the disk is full: \(message)" && end(message, (5, 5))?.message.hasPrefix("the disk") == true)
        let temporary = "the temporary folder '/tmp' is full: No space left on device; TMPDIR names another place"
        #expect(end(message, (1000, 0))?.message == temporary && end(message, output: nil, (0, 1000))?.message == temporary)
        #expect(end(message, (1000, 0))?.status == .inputOutput)
    }
}
