import Foundation
import Testing
import Vips

/// Animations and files of several pages.
@Suite struct FrameTests {
    let place: Workplace

    /// Three frames: a red one with a black lower edge, a green and a blue one.
    init() throws {
        place = try Workplace()
        let frames = try Self.frames(40, 30)
        for ext in Self.kinds { try frames.save(place("n\(ext)")) }
    }

    static let kinds = [".gif", ".webp", ".tif", ".heic", ".avif"].filter { Image.saver(forFile: "a\($0)") != nil }
    static let animated: Set<String> = [".gif", ".webp"]

    static func frames(_ width: Int, _ height: Int) throws -> Image {
        let colours: [[Double]] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
        let plain = try colours.map { try Picture.make(width, height).constant($0) }
        return try Operation.image("arrayjoin", ["in": .images(plain), "across": 1]).settingFields([
            ("page-height", .int(height)), ("n-pages", .int(3)), ("delay", .intArray([100, 200, 300])), ("loop", .int(4)),
        ])
    }

    private func all(_ name: String) throws -> Image { try Image.load(place(name), options: ["n": -1]) }

    /// The mean of each band of each frame, and of its first and last row.
    private func colours(_ image: Image) throws -> [[Int]] {
        let colour = image.bands > 3 ? try Operation.image("flatten", ["in": .image(image)]) : image
        return try (0..<image.pageCount).flatMap { page in
            try [0, image.pageHeight - 1].map { row in
                let line = try Operation.image("extract_area", ["input": .image(colour), "left": 5, "top": .int(page * image.pageHeight + row), "width": .int(image.width - 10), "height": 1])
                let bytes = try line.bytes()
                return (0..<3).map { band in stride(from: band, to: bytes.count, by: 3).reduce(0) { $0 + Int(bytes[$1]) } / (bytes.count / 3) }
            }
        }
    }

