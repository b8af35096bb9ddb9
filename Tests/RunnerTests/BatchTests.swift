import Foundation
import Synchronization
import Testing
import Vips

@testable import Runner

@Suite struct BatchTests {
    let folder: Scratch
    let events = Events()

    init() throws { folder = try Scratch() }

    func image(_ name: String, _ picture: Image? = nil) throws {
        try FileManager.default.createDirectory(atPath: Path.directory(folder(name)), withIntermediateDirectories: true)
        try (picture ?? Picture.make()).save(folder(name))
    }

    /// What lies in the output folder but the journal.
    var outputs: [String] { folder.files("out").filter { !$0.hasPrefix(".aquatint/") } }

    @Test func `one bad image fails alone, with its stage where it has one`() throws {
        for name in ["in/a.png", "in/d/b.png"] { try image(name) }
        try folder.write("in/bad.png", "no image")
        try image("in/small.png", Picture.make(3, 3))
        let summary = try run("stages: [extract_area: {left: 0, top: 0, width: 10, height: 10}]", ["in"], in: folder, events: events)
        #expect(summary.done == 2 && summary.failed == 2 && summary.exitStatus(StopSignal()) == .someFailed)
        #expect(outputs == ["a.png", "d/b.png"])
        let failures = events.images.filter { $0.status == .failed }.compactMap(\.failure)
        #expect(failures.map(\.code) == ["load", "stage"] && failures.map(\.stage) == [nil, "1: extract_area"])
    }

    @Test func `a second run does only what is missing or out of date`() throws {
        for name in ["in/a.png", "in/b.png"] { try image(name) }
        func again(_ text: String = "stages: [invert]", _ overwrite: RunSettings.Overwrite = .stale) throws -> (Int, Int) {
            let summary = try run(text, ["in"], in: folder) { $0.overwrite = overwrite }
            return (summary.done, summary.skipped)
        }
        #expect(try again() == (2, 0))
        #expect(try again() == (0, 2))
        try FileManager.default.removeItem(atPath: folder("out/a.png"))
        #expect(try again() == (1, 1))
        try image("in/b.png", Picture.make(20, 20))
        #expect(try again() == (1, 1))
        #expect(try again("stages: [copy: {}]") == (2, 0), "another pipeline")
        #expect(try again("stages: [copy: {}]", .always) == (2, 0))
        #expect(try again("stages: [invert]", .never) == (0, 2))
    }

    @Test func `with fail-fast the first failure ends the run`() throws {
        try folder.write("in/0.png", "no image")
        for index in 1...20 { try image("in/\(index).png") }
        let summary = try run("stages: [invert]", ["in"], in: folder, events: events) {
            $0.failsFast = true
            $0.jobs = 1
        }
        #expect(summary.failed == 1 && summary.done == 0 && summary.exitStatus(StopSignal()) == .someFailed)
    }

    @Test func `a stop before the first image does nothing, and says how it ended`() throws {
        try image("in/a.png")
        let stop = StopSignal()
        stop.raise(SIGTERM)
        let summary = try run("stages: [invert]", ["in"], in: folder, stop: stop, events: events)
        #expect(summary.done == 0 && events.images.isEmpty && summary.exitStatus(stop) == .terminated)
        stop.raise(SIGINT)
        #expect(stop.state == .abandoning && stop.exitStatus == .terminated, "the first signal names the end")
    }

    @Test func `an output folder that cannot be made ends the run with 73 before any work`() throws {
        for name in ["in/a.png", "in/b.png"] { try image(name) }
        try folder.write("file")
        #expect(runError { try run("stages: [invert]", ["in"], in: folder, to: "file/sub", events: events) }?.status == .cannotCreateOutput)
        #expect(events.images.isEmpty)
    }

