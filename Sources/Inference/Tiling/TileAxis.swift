/// One axis of an image cut into overlapping tiles, of which each keeps a cell of the output; the cells join without a gap or an overlap.
///
///     input   0        C        2C       3C     W          cells start at multiples of C = T - Hl - Hr
///             |--------|--------|--------|------|
///     tile 0  [--------|--------)                          the first begins at the image's edge ...
///     tile 1        [Hl|--------|Hr)
///     tile 3                 [--|--------|------)          ... and the last ends at it
///
/// This is exact because all that a kept pixel reads lies in its tile, or is cut off by a tile edge that *is* the image's edge, where every layer pads just as
/// it does for the whole image. Tiles start on the alignment grid, or strides and windows would fall differently. A tile never reaches past the image:
/// an image smaller than a tile is one tile of its own size.
public struct TileAxis: Sendable, Hashable {
    /// Input pixels of the image.
    public let size: Int
    /// Output pixels that the network gives for the whole image.
    public let outputSize: Int
    public let geometry: AxisGeometry
    /// Input pixels of a tile. The last one may have fewer, by less than the alignment, where `size` is not a multiple of it.
    public let tile: Int
    /// Input pixels from one cell to the next.
    public let cell: Int
    /// Output pixels of a cell: cell `i` is `i * outputCell ..< min((i + 1) * outputCell, outputSize)`. The same for all, so that the cells are a cache's tiles.
    public let outputCell: Int
    /// How many tiles, at least one.
    public let count: Int

    /// One tile of an axis.
    public struct Tile: Sendable, Hashable {
        /// The input pixels that the network is given.
        public let input: Range<Int>
        /// The output pixels of the image that are taken from this tile.
        public let keep: Range<Int>
        /// Where `keep` begins in the tile's own output, which must have at least `keepOffset + keep.count` pixels.
        public let keepOffset: Int
    }

    /// - Parameters:
    ///   - outputSize: what the network gives for an axis of `size` pixels, which strides and unpadded convolutions make differ from `size * scale`.
    ///   - tile: the wanted tile in input pixels, halos included, rounded down to the alignment; nil, or anything not below `size`, is the whole axis in one.
    /// - Throws: `TilingError`: sizes that are not positive; a tile that is all halo.
    public init(size: Int, outputSize: Int, geometry: AxisGeometry, tile: Int?) throws(TilingError) {
        let sizes = 1...(1 << 31)
        guard sizes.contains(size), (1...(1 << 46)).contains(outputSize) else {
            throw TilingError(.invalid, "an image axis of \(size) pixels that becomes \(outputSize) cannot be run")
        }
        self.size = size
        self.outputSize = outputSize
        self.geometry = geometry
        guard let tile, tile < size else {
            self.tile = size
            self.cell = size
            self.outputCell = outputSize
            self.count = 1
            return
        }
        guard tile >= geometry.smallestTile else {
            throw TilingError(.tileTooSmall(smallest: geometry.smallestTile), """
                a tile of \(tile) pixels keeps nothing between halos of \(geometry.haloBefore) and \(geometry.haloAfter); \
                the smallest that does has \(geometry.smallestTile)
                """)
        }
        self.tile = tile.roundedDown(to: geometry.alignment)
        self.cell = self.tile - geometry.haloBefore - geometry.haloAfter
        self.outputCell = geometry.outputLength(of: cell)
        self.count = (outputSize + outputCell - 1) / outputCell
    }

    /// Whether the axis is one tile.
    public var isWhole: Bool { tile == size }

    /// The tile of cell `index`, `0 ..< count`.
    public func tile(at index: Int) -> Tile {
        precondition((0..<count).contains(index), "tile \(index) of \(count)")
        let keepStart = index * outputCell
        let keep = keepStart..<min(keepStart + outputCell, outputSize)
        let lastOrigin = (size - tile).roundedUp(to: geometry.alignment)
        let origin = max(0, min(index * cell - geometry.haloBefore, lastOrigin))
        return Tile(input: origin..<min(origin + tile, size), keep: keep, keepOffset: keepStart - geometry.outputLength(of: origin))
    }

    public var tiles: [Tile] { (0..<count).map(tile(at:)) }

    /// The tile whose cell holds an output pixel, `0 ..< outputSize`.
    public func index(ofOutput pixel: Int) -> Int {
        precondition((0..<outputSize).contains(pixel), "output pixel \(pixel) of \(outputSize)")
        return pixel / outputCell
    }

    /// The different numbers of input pixels that tiles have, the largest first: a network is compiled for each. One, or two where the last tile is cut short.
    public var lengths: [Int] {
        guard count > 1 else { return [tile(at: 0).input.count] }
        // Every tile that is cut short ends at the image's edge and starts at the same origin.
        let last = tile(at: count - 1).input.count
        return last == tile ? [tile] : [tile, last]
    }

    /// How often an input pixel is computed on an axis much longer than the tile: tile / cell; 1 for a whole axis.
    public var recompute: Double { isWhole ? 1 : Double(tile) / Double(cell) }

    /// The input pixels of all tiles together.
    public var computed: Int { tiles.reduce(0) { $0 + $1.input.count } }

    /// The same number of tiles or fewer, each as small as that allows: two tiles of 1024 over 1100 pixels become two of about 600.
    public func balanced() -> TileAxis {
        guard !isWhole else { return self }
        let step = geometry.outputLength(of: geometry.alignment)
        let output = ((outputSize + count - 1) / count).roundedUp(to: step)
        let tile = output / step * geometry.alignment + geometry.haloBefore + geometry.haloAfter
        // Cannot throw: `tile` is no larger than this axis' own and holds a cell.
        return (try? TileAxis(size: size, outputSize: outputSize, geometry: geometry, tile: tile)) ?? self
    }
}
