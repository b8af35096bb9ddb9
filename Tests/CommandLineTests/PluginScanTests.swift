import Foundation
import Testing

@Suite(.enabled(if: Program.has("cc"), "there is no C compiler"))
struct PluginScanTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    typealias Object = [String: Any]

    /// The entry of `plugins list --json` for a file.
    func entry(_ name: String, _ more: String...) throws -> Object? {
        let outcome = try place.run(Program.path, ["plugins", "list", "--json", "--plugin-path", place("plugins")] + more)
        let list = try #require(JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [Object], "\(outcome)")
        #expect(outcome.status == 0 && outcome.error.isEmpty)
        return list.first { ($0["path"] as? String) == place("plugins/\(name).so") }
    }

    @Test(arguments: [
        ("CRASH_IN_CONSTRUCTOR", "crashed: SIGSEGV (a bad memory access) while it was loaded"), ("CRASH_IN_ENTRY", "crashed: SIGABRT (it gave itself up) while it was loaded"),
        ("WILD_POINTER", "crashed: SIGSEGV (a bad memory access) while it was loaded"), ("EXIT_IN_CONSTRUCTOR", "ended the process with status 0 while it was loaded"),
        ("DAMAGE_IN_CONSTRUCTOR", "damaged the memory of the process while it was loaded"),
        ("PRINT_IN_CONSTRUCTOR", "wrote to standard output while it was loaded, which a plug-in must never do: use aqt_host.log, from init() on"),
    ])
    func `a plug-in that misbehaves when it is loaded costs a line, and nothing else`(_ fault: String, _ reason: String) throws {
        try place.buildPlugin("bad", [fault, "STAGE_ID=\"test.bad\""])
        try place.buildPlugin("good")
        for _ in 1...2 {
            let bad = try entry("bad"), good = try entry("good")
            #expect(bad?["status"] as? String == "quarantined" && bad?["reason"] as? String == reason, "\(String(describing: bad))")
            #expect(good?["status"] as? String == "ok" && good?["stages"] as? [String] == ["test.blur"])
        }
        try place.write("good.yaml", "version: 1\nstages: [test.blur]\n")
        let check = try place.aquatint("check", "good.yaml", "--plugin-path", place("plugins"))
        #expect(check.status == 0 && check.error.contains("bad.so is in quarantine: it \(reason)"), "\(check.error)")
    }

    @Test func `a plug-in that hangs when it is loaded is ended, once`() throws {
        try place.buildPlugin("bad", ["HANG_IN_CONSTRUCTOR"])
        #expect(try entry("bad")?["reason"] as? String == "did not return within 5 s while it was loaded")
        // Not tried again: what is known of it is shown.
        let cache = String(decoding: try place.read("home/.cache/aquatint/plugins/scan.json"), as: UTF8.self)
        #expect(cache.contains("did not return within 5 s"))
        #expect(try entry("bad")?["status"] as? String == "quarantined")
    }

    @Test func `quarantine is left when the file changes, and for a rescan`() throws {
        // Crashes as long as there is a file.
        try place.write("switch.c", """
            #include <stdlib.h>
            #include <unistd.h>
            __attribute__((constructor)) static void constructor(void) { if (access("\(place("crash"))", F_OK) == 0) abort(); }
            """)
        try FileManager.default.createDirectory(atPath: place("plugins"), withIntermediateDirectories: true)
        #expect(try place.run("/usr/bin/env", ["cc", "-shared", "-fPIC", "-o", place("plugins/switch.so"), place("switch.c")]).status == 0)
        try place.write("crash", "")
        #expect(try entry("switch")?["status"] as? String == "quarantined")
        try FileManager.default.removeItem(atPath: place("crash"))
        #expect(try entry("switch")?["status"] as? String == "quarantined", "it is not even tried")
        #expect(try entry("switch", "--rescan")?["status"] as? String == "refused")
        try place.write("crash", "")
        #expect(try entry("switch")?["status"] as? String == "refused")
        #expect(try entry("switch", "--rescan")?["status"] as? String == "quarantined")
        try FileManager.default.removeItem(atPath: place("crash"))
        try place.buildPlugin("switch")
        #expect(try entry("switch")?["status"] as? String == "ok")
    }

    @Test func `with a warm cache no plug-in is loaded by commands that use none of its stages`() throws {
        // Leaves a mark whenever it is loaded.
        try place.write("marks.c", """
            #include <fcntl.h>
            #include <unistd.h>
            __attribute__((constructor)) static void constructor(void) { if (write(open("\(place("loads"))", O_CREAT | O_WRONLY | O_APPEND, 0600), "x", 1) < 0) _exit(1); }
            #include "\(Program.root)/Tests/CommandLineTests/Fixtures/bad.c"
            """)
        try FileManager.default.createDirectory(atPath: place("plugins"), withIntermediateDirectories: true)
        let built = try place.run("/usr/bin/env", ["cc", "-shared", "-fPIC", "-I", "\(Program.root)/Sources/CAquatintPlugin/include", "-o", place("plugins/marks.so"), place("marks.c"), "-lm"])
        #expect(built.status == 0, "\(built.error)")
        func loads() -> Int { (try? place.read("loads").count) ?? 0 }
        #expect(try place.aquatint("stages", "--plugin-path", place("plugins")).output.contains("test.blur"))
        #expect(loads() == 1)
        try place.write("in.ppm", "P3 2 2 255 9 9 9 9 9 9 9 9 9 9 9 9\n")
        try place.write("plain.yaml", "version: 1\nstages: [invert]\n")
        for arguments in [["stages"], ["check", "plain.yaml"], ["run", "plain.yaml", "in.ppm", "-o", "out"]] {
            let outcome = try place.run(Program.path, arguments + ["--plugin-path", place("plugins")])
            #expect(outcome.status == 0, "\(outcome.error)")
        }
        #expect(loads() == 1)
        try place.write("blur.yaml", "version: 1\nstages: [test.blur]\n")
        let outcome = try place.aquatint("run", "blur.yaml", "in.ppm", "-o", "blurred", "--plugin-path", place("plugins"), "-j", "1")
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(loads() == 2)
        // Damage of the cache is as if there were none.
        for damage in ["", "{", "[]", "{\"version\":1}", String(repeating: "[", count: 100_000)] {
            try place.write("home/.cache/aquatint/plugins/scan.json", damage)
            #expect(try entry("marks")?["status"] as? String == "ok")
        }
        #expect(loads() == 7)
    }

    @Test func `what the cache says is not believed where the file says otherwise`() throws {
        try place.buildPlugin("good")
        #expect(try entry("good")?["version"] as? String == "1.2.0")
        let cache = "home/.cache/aquatint/plugins/scan.json"
        let text = String(decoding: try place.read(cache), as: UTF8.self)
        try place.write(cache, text.replacingOccurrences(of: "1.2.0", with: "9.9.9"))
        #expect(chmod(place(cache), 0o600) == 0)
        try place.write("in.ppm", "P3 2 2 255 9 9 9 9 9 9 9 9 9 9 9 9\n")
        try place.write("blur.yaml", "version: 1\nstages: [test.blur]\n")
        let outcome = try place.aquatint("run", "blur.yaml", "in.ppm", "-o", "out", "--plugin-path", place("plugins"))
        #expect(outcome.status == 69 && outcome.error.contains("good.so says something else of itself than when it was scanned"), "\(outcome)")
        // Numbers that no plug-in can have make the entry worthless.
        try place.write(cache, text.replacingOccurrences(of: "\"min\":0", with: "\"min\":99"))
        #expect(try place.aquatint("run", "blur.yaml", "in.ppm", "-o", "out", "--plugin-path", place("plugins")).status == 0)
    }

    @Test func `a plug-in that says something else in every process is an error, not another stage`() throws {
        try place.buildPlugin("moody", ["DIFFERENT_EACH_TIME"])
        try place.write("in.ppm", "P3 2 2 255 9 9 9 9 9 9 9 9 9 9 9 9\n")
        try place.write("blur.yaml", "version: 1\nstages: [test.blur]\n")
        let outcome = try place.aquatint("run", "blur.yaml", "in.ppm", "-o", "out", "--plugin-path", place("plugins"))
        #expect(outcome.status == 69 && outcome.error.contains("its descriptor must be the same in every process"), "\(outcome)")
    }

    @Test func `a pipeline that names a stage of a quarantined plug-in ends with 69, and says so`() throws {
        try place.buildPlugin("shade", ["CRASH_IN_ENTRY", "STAGE_ID=\"shade\""])
        try place.write("in.ppm", "P3 2 2 255 9 9 9 9 9 9 9 9 9 9 9 9\n")
        try place.write("shade.yaml", "version: 1\nstages: [shade]\n")
        for command in [["check", "shade.yaml"], ["run", "shade.yaml", "in.ppm", "-o", "out"]] {
            let outcome = try place.run(Program.path, command + ["--plugin-path", place("plugins")])
            #expect(outcome.status == 69, "\(outcome)")
            #expect(outcome.error.contains("the stage 'shade' cannot be used: its plug-in \(place("plugins/shade.so")) is in quarantine: it crashed: SIGABRT"), "\(outcome)")
        }
    }
}
