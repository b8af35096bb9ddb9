/// A choice of tiles for one image under a memory budget.
public struct TilePlan: Sendable, Hashable {
    public let grid: TileGrid
    /// Bytes that the largest tile needs.
    public let memory: Int

    public init(grid: TileGrid, memory: Int) {
        self.grid = grid
        self.memory = memory
    }

    /// The tile edges that are tried, in input pixels with halos, the largest first.
    public static let ladder = [1024, 768, 512, 384, 256, 192, 128]
    /// Beyond this, exact tiles cost more than they should do unasked.
    public static let maximumRecompute = 1.6

    /// The image and the network that plans are made for.
    public struct Subject: Sendable, Hashable {
        public var width, height: Int
        public var outputWidth, outputHeight: Int
        public var x, y: AxisGeometry

        public init(width: Int, height: Int, outputWidth: Int, outputHeight: Int, x: AxisGeometry, y: AxisGeometry) {
            self.width = width
            self.height = height
            self.outputWidth = outputWidth
            self.outputHeight = outputHeight
            self.x = x
            self.y = y
        }

        /// The image in tiles of an edge; nil is the whole image.
        public func grid(tile: Int?) throws(TilingError) -> TileGrid {
            try grid(tileWidth: tile, tileHeight: tile)
        }

        /// The image in tiles of two edges; nil is the whole of that axis.
        public func grid(tileWidth: Int?, tileHeight: Int?) throws(TilingError) -> TileGrid {
            TileGrid(x: try TileAxis(size: width, outputSize: outputWidth, geometry: x, tile: tileWidth),
                     y: try TileAxis(size: height, outputSize: outputHeight, geometry: y, tile: tileHeight))
        }
    }

    /// The whole image where it fits the budget, else the largest tile of the ladder that fits and computes no pixel more than `maximumRecompute` times.
    ///
    /// Chosen tiles are then made as small as their number allows (`TileAxis.balanced`).
    /// - Parameters:
    ///   - budget: bytes for one run of the network.
    ///   - memory: the bytes that a run on `width` x `height` input pixels needs.
    /// - Throws: `TilingError.memory` with what the whole and the smallest allowed tile would need.
    public static func choose(for subject: Subject, budget: Int, ladder: [Int] = Self.ladder, maximumRecompute: Double = Self.maximumRecompute,
                              memory: (_ width: Int, _ height: Int) -> Int) throws(TilingError) -> TilePlan {
        let whole = TilePlan(grid: try subject.grid(tile: nil), memory: memory(subject.width, subject.height))
        if whole.memory <= budget { return whole }

        var smallest: TilePlan?
        for edge in ladder.sorted(by: >) {
            guard let grid = try? subject.grid(tile: edge), !grid.isWhole, grid.recompute <= maximumRecompute else { continue }
            let plan = TilePlan(grid: grid, memory: memory(grid.x.tile, grid.y.tile))
            if plan.memory <= budget { return plan.balanced(memory) }
            smallest = plan
        }
        throw refusal(subject, whole: whole, smallest: smallest, budget: budget, maximumRecompute: maximumRecompute)
    }

    /// The plan with its tiles made as small as their number allows.
    private func balanced(_ memory: (_ width: Int, _ height: Int) -> Int) -> TilePlan {
        let grid = TileGrid(x: grid.x.balanced(), y: grid.y.balanced())
        return TilePlan(grid: grid, memory: memory(grid.x.tile, grid.y.tile))
    }

    private static func refusal(_ subject: Subject, whole: TilePlan, smallest: TilePlan?, budget: Int, maximumRecompute: Double) -> TilingError {
        let need = "the network needs \(byteText(whole.memory)) for the whole image of \(subject.width) x \(subject.height)"
        let limit = "the budget is \(byteText(budget))"
        let reason = TilingError.Reason.memory(whole: whole.memory, smallestTile: smallest?.memory, budget: budget)
        if let smallest {
            let tile = "\(smallest.grid.x.tile) x \(smallest.grid.y.tile)"
            return TilingError(reason, "\(need) and \(byteText(smallest.memory)) for the smallest tile, \(tile); \(limit)")
        }
        let halo = max(subject.x.haloBefore, subject.x.haloAfter, subject.y.haloBefore, subject.y.haloAfter)
        return TilingError(reason, """
            \(need); \(limit), and with a halo of \(halo) pixels no tile computes each pixel at most \(maximumRecompute) times
            """)
    }
}

/// `1.5 GiB`, as messages show sizes.
public func byteText(_ bytes: Int) -> String {
    var value = Double(bytes), unit = "bytes"
    for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
        value /= 1024
        unit = next
    }
    let tenths = (value * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int(tenths)) \(unit)" : "\(tenths) \(unit)"
}
