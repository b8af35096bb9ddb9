internal import Synchronization
internal import Vips

/// Where the tiles of a stage get the pixels of their image from.
protocol TileInput: Sendable {
    var image: Image { get }

    /// Computes a rectangle of the image and lends its pixels: the first sample of its top left pixel, and the bytes from one row to the next. Any thread.
    func withPixels<Result>(in rect: Rect, _ body: (_ base: UnsafeRawPointer, _ rowStride: Int) throws -> Result) throws -> Result

    /// Somebody is going to read rows from `top` on: they are kept until `release(from:)` was called as often.
    func hold(from top: Int)
    func release(from top: Int)
}

extension TileInput {
    func hold(from top: Int) {}
    func release(from top: Int) {}
}

/// An image that may be read anywhere, by several threads at once.
struct RandomInput: TileInput {
    let image: Image

    func withPixels<Result>(in rect: Rect, _ body: (UnsafeRawPointer, Int) throws -> Result) throws -> Result {
        try PixelReader(image).withPixels(in: rect, body)
    }
}

/// An image that can be read only once and from top to bottom: a file that is being decoded.
///
/// Rows are read in strips, in order, by whoever needs the next one first, and kept as long as a tile may want them: those that a tile holds, which may
/// have been begun long ago, and the last `keptRows`.
///
///     decoder ──▶ | strip | strip | strip |  ──▶ tiles, in the order of the rows or nearly so
///                 lowest held              next
final class StreamedInput: TileInput {
    let image: Image
    private let keptRows: Int
    private static let stripRows = 32

    private final class Strip: Sendable {
        let rows: Range<Int>
        nonisolated(unsafe) let bytes: UnsafeMutableRawPointer

        init(rows: Range<Int>, bytesPerRow: Int) {
            self.rows = rows
            bytes = .allocate(byteCount: max(1, rows.count * bytesPerRow), alignment: 16)
        }

        deinit { bytes.deallocate() }
    }

    private struct State {
        var strips: [Strip] = []
        /// How often each row is held.
        var holds: [Int: Int] = [:]
    }

    private let state = Mutex(State())
    private let bytesPerRow: Int

    /// - Parameter keptRows: how far above the lowest row that was read a tile may begin that does not hold its rows yet.
    init(_ image: Image, keptRows: Int) {
        self.image = image
        self.keptRows = keptRows
        bytesPerRow = image.width * image.bytesPerPixel
    }

    func hold(from top: Int) { state.withLock { $0.holds[top, default: 0] += 1 } }

    func release(from top: Int) {
        state.withLock { state in
            guard let count = state.holds[top] else { return }
            state.holds[top] = count > 1 ? count - 1 : nil
        }
    }

    func withPixels<Result>(in rect: Rect, _ body: (UnsafeRawPointer, Int) throws -> Result) throws -> Result {
        let rows = rect.top..<rect.top + rect.height
        let held = try state.withLock { state throws -> [Strip] in
            try read(to: rows.upperBound, &state)
            return state.strips.filter { $0.rows.overlaps(rows) }
        }
        guard let first = held.first, first.rows.lowerBound <= rows.lowerBound else {
            throw VipsError(message: "the rows from \(rows.lowerBound) were read already, and the image is read once, from top to bottom")
        }
        let width = rect.width * image.bytesPerPixel, left = rect.left * image.bytesPerPixel
        // The strips of a tile are put together: they lie apart.
        let tile = UnsafeMutableRawPointer.allocate(byteCount: max(1, width * rect.height), alignment: 16)
        defer { tile.deallocate() }
        for strip in held {
            for row in strip.rows.clamped(to: rows) {
                (tile + (row - rows.lowerBound) * width).copyMemory(from: strip.bytes + (row - strip.rows.lowerBound) * bytesPerRow + left, byteCount: width)
            }
        }
        return try body(UnsafeRawPointer(tile), width)
    }

    /// Reads on until row `end - 1` is there, and lets go what nobody holds and lies too far above it.
    private func read(to end: Int, _ state: inout State) throws {
        guard (state.strips.last?.rows.upperBound ?? 0) < end else { return }
        let reader = try PixelReader(image)
        let firstHeld = state.holds.keys.min() ?? Int.max
        while case let next = state.strips.last?.rows.upperBound ?? 0, next < end {
            let strip = Strip(rows: next..<min(next + Self.stripRows, image.height), bytesPerRow: bytesPerRow)
            let bytesPerRow = bytesPerRow
            try reader.withPixels(in: Rect(left: 0, top: next, width: image.width, height: strip.rows.count)) { base, rowStride in
                for row in 0..<strip.rows.count { (strip.bytes + row * bytesPerRow).copyMemory(from: base + row * rowStride, byteCount: bytesPerRow) }
            }
            state.strips.append(strip)
            let first = min(firstHeld, strip.rows.upperBound - keptRows - Self.stripRows)
            state.strips.removeAll { $0.rows.upperBound <= first }
        }
    }
}
