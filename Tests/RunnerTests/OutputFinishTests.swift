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
        #expect(jpeg.notes == ["stored with 8 bits a sample, since 'jpegsave' holds no more"])
    }

    @Test func `a stage that lowered the depth is not blamed on the format`() throws {
        let (image, notes) = try finish([1, 2, 3], .float, .srgb, input: .ushort)
        #expect(image.format == .uchar)
        #expect(notes == ["stored with 8 bits a sample, which a stage has brought the 16 of the input down to"])
    }

    @Test func `a cast of the pipeline decides, where the format holds it`() throws {
        #expect(try finish([1.5, 2, 3], .float, .srgb, saver: "tiffsave", cast: .float).image.format == .float)
        #expect(try finish([1.5, 2, 3], .float, .srgb, saver: "pngsave", cast: .float).image.bytes() == [2, 2, 3])
        #expect(try finish([1.5, 2, 3], .float, .srgb, saver: "tiffsave").image.format == .uchar)
    }

    @Test func `a float input stays float where the format holds it`() throws {
        #expect(try finish([0.2, 0.5, 1], .float, .srgb, saver: "tiffsave", input: .float).image.format == .float)
        #expect(try finish([0.6, 0.5, 1], .float, .srgb, saver: "pngsave", input: .float).image.bytes() == [1, 1, 1])
    }

    @Test func `colours that are no code values keep their numbers`() throws {
        let (image, _) = try finish([50.5, -20.25, 30], .float, .lab, saver: "tiffsave")
        #expect(image.format == .float)
    }

    @Test func `transparency that is lost is told`() throws {
        #expect(try finish([1, 2, 3, 128], .uchar, saver: "jpegsave").notes.first?.hasPrefix("transparency laid on a background") == true)
        #expect(try finish([1, 2, 3, 128], .uchar, saver: "pngsave").notes.isEmpty)
    }

    @Test func `bands that a picture format would drop without a word are refused`() throws {
        let error = #expect(throws: VipsError.self) { try finish([Double](repeating: 9, count: 16), .uchar, .multiband) }
        #expect(error?.message == "the result has 16 bands, and this format holds at most 4: take some with extract_band, or write a .tif")
        #expect(try finish([Double](repeating: 9, count: 16), .uchar, .multiband, saver: "tiffsave").image.bands == 16)
    }
}
