internal import Vips

/// Copies a rectangle of a libvips region into planar or interleaved floats, scaled on the way.
///
/// The rectangle may reach past the image: `columns` and `rows` say for each of its places which pixel of the image
/// stands there (repeated or mirrored edges), so the extension of an image costs no copy of it.
struct SampleReader {
    /// Where sample (x, y, band) goes: `x * column + y * row + band * plane`, in floats.
    struct Layout {
        var column: Int
        var row: Int
        var plane: Int

        static func planar(width: Int, height: Int) -> Layout { Layout(column: 1, row: width, plane: width * height) }
        static func interleaved(width: Int, bands: Int) -> Layout {
            Layout(column: bands, row: width * bands, plane: 1)
        }
    }

    /// One band of the result: which band of the image it reads, and `value = scale * sample + bias`.
    struct Band {
        var source: Int
        var scale: Float
        var bias: Float
    }

    let format: BandFormat
    let bands: Int
    /// Image coordinates, one per column and row of the rectangle. Never empty.
    let columns: [Int]
    let rows: [Int]

    /// The part of the image that is read.
    var source: Rect {
        let left = columns.min() ?? 0, top = rows.min() ?? 0
        return Rect(left: left, top: top, width: (columns.max() ?? 0) - left + 1, height: (rows.max() ?? 0) - top + 1)
    }

    /// - Parameters base, rowStride: the pixels of `source`, interleaved.
    func copy(from base: UnsafeRawPointer, rowStride: Int, bands wanted: [Band], to target: UnsafeMutablePointer<Float>,
              layout: Layout) throws(StageError) {
        switch format {
        case .uchar: copy(UInt8.self, base, rowStride, wanted, target, layout) { Float($0) }
        case .char: copy(Int8.self, base, rowStride, wanted, target, layout) { Float($0) }
        case .ushort: copy(UInt16.self, base, rowStride, wanted, target, layout) { Float($0) }
        case .short: copy(Int16.self, base, rowStride, wanted, target, layout) { Float($0) }
        case .uint: copy(UInt32.self, base, rowStride, wanted, target, layout) { Float($0) }
        case .int: copy(Int32.self, base, rowStride, wanted, target, layout) { Float($0) }
        case .float: copy(Float.self, base, rowStride, wanted, target, layout) { $0 }
        case .double: copy(Double.self, base, rowStride, wanted, target, layout) { Float($0) }
        case .complex, .dpcomplex:
            throw StageError.host("an image of complex numbers cannot go through this stage; take its real part first (complexget)")
        }
    }

    /// The first place of the image, from the top, whose samples are no numbers once they are scaled; nil where all are.
    func firstNotFinite(from base: UnsafeRawPointer, rowStride: Int, bands wanted: [Band]) throws(StageError) -> (x: Int, y: Int)? {
        var values = [Float](repeating: 0, count: columns.count * rows.count * wanted.count), failure: StageError?
        values.withUnsafeMutableBufferPointer { buffer in
            guard let target = buffer.baseAddress else { return }
            do throws(StageError) {
                try copy(from: base, rowStride: rowStride, bands: wanted, to: target, layout: .interleaved(width: columns.count, bands: wanted.count))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        guard let first = values.firstIndex(where: { !$0.isFinite }) else { return nil }
        return (columns[first / wanted.count % columns.count], rows[first / wanted.count / columns.count])
    }

    @inline(__always)
    private func copy<Sample>(
        _: Sample.Type, _ base: UnsafeRawPointer, _ rowStride: Int, _ wanted: [Band],
        _ target: UnsafeMutablePointer<Float>, _ layout: Layout, _ float: (Sample) -> Float
    ) {
        let origin = source
        // Most tiles lie inside the image, where a run of columns is a run of samples.
        let isContiguous = source.width == columns.count && zip(columns, columns.dropFirst()).allSatisfy { $0 < $1 }
        for (y, row) in rows.enumerated() {
            let line = (base + (row - origin.top) * rowStride).assumingMemoryBound(to: Sample.self)
            for (index, band) in wanted.enumerated() {
                var out = target + y * layout.row + index * layout.plane
                let scale = band.scale, bias = band.bias
                if isContiguous {
                    var sample = line + (columns[0] - origin.left) * bands + band.source
                    for _ in 0..<columns.count {
                        out.pointee = scale * float(sample.pointee) + bias
                        out += layout.column
                        sample += bands
                    }
                } else {
                    for column in columns {
                        out.pointee = scale * float(line[(column - origin.left) * bands + band.source]) + bias
                        out += layout.column
                    }
                }
            }
        }
    }
}