    /// Runs `gaussblur` over `in/a.png`, which becomes `other.png` as soon as there is progress.
    private func runReplacing() throws -> RunSummary {
        let request = try RunRequest.of("stages: [gaussblur: 2]", in: folder)
        var settings = RunSettings(output: folder("out"))
        settings.inProcess = true
        let found = try InputSelection(arguments: [folder("in")]).resolve(knownExtensions: ["png"]) { _ in false }
        let plan = try RunPlan(found, request: request, settings: settings), isFirst = Atomic<Bool>(true), schedule = Schedule(images: 1, settings: settings)
        return try Batch(plan, request: request, settings: settings, schedule: schedule,
                         crew: try Crew(request, schedule: schedule, images: 1, settings: settings), stop: StopSignal()) { [events, folder] event in
            if case .imageProgress = event, isFirst.exchange(false, ordering: .relaxed) { rename(folder("other.png"), folder("in/a.png")) }
            events.take(event)
        }.run()
    }

    @Test func `an input that is replaced while it is read fails, and is done by the next run`() throws {
        // Larger than what is read at once.
        let noise = try Operation.image("cast", ["in": .image(try Operation.image("gaussnoise", ["width": 1400, "height": 1100])), "format": "uchar"])
        try FileManager.default.createDirectory(atPath: folder("in"), withIntermediateDirectories: true)
        try noise.save(folder("in/a.png"))
        try Picture.make(200, 100).save(folder("other.png"))
        let summary = try runReplacing()
        #expect(summary.failed == 1 && events.images.first?.failure?.code == "changed" && outputs.isEmpty)
        #expect(try run("stages: [gaussblur: 2]", ["in"], in: folder).done == 1)
        #expect(try Image.load(folder("out/a.png")).width == 200)
    }

    @Test func `of a small input that is replaced while it is worked on, the first is done, and the other by the next run`() throws {
        try image("in/a.png", Picture.make(400, 300))
        try Picture.make(200, 100).save(folder("other.png"))
        #expect(try runReplacing().done == 1)
        #expect(try Image.load(folder("out/a.png")).width == 400)
        #expect(try run("stages: [gaussblur: 2]", ["in"], in: folder).done == 1)
        #expect(try Image.load(folder("out/a.png")).width == 200)
    }

    @Test func `an input that is deleted while it is read is done, and not remembered by a content that nobody saw`() throws {
        try image("in/a.png")
        let status = try #require(FileStatus(folder("in/a.png")))
        try FileManager.default.removeItem(atPath: folder("in/a.png"))
        #expect(try ContentStamp.taken(of: folder("in/a.png"), since: status) == ContentStamp(status))
    }

    @Test func `several outputs of one image appear together or not at all`() throws {
        try image("in/a.png")
        let good = "outputs: [{file: \"{stem}.jpg\"}, {file: \"{stem}-s.webp\", stages: [resize: 0.5]}]"
        #expect(try run(good, ["in"], in: folder).done == 1)
        #expect(outputs == ["a-s.webp", "a.jpg"])
        #expect(try Image.load(folder("out/a-s.webp")).width == 20)
        try FileManager.default.removeItem(atPath: folder("out"))
        let bad = "outputs: [{file: \"{stem}.jpg\"}, {file: \"{stem}-s.webp\", stages: [extract_area: {left: 0, top: 0, width: 41, height: 1}]}]"
        #expect(try run(bad, ["in"], in: folder, events: events).failed == 1)
        #expect(outputs.isEmpty)
        #expect(events.images.first?.failure?.stage == "output 2, 1: extract_area")
    }

    @Test func `an image that takes longer than the limit fails, and leaves nothing`() throws {
        try image("in/a.png", Picture.make(200, 200))
        let text = "limits: {timeout: 0.001s}\nstages: [gaussblur: 20, gaussblur: 20, gaussblur: 20, gaussblur: 20]"
        #expect(try run(text, ["in"], in: folder, events: events).failed == 1)
        #expect(events.images.first?.failure?.code == "timeout")
        #expect(outputs.isEmpty)
    }

    @Test func `of very many failures, the first ones are kept and all are counted and told`() throws {
        for number in 1...(RunSummary.mostFailures + 5) { try folder.write("in/\(number).png", "no image") }
        let summary = try run("stages: [invert]", ["in"], in: folder, events: events)
        #expect(summary.failed == RunSummary.mostFailures + 5 && summary.failures.count == RunSummary.mostFailures && events.images.count == summary.failed)
    }

