import NetworkSamples
import Testing
@testable import ONNX

/// The analysis against the interpreter, over random networks: what it claims must be true of what is computed.
@Suite struct SpatialReferenceTests {
    static func picture(_ width: Int, _ height: Int, seed: UInt64) -> Interpreter.Array4 {
        var random = Randomness(state: seed)
        return Interpreter.Array4(dims: [1, 2, height, width], values: (0..<(2 * width * height)).map { _ in Double.random(in: -1...1, using: &random) })
    }

    static func crop(_ a: Interpreter.Array4, _ xs: Range<Int>, _ ys: Range<Int>) -> Interpreter.Array4 {
        var result = Interpreter.Array4(dims: [1, a.dims[1], ys.count, xs.count])
        for c in 0..<a.dims[1] { for (i, y) in ys.enumerated() { for (j, x) in xs.enumerated() { result[c, i, j] = a[c, y, x] } } }
        return result
    }

    @Test(arguments: 1...120) func `the extents that are inferred are those that are computed`(seed: Int) throws {
        let model = try RandomNetwork.make(seed: UInt64(seed))
        for (width, height) in [(24, 24), (17, 23), (9, 32)] {
            let computed = try? Interpreter(model: model).run(Self.picture(width, height, seed: 1))
            let inferred = try? model.shapes(with: ["image": [1, 2, height, width]])
            guard let computed else {
                #expect(inferred == nil)
                continue
            }
            #expect(try #require(inferred) == computed.mapValues(\.dims))
        }
    }

    @Test(arguments: 1...120) func `a random network is local, and its tiles are the whole`(seed: Int) throws {
        let model = try RandomNetwork.make(seed: UInt64(seed))
        let found = SpatialAnalysis.analyse(model)
        if found.klass == .unknown {
            // Sizes that only meet at some remainder of S (an unpadded layer of even kernel before a U-net) are not looked for.
            #expect(found.decidingNodes.contains { $0.contains("do not fit together") || $0.contains("cannot be cut") }, "\(found.decidingNodes)")
            return
        }
        #expect(found.klass == .local, "\(found.decidingNodes)")
        var random = Randomness(state: UInt64(seed) ^ 0xABCD)
        for path in [\SpatialAnalysis.x, \SpatialAnalysis.y] {
            for (cell, error) in try Self.tileErrors(model, found, along: path, &random) {
                #expect(error < 1e-9, "cell at \(cell), \(found[keyPath: path]), \(model.nodes.map(\.op))")
            }
        }
    }

    @Test func `the tests would see a halo that is too small, and a stride that is`() throws {
        var shortHalos = 0, wrongStrides = 0, compared = 0, local = 0
        for seed in 1...120 {
            let model = try RandomNetwork.make(seed: UInt64(seed))
            let found = SpatialAnalysis.analyse(model)
            guard found.klass == .local else { continue }
            local += 1
            var random = Randomness(state: UInt64(seed) ^ 0xABCD)
            let right = try Self.tileErrors(model, found, along: \.x, &random)
            if !right.isEmpty { compared += 1 }
            if found.x.haloBefore > 0, try Self.tileErrors(model, found, along: \.x, &random, haloChange: -1).contains(where: { $0.error > 1e-9 }) { shortHalos += 1 }
            if found.x.stride > 1, try Self.tileErrors(model, found, along: \.x, &random, ignoresStride: true).contains(where: { $0.error > 1e-9 }) { wrongStrides += 1 }
        }
        #expect(local >= 90, "networks that are taken for what they are")
        #expect(compared >= 80, "networks small enough to be cut and compared")
        #expect(shortHalos >= 30)
        #expect(wrongStrides >= 20)
    }

    /// Cuts the image along one axis, with exactly the claimed halo, and compares every cell with the whole image's.
    static func tileErrors(_ model: Model, _ found: SpatialAnalysis, along path: KeyPath<SpatialAnalysis, SpatialAnalysis.Axis>,
                           _ random: inout Randomness, haloChange: Int = 0, ignoresStride: Bool = false) throws -> [(cell: Int, error: Double)] {
        let axis = found[keyPath: path], isX = path == \.x
        func up(_ n: Int, _ multiple: Int) -> Int { (n + multiple - 1) / multiple * multiple }
        let s = axis.stride
        let grid = ignoresStride ? 1 : s
        let before = max(0, up(axis.haloBefore + haloChange, grid)), after = up(axis.haloAfter, grid)
        var errors: [(cell: Int, error: Double)] = []
        // Long enough that a cell in the middle has tile edges on both sides that are not the image's.
        let length = up(before + after + 3 * s + Int.random(in: 0...5, using: &random), axis.needsMultiple)
        let other = isX ? found.y : found.x
        let across = up(max(12, other.haloBefore + other.haloAfter + 1), other.stride)
        guard length * across <= 6000 else { return errors }
        let image = picture(isX ? length : across, isX ? across : length, seed: 7)
        let whole = try #require(try Interpreter(model: model).run(image)["result"])
        let outputLength = whole.dims[isX ? 3 : 2]
        let claimed = try found.outputSize(width: image.dims[3], height: image.dims[2])
        #expect((claimed.width, claimed.height) == (whole.dims[3], whole.dims[2]))
        for start in stride(from: 0, to: length, by: s) {
            let tile = max(0, start - before)..<min(length, start + s + after)
            let cut = isX ? crop(image, tile, 0..<across) : crop(image, 0..<across, tile)
            let keep = min(start * axis.scaleNumerator / axis.scaleDenominator, outputLength)
                ..< (start + s >= length ? outputLength : min((start + s) * axis.scaleNumerator / axis.scaleDenominator, outputLength))
            guard !keep.isEmpty else { continue }
            guard let part = try? Interpreter(model: model).run(cut)["result"] else {
                // Only a wrong halo or stride makes a tile that the network does not take.
                try #require(haloChange != 0 || ignoresStride)
                return [(start, .infinity)]
            }
            let origin = tile.lowerBound * axis.scaleNumerator / axis.scaleDenominator
            let rest = 0..<whole.dims[isX ? 2 : 3]
            let local = (keep.lowerBound - origin)..<(keep.upperBound - origin)
            guard local.lowerBound >= 0, local.upperBound <= part.dims[isX ? 3 : 2] else {
                errors.append((start, .infinity))
                continue
            }
            let expected = isX ? crop(whole, keep, rest) : crop(whole, rest, keep)
            let got = isX ? crop(part, local, rest) : crop(part, rest, local)
            errors.append((start, zip(expected.values, got.values).map { abs($0 - $1) }.max() ?? 0))
        }
        return errors
    }
}
