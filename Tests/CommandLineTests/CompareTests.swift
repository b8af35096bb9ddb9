import Foundation
import Testing
import Vips

@Suite struct CompareTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try Picture.make(64, 48).save(place("a.png"))
    }

    private func figures(_ arguments: String...) throws -> [String: Any] {
        let outcome = try place.run(Program.path, ["compare"] + arguments + ["--json"])
        return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any], "\(outcome.error)")
    }

    private func changed(_ name: String, _ operation: String, _ arguments: [String: Argument]) throws {
        try Operation.image(operation, arguments.merging(["in": .image(try Image.load(place("a.png")))]) { own, _ in own }).save(place(name))
    }

    @Test func `a picture and itself are the same`() throws {
        let same = try figures("a.png", "a.png")
        #expect(same["identical"] as? Bool == true && same["psnr"] is NSNull && same["ssim"] as? Double == 1 && same["max_difference"] as? Double == 0)
        #expect(same["de2000_mean"] as? Double == 0 && same["width"] as? Int == 64 && same["bands"] as? Int == 3 && same["format"] as? String == "uchar" && same["v"] as? Int == 1)
        #expect(try place.aquatint("compare", "a.png", "a.png").output.contains("the pixels are the same"))
    }

    @Test func `a difference of two code values everywhere has the PSNR that follows`() throws {
        let raised = try Operation.image("linear", ["in": .image(try Image.load(place("a.png"))), "a": .doubles([1]), "b": .doubles([2]), "uchar": true])
        try raised.save(place("b.png"))
        let apart = try figures("a.png", "b.png")
        // 20 log10(255 / 2); luma moves by 2 * 219 / 255.
        #expect(abs((apart["psnr"] as? Double ?? 0) - 42.1102) < 1e-3 && abs((apart["psnr_y"] as? Double ?? 0) - 43.4322) < 1e-3)
        #expect(apart["max_difference"] as? Double == 2 && apart["identical"] as? Bool == false)
        #expect(try place.aquatint("compare", "a.png", "b.png", "--max-difference", "2", "--min-psnr", "42").status == 0)
        #expect(try place.aquatint("compare", "a.png", "b.png", "--max-difference", "1").status == 1)
        #expect(try place.aquatint("compare", "a.png", "b.png", "--min-psnr", "43").status == 1)
    }

    @Test func `depths are brought to the first's scale, and grey counts as colour`() throws {
        let deep = try Operation.image("linear", ["in": .image(try Image.load(place("a.png"))), "a": .doubles([257]), "b": .doubles([0])])
        let cast = try Operation.image("cast", ["in": .image(deep), "format": "ushort"])
        try Operation.image("copy", ["in": .image(cast), "interpretation": "rgb16"]).save(place("deep.png"))
        #expect(try figures("a.png", "deep.png")["max_difference"] as? Double == 0)
        try changed("grey.png", "extract_band", ["band": 1])
        let grey = try Operation.image("bandjoin", ["in": .images(Array(repeating: try Image.load(place("grey.png")), count: 3))])
        try Operation.image("copy", ["in": .image(grey), "interpretation": "srgb"]).save(place("three.png"))
        let apart = try figures("grey.png", "three.png")
        #expect(apart["max_difference"] as? Double == 0 && (apart["notes"] as? [String])?.contains { $0.contains("grey counts as colour") } == true)
    }

    @Test func `metadata that differs is named, and a heatmap written`() throws {
        let tagged = try Image.load(place("a.png")).settingFields([("exif-ifd0-Artist", .string("ada"))])
        try tagged.save(place("b.jpg"), options: ["Q": 30])
        let outcome = try place.aquatint("compare", "a.png", "b.jpg", "--heatmap", "map.png")
        #expect(outcome.status == 0 && outcome.output.contains("exif-ifd0-Artist only in the second"), "\(outcome.output)\(outcome.error)")
        let map = try Image.load(place("map.png"))
        let isFlat = try map.isFlat()
        #expect((map.width, map.height, map.bands) == (64, 48, 3) && !isFlat)
    }

    @Test func `colours that nobody can see do not count`() throws {
        let picture = try Picture.make(20, 20), clear = try Operation.image("linear", ["in": .image(try Picture.make(20, 20, bands: 1)), "a": .doubles([0]), "b": .doubles([0])])
        for (name, image) in [("a", picture), ("b", try Operation.image("invert", ["in": .image(picture)]))] {
            let joined = try Operation.image("bandjoin", ["in": .images([image, try Operation.image("cast", ["in": .image(clear), "format": "uchar"])])])
            try joined.save(place("clear-\(name).png"))
        }
        let same = try figures("clear-a.png", "clear-b.png")
        #expect(same["max_difference"] as? Double == 0 && same["de2000_max"] as? Double == 0, "\(same)")
    }

    @Test func `what cannot be compared says why`() throws {
        try Picture.make(10, 10).save(place("small.png"))
        let sizes = try place.aquatint("compare", "a.png", "small.png")
        #expect(sizes.status == 1 && sizes.error.contains("different sizes, 64 x 48 and 10 x 10"), "\(sizes.error)")
        #expect(try figures("small.png", "small.png")["ssim"] is NSNull)
        try place.write("text.png", "no picture")
        #expect(try place.aquatint("compare", "a.png", "text.png").status == 66)
        let missing = try place.aquatint("compare", "a.png", "nothing.png")
        #expect(missing.status == 66 && missing.error.contains("there is no file 'nothing.png'"), "\(missing.error)")
        #expect(try place.aquatint("compare", "a.png", "a.png", "--border", "30").status == 64)
    }
}
