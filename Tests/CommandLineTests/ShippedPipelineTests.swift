import Foundation
import Testing
import Vips

/// A pipeline of `Pipelines/`, and the files that it makes of `x.png` (320 x 240) with their sizes.
struct Shipped: Sendable, CustomTestStringConvertible {
    var name: String
    var results: [(suffix: String, width: Int, height: Int)]
    var needsEngine = false
    var testDescription: String { name }

    static let all = [
        Shipped(name: "web", results: [(".jpg", 320, 240)]),
        Shipped(name: "responsive", results: [("-2048.webp", 320, 240), ("-1024.webp", 320, 240), ("-512.webp", 320, 240), ("-1024.jpg", 320, 240)]),
        Shipped(name: "watermark", results: [(".jpg", 320, 240)]),
        Shipped(name: "scan", results: [(".png", 0, 0)]),
        Shipped(name: "film", results: [(".jpg", 320, 240)]),
        Shipped(name: "denoise-sharpen", results: [(".png", 320, 240)]),
        Shipped(name: "denoise", results: [(".png", 320, 240)], needsEngine: true),
        Shipped(name: "upscale", results: [(".png", 640, 480)], needsEngine: true),
        Shipped(name: "onnx", results: [(".png", 640, 480)], needsEngine: true),
        Shipped(name: "restore", results: [(".jpg", 320, 240)], needsEngine: true),
        Shipped(name: "restore-old-scans", results: [(".jpg", 320, 240)], needsEngine: true),
        Shipped(name: "paint", results: [(".jpg", 320, 240)], needsEngine: true),
        Shipped(name: "kuwahara", results: [(".jpg", 320, 240)]),
        Shipped(name: "newsprint", results: [(".png", 320, 240)]),
        Shipped(name: "neural-chain", results: [(".jpg", 320, 240)], needsEngine: true),
    ]
}

@Suite struct ShippedPipelineTests {
    @Test func `every shipped pipeline is in the list, and good`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(Program.root)/Pipelines").filter { $0.hasSuffix(".yaml") }
        #expect(files.map { String($0.dropLast(5)) }.sorted() == Shipped.all.map(\.name).sorted())
        let outcome = try Workplace().run(Program.path, ["check"] + files.map { "\(Program.root)/Pipelines/\($0)" })
        #expect(outcome.status == 0 && !outcome.error.contains("warning"), "\(outcome.error)")
    }

    @Test(arguments: Shipped.all.filter { Program.hasEngine || !$0.needsEngine })
    func `a shipped pipeline takes colour, grey, transparent and 16-bit pictures`(_ pipeline: Shipped) throws {
        let place = try Workplace()
        try FileManager.default.createDirectory(atPath: place("in"), withIntermediateDirectories: true)
        let pictures = ["colour": try Picture.make(), "grey": try Picture.make(bands: 1), "grey-alpha": try Picture.make(bands: 2),
                        "transparent": try Picture.make(bands: 4), "deep": try Picture.deep()]
        for (name, picture) in pictures { try picture.save(place("in/\(name).png")) }
        let outcome = try place.aquatint("run", Program.pipeline(pipeline.name), "in", "-o", "out")
        #expect(outcome.status == 0, "\(outcome.error)")
        let expected = pictures.keys.flatMap { name in pipeline.results.map { name + $0.suffix } }
        #expect(place.files("out") == expected.sorted())
        for name in pictures.keys {
            for result in pipeline.results where place.files("out").contains(name + result.suffix) {
                let image = try place.load("out/\(name)\(result.suffix)")
                if result.width > 0 { #expect(image.width == result.width && image.height == result.height, "\(name): \(image)") }
                #expect(try !image.isFlat(), "\(name)\(result.suffix)")
            }
        }
        if pipeline.name.hasPrefix("denoise") {
            #expect(try place.load("out/deep.png").format == .ushort && place.load("out/transparent.png").bands == 4)
            #expect(try place.load("out/grey.png").bands == 1 && place.load("out/grey-alpha.png").bands == 2)
        }
        if pipeline.name == "kuwahara" { #expect(!outcome.error.contains("grey.png: transparency"), "\(outcome.error)") }
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `pictures smaller than a halo or a window work`() throws {
        let place = try Workplace()
        try FileManager.default.createDirectory(atPath: place("in"), withIntermediateDirectories: true)
        for (name, width, height) in [("1x1", 1, 1), ("3x5", 3, 5), ("1x40", 1, 40), ("7x7", 7, 7)] { try Picture.make(width, height).save(place("in/\(name).png")) }
        for (name, factor) in [("neural-chain", 1), ("upscale", 2), ("denoise", 1), ("restore", 1), ("restore-old-scans", 1), ("paint", 1), ("kuwahara", 1), ("newsprint", 1)] {
            let outcome = try place.aquatint("run", Program.pipeline(name), "in", "-o", name)
            #expect(outcome.status == 0, "\(outcome.error)")
            for file in place.files(name) {
                let image = try place.load("\(name)/\(file)")
                #expect("\(image.width / factor)x\(image.height / factor)" == file.prefix { $0 != "." }, "\(name)/\(file)")
            }
            #expect(place.files(name).count == 4)
        }
    }
}
