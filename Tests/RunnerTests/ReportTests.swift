import Foundation
import Synchronization
import Testing
import Vips

@testable import Runner

@Suite struct ReportTests {
    let folder: Scratch
    let events = Events()

    init() throws {
        folder = try Scratch()
        for name in ["in/1.png", "in/2.png", "in/d/3.png"] {
            try FileManager.default.createDirectory(atPath: Path.directory(folder(name)), withIntermediateDirectories: true)
            try Picture.make().save(folder(name))
        }
        try folder.write("in/bad.png", "no image")
        try folder.write("in/d/bad.png", "no image")
    }

    private func lines(_ name: String) throws -> [[String: Any]] {
        let text = try String(contentsOfFile: folder(name), encoding: .utf8)
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return try text.split(separator: "\n").map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
    }

    /// Runs `{index}-{stem}.png` over `in` and keeps a report.
    @discardableResult
    private func recorded(_ report: String, _ failed: FailedInputs? = nil, shard: String? = nil) throws -> RunSummary {
        let request = try RunRequest.of("stages: [invert]\noutput: \"{dir}/{index}-{stem}.png\"", in: folder)
        var settings = RunSettings(output: folder("out"))
        settings.inProcess = true
        var selection = InputSelection(arguments: failed == nil ? [folder("in")] : [])
        selection.ownFiles = [folder(report)]
        let known: Set<String> = ["png"]
        let found = try failed.map { selection.resolve($0, knownExtensions: known) { _ in false } } ?? selection.resolve(knownExtensions: known) { _ in false }
        let plan = try RunPlan(found, request: request, settings: settings).part(try shard.map { try Shard($0, environment: [:]) })
        let stop = StopSignal()
        let recorder = try RunRecorder.report(folder(report), stop: stop)
        defer { recorder.close() }
        let schedule = Schedule(images: plan.images.count, settings: settings)
        let crew = try Crew(request, schedule: schedule, images: plan.images.count, settings: settings)
        return try Batch(plan, request: request, settings: settings, schedule: schedule, crew: crew, stop: stop) { event in
            recorder.handle(event)
            events.take(event)
        }.run()
    }

    @Test func `a report has a line for every image, and one for the run`() throws {
        let summary = try recorded("in/report.jsonl")
        #expect(summary.done == 3 && summary.failed == 2 && summary.strays == 0, "the report is no input, and no stray")
        let lines = try lines("in/report.jsonl")
        #expect(lines.count == 6 && lines.allSatisfy { $0["v"] as? Int == 1 })
        let last = try #require(lines.last), versions = try #require(last["versions"] as? [String: Any])
        #expect(last["type"] as? String == "summary" && last["done"] as? Int == 3 && last["failed"] as? Int == 2 && last["skipped"] as? Int == 0)
        #expect((last["megapixels"] as? Double ?? 0) > 0.003 && (last["seconds"] as? Double ?? 0) > 0)
        #expect(versions["aquatint"] as? String == AquatintVersion.text && (versions["libvips"] as? String)?.hasPrefix("8.") == true && versions["engine"] is NSNull)
        let good = try #require(lines.first { $0["input"] as? String == folder("in/d/3.png") })
        #expect(good["type"] as? String == "image" && good["status"] as? String == "done" && good["outputs"] as? [String] == [folder("out/d/4-3.png")])
        #expect(good["error"] is NSNull && good["reason"] is NSNull && good["precision"] is NSNull && good["folder"] as? String == "d" && good["index"] as? Int == 4)
        #expect(good["input_size"] as? [Int] == [40, 30] && good["output_sizes"] as? [[Int]] == [[40, 30]])
        #expect((good["peak_memory_bytes"] as? Int ?? 0) > 1 << 20)
        #expect((good["stages"] as? [[String: Any]])?.map { $0["name"] as? String } == ["load", "save", "sync"])
        let times = try #require(good["stages"] as? [[String: Any]]).compactMap { $0["seconds"] as? Double }
        #expect(times.count == 3 && times.reduce(0, +) <= (good["seconds"] as? Double ?? 0) + 1e-4, "they are parts of the whole")
        let bad = try #require(lines.first { $0["input"] as? String == folder("in/bad.png") }), error = try #require(bad["error"] as? [String: Any])
        #expect(bad["status"] as? String == "failed" && error["code"] as? String == "load" && error["stage"] is NSNull && (error["message"] as? String)?.isEmpty == false)
        #expect((bad["stages"] as? [[String: Any]])?.map { $0["name"] as? String } == ["load"], "what it took until it failed")
    }

