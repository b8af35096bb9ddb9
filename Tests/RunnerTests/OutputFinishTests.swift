import PipelineLanguage
import StageHost
import Testing
import Vips

@testable import Runner

@Suite struct OutputFinishTests {
    /// One pixel of the given samples, in a picture of the given format and space.
    func pixel(_ values: [Double], _ format: BandFormat, _ space: Interpretation) throws -> Image {
        let base = try Image.samples([UInt8](repeating: 0, count: values.count), width: 1, height: 1, bands: values.count, format: .uchar, interpretation: space)
        let raised = try Operation.image("linear", ["in": .image(base), "a": .doubles([1]), "b": .doubles(values)])
        let cast = try Operation.image("cast", ["in": .image(raised), "format": .string(format.rawValue)])
        return try Operation.image("copy", ["in": .image(cast), "interpretation": .string(space.rawValue)])
    }

    func finish(_ values: [Double], _ format: BandFormat = .float, _ space: Interpretation = .srgb, saver: String = "pngsave", input: BandFormat = .uchar,
                cast: BandFormat? = nil) throws -> (image: Image, notes: [String]) {
        try OutputFinish(saver: saver, inputFormat: input, castFormat: cast).apply(try pixel(values, format, space))
    }

    @Test func `a float result of an 8-bit input is rounded half away from zero, and clipped`() throws {
        let (image, notes) = try finish([0.49, 0.5, 254.5])
        #expect(try image.bytes() == [0, 1, 255] && image.format == .uchar && notes.isEmpty)
        #expect(try finish([-7, 127.4999, 300]).image.bytes() == [0, 127, 255])
    }

    @Test func `16 bits stay 16 bits where the format holds them, and are said to be lost where it does not`() throws {
        let deep = try finish([1000.5, 65535.4, 70000], .float, .rgb16, input: .ushort)
        #expect(try deep.image.bytes() == [233, 3, 255, 255, 255, 255] && deep.notes.isEmpty, "little-endian")
        let jpeg = try finish([0, 256, 65535], .ushort, .rgb16, saver: "jpegsave", input: .ushort)
        #expect(jpeg.notes == ["stored with 8 bits a sample, dithered (output: {dither: none} rounds), since 'jpegsave' holds no more"])
        #expect(jpeg.image.format == .uchar && jpeg.image.interpretation == .srgb)
    }

    @Test(arguments: [
        ("pngsave", Optional(4), false, 3, "stored with a palette of 16 colours, as the saver's options say"), ("pngsave", 4, false, 1, "stored with 4 bits a sample, as the saver's options say"),
        ("pngsave", 8, false, 3, "stored with 8 bits a sample, dithered (output: {dither: none} rounds), as the saver's options say"),
        ("pngsave", 8, true, 3, "stored with a palette of 256 colours, as the saver's options say"),
        ("gifsave", nil, true, 3, "stored with a palette of 256 colours, since 'gifsave' holds no more"), ("heifsave", 10, false, 3, "stored with 10 bits a sample, as the saver's options say"),
        ("heifsave", nil, false, 3, "stored with 12 bits a sample, since 'heifsave' holds no more"),
    ])
    func `the bits that are told are those of the file`(saver: String, bitDepth: Int?, takesPalette: Bool, bands: Int, note: String) throws {
        var finish = OutputFinish(saver: saver, inputFormat: .ushort, castFormat: nil)
        (finish.bitDepth, finish.takesPalette) = (bitDepth, takesPalette)
        let (image, notes) = try finish.apply(try pixel([Double](repeating: 1150, count: bands), .ushort, bands == 1 ? .grey16 : .rgb16))
        #expect(notes == [note])
        #expect(image.format == (saver == "heifsave" ? .ushort : .uchar))
    }

