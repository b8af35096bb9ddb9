/// A picture by formula, the same on every machine: smooth colour with an edge and some texture, in any format, without memory of its own.
struct TrialPicture {
    let image: PluginImage
    /// Another number is another picture of the same size.
    var seed = 0

    /// A sample from 0 to 1, at a place inside the picture.
    private func value(_ x: Int, _ y: Int, _ band: Int) -> Float {
        if image.hasAlpha, band == image.bands - 1 { return (x + y) % 11 == 0 ? 0.5 : 1 }
        var state = UInt32(truncatingIfNeeded: seed &* 40_503 ^ x &* 73_856_093 ^ y &* 19_349_663 ^ band &* 83_492_791)
        state = (state ^ state >> 15) &* 2_246_822_519
        state = (state ^ state >> 13) &* 3_266_489_917
        let noise = Float((state ^ state >> 16) >> 8) / Float(1 << 24)
        let edge: Float = 3 * x + y * (band + 1) > 2 * image.width ? 0.3 : 0
        if seed != 0 { return min(1, 0.05 + 0.3 * Float(y) / Float(image.height) + edge + 0.6 * noise * noise) }
        return min(1, 0.1 + 0.35 * Float(x) / Float(image.width) + edge + 0.25 * noise)
    }

    /// Writes the sample of a place, also outside the picture, where the edge decides.
    func write(_ x: Int, _ y: Int, _ band: Int, _ edge: PluginPlan.Edge, to memory: UnsafeMutableRawPointer) {
        var number: Float = 0
        if let column = Self.place(x, image.width, edge), let row = Self.place(y, image.height, edge) { number = value(column, row, band) }
        if image.space == .lab { number = band == 0 ? number * 100 : number * 100 - 50 }
        switch image.format {
        case .uint8: memory.storeBytes(of: UInt8((number * 255).rounded()), as: UInt8.self)
        case .uint16: memory.storeBytes(of: UInt16((number * 65535).rounded()), as: UInt16.self)
        case .float16: memory.storeBytes(of: Float16(number).bitPattern, as: UInt16.self)
        case .float32: memory.storeBytes(of: number, as: Float.self)
        }
    }

    /// Nil where zeros stand.
    private static func place(_ place: Int, _ size: Int, _ edge: PluginPlan.Edge) -> Int? {
        if (0..<size).contains(place) { return place }
        switch edge {
        case .zero: return nil
        case .replicate: return min(max(place, 0), size - 1)
        case .clip, .reflect:
            guard size > 1 else { return 0 }
            let period = 2 * (size - 1), inside = ((place % period) + period) % period
            return inside < size ? inside : period - inside
        }
    }
}
