import Foundation
import Synchronization
import Testing

@testable import Vips

extension VipsTests {
    @Suite struct Generated {
        /// Copies its input plus one, row by row.
        private static func plusOne(of image: Image, demand: DemandHint = .smallTile) throws -> Image {
            let bands = image.bands
            let header = GeneratedHeader(
                width: image.width, height: image.height, bands: bands, format: .uchar,
                interpretation: image.interpretation, demand: demand)
            return try Image.generated(header, from: [image]) { area, output, inputs in
                try inputs.withPixels(of: 0, in: area) { base, stride in
                    for y in 0..<area.height {
                        for x in 0..<area.width * bands {
                            let value = base.load(fromByteOffset: y * stride + x, as: UInt8.self)
                            output.base.storeBytes(of: value &+ 1, toByteOffset: y * output.rowStride + x, as: UInt8.self)
                        }
                    }
                }
            }
        }

        @Test(arguments: [(1, 1), (1, 300), (300, 1), (127, 129), (61, 47), (257, 513)], [DemandHint.smallTile, .fatStrip, .thinStrip, .any])
        func `a generated image equals its closure over the whole, in any size`(_ size: (Int, Int), _ demand: DemandHint) throws {
            let image = try Picture.rgb(width: size.0, height: size.1)
            let expected = try image.bytes().map { $0 &+ 1 }
            #expect(try Self.plusOne(of: image, demand: demand).bytes() == expected)
            #expect(try Self.plusOne(of: image).tileCache(tileWidth: 50, tileHeight: 33, maxTiles: 20).bytes() == expected)
        }

        @Test func `inputs may be images that are computed themselves, and generated ones`() throws {
            let image = try Picture.rgb(width: 300, height: 200)
            let flipped = try Operation.image("flip", ["in": .image(image), "direction": "vertical"])
            let result = try Self.plusOne(of: try Self.plusOne(of: flipped))
            #expect(try result.bytes() == flipped.bytes().map { $0 &+ 2 })
        }

        @Test func `an image without inputs is generated from its coordinates`() throws {
            let header = GeneratedHeader(width: 300, height: 200, bands: 1, format: .ushort, interpretation: .grey16)
            let image = try Image.generated(header, from: []) { area, output, _ in
                for y in 0..<area.height {
                    for x in 0..<area.width {
                        let value = UInt16((area.top + y) * 300 + area.left + x)
                        output.base.storeBytes(of: value, toByteOffset: y * output.rowStride + x * 2, as: UInt16.self)
                    }
                }
            }
            #expect(image.description == "300x200 ushort, 1 band, grey16")
            let samples = try image.bytes().withUnsafeBytes { Array($0.bindMemory(to: UInt16.self)) }
            #expect(samples == (0..<60_000).map(UInt16.init))
        }

        @Test func `size may differ from the input's, and metadata comes along`() throws {
            let image = try Picture.grey(width: 90, height: 70).settingFields([("note", .string("kept"))])
            let header = GeneratedHeader(width: 180, height: 140, bands: 1, format: .uchar, interpretation: .blackAndWhite)
            let doubled = try Image.generated(header, from: [image]) { area, output, inputs in
                let left = area.left / 2, top = area.top / 2
                let rect = Rect(
                    left: left, top: top, width: (area.left + area.width + 1) / 2 - left,
                    height: (area.top + area.height + 1) / 2 - top)
                try inputs.withPixels(of: 0, in: rect) { base, stride in
                    for y in 0..<area.height {
                        for x in 0..<area.width {
                            let source = ((area.top + y) / 2 - top) * stride + (area.left + x) / 2 - left
                            let value = base.load(fromByteOffset: source, as: UInt8.self)
                            output.base.storeBytes(of: value, toByteOffset: y * output.rowStride + x, as: UInt8.self)
                        }
                    }
                }
            }
            #expect(doubled.string("note") == "kept")
            let zoomed = try Operation.image("zoom", ["input": .image(image), "xfac": 2, "yfac": 2])
            #expect(try doubled.bytes() == zoomed.bytes())
            // Asked for in pieces that start anywhere, from a region that is wider than its area.
            let piece: [String: Argument] = ["left": 33, "top": 21, "width": 71, "height": 55]
            let ours = try Operation.image("extract_area", piece.merging(["input": .image(doubled)]) { $1 })
            let theirs = try Operation.image("extract_area", piece.merging(["input": .image(zoomed)]) { $1 })
            #expect(try ours.bytes() == theirs.bytes())
        }

        @Test func `a tile cache asks for each tile once, in its grid`() throws {
            let seen = Mutex<[Rect: Int]>([:])
            let header = GeneratedHeader(width: 250, height: 130, bands: 1, format: .uchar, interpretation: .blackAndWhite)
            let image = try Image.generated(header, from: []) { area, output, _ in
                seen.withLock { $0[area, default: 0] += 1 }
                for y in 0..<area.height { memset(output.base + y * output.rowStride, 7, area.width) }
            }.tileCache(tileWidth: 64, tileHeight: 64, maxTiles: -1, threaded: true, persistent: true)
            let blurred = try Operation.image("gaussblur", ["in": .image(image), "sigma": 5])
            #expect(try blurred.bytes().allSatisfy { $0 == 7 })
            let tiles = seen.withLock { $0 }
            #expect(tiles.count == 12)
            #expect(tiles.values.allSatisfy { $0 == 1 })
            #expect(tiles.keys.allSatisfy { $0.left % 64 == 0 && $0.top % 64 == 0 })
        }

        struct TooGrainy: Error, CustomStringConvertible {
            let description = "tile 3 is 100% too grainy, größer geht nicht"
        }

