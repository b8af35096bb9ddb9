import Foundation
import Synchronization
import Testing

@testable import Vips

extension VipsTests {
    @Suite struct Errors {
        @Test func `lines become one sentence without repeats`() {
            #expect(ErrorLedger.sentence(
                from: ["jpegload: bad marker", "VipsJpeg: out of order ", "VipsJpeg: out of order ", ""], operation: "jpegload")
                == "bad marker; VipsJpeg: out of order")
            #expect(ErrorLedger.sentence(from: [], operation: "invert") == "libvips failed and gave no reason")
        }

        @Test func `an operation's own complaint names it once`() throws {
            let image = try Picture.rgb()
            for name in ["extract_area", "crop"] {          // The second is the first by another name, and complains as it.
                #expect(throws: VipsError(operation: name, message: "bad extract area")) {
                    try Operation.call(name, ["input": .image(image), "left": 50, "top": 0, "width": 50, "height": 5])
                }
            }
        }

        @Test func `an error leaves nothing for the next`() throws {
            let image = try Picture.rgb()
            for _ in 0..<3 {
                #expect(throws: VipsError(operation: "extract_area", message: "bad extract area")) {
                    try Operation.call("extract_area", ["input": .image(image), "left": 50, "top": 0, "width": 50, "height": 5])
                }
            }
            #expect(throws: VipsError(operation: "extract_band", message: "bad extract band")) {
                try Operation.call("extract_band", ["in": .image(image), "band": 7])
            }
        }

        /// Failing in different ways, and succeeding, on many threads at once: each gets the text of its own failure.
        @Test func `threads that fail at once keep their texts apart`() throws {
            let image = try Picture.rgb().materialised()
            let scratch = try Scratch()
            let wrong = Mutex<[String]>([])
            let failures = Mutex(0)
            DispatchQueue.concurrentPerform(iterations: 400) { index in
                do {
                    switch index % 5 {
                    case 0:
                        _ = try Operation.call("extract_area", ["input": .image(image), "left": 50, "top": 0, "width": 50, "height": 5])
                    case 1:
                        _ = try Operation.call("extract_band", ["in": .image(image), "band": 7])
                    case 2:
                        _ = try Operation.call("pngload", ["filename": .string(scratch("absent \(index).png"))])
                    case 3:
                        _ = try Operation.image("gaussblur", ["in": .image(image), "sigma": 1.5]).bytes()
                        return
                    default:
                        _ = try Operation.call("recomb", ["in": .image(image), "m": .image(image)])
                    }
                    wrong.withLock { $0.append("\(index) did not fail") }
                } catch let error as VipsError {
                    failures.withLock { $0 += 1 }
                    let expected = ["bad extract area", "bad extract band", "absent \(index).png", "never", "image must be mono"]
                    let others = ["bad extract area", "bad extract band", "absent ", "recomb"].enumerated()
                        .filter { $0.offset != index % 5 && !(index % 5 == 4 && $0.offset == 3) }.map(\.element)
                    let isOwn = index % 5 == 4 || error.message.contains(expected[index % 5])
                    if !isOwn || others.contains(where: { error.message.contains($0) }) || error.message.contains("no reason") {
                        wrong.withLock { $0.append("\(index): \(error)") }
                    }
                } catch {
                    wrong.withLock { $0.append("\(index): \(error)") }
                }
            }
            #expect(wrong.withLock { $0 } == [])
            #expect(failures.withLock { $0 } == 320)
        }

        @Test func `evaluations that fail at once lose no text`() throws {
            let wrong = Mutex<[String]>([])
            DispatchQueue.concurrentPerform(iterations: 60) { index in
                do {
                    let header = GeneratedHeader(width: 200, height: 200, bands: 1, format: .uchar, interpretation: .blackAndWhite)
                    let image = try Image.generated(header, from: []) { _, _, _ in throw VipsError(message: "grain \(index)") }
                    _ = try image.bytes()
                } catch {
                    if !"\(error)".contains("grain") { wrong.withLock { $0.append("\(index): \(error)") } }
                }
            }
            #expect(wrong.withLock { $0 } == [])
        }

        @Test func `many threads computing one image agree`() throws {
            let image = try Operation.image("gaussblur", ["in": .image(try Picture.rgb(width: 200, height: 200)), "sigma": 3])
            let expected = try image.bytes()
            let agreed = Mutex(0)
            DispatchQueue.concurrentPerform(iterations: 24) { _ in
                if (try? image.bytes()) == expected { agreed.withLock { $0 += 1 } }
            }
            #expect(agreed.withLock { $0 } == 24)
        }

        /// In a process of its own: libvips counts the objects of the whole process, and other tests run at the same time.
        @Test func `nothing stays alive after success or failure`() async {
            await #expect(processExitsWith: .success) {
                let scratch = try Scratch()
                try Picture.rgb().save(scratch("a.png"))
                func work() throws {
                    let image = try Image.load(scratch("a.png"))
                    _ = try Operation.image("resize", ["in": .image(image), "scale": 0.5]).bytes()
                    _ = try Operation.call("max", ["in": .image(image)], outputs: ["x"])
                    _ = try Operation.call("profile", ["in": .image(image)])
                    _ = try Operation.call("bandjoin", ["in": .images([image, image])])
                    _ = try Operation.call("draw_line", ["image": .image(image), "ink": 1, "x1": 0, "y1": 0, "x2": 5, "y2": 5])
                    _ = try image.constant([1, 2, 3]).settingFields([("a", .int(1))]).onProgress { _, _ in true }.bytes()
                    _ = try? Operation.call("extract_area", ["input": .image(image), "left": 50, "top": 0, "width": 50, "height": 5])
                    _ = try? Operation.call("bandjoin", ["in": .images([image, try Picture.grey(width: 5, height: 5)])])
                    _ = try? Operation.call("affine", ["in": .image(image), "matrix": .doubles([0, 0, 0, 0]), "interpolate": "bicubic"])
                    _ = try? Image.load(scratch("absent.png"))
                    _ = try? image.save("/nonexistent/a.png")
                    let header = GeneratedHeader(width: 300, height: 300, bands: 1, format: .uchar, interpretation: .blackAndWhite)
                    let failing = try Image.generated(header, from: [image]) { area, _, inputs in
                        try inputs.withPixels(of: 0, in: Rect(left: 0, top: 0, width: 5, height: 5)) { _, _ in }
                        throw VipsError(message: "no")
                    }
                    _ = try? failing.tileCache(tileWidth: 64, tileHeight: 64, maxTiles: 5).bytes()
                }
                try work()
                let before = VipsLibrary.liveObjects
                for _ in 0..<5 { try work() }
                #expect(VipsLibrary.liveObjects == before)
                #expect(VipsLibrary.memory().current < 10_000_000)
            }
        }
    }

    @Suite struct Library {
        @Test func `starting again is starting once`() throws {
            try VipsLibrary.start()
            try VipsLibrary.start()
            #expect(VipsLibrary.version.major == 8)
            #expect(VipsLibrary.version.minor >= 14)
        }

        @Test func `warnings reach the handler and not stderr`() throws {
            let scratch = try Scratch()
            try Picture.rgb(width: 200, height: 200).save(scratch("a.jpg"))
            let whole = try scratch.read("a.jpg")
            let half = try scratch.write(Array(whole.prefix(whole.count / 2)), as: "half.jpg")
            let heard = Heard()
            VipsLibrary.onWarning { heard.add($0) }
            _ = try Image.load(half).bytes()
            #expect(heard.texts.contains { $0.hasPrefix("VIPS: ") && $0.contains("remature end") }, "\(heard.texts)")
        }

        @Test func `untrusted loaders can be refused`() throws {
            let scratch = try Scratch()
            let svg = try scratch.write(
                Array(#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="7"/>"#.utf8), as: "a.svg")
            guard Image.loader(forFile: svg) == "svgload" else { return }
            #expect(try Image.load(svg).width == 9)
            try VipsLibrary.blockUntrusted(true)
            defer { try? VipsLibrary.blockUntrusted(false) }
            let error = #expect(throws: VipsError.self) { try Image.load(svg) }
            #expect(error?.message.contains("blocked") == true, "\(String(describing: error))")
        }
    }
}

/// Texts gathered on any thread.
private final class Heard: Sendable {
    private let storage = Mutex<[String]>([])
    var texts: [String] { storage.withLock { $0 } }
    func add(_ text: String) { storage.withLock { $0.append(text) } }
}
