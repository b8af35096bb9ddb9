import Foundation
import Testing
import Vips

@testable import Runner

/// What makes a second run do an image again, and what does not.
@Suite struct OverwriteTests {
    let folder: Scratch

    static let pipeline = "vars: {sigma: 1.5}\nimages: {mark: mark.png}\nstages: [gaussblur: \"${sigma}\", insert: {main: prev, sub: mark, x: 0, y: 0}]\noutput: \"{stem}.png\"\n"

    /// Three images, made once.
    init() throws {
        folder = try Scratch()
        try FileManager.default.createDirectory(atPath: folder("in"), withIntermediateDirectories: true)
        for name in ["a", "b", "c"] { try Picture.make().save(folder("in/\(name).png")) }
        try Picture.make(5, 5).save(folder("mark.png"))
        #expect(try made() == ["a", "b", "c"])
    }

    /// The images that another run makes.
    func made(_ text: String = pipeline, set: [String: String] = [:], _ overwrite: RunSettings.Overwrite = .stale) throws -> [String] {
        let request = try RunRequest.of(text, in: folder, set: set)
        var settings = RunSettings(output: folder("out"))
        settings.inProcess = true
        settings.overwrite = overwrite
        let found = try InputSelection(arguments: [folder("in")]).resolve(knownExtensions: ["png"]) { _ in false }
        let plan = try RunPlan(found, request: request, settings: settings), events = Events(), schedule = Schedule(images: 3, settings: settings)
        let summary = try Batch(plan, request: request, settings: settings, schedule: schedule,
                                crew: try Crew(request, schedule: schedule, images: 3, settings: settings), stop: StopSignal()) { events.take($0) }.run()
        #expect(summary.failed == 0)
        return events.images.filter { $0.status == .done }.map { Path.split(Path.base($0.input)).stem }.sorted()
    }