    @Test func `what the saver brings to fewer colours is not dithered before`() throws {
        func values(_ change: (inout OutputFinish) -> Void) throws -> [UInt8] {
            var finish = OutputFinish(saver: "pngsave", inputFormat: .ushort, castFormat: nil)
            change(&finish)
            return try finish.apply(try ramp()).image.bytes()
        }
        let rounded = try values { ($0.bitDepth, $0.dithers) = (8, false) }
        #expect(try values { $0.bitDepth = 8 } != rounded)
        #expect(try values { $0.bitDepth = 4 } == rounded)
        #expect(try values { ($0.bitDepth, $0.takesPalette) = (8, true) } == rounded)
        #expect(OutputFinish.bitDepth(["palette": .bool(true), "bitdepth": .int(4)]) == 4 && OutputFinish.bitDepth(["palette": .bool(true)]) == 8 && OutputFinish.bitDepth(["bitdepth": .int(16)]) == 16)
    }

    @Test func `a stage that lowered the depth is not blamed on the format`() throws {
        let (image, notes) = try finish([1, 2, 3], .float, .srgb, input: .ushort)
        #expect(image.format == .uchar)
        #expect(notes == ["stored with 8 bits a sample, dithered (output: {dither: none} rounds), which a stage has brought the 16 of the input down to"])
    }

    @Test func `a cast of the pipeline decides, where the format holds it`() throws {
        #expect(try finish([1.5, 2, 3], .float, .srgb, saver: "tiffsave", cast: .float).image.format == .float)
        #expect(try finish([1.5, 2, 3], .float, .srgb, saver: "pngsave", cast: .float).image.bytes() == [2, 2, 3])
        #expect(try finish([1.5, 2, 3], .float, .srgb, saver: "tiffsave").image.format == .uchar)
    }

    @Test func `a float input stays float where the format holds it`() throws {
        #expect(try finish([0.2, 0.5, 1], .float, .srgb, saver: "tiffsave", input: .float).image.format == .float)
        let png = try finish([0.6, 0.5, 1], .float, .srgb, saver: "pngsave", input: .float)
        #expect(try png.image.bytes() == [154, 0, 129, 0, 1, 1], "16 bits: 0.6 * 257, half away from zero")
        #expect(png.image.interpretation == .rgb16 && png.notes == ["stored with 16 bits a sample, rounded, since 'pngsave' holds no floats"])
    }

    @Test func `colours that are no code values keep their numbers`() throws {
        let (image, _) = try finish([50.5, -20.25, 30], .float, .lab, saver: "tiffsave")
        #expect(image.format == .float)
    }

    @Test func `transparency that is lost is told`() throws {
        #expect(try finish([1, 2, 3, 128], .uchar, saver: "jpegsave").notes == ["transparency laid on white, since 'jpegsave' holds no alpha (output: {background: ...} says on what)"])
        #expect(try finish([1, 2, 3, 128], .uchar, saver: "pngsave").notes.isEmpty)
    }

    @Test func `bands that a picture format would drop without a word are refused`() throws {
        let error = #expect(throws: VipsError.self) { try finish([Double](repeating: 9, count: 16), .uchar, .multiband) }
        #expect(error?.message == "the result has 16 bands, and this format holds at most 4: take some with extract_band, or write a .tif")
        #expect(try finish([Double](repeating: 9, count: 16), .uchar, .multiband, saver: "tiffsave").image.bands == 16)
    }

    @Test(arguments: [(BandFormat.uchar, Interpretation.srgb, 255.0, [UInt8]([128, 128, 255])), (.ushort, .rgb16, 65535, [0, 128, 0, 128, 255, 255])])
    func `transparency is laid on the background at the depth of the picture`(format: BandFormat, space: Interpretation, white: Double, expected: [UInt8]) throws {
        // Half transparent: 0 and 1 over white, and white; 0.5 goes up.
        let half = format == .uchar ? 127.0 : 32767, result = try finish([0, 0, white, half], format, space, saver: "ppmsave", input: format)
        #expect(result.image.bands == 3 && result.image.format == format)
        #expect(try result.image.bytes() == expected)
        #expect(result.notes.count == 1)
    }

