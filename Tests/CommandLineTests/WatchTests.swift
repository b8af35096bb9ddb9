import Foundation
import Testing
import Vips

@Suite struct WatchTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try place.write("invert.yaml", "version: 1\nstages: [invert]\noutput: \"{stem}.png\"\n")
        try makeFolder("in")
    }

    func watch(_ more: String...) throws -> Watching { try Watching(place, ["run", "invert.yaml", "in", "-o", "out", "--watch", "-j", "2"] + more) }

    func makeFolder(_ name: String) throws { try FileManager.default.createDirectory(atPath: place(name), withIntermediateDirectories: true) }

    func move(_ from: String, _ to: String) throws { #expect(rename(place(from), place(to)) == 0, "\(from) -> \(to)") }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: place(name)) }

    /// A small picture of one grey, by which it is told from others.
    func picture(_ grey: UInt8, _ format: String = ".png") throws -> [UInt8] {
        let image = try Image.samples([UInt8](repeating: grey, count: 16 * 8), width: 16, height: 8, bands: 1, format: .uchar, interpretation: .blackAndWhite)
        let name = place("home/\(UUID().uuidString)\(format)")
        try image.save(name)
        return Array(try Data(contentsOf: URL(filePath: name)))
    }

    /// The grey that an output was made of; nil where there is none.
    func grey(_ name: String) -> UInt8? { (try? place.load(name).bytes().first).map { 255 - $0 } }

    /// Writes over a file, in place, as programs do.
    func overwrite(_ name: String, _ bytes: [UInt8]) throws {
        let file = try #require(FileHandle(forWritingAtPath: place(name)))
        try file.truncate(atOffset: 0)
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }

    @Test func `what lies there is made first, and what arrives then, however it comes`() throws {
        try place.write("in/first.png", picture(1))
        try place.write("elsewhere/renamed.png", picture(3))
        try place.write("elsewhere/folder/deep/moved.png", picture(4))
        try place.write("elsewhere/linked.png", picture(5))
        let run = try watch()
        try run.wait(for: ["first.png"])
        try place.write("in/.copied.png.Xy", picture(6))
        try place.write("in/written.png", picture(2))
        try move("elsewhere/renamed.png", "in/renamed.png")
        try move("elsewhere/folder", "in/folder")
        try move("in/.copied.png.Xy", "in/copied.png")
        #expect(link(place("elsewhere/linked.png"), place("in/linked.png")) == 0)
        try run.wait(for: ["first.png", "written.png", "renamed.png", "folder/deep/moved.png", "copied.png", "linked.png"])
        for (name, grey) in [("first", 1), ("written", 2), ("renamed", 3), ("folder/deep/moved", 4), ("linked", 5), ("copied", 6)] as [(String, UInt8)] {
            #expect(self.grey("out/\(name).png") == grey, "\(name)")
        }
        #expect(run.end() == 130)
        #expect(run.error.contains("6 done in") && !run.error.contains("failed"), "each was made once: \(run.error)")
        let again = try place.aquatint("run", "invert.yaml", "in", "-o", "out")
        #expect(again.status == 0 && again.error.contains("0 done, 6 skipped"), "\(again.error)")
    }

    @Test func `names that differ only in their Unicode form are two files, in two folders`() throws {
        let run = try watch(), names = ["\u{E9}", "e\u{301}"]
        for (number, name) in names.enumerated() {
            try place.write("in/\(name).png", picture(UInt8(20 + number)))
            try place.write("in/\(name)/x.png", picture(UInt8(30 + number)))
        }
        for (number, name) in names.enumerated() {
            try run.wait(for: "\(number)") { grey("out/\(name).png") == UInt8(20 + number) && grey("out/\(name)/x.png") == UInt8(30 + number) }
        }
        // One goes; the other goes on.
        try remove("in/\(names[0])")
        try place.write("in/\(names[1])/y.png", picture(40))
        try overwrite("in/\(names[1])/x.png", picture(41))
        try run.wait(for: "what arrived beside it") { grey("out/\(names[1])/y.png") == 40 && grey("out/\(names[1])/x.png") == 41 }
        #expect(run.end() == 130 && !run.error.contains("failed"), "\(run.error)")
    }

    @Test func `folders that are made and filled at once lose nothing`() throws {
        let run = try watch()
        var names: [String] = []
        let bytes = try picture(7)
        for index in 0..<20 {
            let name = "a\(index)/b/c/d/\(index).png"
            try place.write("in/\(name)", bytes)
            names.append(name)
        }
        try run.wait(for: names)
        try place.write("in/a3/b/late.png", picture(8))
        try run.wait(for: names + ["a3/b/late.png"])
        #expect(run.end(SIGTERM) == 143 && run.error.contains("21 done in"), "\(run.error)")
    }

    @Test func `a file that is rewritten is made again, and of fifty versions the last one stays`() throws {
        try place.write("in/a.png", picture(10))
        let run = try watch()
        try run.wait(for: "the first version") { grey("out/a.png") == 10 }
        try overwrite("in/a.png", picture(11))
        try run.wait(for: "the second version") { grey("out/a.png") == 11 }
        for version in UInt8(20)..<70 { try overwrite("in/a.png", picture(version)) }
        try run.wait(for: "the last version") { grey("out/a.png") == 69 }
        try place.write("home/whole.png", picture(99))
        try move("home/whole.png", "in/a.png")
        try run.wait(for: "one that takes its place") { grey("out/a.png") == 99 }
        #expect(run.end() == 130 && !run.error.contains("failed"), "\(run.error)")
        #expect(run.count(" -> ") < 20, "not every version was made")
    }

    @Test func `a file is taken when it is closed, however slowly it is written`() throws {
        let run = try watch(), bytes = try picture(12)
        _ = FileManager.default.createFile(atPath: place("in/slow.png"), contents: nil)
        let file = try #require(FileHandle(forWritingAtPath: place("in/slow.png")))
        try file.write(contentsOf: Data(bytes[..<20]))
        // Long after it has come to rest, others that came later have been made.
        for name in ["x", "y"] {
            try place.write("in/\(name).png", picture(13))
            try run.wait(for: name) { grey("out/\(name).png") == 13 }
        }
        #expect(place.files("out") == ["x.png", "y.png"])
        try file.write(contentsOf: Data(bytes[20...]))
        try file.close()
        try run.wait(for: "the whole file") { grey("out/slow.png") == 12 }
        #expect(run.end() == 130 && !run.error.contains("failed"), "\(run.error)")
    }

    @Test func `a burst of five hundred files is made, each once`() throws {
        let run = try watch(), bytes = try picture(14)
        for index in 0..<500 { try place.write("in/\(index % 7)/\(index).png", bytes) }
        try run.wait(for: "all of them", within: 300) { place.files("out").filter { !$0.contains(".aquatint-") }.count == 500 }
        #expect(run.end() == 130)
        let again = try place.aquatint("run", "invert.yaml", "in", "-o", "out")
        #expect(again.error.contains("0 done, 500 skipped"), "\(again.error)")
    }

    @Test func `where more happens than the system announces, the folders are listed again`() throws {
        let run = try watch("--exclude", "*.txt")
        // It sleeps while the announcements fill up: two for each file.
        kill(run.process.processIdentifier, SIGSTOP)
        let limit = (try? String(contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8)).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        for index in 0..<(limit ?? 16384) / 2 + 100 { _ = FileManager.default.createFile(atPath: place("in/\(index).txt"), contents: nil) }
        try place.write("in/unannounced.png", picture(40))
        try place.write("in/sub/too.png", picture(41))
        kill(run.process.processIdentifier, SIGCONT)
        try run.wait(for: ["unannounced.png", "sub/too.png"])
        #expect(run.error.contains("more happened at once than the system announces"))
        try place.write("in/sub/later.png", picture(42))
        try run.wait(for: ["unannounced.png", "sub/too.png", "sub/later.png"])
        #expect(run.end() == 130 && run.error.contains("3 done in"), "\(run.error)")
    }

    @Test func `bad files, other files and collisions cost themselves only`() throws {
        try place.write("in/taken.png", picture(15))
        let run = try watch("--exclude", "raw/**", "--report", "in/report.jsonl")
        try run.wait(for: ["taken.png"])
        try place.write("in/bad.png", "no picture")
        try place.write("in/taken.jpg", picture(16, ".jpg"))
        for name in [".hidden.png", "Thumbs.db", "._a.png", "b.png.part", "raw/c.png", "notes.txt"] { try place.write("in/\(name)", picture(17)) }
        try place.write("in/text.txt", "hello")
        _ = FileManager.default.createFile(atPath: place("in/empty.png"), contents: nil)
        try run.wait(for: "the failures") { run.count("failed ") == 2 && run.error.contains("empty.png") && run.error.contains("text.txt") }
        #expect(run.error.contains("in/bad.png: ") && run.error.contains("'in/taken.png' and 'in/taken.jpg' would both write 'out/taken.png'"))
        #expect(run.error.contains("'in/text.txt' is not taken: not an image by name or content"))
        #expect(run.error.contains("'in/empty.png' is not taken: empty"))
        try overwrite("in/bad.png", picture(18))
        try overwrite("in/empty.png", picture(19))
        try run.wait(for: ["bad.png", "empty.png", "notes.png", "taken.png"])
        try remove("in/taken.png")
        try overwrite("in/taken.jpg", picture(30, ".jpg"))
        try run.wait(for: "the other one, now that the first is gone") { grey("out/taken.png") == 30 }
        #expect(run.end() == 130, "\(run.error)")
        let report = try String(contentsOfFile: place("in/report.jsonl"), encoding: .utf8).split(separator: "\n")
        func count(_ status: String) -> Int { report.filter { $0.contains("\"type\":\"image\"") && $0.contains("\"status\":\"\(status)\"") }.count }
        #expect(count("done") == 5 && count("failed") == 2 && report.last?.contains("\"type\":\"summary\"") == true, "\(report)")
    }

    @Test func `what the run writes into the watched folder is not taken`() throws {
        try place.write("invert.yaml", "version: 1\nstages: [invert]\noutput: \"{stem}-{index}.png\"\n")
        let run = try Watching(place, ["run", "invert.yaml", "in", "-o", "in/out", "--watch"])
        try place.write("in/a.png", picture(20))
        try run.wait(for: ["a-1.png"], in: "in/out")
        try place.write("in/b.png", picture(21))
        try run.wait(for: ["a-1.png", "b-2.png"], in: "in/out")
        try overwrite("in/a.png", picture(22))
        try run.wait(for: "its name to stay") { grey("in/out/a-1.png") == 22 }
        try remove("in")
        try run.wait(for: "it to say so") { run.error.contains("is gone: waiting for it to come back") }
        try place.write("in/c.png", picture(23))
        try run.wait(for: ["c-3.png"], in: "in/out")
        #expect(run.end() == 130 && run.count(" -> ") == 4, "\(run.error)")

        let refused = try place.aquatint("run", "invert.yaml", "in", "-o", "in", "--watch")
        #expect(refused.status == 73 && refused.error.contains("'in' is the output folder as well"), "\(refused.error)")
    }

    @Test func `deleted files, folders and the watched folder itself are survived`() throws {
        try place.write("in/a.png", picture(23))
        try place.write("in/sub/b.png", picture(24))
        let run = try watch()
        try run.wait(for: ["a.png", "sub/b.png"])
        try remove("in/sub")
        try place.write("in/sub/b.png", picture(25))
        try run.wait(for: "the folder that came back") { grey("out/sub/b.png") == 25 }
        try remove("in")
        try run.wait(for: "it to say so") { run.error.contains("the watched folder 'in' is gone: waiting for it to come back") }
        #expect(place.files("out") == ["a.png", "sub/b.png"], "outputs stay")
        try place.write("back/new/c.png", picture(26))
        try move("back", "in")
        try run.wait(for: ["a.png", "sub/b.png", "new/c.png"])
        try place.write("in/new/d.png", picture(27))
        try run.wait(for: ["a.png", "sub/b.png", "new/c.png", "new/d.png"])
        // A folder that goes away under another name is none of ours.
        try move("in/new", "away")
        try place.write("in/e.png", picture(28))
        try place.write("away/f.png", picture(29))
        try run.wait(for: ["a.png", "sub/b.png", "new/c.png", "new/d.png", "e.png"])
        #expect(run.end() == 130 && !run.error.contains("failed"), "\(run.error)")
    }

    @Test func `a link to a folder is followed where links are`() throws {
        try place.write("real/a.png", picture(31))
        let run = try watch("--follow-symlinks")
        try FileManager.default.createSymbolicLink(atPath: place("in/link"), withDestinationPath: place("real"))
        try FileManager.default.createSymbolicLink(atPath: place("in/loop"), withDestinationPath: place("in"))
        try run.wait(for: ["link/a.png"])
        try place.write("real/b.png", picture(32))
        try run.wait(for: ["link/a.png", "link/b.png"])
        try remove("in/link")
        try place.write("real/c.png", picture(33))
        try place.write("in/d.png", picture(34))
        try run.wait(for: ["link/a.png", "link/b.png", "d.png"])
        #expect(run.end() == 130, "\(run.error)")
    }

    @Test func `a signal finishes what is in flight, and leaves the rest to the next run`() throws {
        try place.write("slow.yaml", "version: 1\nstages: [kuwahara: {radius: 6}, gaussblur: 4]\n")
        let run = try Watching(place, ["run", "slow.yaml", "in", "-o", "out", "--watch", "-j", "1"])
        try place.pictures(12, in: "elsewhere")
        try move("elsewhere", "in/many")
        try run.wait(for: "the first of them") { run.error.contains(" -> ") }
        #expect(run.end() == 130)
        let done = place.files("out")
        #expect(!done.isEmpty && done.count < 12 && !done.contains { $0.contains(".aquatint-") }, "\(done)")
        #expect(run.error.contains("finishing the images in flight") && run.error.contains("\(done.count) done in"), "\(run.error)")
        let rest = try place.aquatint("run", "slow.yaml", "in", "-o", "out")
        #expect(rest.status == 0 && place.files("out").count == 12, "\(rest.error)")
    }

    @Test func `the README's hot folder works`() throws {
        let words = ["run", "web", "Incoming", "-o", "Website", "--watch"]
        #expect(try String(contentsOfFile: "\(Program.root)/README.md", encoding: .utf8).contains("aquatint \(words.joined(separator: " "))\n"))
        try makeFolder("Incoming")
        let run = try Watching(place, words)
        try place.pictures(2, in: "Incoming/Holiday")
        try run.wait(for: "two pictures") { run.count(" -> Website/Holiday/") == 2 }
        #expect(run.end() == 130 && run.error.contains("2 done in"), "\(run.error)")
    }

    @Test func `with fail-fast the first failure ends the watch`() throws {
        let run = try watch("--fail-fast")
        try place.write("in/bad.png", "no picture")
        #expect(run.status == 1 && run.error.contains("--fail-fast"), "\(run.error)")
    }

    @Test func `what cannot be watched is refused`() throws {
        try place.write("in/a.png", picture(35))
        for (input, status, text) in [("in/a.png", 64, "--watch takes folders, and 'in/a.png' is none"), ("-", 64, "no list on standard input"),
                                      ("nothing", 66, "the folder 'nothing' does not exist")] as [(String, Int32, String)] {
            let outcome = try place.aquatint("run", "invert.yaml", input, "-o", "out", "--watch")
            #expect(outcome.status == status && outcome.error.contains(text), "\(outcome.error)")
        }
        let part = try place.aquatint("run", "invert.yaml", "in", "-o", "out", "--watch", "--shard", "1/2")
        #expect(part.status == 64 && part.error.contains("--watch takes whole folders"), "\(part.error)")
        let plan = try place.aquatint("run", "invert.yaml", "in", "-o", "out", "--watch", "-n")
        #expect(plan.status == 0 && plan.output == "in/a.png -> out/a.png\n", "\(plan.error)")
    }

    /// Whether a process here may have limits of its own.
    private static let hasLimits = Program.has("unshare")
        && (try? Workplace().run("/usr/bin/unshare", ["--user", "--map-root-user", "sh", "-c", "echo 3 > /proc/sys/user/max_inotify_watches"]).status) == 0

    @Test(.enabled(if: hasLimits, "user namespaces are not to be had here"))
    func `the system's limits are said, with what raises them`() throws {
        for index in 0..<5 { try makeFolder("in/\(index)") }
        // A limit of its own, as a user namespace has.
        func limited(_ name: String, _ number: Int) throws -> Outcome {
            try place.run("/usr/bin/unshare", ["--user", "--map-root-user", "sh", "-c",
                "echo \(number) > /proc/sys/user/\(name) || exit 99; exec \"$@\"", "sh", Program.path, "run", "invert.yaml", "in", "-o", "out", "--watch"])
        }
        let watches = try limited("max_inotify_watches", 3)
        #expect(watches.status == 74 && watches.error.contains("limit of watched folders is reached (raise it: sysctl fs.inotify.max_user_watches="), "\(watches.error)")
        let instances = try limited("max_inotify_instances", 0)
        #expect(instances.status == 74 && instances.error.contains("sysctl fs.inotify.max_user_instances"), "\(instances.error)")
    }
}
