internal import Glibc

/// A tile in memory with bytes around it, between its rows and between its planes that nobody may touch.
///
///     guard | row 0 | gap | row 1 | gap | ... | guard
final class GuardedTile {
    /// A place where a byte was changed that does not belong to the tile.
    struct Damage {
        /// Bytes that differ.
        var count: Int
        /// In words: where the first of them is.
        var place: String
    }

    let pixels: PluginPlan.Pixels
    private let memory: UnsafeMutableRawBufferPointer
    private let before: [UInt8]
    private let rect: PluginRect
    private let bands: Int
    private let format: PluginImage.Format
    private static let margin = 4096
    private static let gap = 64

    /// - Parameter garbage: what stands in the bytes that are not the tile's: another number gives other bytes.
    init(_ rect: PluginRect, _ image: PluginImage, isPlanar: Bool, garbage: UInt8, fill: (Int, Int, Int, UnsafeMutableRawPointer) -> Void) {
        let size = image.format.size, bands = image.bands
        let column = isPlanar ? size : size * bands
        let row = rect.width * column + Self.gap
        let band = isPlanar ? row * rect.height + Self.gap : size
        let total = isPlanar ? band * bands : row * rect.height
        memory = .allocate(byteCount: total + 2 * Self.margin, alignment: 64)
        for index in memory.indices { memory[index] = garbage ^ UInt8(truncatingIfNeeded: index &* 7) }
        let base = memory.baseAddress.unsafelyUnwrapped + Self.margin
        pixels = PluginPlan.Pixels(rect: rect, base: base, row: row, column: column, band: band)
        (self.rect, self.bands, format) = (rect, bands, image.format)
        for y in 0..<rect.height {
            for x in 0..<rect.width {
                for b in 0..<bands { fill(rect.x + x, rect.y + y, b, base + y * row + x * column + b * band) }
            }
        }
        before = Array(memory)
    }

    deinit { memory.deallocate() }

    func address(_ x: Int, _ y: Int, _ band: Int) -> UnsafeMutableRawPointer { pixels.base + y * pixels.row + x * pixels.column + band * pixels.band }

    /// The bits of a sample, by its place in the tile.
    func bits(_ x: Int, _ y: Int, _ band: Int) -> UInt32 {
        switch format {
        case .uint8: UInt32(address(x, y, band).load(as: UInt8.self))
        case .uint16, .float16: UInt32(address(x, y, band).load(as: UInt16.self))
        case .float32: address(x, y, band).load(as: UInt32.self)
        }
    }

    /// A sample with full scale 1.
    func number(_ x: Int, _ y: Int, _ band: Int) -> Float {
        let bits = bits(x, y, band)
        return switch format {
        case .uint8: Float(bits) / 255
        case .uint16: Float(bits) / 65535
        case .float16: Float(Float16(bitPattern: UInt16(bits)))
        case .float32: Float(bitPattern: bits)
        }
    }

    /// Whether every byte is the same, those around the tile included.
    func isSame(as other: GuardedTile) -> Bool { memory.count == other.memory.count && memcmp(pixels.base - Self.margin, other.pixels.base - Self.margin, memory.count) == 0 }

    /// What was changed outside the tile's samples, or anywhere.
    func damage(samplesToo: Bool) -> Damage? {
        let size = format.size
        var isSample = [Bool](repeating: false, count: before.count)
        if !samplesToo {
            for y in 0..<rect.height {
                for x in 0..<rect.width {
                    for b in 0..<bands {
                        let offset = Self.margin + y * pixels.row + x * pixels.column + b * pixels.band
                        for byte in offset..<offset + size { isSample[byte] = true }
                    }
                }
            }
        }
        var count = 0, first: Int?
        for index in before.indices where memory[index] != before[index] && !isSample[index] {
            count += 1
            if first == nil { first = index }
        }
        guard let first else { return nil }
        return Damage(count: count, place: place(of: first - Self.margin))
    }

    private func place(of offset: Int) -> String {
        if offset < 0 { return "\(-offset) bytes before its first sample" }
        let isPlanar = pixels.column == format.size && bands > 1
        let plane = isPlanar ? offset / pixels.band : 0
        let inPlane = isPlanar ? offset % pixels.band : offset
        let row = inPlane / pixels.row
        guard row < rect.height, plane < max(1, isPlanar ? bands : 1) else { return "behind its last row" }
        let column = inPlane % pixels.row / pixels.column
        return column < rect.width ? "at column \(column) of row \(row)" : "\(column - rect.width + 1) pixel\(column == rect.width ? "" : "s") right of row \(row)"
    }
}
