import Foundation
import Testing

@testable import Vips

extension VipsTests {
    @Suite struct Images {
        @Test func `samples come back as they were given`() throws {
            let bytes = Picture.pixels(width: 5, height: 3, bands: 4)
            let image = try Image.samples(bytes, width: 5, height: 3, bands: 4, format: .uchar, interpretation: .srgb)
            #expect(image.description == "5x3 uchar, 4 bands, srgb")
            #expect(image.hasAlpha)
            #expect(image.pageCount == 1 && image.pageHeight == 3)
            #expect(try image.bytes() == bytes)
            #expect(try image.materialised().bytes() == bytes)
        }

        @Test(arguments: BandFormat.allCases)
        func `every format has its size`(_ format: BandFormat) throws {
            let bytes = [UInt8](repeating: 1, count: 6 * format.bytesPerSample)
            let image = try Image.samples(bytes, width: 3, height: 2, bands: 1, format: format, interpretation: .multiband)
            #expect(image.format == format)
            #expect(try image.bytes() == bytes)
        }

        @Test(arguments: Interpretation.allCases)
        func `every interpretation has libvips' nickname`(_ interpretation: Interpretation) throws {
            let image = try Operation.image(
                "copy", ["in": .image(try Picture.rgb()), "interpretation": .string(interpretation.rawValue)])
            #expect(image.interpretation == interpretation)
        }

