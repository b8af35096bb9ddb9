import Testing
@testable import Inference

/// Two networks' geometry as one, against what each of them reads.
@Suite struct JoinedGeometryTests {
    static let parts: [AxisGeometry] = {
        let list: [(Int, Int, Int, Int, Int)] = [(1, 1, 1, 2, 1), (2, 1, 1, 1, 3), (1, 2, 2, 3, 1), (1, 1, 8, 0, 0), (4, 1, 1, 5, 5), (3, 2, 2, 2, 0), (1, 1, 6, 7, 13), (1, 3, 3, 1, 1)]
        return list.compactMap { try? AxisGeometry(scaleNumerator: $0.0, scaleDenominator: $0.1, alignment: $0.2, haloBefore: $0.3, haloAfter: $0.4) }
    }()

    @Test(arguments: parts, parts)
    func `a cell of both reads no more than the joined halo says`(first: AxisGeometry, second: AxisGeometry) throws {
        let both = try first.followed(by: second)
        #expect(both.scaleNumerator * first.scaleDenominator * second.scaleDenominator == both.scaleDenominator * first.scaleNumerator * second.scaleNumerator)
        // The cell [c, c + S) of the picture is the cell [m, n) between the networks, which must lie on both grids.
        let c = 40 * both.alignment, m = first.outputLength(of: c), n = first.outputLength(of: c + both.alignment)
        #expect(both.alignment % first.alignment == 0 && m % second.alignment == 0 && n % second.alignment == 0)
        // The second reads [m - L, n + R) there; outwards to the first's grid, and through the first, that is this of the picture.
        let made = first.outputLength(of: first.alignment)
        let low = (m - second.haloBefore) / made * first.alignment - first.haloBefore
        let high = (n + second.haloAfter + made - 1) / made * first.alignment + first.haloAfter
        #expect(c - both.haloBefore <= low && c + both.alignment + both.haloAfter >= high)
    }
}