    @Test func `the background is one of the picture's own space`() throws {
        func laid(_ values: [Double], _ format: BandFormat, _ space: Interpretation, on background: [Double]) throws -> Image {
            var finish = OutputFinish(saver: "jpegsave", inputFormat: format, castFormat: nil)
            finish.background = background
            return try finish.apply(try pixel(values, format, space)).image
        }
        #expect(try laid([7, 7, 7, 0], .uchar, .srgb, on: [255, 128, 0]).bytes() == [255, 128, 0])
        #expect(try laid([7, 0], .uchar, .blackAndWhite, on: [200, 200, 200]).bytes() == [200])
        #expect(try laid([7, 0], .ushort, .grey16, on: [200, 200, 200]).bytes() == [200])
        #expect(try laid([9, 9, 9, 9, 0], .uchar, .cmyk, on: [255, 255, 255]).bytes().max() ?? 99 <= 3, "hardly any ink")
    }

    /// A slow ramp of 16 bits, 256 x 64.
    func ramp() throws -> Image {
        var bytes: [UInt8] = []
        for _ in 0..<64 { for x in 0..<256 { bytes += [UInt8((1000 + 2 * x) & 255), UInt8((1000 + 2 * x) >> 8)] } }
        return try Image.samples(bytes, width: 256, height: 64, bands: 1, format: .ushort, interpretation: .grey16)
    }

    @Test func `dithered samples have the means of the deeper ones, and rounded ones have steps`() throws {
        func errors(dithered: Bool) throws -> [Double] {
            var finish = OutputFinish(saver: "webpsave", inputFormat: .ushort, castFormat: nil)
            finish.dithers = dithered
            let bytes = try finish.apply(try ramp()).image.bytes()
            #expect(bytes.count == 256 * 64)
            return (0..<16).map { block in
                var sum = 0.0
                for y in 0..<16 { for x in 0..<16 { sum += Double(bytes[y * 256 + 16 * block + x]) - Double(1000 + 2 * (16 * block + x)) / 257 } }
                return abs(sum / 256)
            }
        }
        #expect(try errors(dithered: true).max() ?? 9 < 0.05)
        #expect(try errors(dithered: false).max() ?? 0 > 0.3)
    }

    @Test func `every threshold of the dither stands once, and whole numbers stay`() throws {
        #expect(Set(Dither.matrix.joined()).count == 256 && Dither.matrix.joined().min() == 0.5 / 256 && Dither.matrix.joined().max() == 255.5 / 256)
        var bytes: [UInt8] = []
        for _ in 0..<40 { for x in 0..<256 { bytes += [UInt8(x), UInt8(x)] } }
        let whole = try Image.samples(bytes, width: 256, height: 40, bands: 1, format: .ushort, interpretation: .grey16)
        let stored = try OutputFinish(saver: "jpegsave", inputFormat: .ushort, castFormat: nil).apply(whole).image.bytes()
        #expect(stored.indices.allSatisfy { Int(stored[$0]) == $0 % 256 })
    }

    @Test func `an 8-bit result is never dithered, nor one that the pipeline cast itself`() throws {
        #expect(try finish([0.3, 0.3, 0.3]).image.bytes() == [0, 0, 0])
        #expect(try finish([1, 2, 3], .uchar, input: .ushort, cast: .uchar).notes.isEmpty)
    }

    @Test func `linear light becomes the numbers that a format holds`() throws {
        let (png, notes) = try finish([0, 0.214, 1], .float, .scrgb, input: .float)
        #expect(notes == ["stored with 16 bits a sample, rounded, since 'pngsave' holds no floats"])
        #expect(png.format == .ushort && png.interpretation == .rgb16)
        let bytes = try png.bytes(), middle = Int(bytes[2]) | Int(bytes[3]) << 8
        #expect(Array(bytes[0...1]) == [0, 0] && Array(bytes[4...5]) == [255, 255] && abs(middle - 32767) < 40)
        #expect(try finish([1, 1, 1, 1], .float, .scrgb, input: .float).image.bytes() == [UInt8](repeating: 255, count: 8))
        #expect(try finish([0, 0, 0, 0], .float, .scrgb, saver: "jpegsave", input: .float).image.bytes() == [255, 255, 255])
        #expect(try finish([0, 0, 0, 1], .float, .scrgb, saver: "jpegsave", input: .float).image.bytes() == [0, 0, 0])
    }

