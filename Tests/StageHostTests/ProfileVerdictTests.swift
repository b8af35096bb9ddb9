import Testing
import Vips

@testable import StageHost

/// What is known of a profile is known of it with its bands alone.
@Suite struct ProfileVerdictTests {
    @Test func `a profile of another space is never sRGB, and having been asked changes nothing`() throws {
        let converted = try Operation.image("icc_transform", [
            "in": .image(try Image.samples([1, 2, 3], width: 1, height: 1, bands: 3, format: .uchar, interpretation: .srgb)), "input_profile": "srgb", "output_profile": "srgb",
        ])
        // Bytes behind the end make it a profile that nobody has asked about yet.
        let colours = try #require(converted.blob(ManagedColour.profileField)) + [1]
        #expect(!ManagedColour.isSRGB(colours, bands: 1))
        #expect(ManagedColour.isSRGB(colours, bands: 3))
        #expect(!ManagedColour.isSRGB(colours, bands: 1))
        #expect(!ManagedColour.isSRGB(colours, bands: 2) && !ManagedColour.isSRGB([], bands: 2) && !ManagedColour.isSRGB([], bands: 3))
    }
}
