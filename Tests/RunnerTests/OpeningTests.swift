import Foundation
import PipelineLanguage
import StageHost
import Testing
import Vips

@testable import Runner

@Suite struct StreamingTests {
    @Test(arguments: [
        ("stages: [invert]", true), ("stages: [invert, linear: {a: 2, b: 1}]", true), ("stages: []", true), ("stages: [rot: d90]", false),
        ("stages: [flip: vertical]", false), ("stages: [invert, invert: {in: input}]", false),
        ("stages:\n  - invert\n    as: a\n  - add: {left: prev, right: a}", false), ("stages:\n  - avg: {}\n    set: {out: m}", false),
        ("outputs: [\"{stem}.png\", \"{stem}.jpg\"]", false), ("stages: [add: {left: prev, right: prev}]", false),
    ])
    func `pixels flow from top to bottom only where every stage reads them once and in order`(_ pipeline: String, _ expected: Bool) throws {
        let text = pipeline.replacing("  - invert\n    as", with: "  - invert:\n    as")
        #expect(StreamingCheck(try RunSession.of(text)).allows == expected)
    }
}

@Suite struct ShrinkOnLoadTests {
    @Test(arguments: [
        ("stages: [thumbnail_image: 100]", true), ("stages: [thumbnail-image: {width: 100, height: 50}, sharpen: {}]", true),
        ("stages: [invert, thumbnail_image: 100]", false), ("stages: [thumbnail_image: 100]\ninput: {autorot: false}", false),
        ("stages: [thumbnail_image: 100]\ninput: {options: {unlimited: true}}", false), ("stages: [thumbnail_image: 100]\nalpha: raw", false),
        ("stages:\n  - thumbnail_image: 100\n    when: input.width > 3", false), ("stages: [thumbnail_image: 100, add: {left: prev, right: input}]", false),
        ("stages: [thumbnail_image: 100]\ninput: {pages: all}", false),
    ])
    func `a thumbnail that comes first is made while decoding`(_ pipeline: String, _ expected: Bool) throws {
        #expect((ShrinkOnLoad(try RunSession.of(pipeline)) != nil) == expected)
    }

    @Test func `its size is that of the stage, and the facts are those of the file`() throws {
        let folder = try Scratch()
        try Picture.make(400, 300).save(folder("a.jpg"))
        let opened = try InputImage.open(OpenedFile(folder("a.jpg")), session: try RunSession.of("stages: [thumbnail_image: 100]"), context: ImageContext(memoryBudget: 1 << 28))
        #expect(opened.firstStageIsDone && opened.frames[0].width == 100 && opened.frames[0].height == 75)
        #expect(opened.facts.width == 400 && opened.facts.height == 300)
    }
}

@Suite struct OpeningTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    func failure(_ name: String, _ pipeline: String = "stages: [invert]") throws -> ImageFailure? {
        let session = try RunSession.of(pipeline)
        do {
            _ = try InputImage.open(OpenedFile(folder(name)), session: session, context: ImageContext(memoryBudget: 1 << 28))
            return nil
        } catch { return error }
    }

    @Test func `what is no image fails with the reason`() throws {
        try folder.write("a.png", "text")
        try folder.write("empty.png", "")
        #expect(try failure("a.png")?.message == "not an image that libvips can read, or damaged at its start")
        #expect(try failure("empty.png")?.code == "load")
        #expect(try failure("none.png")?.code == "load")
    }

    @Test func `an image of more pixels than the limit fails before it is decoded`() throws {
        try Picture.make(40, 30).save(folder("a.png"))
        #expect(try failure("a.png", "limits: {max_pixels: 1199}")?.message == "has 40 x 30 pixels, more than the 1199 of limits.max_pixels")
        #expect(try failure("a.png", "limits: {max_pixels: 1200}") == nil)
    }

    @Test func `an image is turned upright, and its facts are those of the upright image`() throws {
        try Picture.make(40, 30).settingFields([("orientation", .int(6))]).save(folder("a.jpg"))
        let context = ImageContext(memoryBudget: 1 << 28)
        let upright = try InputImage.open(OpenedFile(folder("a.jpg")), session: try RunSession.of("stages: [invert]"), context: context)
        #expect(upright.facts.width == 30 && upright.frames[0].width == 30 && upright.frames[0].height == 40)
        let asStored = try InputImage.open(OpenedFile(folder("a.jpg")), session: try RunSession.of("input: {autorot: false}"), context: context)
        #expect(asStored.facts.width == 40 && asStored.frames[0].width == 40)
    }

    @Test func `pages come one by one, the first alone unless the pipeline says otherwise`() throws {
        let pages = try Operation.image("arrayjoin", ["in": .images([try Picture.make(), try Operation.image("invert", ["in": .image(try Picture.make())])]), "across": 1])
        try pages.settingFields([("page-height", .int(30))]).save(folder("a.tif"))
        let context = ImageContext(memoryBudget: 1 << 28)
        let first = try InputImage.open(OpenedFile(folder("a.tif")), session: try RunSession.of("stages: [invert]"), context: context)
        #expect(first.frames.count == 1 && first.facts.pages == 2 && first.frames[0].height == 30)
        #expect(context.notes == ["has 2 pages; the first is used (input: {pages: all} takes every one)"])
        let all = try InputImage.open(OpenedFile(folder("a.tif")), session: try RunSession.of("input: {pages: all}"), context: context)
        #expect(all.frames.map(\.height) == [30, 30])
        let second = try InputImage.open(OpenedFile(folder("a.tif")), session: try RunSession.of("input: {pages: 2}"), context: context)
        #expect(try second.frames.map { try $0.bytes() } == [try all.frames[1].bytes()])
    }
}
