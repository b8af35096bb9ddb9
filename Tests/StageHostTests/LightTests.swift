import Foundation
import PipelineLanguage
import Testing
import Vips

@testable import StageHost

/// Pictures whose numbers are light (scRGB), where code values are wanted, and back.
@Suite struct LightTests {
    private static let levels: [Float] = [-0.5, -0.001, 0, 0.0001, 0.002, 0.0031308, 0.01, 0.18, 0.5, 1, 1.5, 4, 40, 60_000]

    private static func light(_ samples: [Float], bands: Int) throws -> Image {
        try Image.samples(samples.withUnsafeBytes { Array($0) }, width: samples.count / bands, height: 1, bands: bands, format: .float, interpretation: .scrgb)
    }

    /// IEC 61966-2-1, and its mirror image below black.
    private static func value(_ light: Double) -> Double {
        light < 0 ? -value(-light) : light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055
    }

    @Test func `light is code values of sRGB for networks, above white and below black, too, and light again afterwards`() throws {
        let colours: [Float] = Self.levels.flatMap { [$0, $0 / 2, 0.25] }
        let picture = try Self.light(colours, bands: 3)
        let shown = try ManagedColour.inSRGB(picture)
        #expect(shown.format == .float && shown.interpretation == .rgb16 && shown.pictureFullScale == 65535 && ManagedColour.isCodedLight(shown))
        for (sample, light) in zip(try shown.floats(), colours) {
            let wanted = Self.value(Double(light)) * 65535
            #expect(abs(Double(sample) - wanted) <= 0.05 + abs(wanted) * 2e-6, "\(light): \(sample), not \(wanted)")
        }
        #expect(try ManagedColour.inSRGB(shown) === shown)
        let back = try ManagedColour.restored(shown)
        #expect(back.interpretation == .scrgb && back.format == .float && !ManagedColour.isAway(back))
        #expect(zip(try back.floats(), colours).allSatisfy { abs($0 - $1) <= 1e-7 + abs($1) * 1e-5 })
        #expect(try ManagedColour.restored(shown, staysWhole: true).interpretation == .rgb16)
    }

    @Test func `alpha goes along, and a mask that is made of light has its white at 1`() throws {
        let shown = try ManagedColour.joining(try Self.light([0.5, 0.5, 0.5, 0.25, 1, 1, 1, 1], bands: 4)), samples = try shown.floats()
        #expect(abs(samples[3] - 0.25 * 65535) < 0.1 && abs(samples[7] - 65535) < 0.1 && abs(samples[4] - 65535) < 0.1)
        let mask = try Operation.image("copy", ["in": .image(try Operation.image("extract_band", ["in": .image(shown), "band": 3])), "interpretation": "grey16"])
        let back = try ManagedColour.restored(mask)
        #expect(back.interpretation == .blackAndWhite && back.pictureFullScale == 1)
        #expect(zip(try back.floats(), [0.25, 1]).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func `code values are light for a stage that asks for it, at the depth of the picture afterwards`() throws {
        for (format, white, space) in [(BandFormat.uchar, 255.0, Interpretation.srgb), (.ushort, 65535, .rgb16)] {
            let bytes: [UInt8] = format == .uchar ? [0, 128, 255] : [0, 0, 0x80, 0x80, 255, 255]
            let picture = try Image.samples(bytes, width: 1, height: 1, bands: 3, format: format, interpretation: space).taggedAsOpened()
            let light = try ManagedColour.inLight(picture)
            #expect(PictureScale.isLight(light) && ManagedColour.isAway(light))
            #expect(zip(try light.floats(), [0, 0.2158605, 1]).allSatisfy { abs($0 - $1) < 1e-5 })
            let back = try ManagedColour.restored(light)
            #expect(back.pictureFullScale == white && back.interpretation == space)
            #expect(zip(try back.floats(), [0, 128 * white / 255, white]).allSatisfy { abs(Double($0) - $1) < 0.01 * white / 255 })
        }
    }

    @Test func `operations that mean code values are given them, and floats without a white are refused in words`() throws {
        #expect(CodeValues.areMeant(by: "hist_equal", [:]) && CodeValues.areMeant(by: "composite2", [:]) && !CodeValues.areMeant(by: "gaussblur", [:]))
        #expect(CodeValues.areMeant(by: "embed", ["extend": .string("white")]) && !CodeValues.areMeant(by: "embed", ["extend": .string("copy")]))
        let numbers: [Float] = [0, 0.5, 1], data = try Image.samples(numbers.withUnsafeBytes { Array($0) }, width: 3, height: 1, bands: 1, format: .float, interpretation: .blackAndWhite)
        let error = try #require(throws: StageError.self) { try CodeValues.check(data, for: "sharpen") }
        #expect(error.message.hasPrefix("works on code values, and these floats are data without a white: bring them to 0..255 or 0..65535"), "\(error.message)")
        try CodeValues.check(data, for: "gaussblur")
        try CodeValues.check(try data.settingFields([(PictureScale.field, .double(255))]), for: "sharpen")
    }
}