        @Test func `what the closure throws is what the reader is told`() throws {
            let header = GeneratedHeader(width: 300, height: 300, bands: 1, format: .uchar, interpretation: .blackAndWhite)
            let image = try Image.generated(header, from: [try Picture.grey()]) { _, _, _ in throw TooGrainy() }
            let error = #expect(throws: VipsError.self) { try image.bytes() }
            #expect(error?.message.contains("tile 3 is 100% too grainy, größer geht nicht") == true, "\(String(describing: error))")

            let scratch = try Scratch()
            let saving = #expect(throws: VipsError.self) { try image.save(scratch("a.png")) }
            #expect(saving?.message.contains("tile 3 is 100% too grainy") == true)
            let cached = try image.tileCache(tileWidth: 64, tileHeight: 64, maxTiles: 10)
            #expect(throws: VipsError.self) { try cached.bytes() }
        }

        @Test func `an input that fails is told as itself`() throws {
            let header = GeneratedHeader(width: 300, height: 300, bands: 1, format: .uchar, interpretation: .blackAndWhite)
            let broken = try Image.generated(header, from: []) { _, _, _ in throw TooGrainy() }
            let error = #expect(throws: VipsError.self) { try Self.plusOne(of: broken).bytes() }
            #expect(error?.message.contains("too grainy") == true)
            #expect(error?.message.contains("could not be computed") == false)
        }

        @Test(arguments: [
            Rect(left: -1, top: 0, width: 5, height: 5), Rect(left: 60, top: 0, width: 2, height: 1),
            Rect(left: 0, top: 0, width: 0, height: 1), Rect(left: .max, top: 0, width: .max, height: 1),
            Rect(left: 0, top: .min, width: 1, height: 1),
        ])
        func `a rectangle outside the input is refused`(_ rect: Rect) throws {
            let header = GeneratedHeader(width: 61, height: 47, bands: 1, format: .uchar, interpretation: .blackAndWhite)
            let image = try Image.generated(header, from: [try Picture.grey()]) { _, _, inputs in
                try inputs.withPixels(of: 0, in: rect) { _, _ in }
            }
            let error = #expect(throws: VipsError.self) { try image.bytes() }
            #expect(error?.message.contains("are not in input 0, which is 61x47") == true)
        }

        @Test func `an input cannot be asked for while it is lent, nor one that is not there`() throws {
            let header = GeneratedHeader(width: 20, height: 20, bands: 1, format: .uchar, interpretation: .blackAndWhite)
            let twice = try Image.generated(header, from: [try Picture.grey()]) { area, _, inputs in
                try inputs.withPixels(of: 0, in: area) { _, _ in try inputs.withPixels(of: 0, in: area) { _, _ in } }
            }
            #expect(throws: VipsError.self) { try twice.bytes() }
            let beyond = try Image.generated(header, from: [try Picture.grey()]) { area, _, inputs in
                try inputs.withPixels(of: 1, in: area) { _, _ in }
            }
            let error = #expect(throws: VipsError.self) { try beyond.bytes() }
            #expect(error?.message.contains("input 1 was asked for where there are 1") == true)
        }

        @Test func `impossible headers are refused`() {
            for (width, bands) in [(0, 1), (-5, 1), (20_000_000, 1), (5, 0), (5, 70_000)] {
                let header = GeneratedHeader(width: width, height: 5, bands: bands, format: .float, interpretation: .multiband)
                #expect(throws: VipsError.self) { try Image.generated(header, from: []) { _, _, _ in } }
            }
        }
    }

    @Suite struct Progress {
        /// Renders the first few areas at once, and the rest only after progress has been told: libvips tells it between areas
        /// on another thread, and could be done before it has.
        private final class Gate: Sendable {
            private let state = Mutex((areas: 0, told: false))

            func pass() throws {
                let deadline = ContinuousClock.now + .seconds(30)
                let early = state.withLock { state in
                    state.areas += 1
                    return state.areas <= 4
                }
                while !early, !state.withLock({ $0.told }) {
                    guard ContinuousClock.now < deadline else { throw VipsError(message: "no progress was told") }
                    usleep(200)
                }
            }

            func tell() { state.withLock { $0.told = true } }
        }

        private static func source(side: Int, behind gate: Gate) throws -> Image {
            let header = GeneratedHeader(width: side, height: side, bands: 1, format: .uchar, interpretation: .blackAndWhite)
            return try Image.generated(header, from: []) { area, output, _ in
                try gate.pass()
                for y in 0..<area.height { memset(output.base + y * output.rowStride, 7, area.width) }
            }
        }

        @Test func `progress of what is made from an image is told with its total`() throws {
            let gate = Gate()
            let heard = Mutex<[(done: Int64, total: Int64)]>([])
            let image = try Self.source(side: 1500, behind: gate).onProgress { done, total in
                heard.withLock { $0.append((done, total)) }
                gate.tell()
                return true
            }
            let result = try Operation.image("invert", ["in": .image(image)]).bytes()
            #expect(result.allSatisfy { $0 == 248 })
            let told = heard.withLock { $0 }
            #expect(!told.isEmpty)
            #expect(told.allSatisfy { $0.total == 2_250_000 && $0.done > 0 && $0.done <= $0.total })
        }

        @Test func `saying no stops the work, every time`() throws {
            let gate = Gate()
            let image = try Self.source(side: 6000, behind: gate).onProgress { _, _ in
                gate.tell()
                return false
            }
            let error = #expect(throws: VipsError.self) { try Operation.image("invert", ["in": .image(image)]).bytes() }
            #expect(error?.message.contains("killed") == true, "\(String(describing: error))")
            // Now the gate is open, and the closure is not asked again.
            #expect(throws: VipsError.self) { try Operation.image("invert", ["in": .image(image)]).bytes() }
        }
    }
}