    @Test(arguments: [("tiffsave", ".tif", 3), ("jxlsave", ".jxl", 3), ("radsave", ".hdr", 3), ("ppmsave", ".pfm", 3)])
    func `code values in floats are light in files whose readers take floats for that`(_ saver: String, _ ext: String, _ bands: Int) throws {
        var finish = OutputFinish(saver: saver, inputFormat: .float, castFormat: nil)
        finish.fileExtension = ext
        let (image, notes) = try finish.apply(try pixel([0, 127.5, 255], .float, .srgb))
        #expect(image.interpretation == .scrgb && image.format == .float && notes.isEmpty)
        let light = try image.bytes().withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        #expect(zip(light, [0, 0.2140411, 1]).allSatisfy { abs($0 - $1) < 1e-5 }, "\(light)")
    }

    @Test func `numbers that the pipeline has cast to floats go into a TIFF as they are`() throws {
        let image = try OutputFinish(saver: "tiffsave", inputFormat: .uchar, castFormat: .float).apply(try pixel([0, 127.5, 255], .float, .srgb)).image
        #expect(try image.bytes().withUnsafeBytes { Array($0.bindMemory(to: Float.self)) } == [0, 127.5, 255])
    }

    @Test func `a grey picture takes a profile of three colours`() throws {
        for (format, space) in [(BandFormat.uchar, Interpretation.blackAndWhite), (.ushort, .grey16), (.float, .grey16)] {
            var finish = OutputFinish(saver: "pngsave", inputFormat: format == .uchar ? .uchar : .ushort, castFormat: nil)
            finish.colour = ColourOut(profile: "p3", isStripped: false)
            let given = try pixel([100], format, space), (image, notes) = try finish.apply(given)
            #expect(image.bands == 3 && image.blob("icc-profile-data") != nil && image.format == (format == .uchar ? .uchar : .ushort))
            #expect(notes == ["the grey picture has no profile: it is converted to 'p3' as sRGB is, and stored in the bands of that"])
            let samples = try image.bytes()
            #expect(stride(from: 0, to: samples.count, by: samples.count / 3).allSatisfy { abs(Int(samples[$0]) - 100) <= (format == .uchar ? 1 : 40) }, "\(samples)")
        }
    }

    // MARK: colours

    /// A profile of grey with a gamma.
    private static func greyProfile(_ gamma: UInt8) -> [UInt8] {
        var profile = [UInt8](repeating: 0, count: 128)
        for (place, text) in [(12, "mntr"), (16, "GRAY"), (20, "XYZ "), (36, "acsp")] { profile.replaceSubrange(place..<place + 4, with: Array(text.utf8)) }
        return profile + [0, 0, 0, 1] + Array("kTRC".utf8) + [0, 0, 0, 144, 0, 0, 0, 14] + Array("curv".utf8) + [0, 0, 0, 0, 0, 0, 0, 1, gamma, 0, 0, 0]
    }

    @Test(arguments: [ColourOut(profile: "srgb", isStripped: false), ColourOut(profile: nil, isStripped: true)])
    func `a grey picture with a profile stays grey where its colours become those of sRGB`(colour: ColourOut) throws {
        var finish = OutputFinish(saver: "pngsave", inputFormat: .uchar, castFormat: nil)
        finish.colour = colour
        let tagged = try pixel([128], .uchar, .blackAndWhite).settingFields([("icc-profile-data", .blob(Self.greyProfile(1)))])
        let (image, notes) = try finish.apply(tagged)
        #expect(image.bands == 1 && image.format == .uchar && image.blob("icc-profile-data") == nil && notes.isEmpty)
        // Half of the light.
        #expect(try image.bytes() == [188])
    }

