import AquatintPlugin

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A grid of square cells, turned by an angle about the picture's top left corner.
///
///            u
///          . ^ .          (u, v) counts cells: cell (i, j) has its middle at u = i, v = j,
///       .  (0,1) .        and reaches half a cell to each side.
///     (0,0)  .  (1,1) v
///
/// Everything is a function of positions in the whole picture, so that tiles meet without a seam.
struct Screen: Sendable {
    private let cosine: Double
    private let sine: Double
    private let dot: Dot

    init(cell: Double, degrees: Double, dot: Dot) {
        cosine = cos(degrees * .pi / 180) / cell
        sine = sin(degrees * .pi / 180) / cell
        self.dot = dot
    }

    /// Where the middle of a pixel lies on the grid.
    @inline(__always)
    func position(x: Int, y: Int) -> (u: Double, v: Double) {
        let x = Double(x) + 0.5, y = Double(y) + 0.5
        return (x * cosine + y * sine, y * cosine - x * sine)
    }

    /// The dots of all cells under a tile.
    ///
    /// Each pixel belongs to one cell. A cell that the tile's border cuts gets a wrong mean, and is too far from the output to
    /// matter: the plan's halo sees to that. Sums run in the order of rows, which is the same for every tile.
    ///
    /// - Parameter coverage: the ink for the mean colour of a cell.
    func cells(of picture: Samples<Float>, bands: Int, coverage: (SIMD3<Float>) -> Float) -> Cells {
        let rect = picture.rect
        var bounds = CellBounds()
        for y in [rect.y, rect.y + rect.height - 1] {
            for x in [rect.x, rect.x + rect.width - 1] { bounds.include(position(x: x, y: y)) }
        }
        // x, y, z: the sum of the colours; w: how many.
        var sums = [SIMD4<Float>](repeating: .zero, count: bounds.count)
        sums.withUnsafeMutableBufferPointer { sums in
            for y in rect.rows {
                for x in rect.columns {
                    let (u, v) = position(x: x, y: y)
                    let index = bounds.index(Int((u + 0.5).rounded(.down)), Int((v + 0.5).rounded(.down)))
                    let first = clipped(picture[x, y, 0])
                    sums[index] += bands == 1 ? SIMD4(first, first, first, 1)
                        : SIMD4(first, clipped(picture[x, y, 1]), clipped(picture[x, y, 2]), 1)
                }
            }
        }
        let sizes = sums.map { sum in
            // A cell outside the picture prints nothing.
            sum.w > 0 ? dot.size(forCoverage: coverage(SIMD3(sum.x, sum.y, sum.z) / sum.w)) : -Float.infinity
        }
        return Cells(screen: self, dot: dot, bounds: bounds, sizes: sizes)
    }
}

/// One value out of 0...1, and 0 for what is not a number: one bad sample must not blank its whole cell.
@inline(__always)
private func clipped(_ value: Float) -> Float { value > 0 ? min(value, 1) : 0 }

/// A rectangle of cells, one more on each side than any pixel asks for.
struct CellBounds: Sendable {
    private var firstColumn = Int.max
    private var firstRow = Int.max
    private var lastColumn = Int.min
    private var lastRow = Int.min

    mutating func include(_ place: (u: Double, v: Double)) {
        firstColumn = min(firstColumn, Int(place.u.rounded(.down)) - 1)
        lastColumn = max(lastColumn, Int(place.u.rounded(.up)) + 1)
        firstRow = min(firstRow, Int(place.v.rounded(.down)) - 1)
        lastRow = max(lastRow, Int(place.v.rounded(.up)) + 1)
    }

    var width: Int { lastColumn - firstColumn + 1 }
    var count: Int { width * (lastRow - firstRow + 1) }

    @inline(__always)
    func index(_ column: Int, _ row: Int) -> Int { (row &- firstRow) &* width &+ (column &- firstColumn) }
}

/// The dots of the cells under a tile.
struct Cells {
    let screen: Screen
    let dot: Dot
    let bounds: CellBounds
    /// The size of each cell's dot, in pixels; minus infinity for a cell outside the picture.
    let sizes: [Float]

    /// How much of a pixel is covered with ink, 0 to 1: by the one of the four dots around it that covers most.
    @inline(__always)
    func coverage(atX x: Int, y: Int) -> Float {
        let (u, v) = screen.position(x: x, y: y)
        let column = u.rounded(.down), row = v.rounded(.down)
        let right = Float(u - column), down = Float(v - row), left = right - 1, up = down - 1
        let index = bounds.index(Int(column), Int(row))
        let a = sizes[index], b = sizes[index &+ 1]
        let c = sizes[index &+ bounds.width], d = sizes[index &+ bounds.width &+ 1]
        let cell = dot.cell, shape = dot.shape
        if shape == .line {
            // The width runs straight from one middle to the next; a step there would make the line look chopped.
            let upper = Self.width(a, b, right), lower = Self.width(c, d, right)
            return Dot.soft(max(upper - Dot.distance(shape, right, down, cell), lower - Dot.distance(shape, right, up, cell)))
        }
        let first = max(a - Dot.distance(shape, right, down, cell), b - Dot.distance(shape, left, down, cell))
        let second = max(c - Dot.distance(shape, right, up, cell), d - Dot.distance(shape, left, up, cell))
        return Dot.soft(max(first, second))
    }

    /// The width of a line between two middles; it goes on straight to the picture's border.
    @inline(__always)
    private static func width(_ a: Float, _ b: Float, _ place: Float) -> Float {
        a == -.infinity ? b : b == -.infinity ? a : a + place * (b - a)
    }
}
