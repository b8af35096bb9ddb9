import Testing
import ONNX

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
        try Self.compareTiles(model, found, along: \.x, &random)
        try Self.compareTiles(model, found, along: \.y, &random)
    }

    /// Cuts the image along one axis and compares every cell with the whole image's, and that the halo claimed is no less than needed.
    static func compareTiles(_ model: Model, _ found: SpatialAnalysis, along path: KeyPath<SpatialAnalysis, SpatialAnalysis.Axis>,
                             _ random: inout Randomness) throws {
        let axis = found[keyPath: path], isX = path == \.x
        func up(_ n: Int, _ multiple: Int) -> Int { (n + multiple - 1) / multiple * multiple }
        let s = axis.stride
        let before = up(axis.haloBefore, s), after = up(axis.haloAfter, s)
        // Long enough that a cell in the middle has tile edges on both sides that are not the image's.
        let length = up(before + after + 3 * s + Int.random(in: 0...5, using: &random), axis.needsMultiple)
        let other = isX ? found.y : found.x
        let across = up(max(12, other.haloBefore + other.haloAfter + 1), other.stride)
        guard length * across <= 6000 else { return }
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
            let part = try #require(try Interpreter(model: model).run(cut)["result"])
            let origin = tile.lowerBound * axis.scaleNumerator / axis.scaleDenominator
            let rest = 0..<whole.dims[isX ? 2 : 3]
            let local = (keep.lowerBound - origin)..<(keep.upperBound - origin)
            try #require(local.upperBound <= part.dims[isX ? 3 : 2], "a tile lacks what its cell needs")
            let expected = isX ? crop(whole, keep, rest) : crop(whole, rest, keep)
            let got = isX ? crop(part, local, rest) : crop(part, rest, local)
            let worst = zip(expected.values, got.values).map { abs($0 - $1) }.max() ?? 0
            #expect(worst < 1e-9, "cell at \(start) of \(length), S \(s), halo \(axis.haloBefore), \(axis.haloAfter), \(model.nodes.map(\.op))")
        }
    }
}
