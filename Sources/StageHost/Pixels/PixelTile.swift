internal import CSamples
internal import Inference
internal import Vips

/// Which pixels of an image a tile has, where it may reach past the image.
struct TilePlace {
    let rect: PluginRect
    /// Image coordinates for each column and row of the tile; -1 where zeros stand.
    let columns: [Int]
    let rows: [Int]
    /// The part of the image that is read.
    let source: Rect
    /// Whether the tile lies in the image.
    let isInside: Bool
    let edge: PluginPlan.Edge

    init(_ rect: PluginRect, in image: Image, edge: PluginPlan.Edge) {
        self.rect = rect
        self.edge = edge
        isInside = rect.x >= 0 && rect.y >= 0 && rect.x + rect.width <= image.width && rect.y + rect.height <= image.height
        if isInside {
            (columns, rows) = ([], [])
            source = Rect(left: rect.x, top: rect.y, width: rect.width, height: rect.height)
        } else {
            columns = Self.places(rect.x, rect.width, image.width, edge)
            rows = Self.places(rect.y, rect.height, image.height, edge)
            source = SampleReader(format: image.format, bands: image.bands, columns: columns.map { max(0, $0) }, rows: rows.map { max(0, $0) }).source
        }
    }

    /// The image's pixel for each place of a run that may begin before the image and end behind it; -1 where zeros stand.
    private static func places(_ start: Int, _ count: Int, _ size: Int, _ edge: PluginPlan.Edge) -> [Int] {
        let before = max(0, -start), after = max(0, start + count - size)
        let axis = ExtensionAxis(size: size, before: before, after: after)
        return (start..<start + count).map { place in
            if (0..<size).contains(place) { return place }
            switch edge {
            case .zero: return -1
            case .replicate: return min(max(place, 0), size - 1)
            case .clip, .reflect: return axis.source(of: place + before)
            }
        }
    }
}

/// The pixels of one input that one call of a stage reads: where the image before it was computed, or a copy in the stage's format and layout.
final class PixelTile {
    let pixels: PluginPlan.Pixels
    /// `nil`: the pixels are those of the image.
    private let copy: TileMemory.Block?

    /// - Parameters base, rowStride: the pixels of `place.source`, interleaved, which outlive the tile.
    init(_ door: PixelDoor, _ place: TilePlace, layout: PluginPlan.Layout, base: UnsafeRawPointer, rowStride: Int, memory: TileMemory) throws {
        let image = door.image, bands = image.bands, format = door.description.format, size = format.size
        let isPlanar = layout == .planar && bands > 1
        let scale = door.description.space == .lab ? 1 : door.white.map { Float(1 / $0) } ?? 1
        let isAsIs = switch (format, image.format) {
        case (.uint8, .uchar), (.uint16, .ushort): true
        case (.float32, .float): scale == 1
        default: false
        }
        if place.isInside, isAsIs, !isPlanar {
            copy = nil
            pixels = PluginPlan.Pixels(rect: place.rect, base: UnsafeMutableRawPointer(mutating: base), row: rowStride, column: bands * size, band: size)
            return
        }
        let width = place.rect.width, height = place.rect.height
        // Floats first: a half-float tile is narrowed in place afterwards.
        let block = try memory.block(width: width, height: height, bytesPerPixel: bands * max(size, format == .float16 ? 4 : size))
        copy = block
        pixels = PluginPlan.Pixels(place.rect, block.base, bands: bands, size: size, isPlanar: isPlanar)
        if place.isInside, format != .float16, isAsIs || [.uchar, .ushort, .float].contains(image.format) {
            try Self.copyRows(image, place, isAsIs ? nil : scale, base, rowStride, pixels, isPlanar, memory)
        } else {
            try Self.copyPlaces(door, place, scale, base, rowStride, block.base, isPlanar)
        }
    }

