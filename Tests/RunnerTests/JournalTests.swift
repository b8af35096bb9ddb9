import Foundation
import Testing

@testable import Runner

@Suite struct JournalTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    var path: String { folder("out/.aquatint/journal.jsonl") }

    func status(_ name: String) throws -> FileStatus { try #require(FileStatus(folder(name))) }

    func standing(_ input: String = "a.png", recipe: String = "r", outputs: [String] = ["out/a.jpg"]) throws -> Journal.Standing {
        Journal(outputFolder: folder("out")).standing(input: folder(input), status: try status(input), recipe: recipe, outputs: outputs.map { folder($0) })
    }

    /// Makes the files of an image, and remembers them.
    func remember(_ input: String = "a.png", outputs: [String] = ["out/a.jpg"], recipe: String = "r", by journal: Journal? = nil) throws {
        for name in [input] + outputs where FileStatus(folder(name)) == nil { try folder.write(name) }
        var content = ContentStamp(try status(input))
        content.hash = ContentStamp.hash(of: folder(input), status: try status(input))
        try (journal ?? Journal(outputFolder: folder("out"))).append(input: folder(input), content: content, recipe: recipe, outputs: outputs.map { folder($0) })
    }

    func touch(_ name: String, _ time: Double) throws {
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: time)], ofItemAtPath: folder(name))
    }

    func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
    func lines() throws -> Int { try text().split(separator: "\n").count }

    @Test func `reading creates nothing`() throws {
        try folder.write("a.png")
        #expect(try standing() == .outOfDate)
        #expect(folder.files() == ["a.png"])
    }

    @Test func `an input is up to date with the same content, recipe and outputs, and only then`() throws {
        try remember()
        #expect(try standing() == .upToDate)
        #expect(try standing(recipe: "s") == .outOfDate)
        #expect(try standing(outputs: ["out/b.jpg"]) == .outOfDate)
        #expect(try standing(outputs: ["out/a.jpg", "out/b.jpg"]) == .outOfDate)
        try folder.write("b.png")
        #expect(try standing("b.png") == .outOfDate, "another input")
        try FileManager.default.removeItem(atPath: folder("out/a.jpg"))
        #expect(try standing() == .outOfDate)
        try folder.write("out/a.jpg", "another picture stands under the output's name")
        #expect(try standing() == .outOfDate)
        try remember()
        #expect(try standing() == .upToDate)
        try folder.write("a.png", "longer")
        #expect(try standing() == .outOfDate)
    }

    @Test(arguments: [1e9, 4e9]) func `where only the time of the input differs, its hash decides, in the past as in the future`(_ time: Double) throws {
        try remember()
        try touch("a.png", time)
        let hash = try #require(ContentStamp.hash(of: folder("a.png"), status: try status("a.png")))
        #expect(try standing() == .ifContentIs(hash: hash))
    }

    @Test func `pipelines that write different files of one input do not forget each other`() throws {
        try remember(outputs: ["out/a.jpg"])
        try remember(outputs: ["out/a-small.jpg"], recipe: "s")
        #expect(try standing() == .upToDate)
        #expect(try standing(recipe: "s", outputs: ["out/a-small.jpg"]) == .upToDate)
    }

    @Test func `any name comes back as it was, and names that differ in bytes are different files`() throws {
        let names = ["q\"uote.png", "back\\slash.png", "line\nfeed\t\u{1}.png", "\u{65}\u{301}.png", "\u{E9}.png", "größe 日本.png"]
        for name in names { try remember(name, outputs: ["out/\(name).jpg"]) }
        for name in names { #expect(try standing(name, outputs: ["out/\(name).jpg"]) == .upToDate, "\(name.debugDescription)") }
        #expect(try lines() == names.count)
        for line in try text().split(separator: "\n") { #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any]) }
    }

    @Test func `a file that is another one each time that it is opened ends in an error, and not in a loop`() throws {
        try folder.write("a.png")
        try folder.write("out/a.jpg")
        let journal = Journal(outputFolder: folder("out")) { _, _ in nil }
        let error = runError { try remember(by: journal) }
        #expect(error?.status == .inputOutput && error?.message.contains("another file each time") == true && error?.hint?.contains("--overwrite") == true)
    }

    @Test func `files that only the image names are remembered with it, and decide as the recipe does`() throws {
        try folder.write("a.png")
        try folder.write("out/a.jpg")
        let files = [Journal.Ingredient(path: "/w/\u{E9} \"1\".onnx", hash: "aa"), Journal.Ingredient(path: "/w/2.icc", hash: "bb")]
        let content = ContentStamp(try status("a.png"))
        try Journal(outputFolder: folder("out")).append(input: folder("a.png"), content: content, recipe: "r", outputs: [folder("out/a.jpg")], files: files)
        func standing(_ hashes: [String: String]) throws -> Journal.Standing {
            Journal(outputFolder: folder("out")).standing(input: folder("a.png"), status: try status("a.png"), recipe: "r", outputs: [folder("out/a.jpg")]) { hashes[$0] }
        }
        #expect(try standing([files[0].path: "aa", files[1].path: "bb"]) == .upToDate)
        #expect(try standing([files[0].path: "aa", files[1].path: "cc"]) == .outOfDate)
        #expect(try standing([files[0].path: "aa"]) == .outOfDate, "one is gone")
        #expect(try JSONSerialization.jsonObject(with: Data(try text().utf8)) is [String: Any])
        // Remembered once more with the time of a copy, it keeps them.
        try Journal(outputFolder: folder("out")).append(input: folder("a.png"), content: content, recipe: "r", outputs: [folder("out/a.jpg")])
        #expect(try standing([files[0].path: "aa", files[1].path: "cc"]) == .outOfDate)
    }

    @Test func `a torn line is ignored and does not swallow the next one`() throws {
        try remember()
        try folder.write("out/.aquatint/journal.jsonl", "\(text().dropLast(5))")
        #expect(try standing() == .outOfDate, "the entry itself is torn")
        try remember()
        #expect(try standing() == .upToDate)
        let whole = try text()
        try folder.write("out/.aquatint/journal.jsonl", "\u{0}garbage\n{}\n[1]\n\(whole)\(whole.replacing("\"v\":1", with: "\"v\":2").replacing("\"r\"", with: "\"s\""))")
        #expect(try standing() == .upToDate, "an entry of another version is ignored")
    }

    @Test func `no line that is cut, or has a byte changed, is taken for what it is not`() throws {
        try remember(outputs: ["out/a.jpg", "out/b.jpg"])
        let whole = Array(try text().utf8.dropLast())
        let entry = JournalText(whole).entries
        #expect(entry.count == 1)
        for count in 0..<whole.count { #expect(JournalText(Array(whole.prefix(count))).entries.isEmpty) }
        for index in whole.indices {
            var bytes = whole
            bytes[index] = UInt8(ascii: "\"")
            if bytes != whole { #expect(JournalText(bytes).entries != entry) }
        }
    }

    @Test func `the last entry of an output wins`() throws {
        try remember()
        try remember(recipe: "s")
        #expect(try standing() == .outOfDate)
        #expect(try standing(recipe: "s") == .upToDate)
    }

    @Test func `a journal of mostly dead lines is rewritten, and lines of a later version stay`() throws {
        try remember()
        try remember("b.png", outputs: ["out/b.jpg"])
        let later = "{\"v\":2,\"what\":\"nobody knows yet\"}\n"
        let line = try text().split(separator: "\n")[0] + "\n"
        try folder.write("out/.aquatint/journal.jsonl", later + String(repeating: String(line), count: Journal.deadLinesAtLeast) + text())
        try Journal(outputFolder: folder("out")).open()
        #expect(try lines() == Journal.deadLinesAtLeast + 3, "not yet")
        try folder.write("out/.aquatint/journal.jsonl", String(repeating: String(line) + "torn\n", count: 10) + text())
        try Journal(outputFolder: folder("out")).open()
        #expect(try lines() == 3 && text().hasPrefix(later))
        #expect(folder.files("out/.aquatint") == ["journal.jsonl"])
        let short = try text()
        try folder.write("out/.aquatint/journal.jsonl", short + String(repeating: "<a line of another time/>\n", count: 2 * Journal.deadLinesAtLeast))
        try Journal(outputFolder: folder("out")).open()
        #expect(try lines() == 3 + 2 * Journal.deadLinesAtLeast, "what is not understood is not thrown away")
        #expect(try standing() == .upToDate)
        #expect(try standing("b.png", outputs: ["out/b.jpg"]) == .upToDate)
    }

    @Test func `many who write at once, while the file is rewritten and deleted, lose no later line`() throws {
        let names = (0..<8).map { "\($0).png" }
        for name in names { try remember(name, outputs: ["out/\(name).jpg"]) }
        let line = try text().split(separator: "\n")[0] + "\n"
        try folder.write("out/.aquatint/journal.jsonl", String(repeating: String(line), count: 2 * Journal.deadLinesAtLeast))
        // As many journals as processes would have.
        DispatchQueue.concurrentPerform(iterations: names.count) { index in
            let journal = Journal(outputFolder: folder("out"))
            for round in 0..<20 {
                try? journal.open()
                try? remember(names[index], outputs: ["out/\(names[index]).jpg"], recipe: "\(round)", by: journal)
            }
        }
        for name in names { #expect(try standing(name, recipe: "19", outputs: ["out/\(name).jpg"]) == .upToDate) }
        let journal = Journal(outputFolder: folder("out"))
        try journal.open()
        try FileManager.default.removeItem(atPath: folder("out/.aquatint"))
        try remember(by: journal)
        #expect(try standing() == .upToDate)
    }

    @Test func `a journal that cannot be read or written says so, and how to go on`() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let journal = Journal(outputFolder: folder("out"))
        #expect(journal.problem?.message == "the journal '\(path)' cannot be read: Is a directory" && journal.problem?.hint?.contains("--overwrite always") == true)
        #expect(runError { try journal.open() }?.message == "the journal '\(path)' cannot be written: Is a directory")
        try FileManager.default.removeItem(atPath: folder("out/.aquatint"))
        try folder.write("out/.aquatint", "a file in the way")
        #expect(runError { try Journal(outputFolder: folder("out")).open() }?.message == "the journal '\(path)' cannot be written: Not a directory")
    }
}

@Suite struct RememberedHashesTests {
    @Test func `a hash is remembered while the file is untouched, and read again after`() throws {
        let folder = try Scratch()
        try folder.write("w.safetensors", "weights")
        // One that was written just now is not trusted.
        let early = RememberedHashes(outputFolder: folder("out"))
        try FileManager.default.createDirectory(atPath: folder("out/.aquatint"), withIntermediateDirectories: true)
        let hash = try #require(early.hash(of: folder("w.safetensors")))
        early.keep()
        #expect(folder.files("out").isEmpty)
        // An old file of the system, of which only the memory is changed.
        let old = "/bin/sh", first = RememberedHashes(outputFolder: folder("out"))
        let real = try #require(first.hash(of: old))
        #expect(first.hash(of: old) == real && first.filesRead == 1, "one that several images name is read once")
        first.keep()
        let text = try String(contentsOfFile: folder("out/.aquatint/hashes"), encoding: .utf8)
        #expect(text.hasPrefix(real) && text.hasSuffix(" \(old)\n"))
        try folder.write("out/.aquatint/hashes", text.replacing(real, with: hash))
        #expect(RememberedHashes(outputFolder: folder("out")).hash(of: old) == hash, "it is not read again")
        try folder.write("out/.aquatint/hashes", text.replacing(real, with: hash).replacing(" \(old)", with: "1 \(old)"))
        #expect(RememberedHashes(outputFolder: folder("out")).hash(of: old) == real, "another device")
        try folder.write("out/.aquatint/hashes", "garbage\n\u{0}")
        #expect(RememberedHashes(outputFolder: folder("out")).hash(of: old) == real)
        #expect(RememberedHashes(outputFolder: nil).hash(of: folder("none")) == nil)
    }
}
