internal import Synchronization
internal import Vips

/// The colours of a picture with alpha, continued outward from what can be seen to where it is wholly transparent.
///
/// What stands under transparent pixels is whatever the program that wrote the file left there, mostly black. A stage that does not know of alpha and looks at neighbourhoods would drag it
/// into the soft edge. Pixels that can be seen at all stay as they are.
///
/// Computed as it is asked for, and the same in whatever parts that is. An area without transparent pixels costs one look at its alpha; the first with such lets the picture be read
/// once, into cells of 8 x 8 pixels and more.
enum ExtendedColours {
    /// Says of a picture with alpha that its colours are continued already: a network has made them of such.
    static let field = "aquatint-extended-colours"

    /// - Parameters:
    ///   - image: with alpha.
    ///   - isComputed: whether reading it twice would compute it twice.
    /// - Returns: the colour bands.
    static func of(_ image: Image, isComputed: Bool, memoryBudget: Int) throws(StageError) -> Image {
        let (colours, _) = try VipsStage.splitAlpha(image)
        guard image.int(field) == nil, image.format != .complex, image.format != .dpcomplex else { return colours }
        let source = ColourSource(image, keeps: isComputed, memoryBudget: memoryBudget)
        let header = GeneratedHeader(width: image.width, height: image.height, bands: colours.bands, format: image.format, interpretation: colours.interpretation, demand: .any)
        do {
            return try Image.generated(header, from: [image]) { area, output, inputs in try source.render(area, into: output, inputs) }
        } catch {
            throw .vips(error)
        }
    }

    static func marked(_ image: Image) throws(StageError) -> Image {
        do { return try image.settingFields([(field, .int(1))]) } catch { throw .vips(error) }
    }

    /// The image as one whose invisible colours are anything: what has changed its pixels or its alpha does not care for them.
    static func forgotten(_ image: Image) throws(StageError) -> Image {
        guard image.int(field) != nil else { return image }
        do { return try image.settingFields([(field, nil)]) } catch { throw .vips(error) }
    }
}

/// The picture that is looked at, and what was found out of the whole of it.
private final class ColourSource: Sendable {
    private struct Whole {
        var image: Image
        /// The level of cells of `2^level` pixels a side; nil where nothing of the picture can be seen.
        var grid: ColourGrid?
    }

    private let image: Image
    private let keeps: Bool
    private let memoryBudget: Int
    private let white: Float
    private let level: Int
    private let found = Mutex<Result<Whole, any Error>?>(nil)

    private static let mostCells = 1 << 20

    init(_ image: Image, keeps: Bool, memoryBudget: Int) {
        self.image = image
        self.keeps = keeps
        self.memoryBudget = memoryBudget
        white = Float(PictureScale(of: image).white ?? 1)
        var level = 3
        while (image.width >> level) * (image.height >> level) > Self.mostCells { level += 1 }
        self.level = level
    }

    func render(_ area: Rect, into output: OutputPixels, _ inputs: InputPixels) throws {
        func colours(_ base: UnsafeRawPointer, _ rowStride: Int) -> Bool { copy(base, rowStride, area, output) }
        let isOpaque = if let kept = found.withLock({ try? $0?.get().image }), keeps {
            try InputPixels.reading([kept]) { try $0.withPixels(of: 0, in: area, colours) }
        } else {
            try inputs.withPixels(of: 0, in: area, colours)
        }
        guard !isOpaque else { return }
        let whole = try self.whole()
        guard let top = whole.grid else { return }
        let block = block(around: area)
        var levels = try InputPixels.reading([whole.image]) { [try grid($0, block)] }
        while levels.count < level { levels.append(levels[levels.count - 1].halved()) }
        var above = top
        for index in levels.indices.reversed() {
            levels[index].fill(from: above)
            above = levels[index]
        }
        write(above, area, output)
    }

    /// The area with a cell of the level that is known of the whole picture on all sides: as far as anything in the area depends on.
    private func block(around area: Rect) -> Rect {
        let cell = 1 << level
        let left = max(0, (area.left / cell - 1) * cell), top = max(0, (area.top / cell - 1) * cell)
        let right = min(image.width, ((area.left + area.width - 1) / cell + 2) * cell), bottom = min(image.height, ((area.top + area.height - 1) / cell + 2) * cell)
        return Rect(left: left, top: top, width: right - left, height: bottom - top)
    }

    // MARK: the whole picture

    private func whole() throws -> Whole {
        try found.withLock { state -> Result<Whole, any Error> in
            if let state { return state }
            let made = Result { try look() }
            state = made
            return made
        }.get()
    }

