import Foundation
import Testing
import Vips

/// A row of `docs/formats.md`.
struct FormatRow: Sendable, CustomTestStringConvertible {
    let name: String
    let extensions: [String]
    let reads: String
    let writes: Bool
    let bits: [String]
    let hasAlpha: Bool
    let hasProfile: Bool
    let metadata: Set<String>
    let pages: String
    let defaults: [(name: String, value: String)]

    var testDescription: String { name }
    var ext: String { extensions[0] }

    /// Whether this machine has what the row needs; `options` of libvips itself are not asked for.
    var isThere: Bool {
        guard let loader = VipsLibrary.formats.first(where: { $0.direction == .load && ($0.suffixes.contains(ext) || name.contains("ImageMagick") && $0.nickname == "magickload") }) else { return false }
        guard writes else { return true }
        // A HEIF library may lack one of its two encoders, which only writing shows.
        guard loader.nickname == "heifload" else { return Image.saver(forFile: "a\(ext)") != nil }
        let path = FileManager.default.temporaryDirectory.appending(path: "aquatint-\(UUID().uuidString)\(ext)").path
        defer { unlink(path) }
        return (try? Picture.make(64, 64).save(path)) != nil
    }

    static let all: [FormatRow] = {
        let text = (try? String(contentsOfFile: "\(Program.root)/docs/formats.md", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasPrefix("| format") }.map { line in
            let cells = line.dropFirst().split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
            func list(_ cell: String) -> [String] { cell == "none" || cell.isEmpty ? [] : cell.components(separatedBy: ", ") }
            return FormatRow(
                name: cells[0], extensions: cells[1].split(separator: " ").map { $0.trimmingCharacters(in: ["`"]) }, reads: cells[2], writes: cells[3] == "yes", bits: list(cells[4]),
                hasAlpha: cells[5] == "yes", hasProfile: cells[6] == "yes", metadata: Set(list(cells[7])), pages: cells[8],
                defaults: list(cells[9]).map { text in
                    let parts = text.split(separator: "`").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
                    return (parts[0], parts.count > 1 ? parts[1] : "")
                })
        }
    }()
}

/// The table of formats, row by row, through the program.
@Suite struct FormatTableTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    static let written = FormatRow.all.filter(\.writes), there = written.filter(\.isThere)

    @Test func `the table has all formats, and says which of its rows are skipped here`() {
        #expect(FormatRow.all.count == 18 && Self.written.count == 14)
        let missing = FormatRow.all.filter { !$0.isThere }.map(\.name)
        if !missing.isEmpty { print("no codec on this machine, rows of docs/formats.md skipped: \(missing.joined(separator: ", "))") }
    }

    /// Runs a picture in libvips' format, which holds everything, into the row's; and that back into libvips' format.
    private func through(_ row: FormatRow, _ picture: Image, ext: String? = nil, pages: String = "first", options: String = "") throws -> (outcome: Outcome, back: Outcome, image: Image?) {
        let ext = ext ?? row.ext
        try picture.save(place("a.v"))
        try place.write("to.yaml", "version: 1\ninput: {untrusted: true, pages: \(pages)}\noutput: {file: \"{stem}\(ext)\"\(options)}\n")
        let isUntrusted = row.reads == "untrusted"
        try place.write("back.yaml", "version: 1\ninput: {untrusted: \(isUntrusted), pages: \(pages)}\noutput: \"{stem}.v\"\n")
        let outcome = try place.aquatint("run", "to.yaml", "a.v", "-o", "to", "--overwrite", "always")
        let back = try place.aquatint("run", "back.yaml", "to/a\(ext)", "-o", "back", "--overwrite", "always")
        return (outcome, back, back.status == 0 ? try Image.load(place("back/a.v"), options: [:]) : nil)
    }

    @Test(arguments: there) func `every extension is written, and read where the row says so`(_ row: FormatRow) throws {
        for ext in row.extensions {
            let (outcome, back, image) = try through(row, try Picture.make(64, 48), ext: ext)
            #expect(outcome.status == 0 && back.status == 0 && image?.width == 64 && image?.height == 48, "\(ext): \(outcome.error) \(back.error)")
        }
        guard row.reads == "untrusted" else { return }
        try place.write("bare.yaml", "version: 1\nstages: [invert]\n")
        let bare = try place.aquatint("run", "bare.yaml", "to/a\(row.extensions.last ?? "")", "-o", "bare")
        #expect(bare.status == 1 && bare.error.contains("not hardened against hostile files"), "\(bare.error)")
    }

