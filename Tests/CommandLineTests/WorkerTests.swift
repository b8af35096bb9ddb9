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
        // As a worker does that gives way: who says so is the worker, and not its status.
        ("giveway", "leaving with status 75 in process()"),
        ("plan", "SIGSEGV (a bad memory access) in plan() of the stage 'test.mischief'"),
        ("sleep", "took longer than the 0.5 seconds of limits.timeout, and did not give up in process()"),
        ("spin", "took longer than the 0.5 seconds of limits.timeout, and did not give up in process()"),
        ("error", "stage 1: test.mischief: disk on fire"),
        ("nan", "NaN"),
        ("hangup", "stage 1: test.mischief: its worker process was ended, since something in it has written to a socket that is not its own, or closed it; the foreign code that it called last was process() of the stage 'test.mischief'"),
        ("unlink", "No such file or directory"),
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

    @Test(arguments: ["free", "closeall"]) func `pictures beside the one that a plug-in comes to grief over are made`(_ does: String) throws {
        for width in 201...206 { try Picture.make(width, 80).save(place("in/p\(width).png")) }
        for jobs in ["1", "3"] {
            let outcome = try mischief(does, "-j", jobs, "--overwrite", "always")
            #expect(outcome.status == 1 && outcome.error.contains("11 done, 1 failed") && outcome.error.contains("in/p104.png"), "\(outcome.error)")
        }
    }

    @Test func `a plug-in that closes the files of others costs pictures, and mixes none up`() throws {
        try place.write("p.yaml", try String(decoding: place.read("p.yaml"), as: UTF8.self).replacing("output: \"{stem}.png\"", with: "outputs: [\"a/{stem}.png\", \"b/{stem}.png\"]"))
        for width in 201...240 { try Picture.make(width, 8).save(place("in/p\(width).png")) }
        let outcome = try mischief("closelate", at: 0, "-j", "4")
        // What becomes of one is chance; the run goes on, and every name has its own picture.
        #expect([0, 1].contains(outcome.status) && !outcome.error.contains("not reached"), "\(outcome.error)")
        for folder in ["a", "b"] {
            for name in place.files("closelate/\(folder)") {
                #expect(try Image.load(place("closelate/\(folder)/\(name)")).width == Int(name.dropFirst().dropLast(4)))
                #expect(try FileManager.default.attributesOfItem(atPath: place("closelate/\(folder)/\(name)"))[.referenceCount] as? Int == 1)
            }
        }
    }

    @Test func `a plug-in cannot take the supervisor down, nor keep it`() throws {
        let cut = try mischief("cut")
        #expect([0, 1].contains(cut.status), "\(cut.error)")
        // What the plug-in starts holds all that the worker had open, and is nobody's but the worker's.
        let command = "\"$0\" run p.yaml in -o daemon --set does=daemon --set at=104 --plugin-path lib && ! kill -0 $(cat home/daemon) 2>/dev/null && echo gone"
        let daemon = try place.run("/bin/sh", ["-c", command, Program.path])
        #expect(daemon.status == 0 && daemon.output == "gone\n", "\(daemon.output)\(daemon.error)")
        // What was there before stays, whoever started it.
        let run = "sleep 30 >/dev/null 2>&1 & echo $! > home/sleep; exec \"$0\" run p.yaml in -o daemon --overwrite always --set does=daemon --plugin-path lib"
        let beside = "sh -c '\(run)' \"$0\"; kill -0 $(cat home/sleep) && kill $(cat home/sleep) && echo stayed"
        let stayed = try place.run("/bin/sh", ["-c", beside, Program.path])
        #expect(stayed.output == "stayed\n", "\(stayed.output)\(stayed.error)")
    }

    @Test func `a copy of a worker that a plug-in makes does nothing twice, and stays nowhere`() throws {
        let outcome = try mischief("comeback", at: 0, "-j", "2")
        #expect(outcome.status == 0 && outcome.error.contains("6 done"), "\(outcome.error)")
        let left = try place.run("/bin/sh", ["-c", "grep -l \"$0\" /proc/[0-9]*/environ 2>/dev/null | grep -v self", "TMPDIR=\(place("home"))/aquatint-"])
        #expect(left.output.isEmpty, "\(left.output)")
    }

    @Test func `a plug-in that closes the worker's socket is named, also before the first picture`() throws {
        let outcome = try mischief("closefrom", at: 0)
        #expect(outcome.status == 69 && outcome.error.contains("create() of the stage 'test.mischief' of the plug-in 'test', which closed file descriptors that are not its own"), "\(outcome.error)")
        let later = try mischief("closeall", at: 104, "-j", "1")
        #expect(later.status == 1 && later.error.contains("5 done, 1 failed"), "\(later.error)")
        #expect(later.error.contains("stage 1: test.mischief: its worker process was ended by process() of the stage 'test.mischief' of the plug-in 'test', which closed"), "\(later.error)")
    }

    @Test func `a plug-in that writes to the files of others spoils none that gets its name, and is named`() throws {
        for width in 201...216 { try Picture.make(width, 80).save(place("in/p\(width).png")) }
        #expect(try mischief("nothing").status == 0)
        for (does, suffix) in [("scribble", "png"), ("mutter", "png"), ("scribble", "tif"), ("mutter", "jpg")] {
            try place.write("p.yaml", try String(decoding: place.read("p.yaml"), as: UTF8.self).replacing(/{stem}.[a-z]+"/, with: "{stem}.\(suffix)\""))
            for (at, jobs) in [(0, "2"), (104, "2"), (210, "1")] {
                let outcome = try mischief(does, at: at, "-j", jobs, "--overwrite", "always")
                #expect(outcome.status == 1 && outcome.error.contains("stage 1: test.mischief: "), "\(does) \(suffix) \(at): \(outcome.error)")
                #expect(at == 0 || outcome.error.contains("21 done, 1 failed"), "\(does) \(suffix) \(at): \(outcome.error)")
                for name in place.files(does) where name.hasSuffix(suffix) {
                    #expect(try !Image.load(place("\(does)/\(name)"), options: ["fail_on": "warning"]).bytes().isEmpty, "\(does) \(name)")
                    if suffix == "png" { #expect(try place.read("\(does)/\(name)") == place.read("nothing/\(name)"), "\(does) \(name)") }
                }
            }
        }
    }

    @Test func `a plug-in that takes all permissions from new files takes none from the outputs`() throws {
        let outcome = try place.run("/bin/sh", ["-c", "umask 027; exec \"$0\" run p.yaml in -o out --set does=umask --plugin-path lib -j 1", Program.path])
        #expect(outcome.status == 0, "\(outcome.error)")
        for name in place.files("out") {
            #expect(try FileManager.default.attributesOfItem(atPath: place("out/\(name)"))[.posixPermissions] as? Int == 0o640, "\(name)")
        }
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

    @Test func `a plug-in that leaves nothing to open when it is made ends the run with 69 before any picture`() throws {
        let outcome = try mischief("hold")
        #expect(outcome.status == 69 && outcome.error.contains("stage 1 (test.mischief): has left no file descriptor free: create() must close what it opens"), "\(outcome.error)")
        #expect(place.files("hold").isEmpty)
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
        #expect(try place.read("home/calls").count > 2, "made by the first, by the one that was lost at once, and by the next")
    }

    @Test func `one picture alone is kept apart, too`() throws {
        let outcome = try mischief("abort", at: 0, inputs: ["in/p101.png"])
        #expect(outcome.status == 1 && outcome.error.contains("SIGABRT"), "\(outcome.error)")
    }

    @Test func `a halo that no picture has costs no process`() throws {
        try place.buildPlugin("bad", ["HUGE_HALO"], in: "lib")
        try place.write("halo.yaml", "version: 1\nstages: [test.blur]\noutput: \"{stem}.png\"\n")
        let outcome = try place.run(Program.path, ["run", "halo.yaml", "in", "-o", "halo", "--plugin-path", place("lib")])
        #expect(outcome.status == 1 && outcome.error.contains("plan() answered nonsense: the halo is 2147483647") && !outcome.error.contains("worker process"), "\(outcome.error)")
    }

    @Test func `a plug-in that leaks has its worker replaced, and costs nothing`() throws {
        // 6 x 100 MB in one process would go beyond what one may hold, 512 MiB and a fifth and 64 MiB.
        for width in 201...206 { try Picture.make(width, 80).save(place("in/p\(width).png")) }
        let outcome = try mischief("leak", at: 0, "-j", "1")
        #expect(outcome.status == 0 && outcome.error.contains("12 done"), "\(outcome.error)")
    }

    @Test func `where the system has no more processes, those that were started do the work, and that is said`() throws {
        try FileManager.default.createDirectory(atPath: place("many"), withIntermediateDirectories: true)
        for number in 1...40 { try Picture.make(20 + number, 8).save(place("many/\(number).png")) }
        let command = "ulimit -n 64; exec \"$0\" run p.yaml many -o out --plugin-path lib -j 1000"
        let outcome = try place.run("/bin/sh", ["-c", command, Program.path])
        #expect(outcome.status == 0 && outcome.error.contains("40 done"), "\(outcome.error)")
        #expect(outcome.error.contains("of 40 worker processes could be started, and make all images: ") && outcome.error.contains("ulimit -n"), "\(outcome.error)")
        #expect(place.files("out").count == 40)
        // Lost ones are replaced within the same limit.
        let lost = try place.run("/bin/sh", ["-c", command + " --set does=segv --set at=30 --overwrite always", Program.path])
        #expect(lost.status == 1 && lost.error.contains("39 done, 1 failed"), "\(lost.error)")
    }

    @Test func `where the system has no process at all, it is said what to raise`() throws {
        // Plug-ins that are known need none to be looked at.
        _ = try place.aquatint("check", "p.yaml", "--plugin-path", "lib")
        let outcome = try place.run("/bin/sh", ["-c", "ulimit -n 5; exec \"$0\" run p.yaml in -o out --plugin-path lib", Program.path])
        #expect(outcome.status == 74 && outcome.error.contains("a worker process cannot be started") && outcome.error.contains("ulimit -n"), "\(outcome.error)")
    }

    @Test func `programs that a plug-in starts have their signals as any other`() throws {
        let outcome = try mischief("signals", at: 104)
        #expect(outcome.status == 0, "\(outcome.error)")
        let masks = outcome.error.split(separator: "\n").filter { $0.hasPrefix("Sig") }.compactMap { $0.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } }
        // HUP, INT, PIPE and TERM, from bit 0 on.
        #expect(masks.count == 2 && masks.allSatisfy { $0 & 0b101_0000_0000_0011 == 0 }, "\(outcome.error)")
    }

    @Test func `a worker that is started by hand says what it is`() throws {
        for arguments in [["worker"], ["worker", "--channel", "0", "--board", "1"]] {
            let outcome = try place.run(Program.path, arguments)
            #expect(outcome.status == 64 && !outcome.error.isEmpty, "\(arguments): \(outcome.error)")
        }
        #expect(try place.aquatint("worker", "--channel", "0", "--board", "1").error.contains("is a part of 'run'"))
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
