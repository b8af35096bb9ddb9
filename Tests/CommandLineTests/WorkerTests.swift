import Foundation
import Testing
import Vips

/// A plug-in that does what no plug-in may (`Fixtures/mischief.c`), and pictures of which it is one that it does it to.
@Suite(.enabled(if: Program.has("cc"), "there is no C compiler to build a plug-in with")) struct WorkerTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try FileManager.default.createDirectory(atPath: place("lib"), withIntermediateDirectories: true)
        let built = try place.run("/usr/bin/env", ["cc", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-I", "\(Program.root)/Sources/CAquatintPlugin/include",
                                                   "-o", place("lib/mischief.so"), "\(Program.root)/Tests/CommandLineTests/Fixtures/mischief.c", "-lpthread"])
        try #require(built.status == 0, "\(built.error)")
        try FileManager.default.createDirectory(atPath: place("in"), withIntermediateDirectories: true)
        for width in 101...106 { try Picture.make(width, 80).save(place("in/p\(width).png")) }
        try pipeline(timeout: "60s")
    }

    private func pipeline(timeout: String) throws {
        try place.write("p.yaml", """
            version: 1
            vars: {does: nothing, at: 104}
            limits: {timeout: \(timeout)}
            stages:
              - test.mischief: {does: "${does}", at: "${at}"}
            output: "{stem}.png"
            """)
    }

    func mischief(_ does: String, at width: Int = 104, _ more: String..., inputs: [String] = ["in"]) throws -> Outcome {
        try place.run(Program.path, ["run", "p.yaml"] + inputs + ["-o", does, "--set", "does=\(does)", "--set", "at=\(width)", "--plugin-path", place("lib"), "--max-memory", "512MiB"] + more)
    }

    static let mischiefs: [(does: String, says: String)] = [
        ("segv", "stage 1: test.mischief: its worker process was ended by SIGSEGV (a bad memory access) in process() of the stage 'test.mischief' of the plug-in 'test'"),
        ("abort", "SIGABRT (it gave itself up) in process() of the stage 'test.mischief'"),
        ("divide", "SIGFPE (a division by zero) in process()"),
        ("overflow", "SIGSEGV (a bad memory access) in process()"),
        ("thread", "SIGSEGV (a bad memory access) in process()"),
        ("kill", "SIGKILL (killed, perhaps for want of memory) in process()"),
        ("exit", "leaving with status 0 in process()"),
        ("plan", "SIGSEGV (a bad memory access) in plan() of the stage 'test.mischief'"),
        ("sleep", "took longer than the 0.5 seconds of limits.timeout, and did not give up in process()"),
        ("spin", "took longer than the 0.5 seconds of limits.timeout, and did not give up in process()"),
        ("error", "stage 1: test.mischief: disk on fire"),
        ("nan", "NaN"),
        ("hog", "that one may hold (--max-memory)"),
    ]

    @Test(arguments: mischiefs) func `a plug-in that comes to grief costs the picture that it was at, and is named`(_ does: String, _ says: String) throws {
        #expect(try mischief("nothing").status == 0)
        if ["sleep", "spin"].contains(does) { try pipeline(timeout: "0.5s") }
        let outcome = try mischief(does, "-v")
        #expect(outcome.status == 1 && outcome.error.contains("5 done, 1 failed") && outcome.error.contains(says), "\(outcome.error)")
        #expect(outcome.output.isEmpty)
        let good = [101, 102, 103, 105, 106].map { "p\($0).png" }
        #expect(place.files(does) == good, "no leftovers, and no half picture")
        // NaN asks for floats: another picture.
        if does != "nan" { for name in good { #expect(try place.read("\(does)/\(name)") == place.read("nothing/\(name)")) } }
        // The next run has only that picture to do.
        let again = try mischief(does, "-v")
        #expect(again.status == 1 && again.error.contains("5 skipped, 1 failed"), "\(again.error)")
    }

    @Test func `a plug-in that crashes on one picture after the other costs each of them`() throws {
        let outcome = try mischief("segv", at: 0, "-j", "2")
        #expect(outcome.status == 1 && outcome.error.contains("0 done, 6 failed"), "\(outcome.error)")
        #expect(place.files("segv").isEmpty)
    }

    @Test func `a plug-in that crashes when it is made ends the run with 69 before any picture`() throws {
        let outcome = try mischief("create")
        #expect(outcome.status == 69 && outcome.error.contains("SIGSEGV (a bad memory access) in create() of the stage 'test.mischief'"), "\(outcome.error)")
        #expect(place.files("create").isEmpty)
    }

    @Test func `a plug-in that never makes its stage ends the run with 69, and is named`() throws {
        let outcome = try mischief("endless", at: 0, "--start-timeout", "0.5")
        #expect(outcome.status == 69, "\(outcome.error)")
        #expect(outcome.error.contains("stage 1: test.mischief: create() of the stage 'test.mischief' of the plug-in 'test' has not returned after 0.5 seconds")
            && outcome.error.contains("--start-timeout"), "\(outcome.error)")
        #expect(place.files("endless").isEmpty)
    }

    @Test func `a worker that is lost while it takes the place of another gets one more try`() throws {
        let outcome = try mischief("relapse", "-j", "1")
        #expect(outcome.status == 1 && outcome.error.contains("5 done, 1 failed"), "\(outcome.error)")
        #expect(try place.read("home/calls").count == 3)
    }

    @Test func `one picture alone is kept apart, too`() throws {
        let outcome = try mischief("abort", at: 0, inputs: ["in/p101.png"])
        #expect(outcome.status == 1 && outcome.error.contains("SIGABRT"), "\(outcome.error)")
    }

    @Test func `a plug-in that leaks has its worker replaced, and costs nothing`() throws {
        // 6 x 100 MB in one process would go beyond what one may hold, 512 MiB and a fifth and 64 MiB.
        for width in 201...206 { try Picture.make(width, 80).save(place("in/p\(width).png")) }
        let outcome = try mischief("leak", at: 0, "-j", "1")
        #expect(outcome.status == 0 && outcome.error.contains("12 done"), "\(outcome.error)")
    }

    @Test func `what a plug-in prints does not reach standard output`() throws {
        let outcome = try mischief("print")
        #expect(outcome.status == 0 && outcome.output.isEmpty && outcome.error.contains("noise on standard output"), "\(outcome.error)")
    }

    @Test func `in the process, a crash ends the run, and says where it was`() throws {
        let outcome = try mischief("segv", "--in-process")
        #expect(outcome.status == -SIGSEGV && outcome.error.contains("aquatint: crashed"), "\(outcome.error)")
    }

    @Test func `a worker does not outlive its supervisor`() throws {
        let outcome = try place.aquatint(["run", "p.yaml", "in", "-o", "gone", "--set", "does=wait", "--set", "at=0", "--plugin-path", place("lib")], signal: SIGKILL, after: "in/p101.png")
        #expect(outcome.status == -SIGKILL)
        // The next run removes what the killed one left, and does the rest.
        let again = try place.aquatint("run", "p.yaml", "in", "-o", "gone", "--set", "does=wait", "--set", "at=0", "--plugin-path", place("lib"))
        #expect(again.status == 0, "\(again.error)")
        #expect(place.files("gone").count == 6)
    }
}