    @Test func `that a run stops is told before its summary, however late the signal is heard of`() throws {
        let request = try RunRequest.of("stages: [invert]", in: folder)
        var settings = RunSettings(output: folder("out"))
        settings.inProcess = true
        let found = try InputSelection(arguments: [folder("in")]).resolve(knownExtensions: ["png"]) { _ in false }
        let plan = try RunPlan(found, request: request, settings: settings), schedule = Schedule(images: plan.images.count, settings: settings)
        let stop = StopSignal(), isOver = DispatchSemaphore(value: 0), isHeard = DispatchSemaphore(value: 0)
        let kinds = Mutex<[String]>([]), isRaised = Atomic<Bool>(false)
        // Who is told before the run is holds up that.
        stop.observe { _ in isOver.wait() }
        _ = try Batch(plan, request: request, settings: settings, schedule: schedule, crew: try Crew(request, schedule: schedule, images: plan.images.count, settings: settings), stop: stop) { event in
            switch event {
            case .stopping: kinds.withLock { $0.append("stopping") }
            case .finished: kinds.withLock { $0.append("summary") }
            case .imageFinished:
                guard !isRaised.exchange(true, ordering: .relaxed) else { return }
                Thread {
                    stop.raise(SIGINT)
                    isHeard.signal()
                }.start()
                while stop.state == .running { sched_yield() }
            default: return
            }
        }.run()
        isOver.signal()
        isHeard.wait()
        #expect(kinds.withLock { $0 } == ["stopping", "summary"])
    }

    @Test func `what is up to date is skipped with its reason`() throws {
        try recorded("1.jsonl")
        try recorded("2.jsonl")
        let skipped = try lines("2.jsonl").filter { $0["status"] as? String == "skipped" }
        #expect(skipped.count == 3 && skipped.allSatisfy { $0["reason"] as? String == "up to date" && $0["error"] is NSNull })
    }

    @Test func `what failed is done again under the names of the first run`() throws {
        try recorded("first.jsonl")
        try Picture.make().save(folder("in/d/bad.png"))
        let failed = try FailedInputs(reports: [folder("first.jsonl")])
        #expect(Set(failed.entries.map(\.folder)) == ["", "d"] && failed.entries.compactMap(\.number).sorted() == [3, 5])
        let again = try recorded("second.jsonl", failed)
        #expect(again.done == 1 && again.failed == 1)
        let made = try #require(try lines("second.jsonl").first { $0["status"] as? String == "done" })
        let first = try #require(try lines("first.jsonl").first { $0["input"] as? String == folder("in/d/bad.png") })
        #expect(made["outputs"] as? [String] == first["outputs"] as? [String] && made["index"] as? Int == first["index"] as? Int)
        #expect(folder.files("out/d").contains(Path.base((first["outputs"] as? [String])?[0] ?? "-")))
        // What is good by now has not failed.
        #expect(try FailedInputs(reports: [folder("first.jsonl"), folder("second.jsonl")]).entries.map(\.path) == [folder("in/bad.png")])
        #expect(try FailedInputs(reports: [folder("second.jsonl")]).entries.map(\.path) == [folder("in/bad.png")])
    }

    @Test func `parts keep the index of the whole run`() throws {
        for part in 1...3 { try recorded("\(part).jsonl", shard: "\(part)/3") }
        let all = try (1...3).flatMap { try lines("\($0).jsonl") }.filter { $0["type"] as? String == "image" }
        #expect(all.compactMap { $0["index"] as? Int }.sorted() == [1, 2, 3, 4, 5])
        let last = try #require(try lines("2.jsonl").last?["shard"] as? [String: Int])
        #expect(last == ["number": 2, "count": 3])
        #expect(folder.files("out").filter { !$0.hasPrefix(".") } == ["1-1.png", "2-2.png", "d/4-3.png"])
    }

    @Test func `a folder that could not be listed is walked again, from where it lies`() throws {
        try folder.write("r.jsonl", """
            {"v":1,"type":"image","index":9,"input":"\(folder("in/1.png"))","input_path":"\(folder("in/1.png"))","folder":"","status":"done"}
            {"v":1,"type":"image","index":null,"input":"\(folder("in/d"))","input_path":"\(folder("in/d"))","folder":"x/d","status":"failed"}

            """)
        let found = InputSelection(arguments: []).resolve(try FailedInputs(reports: [folder("r.jsonl")]), knownExtensions: ["png"]) { _ in false }
        #expect(found.files.map(\.folder) == ["x/d", "x/d"] && found.files.map(\.number) == [10, 11])
    }

    @Test(arguments: [
        ("", "is empty"), ("\n\n", "is empty"), ("{\"v\":1,\"type\":\"image\",", "line 1 is cut off"), ("[]\n", "line 1 is no line of a report"), ("text\n", "line 1 is no line of a report"),
        ("{\"v\":2,\"type\":\"image\"}\n", "line 1 is of version 2 of reports"), ("{\"v\":1,\"type\":\"image\"}\n", "line 1 is damaged"),
        ("{\"v\":1,\"type\":\"image\",\"index\":1,\"input\":\"a\",\"input_path\":\"/a\",\"folder\":\"../..\",\"status\":\"failed\"}\n", "line 1 is damaged"),
        ("{\"v\":1,\"type\":\"image\",\"index\":0,\"input\":\"a\",\"input_path\":\"/a\",\"folder\":\"\",\"status\":\"failed\"}\n", "line 1 is damaged"),
        ("{\"v\":1,\"type\":\"image\",\"index\":1,\"input\":\"a\",\"input_path\":\"/a\",\"folder\":\"\",\"status\":\"lost\"}\n", "line 1 is damaged"),
    ]) func `a damaged report is refused with its line`(_ text: String, _ message: String) throws {
        try folder.write("r.jsonl", text)
        let error = runError { try FailedInputs(reports: [folder("r.jsonl")]) }
        #expect(error?.status == .invalidPipeline && error?.message.contains(message) == true, "\(String(describing: error))")
        #expect(runError { try FailedInputs(reports: [folder("none.jsonl")]) }?.status == .inputMissing)
        #expect(runError { try FailedInputs(reports: [folder("in")]) }?.status == .inputMissing)
    }

