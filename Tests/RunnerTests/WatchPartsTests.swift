import Foundation
import Testing
import Vips

@testable import Runner

@Suite struct SettlingFilesTests {
    let start = ContinuousClock.now
    let folder = FolderPlace("in", below: "")
    let status = FileStatus("/")

    func place(_ name: String) -> FilePlace { FilePlace(folder: folder, name: name) }

    func taken(_ files: inout SettlingFiles, at seconds: Double, _ status: FileStatus? = FileStatus("/")) -> [String] {
        files.take(at: start + .seconds(seconds)) { _ in status }.map(\.name)
    }

    @Test func `a file is taken once nothing has happened to it for a while`() {
        var files = SettlingFiles(rest: .seconds(1))
        files.touched(place("10"), at: start)
        files.touched(place("9"), at: start + .seconds(0.5))
        #expect(files.next == start + .seconds(1))
        #expect(taken(&files, at: 0.9) == [])
        files.touched(place("10"), at: start + .seconds(0.9))
        #expect(taken(&files, at: 1.4) == [])
        #expect(taken(&files, at: 2) == ["9", "10"], "in natural order")
        #expect(taken(&files, at: 99) == [] && files.next == nil)
    }

    @Test func `one that is written to waits until it is closed`() {
        var files = SettlingFiles(rest: .seconds(1))
        files.appeared(place("a"), at: start)
        files.written(place("a"), at: start)
        files.appeared(place("a"), at: start)
        #expect(files.next == nil && taken(&files, at: 1000) == [])
        files.touched(place("a"), at: start + .seconds(1000))
        #expect(taken(&files, at: 1001) == ["a"])
    }

    @Test func `one that never comes to rest is taken all the same`() {
        var files = SettlingFiles(rest: .seconds(1))
        for tenth in 0..<199 { files.touched(place("a"), at: start + .seconds(Double(tenth) / 10)) }
        #expect(taken(&files, at: 19.9) == [])
        #expect(taken(&files, at: 20) == ["a"])
    }

    @Test func `one that a walk found has to stay as it was`() throws {
        var other = try #require(status)
        other.size += 1
        var files = SettlingFiles(rest: .seconds(1))
        files.found(place("a"), status, at: start)
        #expect(taken(&files, at: 1, other) == [], "it grew")
        #expect(taken(&files, at: 1.5, other) == [])
        #expect(taken(&files, at: 2, other) == ["a"])
        files.touched(place("b"), at: start)
        files.found(place("b"), status, at: start + .seconds(0.9))
        #expect(taken(&files, at: 1, other) == ["b"], "what was announced is worth more")
    }

    @Test func `what is gone is forgotten, with all below it`() {
        var files = SettlingFiles(rest: .seconds(1))
        let inner = FilePlace(folder: FolderPlace("in/sub", below: "sub"), name: "c")
        for place in [place("a"), place("sub2"), inner] { files.touched(place, at: start) }
        files.forget(place("a").absolute)
        files.forget(below: place("sub").absolute)
        #expect(taken(&files, at: 1) == ["sub2"])
    }

    @Test func `two names that Unicode holds to be the same are two files`() {
        var files = SettlingFiles(rest: .seconds(1))
        for name in ["\u{E9}", "e\u{301}"] { files.touched(place(name), at: start) }
        files.forget(place("\u{E9}").absolute)
        #expect(taken(&files, at: 1).map { Array($0.utf8) } == [Array("e\u{301}".utf8)])
    }
}

@Suite struct PathTableTests {
    func key(_ path: String) -> PathKey { PathKey(path) }

    @Test func `what lies below a folder is found by the folder, and by no other that begins alike`() {
        var table = PathTable<Int>()
        for (number, path) in ["/in/a", "/in/sub/b", "/in/sub/c", "/in/sub2/d", "/in/sub", "/e"].enumerated() { table[key(path)] = number }
        func below(_ folder: String) -> [String] { table.paths(below: key(folder)).map(\.path).sorted() }
        #expect(below("/in/sub") == ["/in/sub/b", "/in/sub/c"])
        #expect(below("/") == ["/e", "/in/a", "/in/sub", "/in/sub/b", "/in/sub/c", "/in/sub2/d"])
        #expect(below("/in/a") == [] && below("/none") == [])
        table[key("/in/sub")] = nil
        #expect(below("/in") == ["/in/a", "/in/sub/b", "/in/sub/c", "/in/sub2/d"], "what lies in it stays")
        for path in table.paths(below: key("/in")) { table[path] = nil }
        #expect(below("/") == ["/e"] && table.values.count == 1)
        table[key("/in/sub/b")] = 7
        #expect(below("/in") == ["/in/sub/b"] && table[key("/in/sub/b")] == 7)
    }

    @Test func `names that Unicode holds to be the same are two`() {
        var table = PathTable<Int>()
        table[key("/\u{E9}/a")] = 1
        table[key("/e\u{301}/a")] = 2
        #expect(table.paths(below: key("/\u{E9}")).map { table[$0] } == [1] && table.values.count == 2)
        #expect(!key("/e\u{301}/a").isWithin(key("/\u{E9}")) && key("/\u{E9}/a").isWithin(key("/\u{E9}")))
        #expect(key("/a").isWithin(key("/")) && key("/a").isWithin(key("/a")) && !key("/ab").isWithin(key("/a")))
    }
}

