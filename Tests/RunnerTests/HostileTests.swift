import Foundation
import Testing
import Vips

@testable import PipelineLanguage
@testable import Runner

@Suite struct HostileTests {
    @Test func `an image of more pixels than anybody means is refused before any is computed`() throws {
        let image = try Operation.image("black", ["width": 100_000, "height": 100_000])
        var limits = Limits()
        #expect(throws: ImageFailure.self) { try limits.check(image, "has") }
        limits.maxPixels = 20_000_000_000
        #expect(throws: Never.self) { try limits.check(image, "has") }
        limits.maxPixels = 1_000_000
        let failure = try #require(throws: ImageFailure.self) { try limits.check(image, "becomes") }
        #expect(failure.message == "becomes 100000 x 100000 pixels, more than the 1000000 of limits.max_pixels")
    }

    @Test func `a tall image of several pages is cut into its pages and joined again`() throws {
        let tall = try Operation.image("black", ["width": 4, "height": 9]).settingFields([("page-height", .int(3)), ("n-pages", .int(3))])
        let pages = try InputImage.split(tall)
        #expect(pages.map(\.height) == [3, 3, 3])
        let joined = try InputImage(frames: pages, facts: ImageFacts(tall), format: tall.format).joined(pages)
        #expect(joined.height == 9)
        #expect(joined.pageHeight == 3)
    }

    @Test func `a failed save is told in the name that the user knows`() throws {
        let output = ImageJob.PreparedOutput(image: try Operation.image("black", ["width": 2, "height": 1]), saver: "pngsave", options: [:], traces: [], metadata: .keep)
        func reason(_ message: String) -> String {
            ImageJob.reason(VipsError(operation: "pngsave", message: message), output, temporary: "out/.aquatint-1-1.png", final: "out/a.png")
        }
        #expect(reason("""
            cannot write 'out/.aquatint-1-1.png': VipsJpeg: Premature end of input file; vips2png: unable to write to target out/.aquatint-1-1.png
            """) == "cannot make 'out/a.png': VipsJpeg: Premature end of input file")
        #expect(reason("cannot write 'out/.aquatint-1-1.png': vips2png: unable to write to target out/.aquatint-1-1.png").contains("libvips gives no reason"))
    }

    @Test func `an output folder that cannot be is refused with the system's reason`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "aquatint-hostile-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data().write(to: URL(filePath: "\(folder)/file"))
        func refusal(_ final: String) -> String? {
            var transaction = OutputTransaction()
            do throws(RunError) {
                _ = try transaction.writablePath(for: final)
                return nil
            } catch {
                return error.message
            }
        }
        #expect(refusal("\(folder)/file/a.png") == "the output folder '\(folder)/file' cannot be created: Not a directory")
        #expect(refusal("\(folder)/a/b/c.png") == nil)
        let long = String(repeating: "x", count: 300)
        #expect(refusal("\(folder)/\(long)/c.png") == "the output folder '\(folder)/\(long)' cannot be created: File name too long")
    }

    @Test func `an image that cannot be looked at is an input that fails, not a stray`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "aquatint-hostile-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // "caf\xE9.png": Latin 1, as old archives hold it.
        let name = Array("\(folder)/caf".utf8) + [0xE9] + Array(".png".utf8) + [0]
        let descriptor = name.withUnsafeBytes { open($0.baseAddress!.assumingMemoryBound(to: CChar.self), O_CREAT | O_WRONLY, 0o644) }
        try #require(descriptor >= 0)
        close(descriptor)
        let found = try InputSelection(arguments: [folder]).resolve(knownExtensions: ["png"]) { _ in false }
        #expect(found.files.count + found.unreadable.count == 1)
        #expect(found.strays.isEmpty)
    }
}