    // MARK: alpha

    @Test func `stages that mix positions do it premultiplied, so that hidden colours do not bleed`() throws {
        // White and opaque on the left, black and transparent on the right.
        var bytes: [UInt8] = []
        for _ in 0..<8 { for x in 0..<40 { bytes += x < 20 ? [255, 255, 255, 255] : [0, 0, 0, 0] } }
        try image("in/a.png", try Image.samples(bytes, width: 40, height: 8, bands: 4, format: .uchar, interpretation: .srgb))
        func colours() throws -> [UInt8] {
            let pixels = try Image.load(folder("out/a.png")).bytes()
            return stride(from: 0, to: pixels.count, by: 4).filter { pixels[$0 + 3] > 8 }.map { pixels[$0] }
        }
        try run("stages: [gaussblur: 3]", ["in"], in: folder)
        #expect(try colours().allSatisfy { $0 >= 250 }, "no dark fringe")
        try run("alpha: raw\nstages: [gaussblur: 3]", ["in"], in: folder)
        #expect(try colours().contains { $0 < 200 }, "raw is exactly libvips")
    }

    @Test func `stages that map values leave alpha as it is`() throws {
        try image("in/a.png", try Picture.make(bands: 4))
        let before = try Image.load(folder("in/a.png")).bytes()
        try run("stages: [invert]", ["in"], in: folder)
        let after = try Image.load(folder("out/a.png")).bytes()
        #expect(before.indices.allSatisfy { after[$0] == ($0 % 4 == 3 ? before[$0] : 255 - before[$0]) })
        try run("alpha: raw\nstages: [invert]", ["in"], in: folder)
        #expect(try Image.load(folder("out/a.png")).bytes() == before.map { 255 - $0 })
    }

    @Test(arguments: ["linear: {a: 1, b: 0}, colourspace: srgb", "colourspace: scrgb, colourspace: srgb", "colourspace: scrgb, gaussblur: 2, colourspace: srgb",
                      "colourspace: lab, linear: {a: 1, b: 0}, colourspace: srgb"])
    func `half transparent stays half transparent, whatever scale floats have on the way`(_ stages: String) throws {
        let samples: [UInt16] = (0..<64).flatMap { _ in [40000, 30000, 20000, 32896] as [UInt16] }
        let bytes = samples.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        try image("in/a.png", try Image.samples(bytes, width: 8, height: 8, bands: 4, format: .ushort, interpretation: .rgb16))
        let list = stages.replacing(", colourspace", with: "}, {colourspace").replacing(", gaussblur", with: "}, {gaussblur").replacing(", linear", with: "}, {linear")
        try run("stages: [{\(list)}]\noutput: \"{stem}.tif\"", ["in"], in: folder)
        let pixel = Array(try Image.load(folder("out/a.tif")).bytes().prefix(4))
        #expect(zip(pixel, [156, 117, 78, 128] as [UInt8]).allSatisfy { abs(Int($0) - Int($1)) <= 1 }, "\(pixel)")
    }

    @Test func `geometry takes alpha along`() throws {
        try image("in/a.png", try Picture.make(bands: 4))
        try run("stages: [rot: d180]", ["in"], in: folder)
        let turned = try Operation.image("rot", ["in": .image(try Image.load(folder("in/a.png"))), "angle": "d180"])
        #expect(try Image.load(folder("out/a.png")).bytes() == turned.bytes())
    }

    // MARK: depth

    @Test func `16 bits go in and come out, with all their levels`() throws {
        let bytes = (0..<4096).flatMap { [UInt8(truncatingIfNeeded: $0 * 16), UInt8($0 * 16 >> 8)] }
        let ramp = try Image.samples(bytes, width: 64, height: 64, bands: 1, format: .ushort, interpretation: .grey16)
        try image("in/a.png", ramp)
        try run("stages: [linear: {a: 1, b: 0}]", ["in"], in: folder, events: events)
        let result = try Image.load(folder("out/a.png"))
        #expect(try result.format == .ushort && result.bytes() == bytes)
        #expect(events.notes.isEmpty)
    }
}