    // MARK: the file

    private func file(_ name: String) throws -> LineFile { try LineFile(replacing: folder(name), title: "the report '\(name)'") { $0.starts(with: Data("{".utf8)) } }

    @Test func `a report is replaced with the first line, and kept where there is none`() throws {
        try folder.write("r.jsonl", "{old}\n")
        let reader = try #require(FileHandle(forReadingAtPath: folder("r.jsonl")))
        let silent = try file("r.jsonl")
        silent.close()
        #expect(try String(contentsOfFile: folder("r.jsonl"), encoding: .utf8) == "{old}\n")
        let new = try file("r.jsonl")
        try new.append("{1}")
        #expect(try String(contentsOfFile: folder("r.jsonl"), encoding: .utf8) == "{1}\n", "it is there at once")
        try new.append("{2}")
        new.close()
        #expect(try String(contentsOfFile: folder("r.jsonl"), encoding: .utf8) == "{1}\n{2}\n")
        #expect(try reader.readToEnd() == Data("{old}\n".utf8), "who reads the old one keeps it")
        #expect(folder.files().filter { !$0.hasPrefix("in/") } == ["r.jsonl"], "nothing temporary is left")
        #expect(throws: RunError.self) { try new.append("{3}") }
    }

    @Test func `a report never replaces something else, and makes the folders that it needs`() throws {
        let photo = try Data(contentsOf: URL(filePath: folder("in/1.png")))
        #expect(runError { try file("in/1.png") }?.status == .cannotCreateOutput)
        #expect(try Data(contentsOf: URL(filePath: folder("in/1.png"))) == photo)
        #expect(runError { try file("in") }?.status == .cannotCreateOutput)
        #expect(runError { try file("in/1.png/r.jsonl") }?.status == .cannotCreateOutput)
        try file("new/folders/r.jsonl").append("{}")
        #expect(folder.files("new") == ["folders/r.jsonl"])
        try folder.link("link.jsonl", to: "new/folders/r.jsonl")
        try file("link.jsonl").append("{linked}")
        #expect(FileStatus(folder("link.jsonl"), followLinks: false)?.kind == .link)
        #expect(try String(contentsOfFile: folder("new/folders/r.jsonl"), encoding: .utf8) == "{linked}\n")
    }

    @Test func `lines of several threads are whole`() throws {
        let file = try file("r.jsonl")
        DispatchQueue.concurrentPerform(iterations: 400) { index in
            do { try file.append("{\(String(repeating: "\(index % 10)", count: 500))}") } catch { Issue.record("\(error)") }
        }
        let lines = try String(contentsOfFile: folder("r.jsonl"), encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 400 && lines.allSatisfy { $0.count == 502 && Set($0.dropFirst().dropLast()).count == 1 })
    }

    @Test func `a report that cannot be written further ends the run with 74, after the images in flight`() throws {
        let stop = StopSignal(), recorder = try RunRecorder.report("/dev/full", stop: stop)
        let request = try RunRequest.of("stages: [invert]", in: folder)
        var settings = RunSettings(output: folder("out"))
        (settings.inProcess, settings.jobs) = (true, 1)
        let found = try InputSelection(arguments: [folder("in")]).resolve(knownExtensions: ["png"]) { _ in false }
        let plan = try RunPlan(found, request: request, settings: settings)
        let schedule = Schedule(images: 5, settings: settings), crew = try Crew(request, schedule: schedule, images: 5, settings: settings)
        let summary = try Batch(plan, request: request, settings: settings, schedule: schedule, crew: crew, stop: stop) { recorder.handle($0) }.run()
        #expect(summary.exitStatus(stop) == .inputOutput && summary.stopped?.message.contains("the report '/dev/full' cannot be written: No space left on device") == true)
        #expect(summary.done >= 1 && summary.done + summary.failed < 5)
    }

    @Test func `an image is never written over the report`() throws {
        let request = try RunRequest.of("stages: [invert]", in: folder)
        let plan = try RunPlan(InputSelection.Found(files: [InputFile(path: folder("in/1.png"), folder: "")]), request: request, settings: RunSettings(output: folder("out")))
        #expect(runError { try plan.check(report: folder("out/1.png")) }?.status == .cannotCreateOutput)
        try plan.check(report: folder("out/1.jsonl"))
    }
}
