/// A level of a pyramid of colours and of how much of them can be seen: cells of 1, 2, 4, ... pixels a side, on a grid that begins at the image's top left corner.
///
///     weights     0  0 .3  1        halved      .3  1        filled    every cell has a colour: its own as far as
///                 0  0  1  1    ──────────▶      0  0    ◀──────────   it can be seen, and that of the level above
///                 0  0  0  0     means           (top)     bilinear    for the rest
///                 0  0  0  0
///
/// This is the push-pull of Gortler et al., "The Lumigraph" (1996): a normalised convolution whose radius grows with the distance to what can be seen.
struct ColourGrid {
    /// In cells of this level.
    let left: Int
    let top: Int
    let width: Int
    let height: Int
    let bands: Int
    /// Interleaved. Without meaning where the weight is 0, until `fill`.
    var colours: [Float]
    /// From 0, nothing can be seen, to 1.
    var weights: [Float]

    init(left: Int, top: Int, width: Int, height: Int, bands: Int) {
        (self.left, self.top, self.width, self.height, self.bands) = (left, top, width, height, bands)
        colours = [Float](repeating: 0, count: width * height * bands)
        weights = [Float](repeating: 0, count: width * height)
    }

    /// The level above. This one must begin at even places, and end at such or at the image's edge: cells do not depend on the part that is looked at.
    func halved() -> ColourGrid {
        var result = ColourGrid(left: left / 2, top: top / 2, width: (width + 1) / 2, height: (height + 1) / 2, bands: bands)
        for y in 0..<result.height {
            for x in 0..<result.width {
                let cell = y * result.width + x
                var total: Float = 0
                for row in 2 * y..<min(2 * y + 2, height) {
                    for column in 2 * x..<min(2 * x + 2, width) {
                        let child = row * width + column, weight = weights[child]
                        guard weight > 0 else { continue }
                        total += weight
                        for band in 0..<bands { result.colours[cell * bands + band] += weight * colours[child * bands + band] }
                    }
                }
                guard total > 0 else { continue }
                for band in 0..<bands { result.colours[cell * bands + band] /= total }
                result.weights[cell] = min(1, total)
            }
        }
        return result
    }

    /// Gives every cell a colour, from the filled level above.
    mutating func fill(from coarse: ColourGrid) {
        for y in 0..<height {
            let rows = Self.parents(top + y, coarse.top, coarse.height)
            for x in 0..<width {
                let cell = y * width + x, weight = weights[cell]
                guard weight < 1 else { continue }
                let columns = Self.parents(left + x, coarse.left, coarse.width)
                for band in 0..<bands {
                    func colour(_ row: Int, _ column: Int) -> Float { coarse.colours[(row * coarse.width + column) * bands + band] }
                    let above = 0.75 * colour(rows.near, columns.near) + 0.25 * colour(rows.near, columns.far)
                    let below = 0.75 * colour(rows.far, columns.near) + 0.25 * colour(rows.far, columns.far)
                    let under = 0.75 * above + 0.25 * below, place = cell * bands + band
                    colours[place] = weight > 0 ? weight * colours[place] + (1 - weight) * under : under
                }
            }
        }
    }

    /// The cells of the level above between whose centres a cell's centre lies, a quarter and three quarters away.
    private static func parents(_ place: Int, _ start: Int, _ count: Int) -> (near: Int, far: Int) {
        let near = place >> 1, far = place & 1 == 0 ? near - 1 : near + 1
        return (min(max(near - start, 0), count - 1), min(max(far - start, 0), count - 1))
    }

    /// Fills this level and all above it, up to the single cell that has what can be seen anywhere.
    ///
    /// - Returns: nil where nothing can be seen.
    func filledFromTop() -> ColourGrid? {
        guard width > 1 || height > 1 else { return weights[0] > 0 ? self : nil }
        guard let above = halved().filledFromTop() else { return nil }
        var result = self
        result.fill(from: above)
        return result
    }
}
