import Foundation
import Testing
import Vips

/// Files of which a part can be read.
@Suite struct DamageTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        for ext in ["jpg", "png", "gif"] {
            try Picture.make(320, 240).save(place("whole.\(ext)"))
            let bytes = try place.read("whole.\(ext)")
            try place.write("in/cut.\(ext)", Array(bytes.prefix(bytes.count * 6 / 10)))
        }
        try place.pictures(1, in: "in", 64, 48)
    }

    @Test func `a damaged picture fails unless the pipeline keeps it`() throws {
        try place.write("p.yaml", "version: 1\nstages: [invert]\noutput: \"{name}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "in", "-o", "out")
        #expect(outcome.status == 1 && place.files("out") == ["1.png.png"], "\(outcome.error)")
        #expect(outcome.error.contains("1 done, 3 failed"), "\(outcome.error)")
    }

    @Test(arguments: ["invert", "thumbnail_image: {width: 100}", "hist_equal", "extract_area: {left: 0, top: 200, width: 9, height: 9}"])
    func `a damaged picture is called so, whatever part of the pipeline comes upon it`(_ stage: String) throws {
        try place.write("p.yaml", "version: 1\nstages: [\(stage)]\noutput: \"{name}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "in/cut.jpg", "in/cut.png", "-o", "out")
        #expect(outcome.status == 1 && place.files("out") == [], "\(outcome.error)")
        let hint = "(input: {on_damage: keep} keeps what can be read)"
        #expect(outcome.error.contains("failed in/cut.jpg: is damaged: VipsJpeg: Premature end of input file \(hint)"), "\(outcome.error)")
        #expect(outcome.error.contains("failed in/cut.png: is damaged: vipspng: libpng read error \(hint)"), "\(outcome.error)")
    }

    @Test func `what fails for another reason is not put down to damage`() throws {
        try place.write("p.yaml", "version: 1\nstages: [extract_area: {left: 300, top: 0, width: 99, height: 9}]\noutput: \"{name}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "in/cut.jpg", "in/1.png", "-o", "out")
        #expect(outcome.status == 1 && !outcome.error.contains("damage") && outcome.error.contains("failed in/cut.jpg: stage 1: extract_area"), "\(outcome.error)")
    }

    @Test func `what a pipeline has asked a loader to fail on is told as the loader tells it`() throws {
        try place.write("p.yaml", "version: 1\ninput: {options: {fail_on: error}}\nstages: [invert]\noutput: \"{name}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "in/cut.jpg", "-o", "out")
        #expect(outcome.status == 1 && !outcome.error.contains("damage") && outcome.error.contains("Premature end of input file"), "\(outcome.error)")
    }

    @Test func `a drawing is looked over for damage at the size that it is asked for`() throws {
        let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='90000' height='90000'><rect width='9' height='9'/></svg>"
        try place.write("big.svg", Array(svg.utf8))
        try place.write("p.yaml", "version: 1\ninput: {untrusted: true, width: 100, on_damage: keep}\nstages: [invert]\noutput: \"{name}.png\"\nlimits: {timeout: 20s}\n")
        let outcome = try place.aquatint("run", "p.yaml", "big.svg", "-o", "out")
        #expect(outcome.status == 0 && place.files("out") == ["big.svg.png"], "\(outcome.error)")
    }

    @Test(arguments: ["stages: [invert]", "stages: [thumbnail_image: {width: 100}]", "stages: [{rot: d90}, {gaussblur: 2}]"])
    func `what is kept of damaged pictures is listed, on the terminal and in the report`(_ stages: String) throws {
        try place.write("p.yaml", "version: 1\ninput: {on_damage: keep}\n\(stages)\noutput: \"{name}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "in", "-o", "out", "--report", "r.jsonl")
        #expect(outcome.status == 0 && outcome.error.contains("4 done (3 damaged)"), "\(outcome.error)")
        #expect(place.files("out") == ["1.png.png", "cut.gif.png", "cut.jpg.png", "cut.png.png"])
        for ext in ["jpg", "png", "gif"] { #expect(outcome.error.contains("damaged in/cut.\(ext): "), "\(outcome.error)") }
        #expect(outcome.error.contains("damaged in/cut.jpg: VipsJpeg: Premature end of input file; what could be read of it was kept"), "\(outcome.error)")
        let lines = String(decoding: try place.read("r.jsonl"), as: UTF8.self).split(separator: "\n")
        let images = try lines.dropLast().map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
        #expect(images.count == 4)
        for image in images {
            let isDamaged = (image["input"] as? String)?.contains("cut") == true
            #expect((image["damage"] is String) == isDamaged && image["status"] as? String == "done", "\(image)")
        }
        #expect(lines.last?.contains("\"damaged\":3") == true)
    }

    @Test func `the upper part of a kept picture is the picture`() throws {
        try place.write("p.yaml", "version: 1\ninput: {on_damage: keep}\nstages: [invert]\noutput: \"{name}.png\"\n")
        #expect(try place.aquatint("run", "p.yaml", "in/cut.png", "-o", "out").status == 0)
        let rows: [String: Argument] = ["left": 0, "top": 0, "width": 320, "height": 60]
        let whole = try Operation.image("invert", ["in": .image(try place.load("whole.png"))])
        let kept = try Operation.image("extract_area", rows.merging(["input": .image(try place.load("out/cut.png.png"))]) { $1 })
        #expect(try kept.bytes() == Operation.image("extract_area", rows.merging(["input": .image(whole)]) { $1 }).bytes())
    }

    @Test func `a TIFF without its end is called damaged, and not another format`() throws {
        try Picture.make(320, 240).save(place("t.tif"))
        try place.write("cut.tif", Array(try place.read("t.tif").dropLast(400)))
        try place.write("p.yaml", "version: 1\nstages: [invert]\n")
        let outcome = try place.aquatint("run", "p.yaml", "cut.tif", "-o", "out")
        #expect(outcome.status == 1 && outcome.error.contains("cut.tif: is a damaged TIFF: its list of pages is cut off or broken"), "\(outcome.error)")
    }

    @Test(arguments: ["gif", "tif"]) func `several pictures of which the last are missing fail, or are kept as far as they are there, and listed`(_ ext: String) throws {
        let frames = try FrameTests.frames(40, 30)
        // The directory of a page stands behind its pixels.
        try frames.save(place("whole.\(ext)"), options: ext == "tif" ? ["compression": "deflate"] : [:])
        let bytes = try place.read("whole.\(ext)")
        try place.write("cut.\(ext)", Array(bytes.dropLast(ext == "gif" ? 3 : 150)))
        try place.write("p.yaml", "version: 1\ninput: {pages: all, on_damage: fail}\nstages: [invert]\n")
        let failed = try place.aquatint("run", "p.yaml", "cut.\(ext)", "whole.\(ext)", "-o", "out")
        #expect(failed.status == 1 && failed.error.contains("failed cut.\(ext): is damaged: its end is missing: 2 p"), "\(failed.error)")
        #expect(place.files("out") == ["whole.\(ext)"])
        try place.write("k.yaml", "version: 1\ninput: {pages: all, on_damage: keep}\nstages: [invert]\n")
        let kept = try place.aquatint("run", "k.yaml", "cut.\(ext)", "whole.\(ext)", "-o", "kept")
        #expect(kept.status == 0 && kept.error.contains("damaged cut.\(ext): its end is missing: 2 p") && !kept.error.contains("damaged whole"), "\(kept.error)")
        try place.write("two.yaml", "version: 1\ninput: {pages: 1..2}\nstages: [invert]\n")
        #expect(try place.aquatint("run", "two.yaml", "cut.\(ext)", "-o", "two").status == 0)
    }

    @Test func `a GIF without a trailer is whole, and one that announces a picture and has none is not`() throws {
        try FrameTests.frames(40, 30).save(place("whole.gif"))
        let bytes = try place.read("whole.gif")
        try place.write("bare.gif", Array(bytes.dropLast()))
        try place.write("announced.gif", Array(bytes.dropLast()) + [0x21, 0xF9, 4, 0, 0, 0, 0, 0])
        try place.write("p.yaml", "version: 1\ninput: {pages: all}\nstages: [invert]\n")
        let outcome = try place.aquatint("run", "p.yaml", "bare.gif", "announced.gif", "-o", "out")
        #expect(outcome.status == 1 && outcome.error.contains("failed announced.gif: is damaged: its end is missing: 3 p"), "\(outcome.error)")
        #expect(place.files("out") == ["bare.gif"])
    }
}