    private func look() throws -> Whole {
        let image = keeps ? try self.image.kept(memoryBudget: memoryBudget) : self.image
        let cell = 1 << level, columns = (image.width + cell - 1) / cell, rows = (image.height + cell - 1) / cell
        var result = ColourGrid(left: 0, top: 0, width: columns, height: rows, bands: image.bands - 1)
        try InputPixels.reading([image]) { inputs in
            for row in 0..<rows {
                var strip = try grid(inputs, Rect(left: 0, top: row * cell, width: image.width, height: min(cell, image.height - row * cell)))
                for _ in 0..<level { strip = strip.halved() }
                let first = row * columns
                result.weights.replaceSubrange(first..<first + columns, with: strip.weights)
                result.colours.replaceSubrange(first * result.bands..<(first + columns) * result.bands, with: strip.colours)
            }
        }
        return Whole(image: image, grid: result.filledFromTop())
    }

    // MARK: samples

    /// The pixels of a rectangle, weighted by their alpha.
    private func grid(_ inputs: InputPixels, _ rect: Rect) throws -> ColourGrid {
        var grid = ColourGrid(left: rect.left, top: rect.top, width: rect.width, height: rect.height, bands: image.bands - 1)
        let reader = SampleReader(format: image.format, bands: image.bands, columns: Array(rect.left..<rect.left + rect.width), rows: Array(rect.top..<rect.top + rect.height))
        let alpha = SampleReader.Band(source: grid.bands, scale: 1 / white, bias: 0)
        try inputs.withPixels(of: 0, in: rect) { base, rowStride in
            try grid.weights.withUnsafeMutableBufferPointer { weights in
                guard let target = weights.baseAddress else { return }
                try reader.copy(from: base, rowStride: rowStride, bands: [alpha], to: target, layout: .planar(width: rect.width, height: rect.height))
                // A value that is no number counts as nothing to be seen.
                for index in weights.indices { weights[index] = weights[index] > 0 ? min(weights[index], 1) : 0 }
            }
            let bands = (0..<grid.bands).map { SampleReader.Band(source: $0, scale: 1, bias: 0) }
            try grid.colours.withUnsafeMutableBufferPointer { colours in
                guard let target = colours.baseAddress else { return }
                try reader.copy(from: base, rowStride: rowStride, bands: bands, to: target, layout: .interleaved(width: rect.width, bands: bands.count))
            }
        }
        return grid
    }

    /// Copies the colours of an area.
    ///
    /// - Returns: whether all of its pixels can be seen.
    private func copy(_ base: UnsafeRawPointer, _ rowStride: Int, _ area: Rect, _ output: OutputPixels) -> Bool {
        let bytes = image.format.bytesPerSample, pixel = image.bytesPerPixel
        var isOpaque = true
        for row in 0..<area.height {
            let source = base + row * rowStride, target = output.base + row * output.rowStride
            for column in 0..<area.width {
                (target + column * (pixel - bytes)).copyMemory(from: source + column * pixel, byteCount: pixel - bytes)
            }
            isOpaque = isOpaque && allVisible(source + pixel - bytes, area.width, pixel)
        }
        return isOpaque
    }

    private func allVisible(_ alpha: UnsafeRawPointer, _ count: Int, _ step: Int) -> Bool {
        func check<Sample: BitwiseCopyable & Comparable & Numeric>(_: Sample.Type) -> Bool {
            for index in 0..<count where !((alpha + index * step).loadUnaligned(as: Sample.self) > 0) { return false }
            return true
        }
        return switch image.format {
        case .uchar: check(UInt8.self)
        case .char: check(Int8.self)
        case .ushort: check(UInt16.self)
        case .short: check(Int16.self)
        case .uint: check(UInt32.self)
        case .int: check(Int32.self)
        case .float: check(Float.self)
        case .double: check(Double.self)
        case .complex, .dpcomplex: true
        }
    }

    /// The colours of the pixels that cannot be seen.
    private func write(_ grid: ColourGrid, _ area: Rect, _ output: OutputPixels) {
        func put<Sample: BitwiseCopyable>(_ sample: (Float) -> Sample) {
            for y in area.top..<area.top + area.height {
                let line = (output.base + (y - area.top) * output.rowStride).assumingMemoryBound(to: Sample.self)
                for x in area.left..<area.left + area.width {
                    let cell = (y - grid.top) * grid.width + x - grid.left
                    guard grid.weights[cell] == 0 else { continue }
                    for band in 0..<grid.bands { line[(x - area.left) * grid.bands + band] = sample(grid.colours[cell * grid.bands + band]) }
                }
            }
        }
        // Means of the samples, and so within their range; Float rounds the largest 32-bit integers up.
        switch image.format {
        case .uchar: put { UInt8($0.rounded()) }
        case .char: put { Int8($0.rounded()) }
        case .ushort: put { UInt16($0.rounded()) }
        case .short: put { Int16($0.rounded()) }
        case .uint: put { UInt32(clamping: Int($0)) }
        case .int: put { Int32(clamping: Int($0)) }
        case .float: put { $0 }
        case .double: put { Double($0) }
        case .complex, .dpcomplex: break
        }
    }
}
