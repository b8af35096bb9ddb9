import AquatintPlugin

/// Floats of a rectangle of the image, row by row.
struct Field {
    let rect: Rect
    var samples: [Float]

    init(_ rect: Rect) {
        self.rect = rect
        samples = [Float](repeating: 0, count: rect.width * rect.height)
    }
}

/// Sums over squares of `2 * radius + 1` pixels, at a cost that does not depend on the radius.
///
/// A running sum would carry its rounding from wherever the tile begins, so tiles would differ. Here the image is divided into blocks of
/// one window's length, counted from 0; a window then covers the end of one block and the start of the next:
///
///     blocks   |. . . . .|. . . . .|
///     window         [. . . . .]          = the sum from its start to the block's end + the sum from the next start to its end
///
/// Both are sums within blocks, which are the same in every tile that holds the window (van Herk, 1992, has this for maxima).
struct BoxSum {
    let radius: Int

    /// The sums around each pixel, without the `radius` pixels on each side that they take.
    func sums(_ field: Field) -> Field {
        across(down(field))
    }

    private func down(_ field: Field) -> Field {
        let length = 2 * radius + 1, width = field.rect.width
        var ends = field.samples, starts = field.samples
        var result = Field(Rect(x: field.rect.x, y: field.rect.y + radius, width: width, height: field.rect.height - 2 * radius))
        ends.withUnsafeMutableBufferPointer { ends in
            starts.withUnsafeMutableBufferPointer { starts in
                for row in stride(from: 1, to: field.rect.height, by: 1) where !(field.rect.y + row).isMultiple(of: length) {
                    let place = row * width
                    for x in 0..<width { starts[place + x] += starts[place - width + x] }
                }
                for row in stride(from: field.rect.height - 2, through: 0, by: -1) where !(field.rect.y + row + 1).isMultiple(of: length) {
                    let place = row * width
                    for x in 0..<width { ends[place + x] += ends[place + width + x] }
                }
                result.samples.withUnsafeMutableBufferPointer { result in
                    for row in 0..<field.rect.height - 2 * radius {
                        let first = row * width, last = (row + 2 * radius) * width
                        if (field.rect.y + row).isMultiple(of: length) {  // the window is a block
                            for x in 0..<width { result[first + x] = starts[last + x] }
                        } else {
                            for x in 0..<width { result[first + x] = ends[first + x] + starts[last + x] }
                        }
                    }
                }
            }
        }
        return result
    }

    private func across(_ field: Field) -> Field {
        let length = 2 * radius + 1, width = field.rect.width
        var result = Field(Rect(x: field.rect.x + radius, y: field.rect.y, width: width - 2 * radius, height: field.rect.height))
        var ends = [Float](repeating: 0, count: width), starts = ends
        let isFirst = (0...width).map { (field.rect.x + $0).isMultiple(of: length) }
        field.samples.withUnsafeBufferPointer { source in
            result.samples.withUnsafeMutableBufferPointer { result in
                for row in 0..<field.rect.height {
                    let place = row * width, target = row * (width - 2 * radius)
                    var sum: Float = 0
                    for x in 0..<width {
                        sum = isFirst[x] ? source[place + x] : sum + source[place + x]
                        starts[x] = sum
                    }
                    sum = 0
                    for x in stride(from: width - 1, through: 0, by: -1) {
                        sum = isFirst[x + 1] ? source[place + x] : source[place + x] + sum
                        ends[x] = sum
                    }
                    for x in 0..<width - 2 * radius {
                        result[target + x] = isFirst[x] ? starts[x + 2 * radius] : ends[x] + starts[x + 2 * radius]
                    }
                }
            }
        }
        return result
    }
}
