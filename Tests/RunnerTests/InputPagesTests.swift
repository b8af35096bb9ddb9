import Foundation
import Testing
import Vips

@testable import Runner

/// Files of several pages, each of which is a picture with a size and an orientation of its own.
@Suite struct InputPagesTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    struct Page {
        var width: Int
        var height: Int
        var orientation = 1
        /// Whether the file says that it is another page at a smaller size.
        var isReduced = false
    }

    /// A grey TIFF: each directory stands in front of its pixels.
    private func tiff(_ name: String, _ pages: [Page]) throws {
        func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        var bytes: [UInt8] = Array("II*\0".utf8) + little(8, 4)
        for (index, page) in pages.enumerated() {
            let pixels = page.width * page.height, start = bytes.count + 2 + 12 * 11 + 4
            let tags = [
                (254, 4, page.isReduced ? 1 : 0), (256, 4, page.width), (257, 4, page.height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, start),
                (274, 3, page.orientation), (277, 3, 1), (278, 4, page.height), (279, 4, pixels),
            ]
            bytes += little(tags.count, 2) + tags.flatMap { little($0.0, 2) + little($0.1, 2) + little(1, 4) + little($0.2, 4) }
            bytes += little(index + 1 == pages.count ? 0 : start + pixels, 4) + (0..<pixels).map { UInt8(truncatingIfNeeded: $0 + 40 * index) }
        }
        try Data(bytes).write(to: URL(filePath: folder(name)))
    }

    private func sizes(_ output: String = "out") throws -> [[Int]] {
        try folder.files(output).map { name in
            let image = try Image.load(folder("\(output)/\(name)"))
            return [image.width, image.height]
        }
    }

    private static let each = "stages: [invert]\noutput: \"{stem}-{page}.png\""

    @Test func `a page that happens to be half as large is a page`() throws {
        try tiff("a.tif", [Page(width: 200, height: 100), Page(width: 100, height: 50), Page(width: 70, height: 70)])
        let events = Events()
        #expect(try run("input: {pages: all}\n\(Self.each)", ["a.tif"], in: folder, events: events).done == 1)
        #expect(try sizes() == [[200, 100], [100, 50], [70, 70]] && events.notes == [])
    }

    @Test func `what a TIFF says to be its picture at smaller sizes is not taken, and that is said`() throws {
        try tiff("a.tif", [Page(width: 200, height: 100), Page(width: 100, height: 50, isReduced: true), Page(width: 50, height: 26, isReduced: true)])
        let events = Events()
        #expect(try run("input: {pages: all}\n\(Self.each)", ["a.tif"], in: folder, events: events).done == 1)
        #expect(try sizes() == [[200, 100]])
        #expect(events.notes == ["has its picture at 2 smaller sizes, too, as it says itself: these are no pages"])
    }

    @Test func `pages are turned as each of them says`() throws {
        try tiff("a.tif", [Page(width: 40, height: 20), Page(width: 40, height: 20, orientation: 6), Page(width: 40, height: 20, orientation: 3)])
        #expect(try run("input: {pages: all}\n\(Self.each)", ["a.tif"], in: folder).done == 1)
        #expect(try sizes() == [[40, 20], [20, 40], [40, 20]])
        let stored = try Image.load(folder("a.tif"), options: ["page": 2]), made = try Image.load(folder("out/a-3.png"))
        let turned = try Operation.image("invert", ["in": .image(try Operation.image("rot", ["in": .image(stored), "angle": "d180"]))])
        #expect(try made.bytes() == turned.bytes())
        #expect(try run("input: {pages: all, autorot: false}\n\(Self.each)", ["a.tif"], in: folder, to: "lying").done == 1)
        #expect(try sizes("lying") == [[40, 20], [40, 20], [40, 20]])
    }

    @Test(arguments: [("2..3", [[20, 40], [20, 40]]), ("1", [[40, 20]])])
    func `the pages that are taken decide how they are turned, not the first`(pages: String, expected: [[Int]]) throws {
        try tiff("a.tif", [Page(width: 40, height: 20), Page(width: 40, height: 20, orientation: 6), Page(width: 40, height: 20, orientation: 8)])
        #expect(try run("input: {pages: \(pages)}\n\(Self.each)", ["a.tif"], in: folder).done == 1)
        #expect(try sizes() == expected)
    }

    @Test(.enabled(if: VipsLibrary.formats.contains { $0.nickname == "svgload" }, "this libvips reads no SVG"))
    func `a drawing has the width that is asked for before it becomes a thumbnail`() throws {
        try folder.write("a.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"20\" height=\"10\"><rect width=\"20\" height=\"10\" fill=\"red\"/></svg>\n")
        let first = "input: {untrusted: true, width: 300}\nstages:\n  - thumbnail_image: {width: 200, size: down}\noutput: \"{stem}.png\""
        #expect(try run(first, ["a.svg"], in: folder).done == 1)
        #expect(try sizes() == [[200, 100]])
    }
}
