import Foundation
import Testing
import Vips

/// Pictures that have the size that one asks for, and formats that are only read.
@Suite(.enabled(if: HostilePictureTests.has("svgload"), "this libvips reads no SVG")) struct DrawingTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try place.write("wide.yaml", "version: 1\ninput: {untrusted: true, width: 333}\noutput: \"{stem}.png\"\n")
        try place.write("own.yaml", "version: 1\ninput: {untrusted: true}\nstages: [invert]\n")
    }

    private func svg(_ attributes: String) -> String { "<svg xmlns=\"http://www.w3.org/2000/svg\" \(attributes)><rect width=\"20\" height=\"10\" fill=\"red\"/></svg>\n" }

    @Test func `a drawing gets the width that the pipeline asks for, and a picture keeps its own`() throws {
        for (name, attributes) in [("a", "width=\"20\" height=\"10\""), ("b", "viewBox=\"0 0 30 20\""), ("c", "width=\"100%\" height=\"100%\" viewBox=\"0 0 7 3\""), ("d", "width=\"4000\" height=\"10\"")] {
            try place.write("in/\(name).svg", svg(attributes))
        }
        try place.pictures(1, in: "in", 64, 48)
        let outcome = try place.aquatint("run", "wide.yaml", "in", "-o", "out")
        #expect(outcome.status == 0, "\(outcome.error)")
        for name in ["a", "b", "c", "d"] { #expect(try place.load("out/\(name).png").width == 333, "\(name)") }
        #expect(try place.load("out/a.png").height == 167 && place.load("out/1.png").width == 64)
    }

    @Test func `resolution is a loader's option`() throws {
        try place.write("a.svg", svg("width=\"1in\" height=\"1in\""))
        try place.write("p.yaml", "version: 1\ninput: {untrusted: true, options: {dpi: 300}}\noutput: \"{stem}.png\"\n")
        #expect(try place.aquatint("run", "p.yaml", "a.svg", "-o", "out").status == 0)
        #expect(try place.load("out/a.png").width == 300)
    }

    @Test(arguments: ["1e9", "1000000000", "3000000000"]) func `a size that no picture has is refused, and a small one is none of those`(_ size: String) throws {
        try place.write("in/big.svg", svg("width=\"\(size)\" height=\"\(size)\""))
        try place.write("in/one.svg", svg("width=\"1\" height=\"1\""))
        try place.write("p.yaml", "version: 1\ninput: {untrusted: true}\noutput: \"{stem}.png\"\n")
        let outcome = try place.aquatint("run", "p.yaml", "in", "-o", "out")
        #expect(outcome.status == 1 && outcome.error.contains("failed in/big.svg: says a size that no picture has"), "\(outcome.error)")
        #expect(try place.files("out") == ["one.png"] && place.load("out/one.png").width == 1)
    }

    @Test func `a format that nothing writes is refused before work, with what to write`() throws {
        try place.write("a.svg", svg("width=\"20\" height=\"10\""))
        let outcome = try place.aquatint("run", "own.yaml", "a.svg", "-o", "out")
        #expect(outcome.status == 73 && outcome.error.contains("ends in '.svg', which nothing here writes (name a format: output: \"{stem}.png\")"), "\(outcome.error)")
        #expect(place.files("out").isEmpty)
    }
}