    @Test func `CMYK of 8 bits becomes 8 bits of sRGB, and says so once`() throws {
        let (image, notes) = try finish([0, 0, 0, 0], .uchar, .cmyk)
        #expect(image.format == .uchar && image.bands == 3 && notes == ["converted from CMYK to sRGB, since 'pngsave' holds no CMYK"])
        #expect(try image.bytes().allSatisfy { $0 > 250 })
    }

    @Test func `Lab of a TIFF is of D50, that of libvips of D65, and both come out at the depth of the input`() throws {
        let file = try ManagedColour.marked(try pixel([53.585, 0, 0], .float, .lab)), plain = try pixel([53.585, 0, 0], .float, .lab)
        for image in [file, plain] {
            let made = try OutputFinish(saver: "pngsave", inputFormat: .uchar, castFormat: nil).apply(image).image
            #expect(made.format == .uchar && made.interpretation == .srgb)
            #expect(try made.bytes() == [128, 128, 128])
        }
        // A blue that is another one under the other light.
        let blue = try pixel([29.57, 68.3, -112.03], .float, .lab)
        let bytes = try OutputFinish(saver: "pngsave", inputFormat: .uchar, castFormat: nil).apply(try ManagedColour.marked(blue)).image.bytes()
        #expect(zip(bytes, [0, 0, 255]).allSatisfy { abs(Int($0) - $1) <= 1 }, "\(bytes)")
        #expect(try OutputFinish(saver: "tiffsave", inputFormat: .float, castFormat: nil).apply(file).image.interpretation == .lab)
    }

    @Test func `floats without a white, and integers of 32 bits, are told in words`() throws {
        #expect(try finish([0.5], .float, .blackAndWhite, input: .float).notes == ["its floats are data without a white: 'pngsave' keeps whole numbers from 0 to 255 of them; scale them before (linear: {a: ..., b: ...}), or write a .tif, .v or .pfm"])
        #expect(try finish([0.5], .float, .blackAndWhite, saver: "tiffsave", input: .float).notes.isEmpty)
        let (image, notes) = try finish([4_294_967_295], .uint, .blackAndWhite, input: .uint)
        let advice = "scale them before (linear: {a: ..., b: ...}), or write a .tif"
        #expect(image.format == .ushort && notes == ["stored with 16 bits a sample, rounded, since 'pngsave' holds no more",
                                                     "4294967295 is taken for the white of its integers: numbers that end far below come out black; \(advice)"])
        #expect(try finish([5], .int, .blackAndWhite, input: .int).notes == ["its integers have a sign and no white: 'pngsave' keeps those from 0 to 255; \(advice)"])
        #expect(try finish([5], .short, .grey16, input: .short).notes == ["its integers have a sign, and 'pngsave' makes 0 of those below; \(advice)"])
        #expect(try finish([5], .short, .grey16, saver: "tiffsave", input: .short).notes.isEmpty)
        #expect(try image.bytes() == [255, 255])
    }

    @Test func `a profile that is asked for by name is in the file, and one that the samples have left is not`() throws {
        let wide = try Operation.image("icc_transform", ["in": .image(try pixel([1, 2, 3], .uchar, .srgb)), "input_profile": "srgb", "output_profile": "p3"])
        #expect(try OutputMetadata(kept: .strip, saver: "pngsave", profileIsNamed: true).apply(wide).image.blob("icc-profile-data") != nil)
        #expect(try OutputMetadata(kept: .strip, saver: "pngsave").apply(wide).image.blob("icc-profile-data") == nil)
        for space in ["lab", "b-w"] {
            let left = try Operation.image("colourspace", ["in": .image(wide), "space": .string(space)])
            #expect(try OutputMetadata(kept: .keep, saver: "tiffsave").apply(left).image.blob("icc-profile-data") == nil, "\(space)")
        }
        let imported = try ManagedColour.marked(try Operation.image("icc_import", ["in": .image(wide), "embedded": true]))
        #expect(try OutputFinish(saver: "pngsave", inputFormat: .uchar, castFormat: nil).apply(imported).image.blob("icc-profile-data") == nil)
    }
}
