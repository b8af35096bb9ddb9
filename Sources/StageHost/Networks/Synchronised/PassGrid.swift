internal import Inference
internal import ONNX

/// The tiles of one pass: common to all tensors that the pass adds up, each of which keeps places of its own.
struct PassGrid: Sendable {
    /// The tiles along both axes for each tap, in the pass' order.
    let taps: [(x: TileAxis, y: TileAxis)]
    let columns: Int
    let rows: Int
    /// How the taps lie in the whole image.
    let shapes: [TapShape]
    /// Bytes that the tiles that run side by side need.
    let memory: Int

    /// Input pixels of a tile.
    var tile: (width: Int, height: Int) { (taps.first?.x.tile ?? 0, taps.first?.y.tile ?? 0) }

    /// The first of the tile edges that the pass has room for.
    ///
    /// - Parameters:
    ///   - width, height: of the image that the network reads.
    ///   - edges: in input pixels, in the order of preference.
    ///   - memory: bytes for tiles of a size, side by side.
    init(_ pass: SynchronisedModel.Pass, width: Int, height: Int, edges: [Int], budget: Int, stage: String, memory: (_ width: Int, _ height: Int) -> Int)
        throws(StageError) {
        let shapes: [TapShape]
        do {
            shapes = try pass.tapShapes(width: width, height: height)
        } catch {
            throw .host("the network's statistics cannot be found for a picture of \(width) x \(height): \(error)", stage: stage, code: .geometry)
        }
        do {
            let x = try Self.geometries(pass.taps.map(\.x)), y = try Self.geometries(pass.taps.map(\.y))
            var least = Int.max
            for edge in edges {
                let axes = try? zip(shapes, zip(x, y)).map { shape, geometry throws(TilingError) in
                    (x: try TileAxis(size: width, outputSize: shape.width, geometry: geometry.0, tile: edge),
                     y: try TileAxis(size: height, outputSize: shape.height, geometry: geometry.1, tile: edge))
                }
                guard let axes, let first = axes.first else { continue }
                let need = memory(first.x.tile, first.y.tile)
                least = min(least, need)
                guard need <= budget else { continue }
                taps = axes
                columns = axes.map(\.x.count).max() ?? 0
                rows = axes.map(\.y.count).max() ?? 0
                self.shapes = shapes
                self.memory = need
                return
            }
            let need = least == .max ? "no tile of up to \(edges.max() ?? 0) pixels holds its halos" : "the smallest tile needs \(byteText(least)) and the budget is \(byteText(budget))"
            throw StageError.host("the statistics of '\(pass.statistics.first?.node ?? "")' cannot be found in tiles: \(need); a larger --max-memory would do",
                                  stage: stage, code: .memory)
        } catch let error as TilingError {
            throw .host("tiling: \(error.message)", stage: stage, code: .unsupported)
        } catch let error as StageError {
            throw error
        } catch {
            throw .host("\(error)", stage: stage, code: .internal)
        }
    }

    /// Each tap's own scale, with the stride and the halos that suffice for all: then their tiles are the same.
    private static func geometries(_ axes: [SpatialAnalysis.Axis]) throws(TilingError) -> [AxisGeometry] {
        let alignment = axes.reduce(1) { least, axis in
            // Strides are bounded by the analysis; what has no common multiple is refused by `AxisGeometry`.
            let (product, overflow) = (least / gcd(least, max(1, axis.stride))).multipliedReportingOverflow(by: max(1, axis.stride))
            return overflow ? Int.max : product
        }
        let before = axes.map(\.haloBefore).max() ?? 0, after = axes.map(\.haloAfter).max() ?? 0
        var result: [AxisGeometry] = []
        for axis in axes {
            result.append(try AxisGeometry(scaleNumerator: axis.scaleNumerator, scaleDenominator: axis.scaleDenominator, alignment: alignment,
                                           haloBefore: before, haloAfter: after))
        }
        return result
    }

    private static func gcd(_ a: Int, _ b: Int) -> Int { b == 0 ? a : gcd(b, a % b) }

    /// What a tile reads; the same for all taps.
    func input(column: Int, row: Int) -> (x: Range<Int>, y: Range<Int>)? {
        guard let widest = taps.first(where: { column < $0.x.count }), let highest = taps.first(where: { row < $0.y.count }) else { return nil }
        return (widest.x.tile(at: column).input, highest.y.tile(at: row).input)
    }

    /// The places of a tap's tensor, in the tile's own, that the tile adds; nil where it has none that others do not.
    func kept(tap: Int, column: Int, row: Int) -> (x: Range<Int>, y: Range<Int>)? {
        let (x, y) = taps[tap]
        guard column < x.count, row < y.count else { return nil }
        func own(_ tile: TileAxis.Tile) -> Range<Int> { tile.keepOffset..<(tile.keepOffset + tile.keep.count) }
        return (own(x.tile(at: column)), own(y.tile(at: row)))
    }
}