    func touch(_ name: String, _ time: TimeInterval) throws {
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: time)], ofItemAtPath: folder(name))
    }

    @Test func `nothing has changed: nothing is done`() throws {
        #expect(try made() == [])
        #expect(try made(.always) == ["a", "b", "c"])
        #expect(try made(.never) == [])
    }

    private func made(_ overwrite: RunSettings.Overwrite) throws -> [String] { try made(Self.pipeline, overwrite) }

    /// The second is a clock that was put back: nothing compares times but for being equal.
    @Test(arguments: [1e9, 4e9]) func `a touched input is known by its content, which is then looked at once`(_ time: TimeInterval) throws {
        try touch("in/a.png", time)
        #expect(try made() == [])
        let journal = Journal(outputFolder: folder("out"))
        let status = try #require(FileStatus(folder("in/a.png")))
        #expect(journal.standing(input: folder("in/a.png"), status: status, recipe: try RunRequest.of(Self.pipeline, in: folder).recipe(), outputs: [folder("out/a.png")]) == .upToDate)
    }

    @Test func `an input with other content is done again, alone, even where the size is the same`() throws {
        var bytes = try Data(contentsOf: URL(filePath: folder("in/b.png")))
        bytes.append(0)
        try bytes.write(to: URL(filePath: folder("in/b.png")))
        #expect(try made() == ["b"])
        bytes[bytes.count - 1] = 1
        try bytes.write(to: URL(filePath: folder("in/b.png")))
        try touch("in/b.png", 1e9)
        #expect(try made() == ["b"])
        #expect(try made() == [])
    }

    @Test func `an output that is missing or edited is done again, alone`() throws {
        try FileManager.default.removeItem(atPath: folder("out/c.png"))
        #expect(try made(.never) == ["c"])
        try FileManager.default.removeItem(atPath: folder("out/c.png"))
        #expect(try made() == ["c"])
        try Picture.make(9, 9).save(folder("out/b.png"))
        #expect(try made(.never) == [])
        #expect(try made() == ["b"])
        #expect(try made() == [])
    }

    @Test func `a variable and a value of the pipeline do all again, a remark does not`() throws {
        #expect(try made(set: ["sigma": "2.5"]) == ["a", "b", "c"])
        #expect(try made(set: ["sigma": "2.5"]) == [])
        #expect(try made(Self.pipeline.replacing("1.5", with: "2.5")) == [], "the same value by another way")
        #expect(try made(Self.pipeline.replacing("x: 0", with: "x: 1")) == ["a", "b", "c"])
        let remarked = """
            # A remark.
            description: nothing new
            limits: {timeout: 1000s, max_pixels: 1G}

            output: '{stem}.png'
            images: {mark: "mark.png"}
            vars: {sigma: {type: double, default: 1.5, doc: How soft}}
            stages:
              - gaussblur: ${sigma}   # another
              - insert: {y: 0, x: 0, sub: mark, main: prev}
            """
        #expect(try made() == ["a", "b", "c"])
        #expect(try made(remarked) == [])
    }

    @Test func `a changed second image does all again, and one that is only touched does not`() throws {
        try touch("mark.png", 1e9)
        #expect(try made() == [])
        try Picture.make(6, 6).save(folder("mark.png"))
        #expect(try made() == ["a", "b", "c"])
        #expect(try made() == [])
    }

    @Test func `a deleted journal costs the work again, and a broken one ends the run before it`() throws {
        try FileManager.default.removeItem(atPath: folder("out/.aquatint"))
        #expect(try made() == ["a", "b", "c"])
        try FileManager.default.removeItem(atPath: folder("out/.aquatint"))
        try folder.write("out/.aquatint", "a file in the way")
        let error = runError { try made() }
        #expect(error?.status == .cannotCreateOutput && error?.message.contains("the journal '\(folder("out/.aquatint/journal.jsonl"))' cannot be written") == true)
        #expect(try made(.always) == ["a", "b", "c"])
        #expect(try made(.never) == [])
    }

    @Test func `results that lie among the inputs are never inputs`() throws {
        func names(_ inputs: String, _ output: String) throws -> [String] {
            var selection = InputSelection(arguments: [folder(inputs)])
            selection.output = folder(output)
            return try selection.resolve(knownExtensions: ["png"]) { _ in false }.files.map { $0.path.replacing(folder.path + "/", with: "") }
        }
        // Written beside the inputs.
        let beside = "stages: [invert]\noutput: \"{stem}-small.png\""
        #expect(try run(beside, ["in"], in: folder, to: "in").done == 3)
        #expect(try names("in", "in") == ["in/a.png", "in/b.png", "in/c.png"])
        #expect(try run(beside, ["in"], in: folder, to: "in").done == 0)
        // Of another run, below what is walked; but taken where they are asked for.
        #expect(try names("", "elsewhere") == ["in/a.png", "in/b.png", "in/c.png", "mark.png"])
        #expect(try names("out", "elsewhere") == ["out/a.png", "out/b.png", "out/c.png"])
        try Picture.make().save(folder("out/own.png"))
        #expect(try names("", "elsewhere").contains("out/own.png"))
    }
}

/// Files that the pipeline names by facts of each image.
@Suite struct NamedByImageTests {
    @Test func `a profile whose name depends on the image makes what was made with it out of date`() throws {
        let folder = try Scratch()
        try folder.write("in/.keep")
        try Picture.make(40, 30).save(folder("in/a.png"))
        func profile(_ name: String) throws -> [UInt8] {
            let converted = try Operation.image("icc_transform", ["in": .image(try Picture.make()), "output_profile": .string(name)])
            return try #require(converted.blob("icc-profile-data"))
        }
        try Data(try profile("srgb")).write(to: URL(filePath: folder("p40.icc")))
        let text = "stages: [icc_transform: {output_profile: \"p${input.width}.icc\"}]"
        #expect(try run(text, ["in"], in: folder).done == 1)
        #expect(try run(text, ["in"], in: folder).skipped == 1)
        try Data(try profile("p3")).write(to: URL(filePath: folder("p40.icc")))
        #expect(try run(text, ["in"], in: folder).done == 1, "another profile")
        #expect(try run(text, ["in"], in: folder).skipped == 1)
    }
}