    @Test(arguments: kinds) func `frames come through a blur with their number, size, times and without their neighbours`(_ ext: String) throws {
        try place.write("p.yaml", "version: 1\ninput: {pages: all}\nstages: [{gaussblur: 4}, {resize: 2}]\noutput: {file: \"{stem}{ext}\", options: {Q: 95}}\n".replacing(ext == ".gif" || ext == ".tif" ? ", options: {Q: 95}" : "none", with: ""))
        let outcome = try place.aquatint("run", "p.yaml", "n\(ext)", "-o", "out")
        #expect(outcome.status == 0, "\(outcome.error)")
        let made = try all("out/n\(ext)")
        #expect(made.pageCount == 3 && made.pageHeight == 60 && made.width == 80 && made.pagesInFile == 3)
        if Self.animated.contains(ext) { #expect(made.intArray("delay") == [100, 200, 300] && made.int("loop") == 4) }
        for (index, colour) in try colours(made).enumerated() {
            let band = index / 2
            for other in 0..<3 { #expect(other == band ? colour[other] > 240 : colour[other] < 16, "row \(index): \(colour)") }
        }
    }

    @Test func `a frame that stays alone keeps its own time`() throws {
        try place.write("p.yaml", "version: 1\ninput: {pages: 2}\noutput: \"{stem}{ext}\"\n")
        try place.write("each.yaml", "version: 1\ninput: {pages: all}\noutput: \"{stem}-{page}{ext}\"\n")
        #expect(try place.aquatint("run", "p.yaml", "n.gif", "-o", "out").status == 0)
        #expect(try place.aquatint("run", "each.yaml", "n.gif", "-o", "out").status == 0)
        #expect(try place.load("out/n.gif").intArray("delay") == [200])
        for (page, delay) in [(1, 100), (2, 200), (3, 300)] { #expect(try place.load("out/n-\(page).gif").intArray("delay") == [delay]) }
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `frames come through a network without their neighbours`() throws {
        try place.write("w.safetensors", Array(try Data(contentsOf: URL(filePath: "\(Program.root)/Tests/Fixtures/modules/generator-00.weights.safetensors"))))
        try place.write("p.yaml", "version: 1\ninput: {pages: all}\nstages: [generator: {weights: w.safetensors}]\noutput: \"{stem}.tif\"\n")
        try place.write("one.yaml", "version: 1\nstages: [generator: {weights: w.safetensors}]\noutput: \"{stem}.tif\"\n")
        #expect(try place.aquatint("run", "p.yaml", "n.gif", "-o", "out", "--precision", "f32").status == 0)
        let made = try all("out/n.tif"), source = try all("n.gif")
        for page in 0..<3 {
            let frame = try Operation.image("extract_area", ["input": .image(source), "left": 0, "top": .int(page * 30), "width": 40, "height": 30]).settingFields([("page-height", nil), ("n-pages", nil), ("delay", nil)])
            try frame.save(place("single-\(page).png"))
            #expect(try place.aquatint("run", "one.yaml", "single-\(page).png", "-o", "single", "--precision", "f32").status == 0)
            let alone = try place.load("single/single-\(page).tif")
            let together = try Operation.image("extract_area", ["input": .image(made), "left": 0, "top": .int(page * made.pageHeight), "width": .int(made.width), "height": .int(made.pageHeight)])
            #expect(try together.bytes() == alone.bytes(), "frame \(page + 1)")
        }
    }

    @Test func `stages that turn and cut see one frame at a time`() throws {
        try place.write("p.yaml", "version: 1\ninput: {pages: all}\nstages: [{rot: d90}, {extract_area: {left: 0, top: 0, width: 20, height: 40}}]\noutput: \"{stem}{ext}\"\n")
        #expect(try place.aquatint("run", "p.yaml", "n.gif", "n.webp", "-o", "out").status == 0)
        for ext in [".gif", ".webp"] {
            let made = try all("out/n\(ext)")
            #expect(made.pageCount == 3 && made.width == 20 && made.pageHeight == 40 && made.intArray("delay") == [100, 200, 300])
        }
    }

    @Test func `a range of frames keeps their own times, and what is not there is said`() throws {
        func run(_ pages: String, _ name: String) throws -> Outcome {
            try place.write("p.yaml", "version: 1\ninput: {pages: \(pages)}\nstages: [invert]\noutput: \"{stem}{ext}\"\n")
            return try place.aquatint("run", "p.yaml", name, "-o", "out-\(pages)")
        }
        for ext in [".gif", ".webp"] {
            #expect(try run("2..3", "n\(ext)").status == 0)
            let made = try all("out-2..3/n\(ext)")
            #expect(made.pageCount == 2 && made.intArray("delay") == [200, 300])
        }
        let beyond = try run("3..9", "n.gif")
        #expect(beyond.status == 0 && beyond.error.contains("note n.gif: has 3 pages: those behind the last are not there"), "\(beyond.error)")
        let none = try run("5", "n.gif")
        #expect(none.status == 1 && none.error.contains("n.gif: has 3 pages, and the pipeline takes others"), "\(none.error)")
        let first = try run("first", "n.gif")
        #expect(first.status == 0 && first.error.contains("note n.gif: has 3 pages; the first is used (input: {pages: all} takes every one)"), "\(first.error)")
        #expect(try all("out-first/n.gif").pageCount == 1)
    }

    @Test func `pages become files of their own where the name says so, and a second run finds them`() throws {
        try place.write("p.yaml", "version: 1\ninput: {pages: all}\nstages: [invert]\noutputs: [\"{stem}-{page}.png\", \"{stem}.tif\"]\n")
        let plan = try place.aquatint("run", "p.yaml", "n.gif", "-o", "out", "-n")
        #expect(plan.output.contains("out/n-1.png, out/n-2.png, out/n-3.png, out/n.tif"), "\(plan.output)")
        #expect(try place.aquatint("run", "p.yaml", "n.gif", "-o", "out").status == 0)
        #expect(place.files("out") == ["n-1.png", "n-2.png", "n-3.png", "n.tif"])
        #expect(try place.load("out/n-2.png").height == 30 && all("out/n.tif").pageCount == 3)
        #expect(try place.aquatint("run", "p.yaml", "n.gif", "-o", "out").error.contains("0 done, 1 skipped"))
        // In worker processes, too.
        try place.write("three.yaml", "version: 1\ninput: {pages: all}\nstages: [invert]\noutput: \"{name}-{page}.png\"\n")
        #expect(try place.aquatint("run", "three.yaml", "n.gif", "n.webp", "n.tif", "-o", "three").status == 0)
        #expect(place.files("three").count == 9)
        try place.write("two.yaml", "version: 1\ninput: {pages: 2..3}\noutput: \"{stem}-{page}.png\"\n")
        #expect(try place.aquatint("run", "two.yaml", "n.gif", "-o", "two").status == 0)
        #expect(place.files("two") == ["n-2.png", "n-3.png"])
    }

    @Test func `a format of one picture is refused, never a tall strip`() throws {
        for ext in [".png", ".jpg", ".jxl"] where Image.saver(forFile: "a\(ext)") != nil {
            try place.write("p.yaml", "version: 1\ninput: {pages: all}\nstages: [invert]\noutput: \"{stem}\(ext)\"\n")
            let outcome = try place.aquatint("run", "p.yaml", "n.gif", "-o", "out")
            #expect(outcome.status == 1 && outcome.error.contains("has 3 pages, and a '\(ext)' holds one: put {page} into the output's name"), "\(outcome.error)")
            #expect(place.files("out").isEmpty)
        }
    }

    @Test func `times that a format of pages cannot hold are said`() throws {
        try place.write("p.yaml", "version: 1\ninput: {pages: all}\nstages: [invert]\noutput: \"{stem}.tif\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "n.gif", "-o", "out")
        #expect(outcome.status == 0 && outcome.error.contains("note n.gif: the times of its frames are not kept, since a '.tif' has pages and is no animation"), "\(outcome.error)")
    }

    @Test func `pages of different sizes come one by one, and are not put into one file`() throws {
        // Two pages in one TIFF: the second directory is chained behind the first file's.
        func page(_ width: UInt32, at offset: UInt32, next: UInt32) -> [UInt8] {
            func little(_ value: UInt32, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
            let tags: [(UInt32, UInt32, UInt32)] = [(256, 4, width), (257, 4, 4), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, offset + 2 + 108 + 4), (277, 3, 1), (278, 4, 4), (279, 4, width * 4)]
            return little(9, 2) + tags.flatMap { little($0.0, 2) + little($0.1, 2) + little(1, 4) + little($0.2, 4) } + little(next, 4) + [UInt8](repeating: 90, count: Int(width) * 4)
        }
        let first = page(8, at: 8, next: 8 + 114 + 32)
        try place.write("m.tif", Array("II*\0".utf8) + [8, 0, 0, 0] + first + page(12, at: 8 + 114 + 32, next: 0))
        try place.write("split.yaml", "version: 1\ninput: {pages: all}\nstages: [invert]\noutput: \"{stem}-{page}.png\"\n")
        let outcome = try place.aquatint("run", "split.yaml", "m.tif", "-o", "out")
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(try place.load("out/m-1.png").width == 8 && place.load("out/m-2.png").width == 12)
        try place.write("join.yaml", "version: 1\ninput: {pages: all}\nstages: [invert]\noutput: \"{stem}.tif\"\n")
        let joined = try place.aquatint("run", "join.yaml", "m.tif", "-o", "joined")
        #expect(joined.status == 1 && joined.error.contains("the pages have different sizes, and one file cannot hold them: put {page} into the output's name"), "\(joined.error)")
    }

    @Test func `an animated PNG is known as one, and so is an AVIF that nothing reads`() throws {
        try Picture.make(20, 10).save(place("still.png"))
        let bytes = try place.read("still.png")
        // Behind IHDR, which ends at 33: acTL with 3 frames; nobody checks its sum, but libpng passes unknown chunks over only if it is right.
        let control: [UInt8] = [0, 0, 0, 8] + Array("acTL".utf8) + [0, 0, 0, 3, 0, 0, 0, 0]
        try place.write("anim.png", bytes[..<33] + control + HostilePictureTests.sum(Array(control.dropFirst(4))) + bytes[33...])
        try place.write("first.yaml", "version: 1\nstages: [invert]\n")
        let first = try place.aquatint("run", "first.yaml", "anim.png", "-o", "out")
        #expect(first.status == 0 && first.error.contains("note anim.png: is an animated PNG, of which libvips reads the first picture only"), "\(first.error)")
        try place.write("all.yaml", "version: 1\ninput: {pages: all}\nstages: [invert]\n")
        let all = try place.aquatint("run", "all.yaml", "anim.png", "-o", "all")
        #expect(all.status == 1 && all.error.contains("anim.png: is an animated PNG"), "\(all.error)")
        try place.write("seq.avif", [0, 0, 0, 28] + Array("ftypavis".utf8) + [0, 0, 0, 0] + Array("avismsf1miaf".utf8))
        let sequence = try place.aquatint("run", "first.yaml", "seq.avif", "-o", "out")
        #expect(sequence.status == 1 && sequence.error.contains("seq.avif: is an animated AVIF (an image sequence)"), "\(sequence.error)")
    }

    @Test(.enabled(if: HostilePictureTests.has("pdfload"), "this libvips reads no PDF")) func `pages of a PDF become files, at the width that is asked for`() throws {
        try place.write("d.pdf", PDF.pages(2, width: 100, height: 50))
        try place.write("p.yaml", "version: 1\ninput: {pages: all, untrusted: true, width: 333}\nstages: [flatten: {background: [255]}]\noutput: \"{stem}-{page}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "d.pdf", "-o", "out")
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(place.files("out") == ["d-1.png", "d-2.png"])
        #expect(try place.load("out/d-2.png").width == 333)
    }

    @Test(.enabled(if: HostilePictureTests.has("pdfload"), "this libvips reads no PDF")) func `each page of a PDF is drawn at the width that is asked for, whatever size it says`() throws {
        try place.write("d.pdf", PDF.pages([(100, 50), (300, 150), (60, 60)]))
        try place.write("p.yaml", "version: 1\ninput: {pages: 2..3, untrusted: true, width: 600}\nstages: [flatten: {background: [255]}]\noutput: \"{stem}-{page}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "d.pdf", "-o", "out")
        #expect(outcome.status == 0, "\(outcome.error)")
        let second = try place.load("out/d-2.png"), third = try place.load("out/d-3.png")
        #expect([second.width, second.height] == [600, 300] && [third.width, third.height] == [600, 600])
        try place.write("own.yaml", "version: 1\ninput: {pages: all, untrusted: true}\nstages: [flatten: {background: [255]}]\noutput: \"{stem}-{page}.png\"\n")
        #expect(try place.aquatint("run", "own.yaml", "d.pdf", "-o", "own").status == 0)
        #expect(try (1...3).map { try place.load("own/d-\($0).png").width } == [100, 300, 60])
    }
}

enum PDF {
    /// Pages with a square each, in a file whose table of objects readers have to rebuild.
    static func pages(_ count: Int, width: Int, height: Int) -> String { pages(Array(repeating: (width, height), count: count)) }

    static func pages(_ sizes: [(width: Int, height: Int)]) -> String {
        let count = sizes.count
        let kids = (0..<count).map { "\(10 + 2 * $0) 0 R" }.joined(separator: " ")
        let pages = (0..<count).map { page in
            """
            \(10 + 2 * page) 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 \(sizes[page].width) \(sizes[page].height)] /Contents \(11 + 2 * page) 0 R>> endobj
            \(11 + 2 * page) 0 obj <</Length 28>> stream
            1 0 0 rg \(10 + page) 10 20 20 re f  \nendstream endobj

            """
        }.joined()
        return "%PDF-1.4\n1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj\n2 0 obj <</Type /Pages /Kids [\(kids)] /Count \(count)>> endobj\n\(pages)trailer <</Root 1 0 R>>\n%%EOF\n"
    }
}
