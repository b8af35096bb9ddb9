import Foundation
import Testing
import Vips

/// What is done again, and how a run ends whose ground gives way.
@Suite struct ResumeTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try place.write("slow.yaml", "version: 1\nstages: [kuwahara: {radius: 6}, gaussblur: 4]\n")
        try place.write("line.yaml", "version: 1\nstages: [invert]\n")
    }

    /// Runs a script in a shell, with `run ARGUMENTS` for the program: its lines on both outputs, and `status N` at its end.
    func shell(_ script: String, prefix: [String] = [], user: [String] = []) throws -> String {
        let outcome = try place.run("/usr/bin/env", prefix + ["sh", "-c", "run() { \(user.joined(separator: " ")) '\(Program.path)' run \"$@\" 2>&1; echo \"status $?\"; }\n\(script)"])
        return outcome.output + outcome.error
    }

    static let canMount: Bool = {
        guard Program.has("unshare"), let place = try? Workplace() else { return false }
        return (try? place.run("/usr/bin/env", ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=64k", "none", place.path]).status) == 0
    }()

    /// A user that permissions hold for: this one, or nobody.
    static let plainUser: [String]? = {
        if geteuid() != 0 { return [] }
        let prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        guard Program.has("setpriv"), let place = try? Workplace() else { return nil }
        return (try? place.run("/usr/bin/env", prefix + [Program.path, "--version"]).status) == 0 ? prefix : nil
    }()

    func allowEverybody() throws {
        for name in ["", "home", "in", "out"] { try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: place(name)) }
    }

    @Test(.enabled(if: Program.hasEngine, "needs an inference engine"))
    func `other weights make every image again, the same weights with another time none`() throws {
        try place.pictures(2, in: "in", 64, 48)
        let weights = Array(try Data(contentsOf: URL(filePath: "\(Program.root)/Pipelines/weights/upscale2x-small.onnx")))
        try place.write("w.onnx", weights)
        try place.write("net.yaml", "version: 1\nstages: [onnx: {model: w.onnx}]\n")
        func again() throws -> String { try place.aquatint("run", "net.yaml", "in", "-o", "out").error }
        #expect(try again().contains("2 done in"))
        #expect(try again().contains("0 done, 2 skipped"))
        try place.write("w.onnx", weights)
        #expect(try again().contains("0 done, 2 skipped"))
        // The producer's version is nothing that the engine computes by.
        var other = weights
        other += [0x28, 0x63]
        try place.write("w.onnx", other)
        #expect(try again().contains("2 done in"))
    }

    @Test(.enabled(if: canMount, "no file system can be mounted in a namespace here"))
    func `an output folder that became read-only is no obstacle where nothing is to be done, and 73 where something is`() throws {
        try place.pictures(2, in: "in", 32, 24)
        try FileManager.default.createDirectory(atPath: place("out"), withIntermediateDirectories: true)
        let said = try shell("""
            mount -t tmpfs none out && run line.yaml in -o out && mount -o remount,ro out
            run line.yaml in -o out
            touch in/1.png; run line.yaml in -o out
            cp in/1.png in/3.png; run line.yaml in -o out
            """, prefix: ["unshare", "-rm"])
        let ends = said.split(separator: "\n").filter { $0.hasPrefix("status") }
        #expect(ends == ["status 0", "status 0", "status 0", "status 73"], "\(said)")
        #expect(said.components(separatedBy: "0 done, 2 skipped").count == 3, "\(said)")
        #expect(said.contains("aquatint: the output folder 'out' cannot be written: Read-only file system"), "\(said)")
    }

    @Test(.enabled(if: plainUser != nil, "there is no user here that permissions hold for"))
    func `an output folder that is shut in mid-run ends it with 73, and leaves nothing partial`() throws {
        try place.pictures(12, in: "in")
        try FileManager.default.createDirectory(atPath: place("out"), withIntermediateDirectories: true)
        try allowEverybody()
        let said = try shell("run slow.yaml in -o out -j 1 | while read -r line; do echo \"$line\"; case \"$line\" in *' -> '*) chmod 555 out;; esac; done", user: Self.plainUser ?? [])
        #expect(said.contains("status 73") && said.contains("nothing can be written in 'out': Permission denied"), "\(said)")
        // What was being written cannot be removed any more: the next run does that.
        let files = place.files("out").filter { !$0.hasPrefix(".aquatint-") }
        #expect(!files.isEmpty && files.count < 12, "\(files)")
        for file in files { #expect(try place.load("out/\(file)").width == 320) }
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: place("out"))
        #expect(try shell("run slow.yaml in -o out", user: Self.plainUser ?? []).contains("status 0"))
        #expect(place.files("out").count == 12)
    }

    @Test func `an input that is deleted in mid-run fails alone`() throws {
        try place.pictures(12, in: "in")
        let said = try shell("run slow.yaml in -o out -j 1 | while read -r line; do echo \"$line\"; case \"$line\" in *' -> '*) rm -f in/12.png;; esac; done")
        #expect(said.contains("status 1") && said.contains("failed in/12.png: the file is gone, or cannot be read") && said.contains("11 done, 1 failed"), "\(said)")
        #expect(place.files("out").count == 11)
    }

    @Test(.enabled(if: canMount, "no file system can be mounted in a namespace here"))
    func `a full temporary folder ends the run with 74 by its name, not image by image`() throws {
        try place.pictures(6, in: "in")
        for name in ["tmp", "out"] { try FileManager.default.createDirectory(atPath: place(name), withIntermediateDirectories: true) }
        try place.write("turn.yaml", "version: 1\nstages: [rot: d90]\n")
        // Pixels that are read in any order go to a file beyond this size.
        let said = try shell("mount -t tmpfs -o size=100k none tmp && export VIPS_DISC_THRESHOLD=1k TMPDIR=\"$PWD/tmp\" && run turn.yaml in -o out -j 1; find tmp out -type f", prefix: ["unshare", "-rm"])
        #expect(said.contains("status 74") && said.contains("the temporary folder '\(place("tmp"))' is full: No space left on device; TMPDIR names another place"), "\(said)")
        #expect(said.contains("0 done, ") && !said.contains("6 failed") && !said.contains(".aquatint-"), "\(said)")
    }

    @Test func `results beside their inputs are not read again, and the plan says what is in the way`() throws {
        try place.pictures(2, in: "in", 32, 24)
        try place.write("beside.yaml", "version: 1\nstages: [invert]\noutput: \"{stem}-negative{ext}\"\n")
        for (done, skipped) in [(2, 0), (0, 2)] {
            let outcome = try place.aquatint("run", "beside.yaml", "in", "-o", "in")
            #expect(outcome.status == 0 && outcome.error.contains(skipped > 0 ? "0 done, 2 skipped, 2 not images" : "\(done) done in"), "\(outcome.error)")
        }
        try place.write("file", "x")
        let plan = try place.aquatint("run", "line.yaml", "in", "-o", "file/sub", "-n")
        #expect(plan.status == 73 && plan.error.contains("the output folder 'file/sub' cannot be created: Not a directory"), "\(plan)")
    }

    @Test func `a journal that cannot be kept ends the run before any work`() throws {
        try place.pictures(1, in: "in", 32, 24)
        try place.write("out/.aquatint", "a file in the way")
        let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out")
        #expect(outcome.status == 73 && outcome.error.contains("cannot be written: Not a directory (it is what tells later runs what is done already"), "\(outcome.error)")
        #expect(place.files("out") == [".aquatint"])
        let always = try place.aquatint("run", "line.yaml", "in", "-o", "out", "--overwrite", "always")
        #expect(always.status == 0 && always.error.contains("what is made now is not remembered"), "\(always.error)")
    }
}
