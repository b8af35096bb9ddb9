import PipelineLanguage
import Synchronization
import Testing
import Vips

@testable import StageHost

/// What stands under transparent pixels before a network or a plug-in sees it.
@Suite struct ExtendedColoursTests {
    private static let width = 83, height = 61

    /// A disc with a soft edge, whose colours are `colour`, over rubbish.
    private static func disc(_ format: BandFormat, bands: Int, colour: (_ x: Int, _ y: Int, _ band: Int) -> Double) throws -> Image {
        let white = format == .ushort ? 65535.0 : 255
        var samples: [Double] = []
        for y in 0..<height {
            for x in 0..<width {
                let right = Double(x - 50), down = Double(y - 28)
                let share = (21 - (right * right + down * down).squareRoot()) / 6
                let alpha = (white * min(max(share, 0), 1)).rounded()
                for band in 0..<bands {
                    let rubbish = (x * 7919 + y * 104729 + band) % 251
                    samples.append(alpha > 0 ? colour(x, y, band) * white : Double(rubbish))
                }
                samples.append(alpha)
            }
        }
        let space: Interpretation = bands == 1 ? (format == .ushort ? .grey16 : .blackAndWhite) : format == .ushort ? .rgb16 : .srgb
        let doubles = samples.withUnsafeBytes { Array($0) }
        let deep = try Image.samples(doubles, width: width, height: height, bands: bands + 1, format: .double, interpretation: space)
        return try Operation.image("cast", ["in": .image(deep), "format": .string(format.rawValue)])
    }

    private final class Count: Sendable {
        let pixels = Atomic<Int>(0)
    }

    private func extended(_ image: Image) throws -> Image { try ExtendedColours.of(image, isComputed: false, memoryBudget: 1 << 30) }

    private func floats(_ image: Image) throws -> [Float] {
        try Operation.image("cast", ["in": .image(image), "format": "float"]).bytes().withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    @Test(arguments: [BandFormat.uchar, .ushort, .float], [1, 3])
    func `one colour is that colour everywhere`(format: BandFormat, bands: Int) throws {
        let colours: [Float] = [0.2, 0.6, 0.8], white: Float = format == .ushort ? 65535 : 255
        let result = try extended(try Self.disc(format, bands: bands) { _, _, band in Double(colours[band]) })
        #expect(result.bands == bands && result.format == format)
        let samples = try floats(result)
        let tolerance: Float = format == .float ? white * 1e-5 : 1
        for (index, sample) in samples.enumerated() where abs(sample - white * colours[index % bands]) > tolerance {
            Issue.record("\(sample) at \(index)")
            break
        }
    }

    @Test func `what can be seen stays as it is, and a slope goes on from the edge`() throws {
        let image = try Self.disc(.uchar, bands: 3) { x, y, band in 0.2 + Double(x + y + 10 * band) / 300 }
        let given = try image.bytes(), result = try extended(image).bytes()
        for place in 0..<Self.width * Self.height {
            let x = place % Self.width, y = place / Self.width
            for band in 0..<3 {
                let value = Int(result[3 * place + band])
                if given[4 * place + 3] > 0 {
                    #expect(value == given[4 * place + band])
                } else if abs(x - 50) < 24, abs(y - 28) < 24 {
                    let continued = 255 * (0.2 + Double(x + y + 10 * band) / 300)
                    #expect(abs(Double(value) - continued) < 25, "(\(x), \(y))")
                }
            }
        }
    }

    @Test func `parts are what the whole is`() throws {
        let image = try Self.disc(.float, bands: 3) { x, y, band in 0.2 + Double((x * 13 + y * 7 + band) % 50) / 100 }
        let whole = try extended(image).bytes(), pixel = 12
        for part in [Rect(left: 0, top: 0, width: 1, height: 1), Rect(left: 13, top: 9, width: 31, height: 22), Rect(left: 70, top: 40, width: 13, height: 21), Rect(left: 7, top: 59, width: 64, height: 2)] {
            let bytes = try Operation.image("extract_area", [
                "input": .image(try extended(image)), "left": .int(part.left), "top": .int(part.top), "width": .int(part.width), "height": .int(part.height),
            ]).bytes()
            for row in 0..<part.height {
                let start = ((part.top + row) * Self.width + part.left) * pixel
                #expect(bytes[row * part.width * pixel..<(row + 1) * part.width * pixel] == whole[start..<start + part.width * pixel])
            }
        }
    }

    @Test func `a picture of which nothing can be seen stays as it is`() throws {
        var samples: [UInt8] = []
        for place in 0..<64 * 40 { samples += [UInt8(place % 256), UInt8(place % 199), UInt8(place % 7), 0] }
        let image = try Image.samples(samples, width: 64, height: 40, bands: 4, format: .uchar, interpretation: .srgb)
        let result = try extended(image).bytes()
        let kept = (0..<64 * 40).allSatisfy { (place: Int) -> Bool in result[3 * place..<3 * place + 3] == samples[4 * place..<4 * place + 3] }
        #expect(kept)
    }

    @Test func `numbers that are none do not spread from where nothing can be seen`() throws {
        var samples = [Float](repeating: 100, count: 40 * 30 * 4)
        for place in 0..<40 * 30 {
            let isHole = place % 40 < 15
            if isHole { samples[4 * place] = .nan }
            samples[4 * place + 3] = isHole ? 0 : 255
        }
        let image = try Image.samples(samples.withUnsafeBytes { Array($0) }, width: 40, height: 30, bands: 4, format: .float, interpretation: .srgb)
        #expect(try floats(try extended(image)).allSatisfy { abs($0 - 100) < 1e-3 })
    }

    @Test(arguments: [255, 128, 1])
    func `each pixel of a picture without holes is computed once`(alpha: Int) throws {
        let count = Count()
        let header = GeneratedHeader(width: 300, height: 200, bands: 4, format: .uchar, interpretation: .srgb, demand: .any)
        let source = try Image.generated(header, from: []) { area, output, _ in
            count.pixels.add(area.width * area.height, ordering: .relaxed)
            for row in 0..<area.height { (output.base + row * output.rowStride).initializeMemory(as: UInt8.self, repeating: UInt8(alpha), count: 4 * area.width) }
        }
        _ = try extended(source).bytes()
        #expect(count.pixels.load(ordering: .relaxed) == 300 * 200)
    }

    @Test func `colours under next to no alpha are not lost where white is 1`() throws {
        let pixel: [Float] = [0.8, 0.4, 0.1, 0.002], samples = (0..<64).flatMap { _ in pixel }
        let image = try Image.samples(samples.withUnsafeBytes { Array($0) }, width: 8, height: 8, bands: 4, format: .float, interpretation: .scrgb)
        let result = try VipsStage.apply("gaussblur", ["in": .image(.previous), "sigma": .double(1)], primary: image, outputs: [], alpha: .auto) { _ in image }
        let blurred = try #require(result.image)
        #expect(zip(try blurred.floats(), samples).allSatisfy { abs($0 - $1) < 1e-3 * max($1, 1e-2) })
    }
}