    /// Copies a tile that lies in the image, row by row.
    ///
    /// - Parameter scale: makes floats of what is not as the stage wants it; nil where it is.
    private static func copyRows(_ image: Image, _ place: TilePlace, _ scale: Float?, _ base: UnsafeRawPointer, _ rowStride: Int, _ tile: PluginPlan.Pixels,
                                 _ isPlanar: Bool, _ memory: TileMemory) throws(StageError) {
        let width = place.rect.width, bands = image.bands, samples = width * bands
        let line = scale != nil && isPlanar ? try memory.block(width: width, height: 1, bytesPerPixel: bands * 4) : nil
        let size = isPlanar ? tile.column : tile.band
        for row in 0..<place.rect.height {
            let target = tile.base + row * tile.row
            var source = base + row * rowStride
            if let scale {
                let floats = (line?.base ?? target).assumingMemoryBound(to: Float.self)
                switch image.format {
                case .uchar: aqt_floats_of_bytes(source.assumingMemoryBound(to: UInt8.self), floats, samples, scale)
                case .ushort: aqt_floats_of_words(source.assumingMemoryBound(to: UInt16.self), floats, samples, scale)
                default: aqt_floats_of_floats(source.assumingMemoryBound(to: Float.self), floats, samples, scale)
                }
                guard let line else { continue }
                source = UnsafeRawPointer(line.base)
            }
            if isPlanar { aqt_split(source, target, width, Int32(bands), tile.band, Int32(size)) } else { target.copyMemory(from: source, byteCount: samples * size) }
        }
    }

    /// Copies a tile that reaches past the image, or whose samples have rare formats, place by place.
    private static func copyPlaces(_ door: PixelDoor, _ place: TilePlace, _ scale: Float, _ base: UnsafeRawPointer, _ rowStride: Int, _ memory: UnsafeMutableRawPointer,
                                   _ isPlanar: Bool) throws(StageError) {
        let image = door.image, bands = image.bands, format = door.description.format, rect = place.rect
        let columns = place.isInside ? Array(rect.x..<rect.x + rect.width) : place.columns, rows = place.isInside ? Array(rect.y..<rect.y + rect.height) : place.rows
        let reader = SampleReader(format: image.format, bands: bands, columns: columns.map { max(0, $0) }, rows: rows.map { max(0, $0) })
        switch format {
        case .float32, .float16:
            try reader.copy(from: base, rowStride: rowStride, bands: (0..<bands).map { SampleReader.Band(source: $0, scale: scale, bias: 0) },
                            to: memory.assumingMemoryBound(to: Float.self),
                            layout: isPlanar ? .planar(width: rect.width, height: rect.height) : .interleaved(width: rect.width, bands: bands))
        case .uint8: reader.copyRaw(UInt8.self, from: base, rowStride: rowStride, to: memory, isPlanar: isPlanar)
        case .uint16: reader.copyRaw(UInt16.self, from: base, rowStride: rowStride, to: memory, isPlanar: isPlanar)
        }
        if format == .float16 { narrow(memory, rect.width * rect.height * bands) }
        if place.edge == .zero { clear(memory, columns, rows, bands, format.size, isPlanar) }
    }

    private static func narrow(_ memory: UnsafeMutableRawPointer, _ count: Int) {
        for index in 0..<count {
            let value = memory.load(fromByteOffset: index * 4, as: Float.self)
            memory.storeBytes(of: Float16(value), toByteOffset: index * 2, as: Float16.self)
        }
    }

    private static func clear(_ memory: UnsafeMutableRawPointer, _ columns: [Int], _ rows: [Int], _ bands: Int, _ bytes: Int, _ isPlanar: Bool) {
        for (y, row) in rows.enumerated() {
            for (x, column) in columns.enumerated() where row < 0 || column < 0 {
                for band in 0..<bands {
                    let index = isPlanar ? (band * rows.count + y) * columns.count + x : (y * columns.count + x) * bands + band
                    (memory + index * bytes).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
                }
            }
        }
    }
}

extension SampleReader {
    /// Copies samples as they are, interleaved or planar.
    func copyRaw<Sample: BitwiseCopyable>(_: Sample.Type, from base: UnsafeRawPointer, rowStride: Int, to memory: UnsafeMutableRawPointer, isPlanar: Bool) {
        let origin = source, target = memory.assumingMemoryBound(to: Sample.self)
        for (y, row) in rows.enumerated() {
            let line = (base + (row - origin.top) * rowStride).assumingMemoryBound(to: Sample.self)
            for (x, column) in columns.enumerated() {
                for band in 0..<bands {
                    let index = isPlanar ? (band * rows.count + y) * columns.count + x : (y * columns.count + x) * bands + band
                    target[index] = line[(column - origin.left) * bands + band]
                }
            }
        }
    }
}
