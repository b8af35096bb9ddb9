import PipelineLanguage
import Testing
import Vips

@testable import StageHost

/// Second images of another profile, mixed with a picture.
@Suite struct JoinedColourTests {
    private let session: StageSession

    init() throws {
        let library = try StageLibrary(search: PluginSearch(option: [], environment: [:], executable: nil), host: PluginHost(version: "test") { _, _ in })
        session = StageSession(library: library, settings: NeuralSettings(threads: 1), files: FileLookup(folders: []))
    }

    private static let wide = ColourConversionTests.profile(ColourConversionTests.p3, ColourConversionTests.srgbCurve)

    private static func flat(_ colour: [UInt8], _ profile: [UInt8]?, _ space: Interpretation = .srgb, size: Int = 4) throws -> Image {
        let samples = (0..<size * size).flatMap { _ in colour }
        let image = try Image.samples(samples, width: size, height: size, bands: colour.count, format: .uchar, interpretation: space)
        return try image.settingFields([(ManagedColour.profileField, profile.map { .blob($0) })]).taggedAsOpened()
    }

    private func apply(_ name: String, _ arguments: [String: Value], _ images: [String: Image]) throws -> Image {
        let stage = try #require(session.library.catalogue[name]), primary = try #require(images["prev"])
        let result = try session.apply(stage, arguments: arguments, primary: primary, outputs: [], alpha: .auto, context: ImageContext(memoryBudget: 1 << 30)) { reference in
            switch reference {
            case .named(let name): images[name] ?? primary
            default: primary
            }
        }
        return try #require(result.image)
    }

    private static func first(_ image: Image, _ count: Int = 3) throws -> [Int] { try image.floats().prefix(count).map { Int($0.rounded()) } }

    private static func areClose(_ found: [Int], _ wanted: [Int], within most: Int = 1) -> Bool { found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) <= most } }

    /// sRGB's (200, 40, 60) in Display P3, by hand: light, matrix, curve.
    private static let redInP3 = [184, 56, 65]

    @Test func `what is laid on a picture is brought to its profile, tagged or not`() throws {
        let picture = try Self.flat([10, 20, 30], Self.wide), logo = try Self.flat([200, 40, 60], nil, size: 2)
        let inserted = try apply("insert", ["main": .image(.previous), "sub": .image(.named("logo")), "x": .int(0), "y": .int(0)], ["prev": picture, "logo": logo])
        #expect(inserted.format == .uchar)
        #expect(Self.areClose(try Self.first(inserted), Self.redInP3))
        #expect(inserted.blob(ManagedColour.profileField) == Self.wide)
        let laid = try apply("composite2", ["base": .image(.previous), "overlay": .image(.named("logo")), "mode": .string("over")], ["prev": picture, "logo": logo])
        #expect(Self.areClose(try Self.first(laid), Self.redInP3))
    }

    @Test func `a picture without a profile gets sRGB, and transparency stays`() throws {
        let picture = try Self.flat([10, 20, 30], nil), logo = try Self.flat(Self.redInP3.map { UInt8($0) } + [255], Self.wide, size: 2)
        let matched = try JoinedColour.matched(logo, to: picture)
        #expect(Self.areClose(try Self.first(matched, 4), [200, 40, 60, 255], within: 2))
        #expect(try JoinedColour.matched(picture, to: picture) === picture)
    }

    @Test func `of ifthenelse the first choice leads, and the mask stays what it is`() throws {
        let mask = try Self.flat([255], nil, .blackAndWhite), photo = try Self.flat([10, 20, 30], Self.wide), logo = try Self.flat([200, 40, 60], nil)
        let images = ["prev": mask, "photo": photo, "logo": logo]
        let chosen = try apply("ifthenelse", ["cond": .image(.previous), "in1": .image(.named("logo")), "in2": .image(.named("photo"))], images)
        #expect(try Self.first(chosen) == [200, 40, 60], "it leads")
        let other = try apply("ifthenelse", ["cond": .image(.previous), "in1": .image(.named("photo")), "in2": .image(.named("logo"))], ["prev": try Self.flat([0], nil, .blackAndWhite), "photo": photo, "logo": logo])
        #expect(Self.areClose(try Self.first(other), Self.redInP3))
    }

    @Test func `grey is brought to the curve of the colours that it joins, and numbers are left alone`() throws {
        let linear = ColourConversionTests.profile(ColourConversionTests.p3, ColourConversionTests.gamma(1)), picture = try Self.flat([10, 20, 30], linear)
        let grey = try JoinedColour.matched(try Self.flat([128], nil, .blackAndWhite), to: picture)
        #expect(Self.areClose(try Self.first(grey), [55, 55, 55]))
        let data = try Image.samples([UInt8](repeating: 0, count: 12), width: 1, height: 1, bands: 3, format: .float, interpretation: .multiband)
        #expect(try JoinedColour.matched(data, to: picture) === data)
    }

    @Test func `inks and light are brought to each other`() throws {
        let inks = try Self.flat([0, 0, 0, 0], nil, .cmyk), light = try Self.flat([255, 255, 255], nil)
        let white = try JoinedColour.matched(inks, to: light)
        #expect(white.bands == 3 && white.interpretation == .srgb, "\(white)")
        #expect(try white.bytes().min() ?? 0 > 245)
        let paper = try JoinedColour.matched(light, to: inks)
        #expect(paper.bands == 4 && paper.interpretation == .cmyk)
        #expect(try paper.bytes().max() ?? 99 < 10)
    }

    @Test func `a profile that nobody can read costs no picture, and is told`() throws {
        var broken = Self.wide
        broken.replaceSubrange(broken.count - 40..<broken.count, with: [UInt8](repeating: 0xFF, count: 40))
        let picture = try Self.flat([10, 20, 30], nil), logo = try Self.flat([200, 40, 60], broken, size: 2), context = ImageContext(memoryBudget: 1 << 30)
        let stage = try #require(session.library.catalogue["insert"])
        let arguments: [String: Value] = ["main": .image(.previous), "sub": .image(.named("logo")), "x": .int(0), "y": .int(0)]
        let result = try session.apply(stage, arguments: arguments, primary: picture, outputs: [], alpha: .auto, context: context) { $0 == .previous ? picture : logo }
        #expect(try Self.first(try #require(result.image)) == [200, 40, 60])
        #expect(context.notes.count == 1 && context.notes[0].hasPrefix("the pictures that 'insert' joins have colours of different profiles, which are mixed as they are: "), "\(context.notes)")
    }
}