        @Test func `sizes that cannot be are refused without arithmetic going wrong`() {
            for (width, height, bands) in [(0, 1, 1), (-1, 1, 1), (1, 1, 0), (.max, .max, .max), (10_000_000, 10_000_000, 65536)] {
                #expect(throws: VipsError.self) {
                    try Image.samples([0], width: width, height: height, bands: bands, format: .dpcomplex, interpretation: .srgb)
                }
            }
            #expect(throws: VipsError(message: "3 bytes given for a 2x2 image of 1 bands of uchar, which takes 4")) {
                try Image.samples([1, 2, 3], width: 2, height: 2, bands: 1, format: .uchar, interpretation: .srgb)
            }
        }

        @Test func `a matrix keeps its numbers, scale and offset`() throws {
            let matrix = try Image.matrix([[1, 2, 3], [4, 5, 6]], scale: 21, offset: 2)
            #expect((matrix.width, matrix.height) == (3, 2))
            #expect(matrix.format == .double && matrix.interpretation == .matrix)
            #expect(matrix.double("scale") == 21 && matrix.double("offset") == 2)
            #expect(try Operation.call("getpoint", ["in": .image(matrix), "x": 1, "y": 1])["out_array"]?.doublesValue == [5])
            #expect(throws: VipsError(message: "row 2 of a matrix has 1 numbers where the first has 2")) {
                try Image.matrix([[1, 2], [3]])
            }
            #expect(throws: VipsError.self) { try Image.matrix([]) }
            #expect(throws: VipsError.self) { try Image.matrix([[]]) }
        }

        @Test func `a constant is like the image, with its own bands`() throws {
            let image = try Operation.image("copy", ["in": .image(try Picture.rgb()), "xres": 7.5])
            let constant = try image.constant([1, 300])
            #expect(constant.description == "61x47 uchar, 2 bands, srgb")
            #expect(constant.xres == 7.5)
            #expect(try constant.bytes() == (0..<61 * 47).flatMap { _ in [UInt8(1), 255] })
            let deep = try Operation.image("cast", ["in": .image(image), "format": "float"]).constant([0.25])
            #expect(deep.format == .float)
            #expect(try Operation.call("avg", ["in": .image(deep)])["out"]?.doubleValue == 0.25)
        }

        @Test func `metadata is read and changed in a copy`() throws {
            let image = try Picture.rgb()
            let tagged = try image.settingFields([
                ("note", .string("grün %s")), ("count", .int(-3)), ("ratio", .double(0.5)), ("data", .blob([1, 0, 255])),
                ("delay", .intArray([10, 20])), ("orientation", .int(6)),
            ])
            #expect(tagged.string("note") == "grün %s")
            #expect(tagged.int("count") == -3)
            #expect(tagged.double("ratio") == 0.5)
            #expect(tagged.blob("data") == [1, 0, 255])
            #expect(tagged.intArray("delay") == [10, 20])
            #expect(tagged.orientation == 6)
            #expect(Set(["width", "note", "delay"]).isSubset(of: tagged.fields))
            #expect(!image.fields.contains("note"))
            #expect(tagged.int("note") == nil && tagged.string("count") == nil && tagged.blob("absent") == nil)
            #expect(tagged.int("width") == 61)

            let cleaned = try tagged.settingFields([("note", nil), ("absent", nil)])
            #expect(cleaned.string("note") == nil)
            #expect(tagged.string("note") != nil)
        }

        @Test func `the header proper is not metadata`() throws {
            let image = try Picture.rgb()
            #expect(throws: VipsError(
                message: "'width' is part of the image header, not metadata; the operation 'copy' can change it")
            ) { try image.settingFields([("width", .int(5))]) }
            #expect(throws: VipsError(message: "field 'n' cannot hold \(Int.max): it takes 32 bits")) {
                try image.settingFields([("n", .int(.max))])
            }
        }

        @Test func `pages are counted from the page height`() throws {
            let strip = try Picture.grey(width: 10, height: 40).settingFields([("page-height", .int(10))])
            #expect(strip.pageHeight == 10 && strip.pageCount == 4)
            let odd = try Picture.grey(width: 10, height: 40).settingFields([("page-height", .int(13))])
            #expect(odd.pageHeight == 40 && odd.pageCount == 1)
        }

        @Test func `a coded image gives its four bytes a pixel`() throws {
            let lab = try Operation.image("colourspace", ["in": .image(try Picture.rgb()), "space": "labq"])
            #expect(lab.coding == .labq)
            #expect(try lab.bytes().count == 61 * 47 * 4)
        }
    }

    @Suite struct Files {
        static let names = [
            "plain.png", "with space.png", "options[Q=90].png", "[x].png", "open[.png", "100%.png", "%s%n.png", "grün é 図.png",
            "quote\"'.png", "a,b=c.png", "UPPER.PNG", "back\\slash.png", "semi;colon:colon.png", "-dash.png", "new\nline.png",
        ]

        @Test(arguments: names)
        func `a path is taken literally`(_ name: String) throws {
            let scratch = try Scratch()
            let image = try Picture.rgb()
            #expect(Image.saver(forFile: name) == "pngsave")
            try image.save(scratch(name))
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [name])
            #expect(Image.loader(forFile: scratch(name)) == "pngload")
            #expect(try Image.load(scratch(name)).bytes() == image.bytes())
        }

        @Test(arguments: ["jpg", "webp", "tif", "v", "ppm", "gif"])
        func `brackets in a path mean nothing in any format`(_ suffix: String) throws {
            let scratch = try Scratch()
            let name = "a[n=2] %d.\(suffix)"
            try Picture.rgb().save(scratch(name))
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [name])
            let image = try Image.load(scratch(name), access: .sequential)
            #expect((image.width, image.height) == (61, 47))
            _ = try image.bytes()
        }

        @Test func `the loader goes by content and not by name`() throws {
            let scratch = try Scratch()
            try Picture.rgb().save(scratch("liar.png"), saver: "jpegsave")
            #expect(Image.loader(forFile: scratch("liar.png")) == "jpegload")
            #expect(try Image.load(scratch("liar.png")).width == 61)
        }

        @Test func `options reach the loader and the saver, and are checked`() throws {
            let scratch = try Scratch()
            try Picture.rgb().save(scratch("a.jpg"), options: ["Q": 30])
            try Picture.rgb().save(scratch("b.jpg"), options: ["Q": 95])
            #expect(try scratch.read("a.jpg").count < scratch.read("b.jpg").count)
            #expect(try Image.load(scratch("a.jpg"), options: ["shrink": 4]).width < 20)

            #expect(throws: VipsError(
                operation: "jpegsave", message: "cannot write '\(scratch("a.jpg"))': 'Q' is 101, outside 1 to 100")
            ) { try Picture.rgb().save(scratch("a.jpg"), options: ["Q": 101]) }
            #expect(throws: VipsError(
                operation: "jpegload", message: "'filename' cannot be given as a loader option")
            ) { try Image.load(scratch("a.jpg"), options: ["filename": "b.jpg"]) }
        }

        @Test func `ImageMagick's own syntax in a path means nothing`() throws {
            guard Operation.describe("magicksave_buffer") != nil else { return }
            let scratch = try Scratch()
            let image = try Picture.rgb()
            let bytes = try Operation.call("magicksave_buffer", ["in": .image(image), "format": "bmp"])["buffer"]?.blobValue
            for name in ["plain.bmp", "a[0].bmp", "%d.bmp", "png:x.bmp", "@list.bmp", "*.bmp"] {
                let path = try scratch.write(try #require(bytes), as: name)
                #expect(Image.loader(forFile: path) == "magickload")
                #expect(try Image.load(path).bytes() == image.bytes(), "\(name)")
            }
            #expect(throws: VipsError.self) { try image.save(scratch("a[1].bmp"), saver: "magicksave") }
        }

        @Test func `a thumbnail takes its path literally too`() throws {
            let scratch = try Scratch()
            try Picture.rgb(width: 300, height: 200).save(scratch("plain"), saver: "jpegsave")
            try FileManager.default.copyItem(atPath: scratch("plain"), toPath: scratch("a[shrink=8]"))
            let plain = try Image.thumbnail(scratch("plain"), width: 50, options: ["height": 50])
            let bracketed = try Image.thumbnail(scratch("a[shrink=8]"), width: 50, options: ["height": 50])
            #expect(plain.width == 50)
            #expect(try plain.bytes() == bracketed.bytes())
            #expect(throws: VipsError.self) { try Image.thumbnail(scratch("absent"), width: 50) }
        }

        @Test func `an image that claims more than the memory of the machine is refused`() throws {
            let black = try Operation.image("black", ["width": 10_000_000, "height": 10_000_000])
            let error = #expect(throws: VipsError.self) { try black.bytes() }
            #expect(error?.message.hasPrefix("the image is too large for the memory of this machine") == true)
        }

        @Test func `what is no image is refused with the reason`() throws {
            let scratch = try Scratch()
            let text = try scratch.write(Array("hello, this is a text, not a picture\n".utf8), as: "text.jpg")
            let empty = try scratch.write([], as: "empty.png")
            func reason(_ path: String) -> String? {
                #expect(throws: VipsError.self) { try Image.load(path) }?.description
            }
            #expect(Image.loader(forFile: text) == nil)
            #expect(reason(text) == "cannot read '\(text)': its content is in no image format that this libvips knows")
            #expect(reason(empty) == "cannot read '\(empty)': the file is empty")
            #expect(reason(scratch("absent.jpg")) == "cannot read '\(scratch("absent.jpg"))': no such file or directory")
            #expect(reason(scratch.path) == "cannot read '\(scratch.path)': it is a directory")
            #expect(reason("/dev/null") == "cannot read '/dev/null': it is not a regular file")
            #expect(reason("a\0b.jpg") == "cannot read 'a\0b.jpg': its name holds a NUL character")
        }

        @Test func `a truncated file fails when its pixels are asked for, and says why`() throws {
            let scratch = try Scratch()
            try Picture.rgb(width: 200, height: 200).save(scratch("a.png"))
            let whole = try scratch.read("a.png")
            let half = try scratch.write(Array(whole.prefix(whole.count / 2)), as: "half.png")
            let image = try Image.load(half, options: ["fail_on": "truncated"])
            let error = #expect(throws: VipsError.self) { try image.bytes() }
            #expect(error?.message.contains("pngload") == true || error?.message.contains("read error") == true, "\(String(describing: error))")
        }

        @Test func `a suffix without a saver is refused with those there are`() throws {
            let error = #expect(throws: VipsError.self) { try Picture.rgb().save("a.xyz") }
            #expect(error?.message.hasPrefix("cannot write 'a.xyz': no saver for this suffix; there are savers for .") == true)
        }

        @Test func `a folder that is not there is named`() throws {
            let error = #expect(throws: VipsError.self) { try Picture.rgb().save("/nonexistent/folder/a.png") }
            #expect(error?.operation == "pngsave")
            #expect(error?.message.contains("/nonexistent/folder/a.png") == true)
            #expect(error?.message.contains("No such file or directory") == true)
        }
    }
}
