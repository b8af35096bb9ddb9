import Foundation
import Testing
import Vips

@testable import Runner

@Suite struct OpenedFileTests {
    private let folder: Scratch

    init() throws { folder = try Scratch() }

    private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(filePath: folder(name)))
        return folder(name)
    }

    @Test(arguments: [100, 1 << 16, (1 << 20) + 5000]) func `any part of a file is read, near its start and behind it`(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
        let file = OpenedFile(try write("a.bin", bytes))
        for (place, length) in [(0, 16), (0, count), (count - 9, 9), (count / 2, count / 3)] {
            #expect(file.read(place, length) == Array(bytes[place..<place + length]))
        }
        #expect(file.read(count - 9, 10) == nil)
        #expect(file.read(count - 9, Int.max, orLess: true) == Array(bytes[(count - 9)...]))
        #expect(file.read(count, 1, orLess: true) == nil && file.read(-1, 1) == nil && file.read(0, -1) == nil && file.read(Int.max, Int.max) == nil)
        #expect(file.status?.size == Int64(count))
    }

    @Test func `what cannot be read has no parts, and says why`() throws {
        let missing = OpenedFile(folder("none.png"))
        #expect(missing.status == nil && missing.read(0, 1) == nil && missing.loader == nil)
        #expect(missing.unreadable == "No such file or directory")
        #expect(OpenedFile(folder("")).unreadable == "it is not a regular file")
        #expect(mkfifo(folder("pipe.png"), 0o600) == 0)
        #expect(OpenedFile(folder("pipe.png")).unreadable == "it is not a regular file")
        let empty = OpenedFile(try write("empty.png", []))
        #expect(empty.status?.size == 0 && empty.unreadable == nil && empty.read(0, 1, orLess: true) == nil)
    }

    @Test(arguments: [".png", ".jpg", ".webp", ".tif", ".v"]) func `small files are decoded as large ones are`(ext: String) throws {
        let path = folder("a\(ext)")
        try Picture.make(120, 90).save(path)
        let file = OpenedFile(path), loader = try #require(file.loader)
        #expect(loader == Image.loader(forFile: path))
        let ours = try file.load(loader, options: [:]), theirs = try Image.load(path)
        #expect(try ours.bytes() == theirs.bytes())
        #expect(ours.interpretation == theirs.interpretation && ours.fields.filter { $0 != "filename" } == theirs.fields.filter { $0 != "filename" })
    }

    @Test func `a small file is decoded and hashed as it was opened`() throws {
        let path = folder("a.png")
        try Picture.make(120, 90).save(path)
        let file = OpenedFile(path), whole = try Image.load(path).bytes(), stamp = try ContentStamp.taken(of: path, since: try #require(file.status))
        try Picture.make(30, 20).save(path)
        #expect(try file.load("pngload", options: [:]).bytes() == whole)
        #expect(try file.stamp() == stamp && stamp.hash != nil)
    }

    @Test func `errors name loader and file, and no source`() throws {
        let path = folder("a.png")
        try Picture.make(120, 90).save(path)
        let bytes = Array(try Data(contentsOf: URL(filePath: path)))
        let file = OpenedFile(try write("cut.png", Array(bytes[..<(bytes.count / 2)])))
        let error = try #require(throws: VipsError.self) { _ = try file.load("pngload", options: ["fail_on": "error"]).bytes() }
        #expect(!"\(error)".contains("_source"), "\(error)")
        let header = try #require(throws: VipsError.self) { _ = try OpenedFile(try write("head.png", Array(bytes[..<20]))).load("pngload", options: [:]) }
        #expect(!"\(header)".contains("_source") && "\(header)".contains("head.png"), "\(header)")
    }

    @Test(arguments: ["cut.png", "cut].png", "cut[1]"]) func `a damaged file fails at a smaller size, too`(name: String) throws {
        try Picture.make(120, 90).save(folder("a.png"))
        let bytes = Array(try Data(contentsOf: URL(filePath: folder("a.png"))))
        let file = OpenedFile(try write(name, Array(bytes[..<(bytes.count / 2)])))
        #expect(throws: VipsError.self) { _ = try file.thumbnail(width: 40, "pngload", options: ["fail_on": "error"]).bytes() }
        #expect(throws: VipsError.self) { _ = try Image.thumbnail(folder(name), width: 40, loader: "pngload", options: ["fail_on": "error"]).bytes() }
        #expect(try file.thumbnail(width: 40, "pngload", options: ["fail_on": "none"]).bytes().count == 40 * 30 * 3)
    }

    @Test func `a slide that begins as a JPEG is left to libvips`() throws {
        let path = folder("a.mrxs")
        try Picture.make(120, 90).save(path, saver: "jpegsave")
        let bytes = Array(try Data(contentsOf: URL(filePath: path)))
        #expect(Image.loader(forContents: bytes, of: path) == nil && Image.loader(forContents: bytes, of: "a.JPEG") == "jpegload")
    }

    @Test func `parts of files that lie about their lengths end`() throws {
        let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        let endless = OpenedFile(try write("a.png", signature + [0xFF, 0xFF, 0xFF, 0xFF] + Array("tEXt".utf8)))
        #expect(endless.chunksBeforePixels.count == 1)
        let none = OpenedFile(try write("b.png", signature + Array(repeating: 0, count: 30_000)))
        #expect(none.chunksBeforePixels.count == 1000)
        // A box of 64 bits that goes round, and one that has no end.
        let round: [UInt8] = [0, 0, 0, 1] + Array("meta".utf8) + Array(repeating: 0xFF, count: 8)
        #expect(OpenedFile(try write("c.heic", round)).boxes.isEmpty)
        let open = OpenedFile(try write("d.heic", [0, 0, 0, 0] + Array("mdat".utf8) + [1, 2, 3]))
        #expect(open.boxes == [OpenedFile.Part(name: "mdat", place: 8, length: 3)])
    }
}