@Suite struct ArrivalQueueTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    func image(_ index: Int) throws -> PlannedImage {
        try folder.write("\(index)")
        return PlannedImage(index: index, input: InputFile(path: folder("\(index)"), folder: ""), outputs: [], bytes: 0)
    }

    @Test func `an image is made once at a time, and again only where it has changed`() throws {
        let queue = ArrivalQueue(), first = try image(1), second = try image(2)
        for image in [first, second, first] { queue.put(image) }
        #expect(queue.next()?.index == 1)
        let status = FileStatus(first.input.path)
        queue.put(first)
        #expect(queue.next()?.index == 2, "the first is in hand")
        queue.finished(first, status)
        queue.put(try image(3))
        #expect(queue.next()?.index == 3, "the first is as it was")
        try folder.write("1", "something else")
        queue.put(first)
        #expect(queue.next()?.index == 1)
        queue.end()
        #expect(queue.next() == nil)
    }

    @Test func `thousands are made in their order, past those that are in hand`() throws {
        let queue = ArrivalQueue(), blocked = try image(0)
        queue.put(blocked)
        #expect(queue.next()?.index == 0)
        let images = (1...3000).map { PlannedImage(index: $0, input: blocked.input, outputs: [], bytes: 0) }
        for image in images {
            queue.put(image)
            // Written to again and again while it is made.
            queue.withdraw(0)
            queue.put(blocked)
        }
        for image in images {
            #expect(queue.next()?.index == image.index)
            queue.finished(image, nil)
        }
        queue.finished(blocked, nil)
        #expect(queue.next()?.index == 0)
        queue.end()
        #expect(queue.next() == nil)
    }

    @Test func `one that is written to, or gone, is taken out`() throws {
        let queue = ArrivalQueue()
        for index in 1...4 { queue.put(try image(index)) }
        queue.withdraw(1)
        #expect(queue.forget(2) && queue.next()?.index == 3)
        #expect(!queue.forget(3), "it is being made")
        queue.put(try image(1))
        #expect(queue.next()?.index == 4 && queue.next()?.index == 1)
    }
}

@Suite struct FileSystemTests {
    @Test func `file systems that others write to unannounced are known by their mounts`() throws {
        let folder = try Scratch()
        let device = try #require(FileStatus(folder.path)).device
        let number = "\(device >> 8 & 0xFFF | device >> 32 & ~0xFFF):\(device & 0xFF | device >> 12 & ~0xFF)"
        func name(_ type: String) -> String? {
            FileSystem.blindName(of: folder.path, mounts: "22 1 0:999 / /x rw - ext4 /dev/x rw\n36 35 \(number) / /mnt rw,noatime master:1 - \(type) server:/share rw\n")
        }
        #expect(name("cifs") == "cifs" && name("nfs4") == "nfs4" && name("fuse.sshfs") == "fuse.sshfs")
        #expect(name("ext4") == nil && name("tmpfs") == nil && name("fuseblk") == nil && name("overlay") == nil)
        let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        #expect(FileSystem.blindName(of: "/proc", mounts: mounts.replacing(" - proc ", with: " - 9p ")) == "9p", "the numbers are the system's")
    }
}

@Suite struct BlindFolderTests {
    @Test func `where changes are not announced, listing the folders finds them`() throws {
        let folder = try Scratch()
        try FileManager.default.createDirectory(atPath: folder("in"), withIntermediateDirectories: true)
        // What is done to the file behind a link is not announced in the link's folder.
        try Picture.make(10, 10).save(folder("target.png"))
        try folder.link("in/link.png", to: folder("target.png"))
        var settings = RunSettings(output: folder("out")), selection = InputSelection(arguments: [folder("in")])
        (settings.inProcess, settings.isWatching) = (true, true)
        (selection.followsLinks, selection.isWatching) = (true, true)
        let pace = FolderWatch.Pace(rest: .milliseconds(10), look: .seconds(1), list: .milliseconds(50))
        let watch = try FolderWatch(selection, knownExtensions: ["png"], pace: pace, blindName: { _ in "cifs" }) { _ in false }
        let request = try RunRequest.of("stages: [invert]", in: folder), found = try watch.find()
        let schedule = Schedule(images: .max, settings: settings)
        let batch = Batch(try RunPlan(found, request: request, settings: settings), request: request, settings: settings, schedule: schedule,
                          crew: try Crew(request, schedule: schedule, images: .max, settings: settings), stop: StopSignal(), arrivals: watch) { _ in }
        let ended = DispatchSemaphore(value: 0)
        Thread {
            _ = try? batch.run()
            ended.signal()
        }.start()
        func width() -> Int? { try? Image.load(folder("out/link.png")).width }
        func wait(for wanted: Int) {
            let deadline = Date() + 30
            while width() != wanted, Date() < deadline { usleep(5000) }
            #expect(width() == wanted)
        }
        wait(for: 10)
        try Picture.make(20, 10).save(folder("target.png"))
        wait(for: 20)
        watch.end()
        #expect(ended.wait(timeout: .now() + 30) == .success)
    }
}
