import Foundation
import Testing
import Vips

/// `--report`, `--log-format json`, `--retry-failed` and `--shard`.
@Suite struct ReportCommandTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try place.pictures(3, in: "in", 64, 48)
        try place.pictures(2, in: "in/sub", 64, 48)
        try place.write("in/bad.png", "no image")
        try place.write("line.yaml", "version: 1\nstages: [kuwahara: {radius: 2}]\noutput: \"{stem}-{index}.png\"\n")
    }

    private typealias Line = [String: Any]

    private func lines(_ text: String) throws -> [Line] {
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return try text.split(separator: "\n").map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? Line, "\($0)") }
    }

    private func report(_ name: String) throws -> [Line] { try lines(String(decoding: try place.read(name), as: UTF8.self)) }

    private func names(_ lines: [Line], _ status: String) -> [String] {
        lines.filter { $0["status"] as? String == status }.compactMap { $0["input"] as? String }.sorted()
    }

    @Test func `a report lies among the inputs and outputs without being one of them, and says where the time went`() throws {
        for name in ["in/report.jsonl", "out/report.jsonl"] {
            for _ in 1...2 {
                let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out", "--report", name, "--overwrite", "always")
                #expect(outcome.status == 1 && outcome.output.isEmpty && !outcome.error.contains("other file"), "\(outcome.error)")
                #expect(outcome.error.contains("to do only what failed: the same command with --retry-failed \(name) in place of the inputs\n"))
            }
            let all = try report(name)
            #expect(all.count == 7 && names(all, "done").count == 5 && names(all, "failed") == ["in/bad.png"], "it is that run's alone")
            #expect(all.last?["type"] as? String == "summary" && all.last?["failed"] as? Int == 1)
            #expect(((all.last?["versions"] as? Line)?["plugins"] as? Line)?["aquatint.kuwahara"] is String)
            // Made by a worker process, and by this one.
            let done = try #require(all.first { $0["status"] as? String == "done" })
            #expect((done["stages"] as? [Line])?.compactMap { $0["name"] as? String } == ["load", "kuwahara", "save", "sync"])
            try FileManager.default.removeItem(atPath: place(name))
        }
        #expect(place.files("out") == ["1-1.png", "2-2.png", "3-3.png", "sub/1-5.png", "sub/2-6.png"])
    }

    @Test(.enabled(if: Program.hasEngine, "needs an inference engine"))
    func `a report says what networks took, and what they computed in`() throws {
        let weights = try Data(contentsOf: URL(filePath: "\(Program.root)/Tests/Fixtures/modules/generator-00.weights.safetensors"))
        try place.write("w.safetensors", Array(weights))
        try place.write("net.yaml", "version: 1\nstages: [generator: {weights: w.safetensors}]\n")
        for flags in [[], ["--in-process"]] {
            let outcome = try place.run(Program.path, ["run", "net.yaml", "in", "-o", "out", "--precision", "f32", "--report", "r.jsonl", "--overwrite", "always"] + flags)
            #expect(outcome.status == 1, "\(outcome.error)")
            let all = try report("r.jsonl"), done = all.filter { $0["status"] as? String == "done" }
            #expect(done.count == 5 && done.allSatisfy { $0["precision"] as? String == "f32" })
            #expect(done.allSatisfy { ($0["stages"] as? [Line])?.contains { $0["name"] as? String == "generator" && ($0["seconds"] as? Double ?? 0) > 0 } == true })
            #expect(((all.last?["versions"] as? Line)?["engine"] as? String)?.hasPrefix("OpenVINO ") == true)
        }
    }

    @Test func `a dry run reports what is planned, and does nothing`() throws {
        let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out", "-n", "--report", "r.jsonl")
        #expect(outcome.status == 0 && outcome.output.contains("in/1.png -> out/1-1.png\n") && outcome.error.contains("only the report was written"))
        let all = try report("r.jsonl")
        #expect(names(all, "planned").count == 6 && all.last?["type"] as? String == "summary" && all.last?["planned"] as? Int == 6)
        #expect(!FileManager.default.fileExists(atPath: place("out")))
        let json = try lines(try place.aquatint("run", "line.yaml", "in", "-o", "out", "-n", "--log-format", "json").output)
        #expect(json.map { $0["type"] as? String } == ["plan"] + Array(repeating: "image", count: 6) + ["summary"])
    }

    @Test func `with JSON there is nothing human on stdout, and only errors on stderr`() throws {
        let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out", "--log-format", "json", "-v", "-j", "1")
        let events = try lines(outcome.output), types = events.compactMap { $0["type"] as? String }
        #expect(outcome.status == 1 && events.allSatisfy { $0["v"] as? Int == 1 })
        #expect(types.first == "plan" && types.last == "summary" && types.filter { $0 == "start" }.count == 6 && types.filter { $0 == "image" }.count == 6)
        for name in names(events, "done") {
            let start = events.firstIndex { $0["type"] as? String == "start" && $0["input"] as? String == name }
            let end = events.firstIndex { $0["type"] as? String == "image" && $0["input"] as? String == name }
            #expect(try #require(start) < #require(end))
        }
        #expect(outcome.error.split(separator: "\n").allSatisfy { $0.contains("failed") || $0.contains("bad.png") }, "\(outcome.error)")
        let good = try place.aquatint("run", "line.yaml", "in/1.png", "in/2.png", "-o", "out2", "--log-format", "json")
        #expect(good.status == 0 && good.error.isEmpty)
        let usage = try place.aquatint("run", "line.yaml", "none", "-o", "out", "--log-format", "json")
        #expect(usage.status == 66 && usage.output.isEmpty && usage.error.contains("input 'none' does not exist"))
    }

    @Test func `a report that cannot be written is 73 before any work, and 74 in the midst of it`() throws {
        for name in ["line.yaml/r.jsonl", "in", "in/1.png", "line.yaml"] {
            let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out", "--report", name)
            #expect(outcome.status == 73 && outcome.error.contains("aquatint: the report '\(name)' cannot be written: "), "\(outcome)")
        }
        #expect(!FileManager.default.fileExists(atPath: place("out")))
        let full = try place.aquatint("run", "line.yaml", "in", "-o", "out", "--report", "/dev/full", "-j", "1")
        #expect(full.status == 74 && full.error.contains("stopped: the report '/dev/full' cannot be written: No space left on device"), "\(full.error)")
        #expect(full.error.contains("not reached: the same command goes on with them"))
        // Only the line of the run itself finds no place.
        try FileManager.default.createDirectory(atPath: place("empty"), withIntermediateDirectories: true)
        let late = try place.aquatint("run", "line.yaml", "empty", "-o", "out", "--report", "/dev/full")
        #expect(late.status == 74 && late.error.hasSuffix("aquatint: the report '/dev/full' cannot be written: No space left on device\n"), "\(late.error)")
        let json = try place.run("/bin/sh", ["-c", "'\(Program.path)' run line.yaml in -o out --log-format json > /dev/full"])
        #expect(json.status == 74 && json.error.contains("standard output cannot be written"), "\(json.error)")
        for arguments in [["in", "--report", "-"], []] {
            #expect(try place.run(Program.path, ["run", "line.yaml", "-o", "out"] + arguments).status == 64)
        }
    }

    @Test(.enabled(if: BadInputTests.canMount, "no file system can be mounted in a namespace here"))
    func `a disk that is full takes no half of a line`() throws {
        try place.pictures(60, in: "many", 8, 6)
        try FileManager.default.createDirectory(atPath: place("small"), withIntermediateDirectories: true)
        let script = """
            mount -t tmpfs -o size=16k none small && '\(Program.path)' run line.yaml many -o out --report small/r.jsonl -q
            echo "status $?" >&2; cat small/r.jsonl
            """
        let outcome = try place.run("/usr/bin/env", ["unshare", "-rm", "sh", "-c", script])
        #expect(outcome.error.contains("status 74") && outcome.error.contains("No space left on device"), "\(outcome.error)")
        let all = try lines(outcome.output)
        #expect(all.count > 10 && all.count < 60 && names(all, "done").count == all.count)
        #expect(place.files("out").count >= all.count)
    }

    @Test func `a run that ends before its first image leaves the last report alone`() throws {
        #expect(try place.aquatint("run", "line.yaml", "in", "-o", "out", "--report", "r.jsonl").status == 1)
        let before = try place.read("r.jsonl")
        try place.write("broken.yaml", "version: 1\nstages: [onnx: {model: none.onnx}]\n")
        let outcome = try place.aquatint("run", "broken.yaml", "in", "-o", "out", "--report", "r.jsonl")
        #expect(outcome.status == 69, "\(outcome.error)")
        #expect(try place.read("r.jsonl") == before && !place.files("").contains { $0.hasPrefix(".aquatint-") })
    }

    @Test func `a run that skips images and then cannot begin has its summary, too, and says once why`() throws {
        #expect(try place.aquatint("run", "line.yaml", "in", "-o", "out").status == 1)
        // What is left to do has no place.
        try FileManager.default.removeItem(atPath: place("out/sub/1-5.png"))
        try FileManager.default.createDirectory(atPath: place("out/sub/1-5.png"), withIntermediateDirectories: true)
        let outcome = try place.aquatint("run", "line.yaml", "in", "-o", "out", "--report", "r.jsonl")
        #expect(outcome.status == 73 && outcome.error.components(separatedBy: "is a folder").count == 2, "\(outcome.error)")
        let all = try report("r.jsonl"), stopped = all.last?["stopped"] as? Line
        #expect(names(all, "skipped").count == 4 && all.count == 5 && all.last?["type"] as? String == "summary")
        #expect(all.last?["skipped"] as? Int == 4 && stopped?["status"] as? Int == 73 && (stopped?["message"] as? String)?.contains("is a folder") == true)
    }

    @Test func `a killed run leaves whole lines`() throws {
        try place.pictures(40, in: "many")
        try place.write("slow.yaml", "version: 1\nstages: [kuwahara: {radius: 6}, gaussblur: 4]\n")
        let outcome = try place.aquatint(["run", "slow.yaml", "many", "-o", "out", "-j", "2", "--report", "r.jsonl"], signal: SIGKILL, after: " -> ")
        #expect(outcome.status == -SIGKILL)
        let all = try report("r.jsonl")
        #expect(!all.isEmpty && all.count < 40 && all.allSatisfy { $0["status"] as? String == "done" })
        let interrupted = try place.aquatint(["run", "slow.yaml", "many", "-o", "out2", "-j", "2", "--report", "r.jsonl"], signal: SIGINT, after: " -> ")
        let stopped = try report("r.jsonl")
        #expect(interrupted.status == 130 && stopped.last?["type"] as? String == "summary" && stopped.last?["done"] as? Int == stopped.count - 1)
        // However far it came until the signal.
        #expect(stopped.last?["not_reached"] as? Int == 40 - (stopped.count - 1))
        let rest = try place.aquatint("run", "line.yaml", "--retry-failed", "r.jsonl", "-o", "out")
        #expect(rest.status == 0 && rest.error.contains("the run of 'r.jsonl' did not end by itself"), "\(rest.error)")
        #expect(interrupted.error.contains("not reached: the same command goes on with"), "\(interrupted.error)")
    }

    // MARK: again

    @Test func `what failed is done again, with the same names, and nothing else`() throws {
        #expect(try place.aquatint("run", "line.yaml", "in", "-o", "out", "--report", "r.jsonl").status == 1)
        let first = try #require(try report("r.jsonl").first { $0["status"] as? String == "failed" })
        try Picture.make(64, 48).save(place("in/bad.png"))
        let again = try place.aquatint("run", "line.yaml", "--retry-failed", "r.jsonl", "-o", "out", "--report", "r2.jsonl", "--overwrite", "always")
        #expect(again.status == 0 && again.error.contains("1 done in"), "\(again.error)")
        #expect(place.files("out").contains("bad-4.png") && first["outputs"] as? [String] == ["out/bad-4.png"])
        let nothing = try place.aquatint("run", "line.yaml", "--retry-failed", "r2.jsonl", "-o", "out")
        #expect(nothing.status == 0 && nothing.error.contains("nothing failed in r2.jsonl\n") && nothing.error.contains("0 done in"), "\(nothing.error)")
        #expect(!nothing.error.contains("did not end by itself"))
        // As a run that was killed leaves it.
        let whole = try String(contentsOfFile: place("r2.jsonl"), encoding: .utf8)
        try place.write("cut.jsonl", Array(whole.split(separator: "\n").dropLast().joined(separator: "\n").utf8) + [10])
        let cut = try place.aquatint("run", "line.yaml", "--retry-failed", "cut.jsonl", "-o", "out")
        #expect(cut.status == 0 && cut.error.contains("the run of 'cut.jsonl' did not end by itself"), "\(cut.error)")
        // From another folder, by the absolute path that the report has.
        let script = "mkdir -p else/where && cd else/where && '\(Program.path)' run ../../line.yaml --retry-failed ../../r.jsonl -o out"
        let elsewhere = try place.run("/bin/sh", ["-c", script])
        #expect(elsewhere.status == 0 && place.files("else/where/out") == ["bad-4.png"], "\(elsewhere.error)")
    }

    @Test func `reports that cannot be used are refused`() throws {
        #expect(try place.aquatint("run", "line.yaml", "in", "-o", "out", "--report", "r.jsonl").status == 1)
        func retry(_ arguments: String...) throws -> Outcome { try place.run(Program.path, ["run", "line.yaml", "-o", "out", "--retry-failed"] + arguments) }
        #expect(try retry("none.jsonl").status == 66)
        try place.write("future.jsonl", "{\"v\":2,\"type\":\"image\"}\n")
        let future = try retry("future.jsonl")
        #expect(future.status == 65 && future.error.hasPrefix("aquatint: the report 'future.jsonl' cannot be used: line 1 is of version 2 of reports, and this program ("), "\(future.error)")
        let whole = try place.read("r.jsonl")
        try place.write("cut.jsonl", Array(whole.dropLast(20)))
        let cut = try retry("cut.jsonl")
        #expect(cut.status == 65 && cut.error.contains("line 7 is cut off"), "\(cut.error)")
        let both = try retry("r.jsonl", "in")
        #expect(both.status == 64 && both.error.contains("--retry-failed takes its inputs from the report; 'in' cannot be given beside it"))
        let same = try retry("r.jsonl", "--report", "./r.jsonl")
        #expect(same.status == 64 && same.error.contains("--report would replace the report 'r.jsonl'"))
        #expect(try place.read("r.jsonl") == whole)
        #expect(try retry("r.jsonl", "--retry-failed", "r.jsonl", "-n").output == "in/bad.png -> out/bad-4.png\n")
        #expect(try retry("r.jsonl", "--exclude", "bad*", "-n").output.isEmpty)
    }

    // MARK: parts

    @Test func `parts that run side by side into one folder do every image once, and the whole has nothing left`() throws {
        try place.pictures(40, in: "many", 32, 24)
        let place = place
        DispatchQueue.concurrentPerform(iterations: 4) { part in
            do {
                let outcome = try place.aquatint("run", "line.yaml", "many", "-o", "out", "--shard", "\(part + 1)/4", "-j", "2", "--report", "r\(part + 1).jsonl", "-q")
                #expect(outcome.status == 0 && outcome.error.isEmpty, "\(outcome)")
            } catch { Issue.record("\(error)") }
        }
        let parts = try (1...4).map { try report("r\($0).jsonl") }
        #expect(parts.allSatisfy { names($0, "done").count == 10 } && Set(parts.flatMap { names($0, "done") }).count == 40)
        #expect(place.files("out") == (1...40).map { "\($0)-\($0).png" }.sorted(), "each has its index in the whole, and nothing temporary is left")
        let whole = try place.aquatint("run", "line.yaml", "many", "-o", "out")
        #expect(whole.status == 0 && whole.error.contains("0 done, 40 skipped"), "the journal knows them all: \(whole.error)")
    }

    @Test func `a scheduler says which part it is`() throws {
        let environment = ["JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "3"]
        let plan = try place.run(Program.path, ["run", "line.yaml", "in", "-o", "out", "-n", "--shard", "auto"], environment: environment)
        #expect(plan.output == "in/2.png -> out/2-2.png\nin/sub/1.png -> out/sub/1-5.png\n", "\(plan)")
        let run = try place.run(Program.path, ["run", "line.yaml", "in", "-o", "out", "--shard", "auto"], environment: environment)
        #expect(run.status == 0 && run.error.contains("line.yaml: 2 images (part 2/3), ") && place.files("out") == ["2-2.png", "sub/1-5.png"])
        let none = try place.aquatint("run", "line.yaml", "in", "-o", "out", "--shard", "auto")
        #expect(none.status == 64 && none.error.contains("no scheduler has said which part this is"))
        #expect(try place.aquatint("run", "line.yaml", "in", "-o", "out", "--shard", "4/3").status == 64)
        #expect(try place.aquatint("run", "line.yaml", "in", "-o", "new", "--shard", "9/9").status == 0)
        // The two that collide are in different parts.
        try place.write("one.yaml", "version: 1\nstages: [invert]\noutput: \"one.png\"\n")
        #expect(try place.aquatint("run", "one.yaml", "in/1.png", "in/2.png", "-o", "out", "--shard", "1/2").status == 73)
    }

    // MARK: the terminal

    static let hasTerminals = Program.has("script")

    /// The bars that a run draws on a terminal of that width, and all that it shows.
    private func shown(_ columns: Int, _ arguments: String) throws -> (bars: [String], text: String) {
        let command = "stty cols \(columns); '\(Program.path)' run line.yaml \(arguments)"
        let text = try place.run("/usr/bin/env", ["script", "-qec", command, "/dev/null"], environment: ["TERM": "xterm"]).output
        let lines = text.replacing("\r\n", with: "\n").components(separatedBy: "\n").flatMap { $0.components(separatedBy: "\r\u{1B}[K") }
        return (lines.filter { $0.contains(" %") }, text)
    }

    @Test(.enabled(if: hasTerminals, "there is no 'script' to make a terminal")) func `the bar is one line on terminals of any width`() throws {
        try place.pictures(4, in: "large", 600, 400)
        for columns in [20, 40, 100] {
            let (bars, text) = try shown(columns, "large in/bad.png -o out --overwrite always -j 1")
            #expect(!bars.isEmpty && bars.allSatisfy { $0.count < columns }, "\(columns): \(bars)")
            #expect(text.contains("4 done, ") && text.contains("1 failed"), "\(text)")
        }
        #expect(try shown(80, "large -o out2 --no-progress").bars.isEmpty)
        #expect(try shown(80, "large -o out3 -q").text.isEmpty)
        #expect(try shown(80, "large -o out4 --log-format json").bars.isEmpty)
    }
}
