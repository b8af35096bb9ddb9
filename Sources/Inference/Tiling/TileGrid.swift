/// An image cut into tiles along both axes, row by row.
public struct TileGrid: Sendable, Hashable {
    public let x: TileAxis
    public let y: TileAxis

    public init(x: TileAxis, y: TileAxis) {
        self.x = x
        self.y = y
    }

    /// One tile: what it reads of the input, and which part of its output belongs to the result.
    public struct Tile: Sendable, Hashable {
        public let x: TileAxis.Tile
        public let y: TileAxis.Tile
    }

    public var count: Int { x.count * y.count }
    /// Whether the image is one tile.
    public var isWhole: Bool { x.isWhole && y.isWhole }

    public func tile(column: Int, row: Int) -> Tile {
        Tile(x: x.tile(at: column), y: y.tile(at: row))
    }

    /// All tiles, from left to right and top to bottom.
    public var tiles: [Tile] {
        y.tiles.flatMap { row in x.tiles.map { Tile(x: $0, y: row) } }
    }

    /// The different sizes that tiles have, the largest first: at most four.
    public var shapes: [(width: Int, height: Int)] {
        y.lengths.flatMap { height in x.lengths.map { (width: $0, height: height) } }
    }

    /// How often a pixel is computed in an image much larger than the tiles.
    public var recompute: Double { x.recompute * y.recompute }

    /// How often a pixel of this image is computed: the tiles' pixels over the image's.
    public var cost: Double {
        Double(x.computed) * Double(y.computed) / (Double(x.size) * Double(y.size))
    }
}