    static func deep(_ format: String) throws -> Image {
        let picture = try Picture.make(64, 48)
        switch format {
        case "ushort": return try Picture.deep()
        case "float": return try Operation.image("colourspace", ["in": .image(picture), "space": "scrgb"])
        default: return picture
        }
    }

    @Test(arguments: there) func `bits of a sample are those of the row, and fewer are said`(_ row: FormatRow) throws {
        for (format, names) in [("uchar", ["8"]), ("ushort", ["16", "12"]), ("float", ["float"])] where format != "uchar" || row.bits.contains("8") {
            let (outcome, back, image) = try through(row, try Self.deep(format))
            #expect(outcome.status == 0 && back.status == 0, "\(format): \(outcome.error) \(back.error)")
            let isKept = !row.bits.filter(names.contains).isEmpty
            #expect((image?.format.rawValue == format) == isKept || row.bits == ["float"], "\(format): \(image?.description ?? "")")
            if row.bits == ["float"] { #expect(image?.format == .float) }
            let isSaid = outcome.error.contains("stored with ") || outcome.error.contains("floats stored as integers")
            #expect(isSaid == (!isKept && row.bits != ["float"] || row.bits.contains("12") && format == "ushort"), "\(format): \(outcome.error)")
        }
    }

    @Test(arguments: there) func `alpha is kept, or laid on a background and said`(_ row: FormatRow) throws {
        let colours = try Picture.make(64, 48), ramp = try Operation.image("linear", ["in": .image(try Picture.make(64, 48, bands: 1)), "a": .doubles([1.5]), "b": .doubles([0]), "uchar": true])
        let picture = try Operation.image("bandjoin", ["in": .images([colours, ramp])])
        let (outcome, _, image) = try through(row, picture)
        #expect(outcome.status == 0 && (image?.bands == 4) == row.hasAlpha, "\(image?.description ?? "") \(outcome.error)")
        #expect(outcome.error.contains("transparency laid on ") == !row.hasAlpha, "\(outcome.error)")
    }

    @Test(arguments: there) func `metadata and profile are kept, or said to be lost`(_ row: FormatRow) throws {
        let (outcome, back, image) = try through(row, try Operation.image("autorot", ["in": .image(try MetadataTests.photograph())]))
        #expect(outcome.status == 0 && back.status == 0, "\(outcome.error) \(back.error)")
        let notes = outcome.error.split(separator: "\n").filter { $0.hasPrefix("note") }.joined(separator: " ")
        for (name, fields) in [("EXIF", ["exif-data"]), ("XMP", ["xmp-data"]), ("IPTC", ["iptc-data", "photoshop-data"]), ("the colour profile", ["icc-profile-data"])] {
            let isKept = fields.contains { image?.blob($0) != nil && (name != "EXIF" || image?.string("exif-ifd2-DateTimeOriginal") != nil) }
            let isClaimed = name == "the colour profile" ? row.hasProfile : row.metadata.contains(name)
            if isClaimed { #expect(isKept, "\(name) of \(row.name)") }
            // A later libvips may keep more; whatever is not kept is said.
            #expect(isKept || notes.contains(name), "\(name): \(outcome.error)")
        }
    }

    @Test(arguments: there) func `pages and times are those of the row`(_ row: FormatRow) throws {
        let (outcome, back, _) = try through(row, try FrameTests.frames(40, 30), pages: "all")
        guard row.pages != "one" else {
            #expect(outcome.status == 1 && outcome.error.contains("has 3 pages, and a '\(row.ext)' holds one"), "\(outcome.error)")
            return
        }
        #expect(outcome.status == 0 && back.status == 0, "\(outcome.error) \(back.error)")
        let image = try place.load("back/a.v")
        #expect(image.pageCount == 3 && image.pageHeight == 30 && image.width == 40)
        #expect((image.intArray("delay") == [100, 200, 300]) == (row.pages == "animation"))
        #expect((image.int("loop") == 4) == (row.pages == "animation"))
    }

    @Test(arguments: there) func `defaults are libvips' own, under names that the saver has`(_ row: FormatRow) throws {
        let saver = try #require(Image.saver(forFile: "a\(row.ext)")), description = try #require(Operation.describe(saver))
        for (name, value) in row.defaults {
            let actual = switch description[name]?.kind {
            case .bool(let value): "\(value)"
            case .int(_, _, let value): "\(value)"
            case .double(_, _, let value): value == value.rounded() ? "\(Int(value))" : "\(value)"
            case .enumeration(_, let value): value
            default: "no such option"
            }
            #expect(actual == value, "\(saver) \(name)")
        }
    }

    @Test func `tiles, pyramids and BigTIFF are written, and are one picture`() throws {
        let row = try #require(FormatRow.all.first { $0.name == "TIFF" })
        let (outcome, back, image) = try through(row, try Picture.make(640, 480), options: ", options: {tile: true, pyramid: true, bigtiff: true, compression: deflate}")
        #expect(outcome.status == 0 && back.status == 0 && !back.error.contains("pages"), "\(outcome.error) \(back.error)")
        #expect(image?.width == 640 && image?.height == 480)
        #expect(try place.read("to/a.tif")[2] == 43)
    }

    @Test func `the extension keeps its spelling`() throws {
        for name in ["A.JPEG", "b.Jpg", "c.TIFF", "d.PNG"] { try Picture.make(32, 24).save(place(name)) }
        try place.write("p.yaml", "version: 1\nstages: [invert]\n")
        #expect(try place.aquatint("run", "p.yaml", "A.JPEG", "b.Jpg", "c.TIFF", "d.PNG", "-o", "out").status == 0)
        #expect(place.files("out") == ["A.JPEG", "b.Jpg", "c.TIFF", "d.PNG"])
    }

    @Test(arguments: FormatRow.all.filter { !$0.writes && $0.isThere }) func `what is only read is read as the row says, and refused as an output before any work`(_ row: FormatRow) throws {
        let maker = try #require(Self.makers[row.ext], "\(row.name) needs a picture made by hand")
        try place.write("a\(row.ext)", maker)
        let isUntrusted = row.reads == "untrusted"
        try place.write("same.yaml", "version: 1\ninput: {untrusted: true}\nstages: [invert]\n")
        let same = try place.aquatint("run", "same.yaml", "a\(row.ext)", "-o", "same")
        #expect(same.status == 73 && same.error.contains("ends in '\(row.ext)', which nothing here writes (name a format: output: \"{stem}.png\")"), "\(same.error)")
        try place.write("to.yaml", "version: 1\ninput: {untrusted: \(isUntrusted), pages: all}\noutput: \"{stem}-{page}.tif\"\n")
        let outcome = try place.aquatint("run", "to.yaml", "a\(row.ext)", "-o", "to")
        #expect(outcome.status == 0 && place.files("to").count == (row.pages == "pages" ? 2 : 1), "\(outcome.error)")
        let image = try place.load("to/a-1.tif")
        #expect(image.hasAlpha == row.hasAlpha && image.width > 0, "\(image)")
        #expect(image.format == (row.bits == ["float"] ? .float : .uchar), "\(image)")
    }

    /// Small files of the formats that nothing here writes.
    static let makers: [String: [UInt8]] = [
        ".svg": Array(HostilePictureTests.svg.utf8),
        ".pdf": Array(PDF.pages(2, width: 20, height: 10).utf8),
        ".bmp": Array("BM".utf8) + [70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0] + [UInt8](repeating: 0, count: 24)
            + [1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0],
        ".exr": exr,
    ]

    /// Two lines of two pixels, in 32-bit floats, uncompressed: the smallest file that the format's description allows.
    private static let exr: [UInt8] = {
        func little(_ value: Int, _ count: Int = 4) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        func float(_ value: Float) -> [UInt8] { little(Int(value.bitPattern)) }
        func attribute(_ name: String, _ type: String, _ value: [UInt8]) -> [UInt8] { Array(name.utf8) + [0] + Array(type.utf8) + [0] + little(value.count) + value }
        func channel(_ name: String) -> [UInt8] { Array(name.utf8) + [0] + little(2) + [0, 0, 0, 0] + little(1) + little(1) }
        let box = little(0) + little(0) + little(1) + little(1)
        var file: [UInt8] = [0x76, 0x2F, 0x31, 0x01, 2, 0, 0, 0]
        file += attribute("channels", "chlist", channel("B") + channel("G") + channel("R") + [0]) + attribute("compression", "compression", [0]) + attribute("dataWindow", "box2i", box)
        file += attribute("displayWindow", "box2i", box) + attribute("lineOrder", "lineOrder", [0]) + attribute("pixelAspectRatio", "float", float(1))
        file += attribute("screenWindowCenter", "v2f", float(0) + float(0)) + attribute("screenWindowWidth", "float", float(1)) + [0]
        let line = 8 + 24, start = file.count + 16
        file += little(start, 8) + little(start + line, 8)
        for row in 0..<2 { file += little(row) + little(24) + (0..<6).flatMap { float(Float($0) / 8) } }
        return file
    }()
}
