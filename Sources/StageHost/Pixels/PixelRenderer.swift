internal import Inference
internal import Vips

/// Calls a pixel stage for the rectangles that libvips asks for, with input tiles as the plan wants them.
final class PixelRenderer: Sendable {
    private let plan: PluginPlan
    private let doors: [PixelDoor?]
    private let target: PixelTarget
    private let output: PluginImage
    let context: ImageContext
    private let stage: String
    private let clock: StageClock
    private let cell: (width: Int, height: Int)

    init(plan: PluginPlan, doors: [PixelDoor?], target: PixelTarget, output: PluginImage, context: ImageContext, stage: String, cell: (width: Int, height: Int)) {
        self.plan = plan
        self.doors = doors
        self.target = target
        self.output = output
        self.context = context
        self.stage = stage
        clock = context.clock(of: stage)
        self.cell = cell
    }

    func render(_ area: Rect, into pixels: OutputPixels, _ inputs: InputPixels) throws {
        // The cache asks for whole cells; anything else is cut along the cells, so that a stage always sees the same rectangles.
        for y in stride(from: area.top / cell.height * cell.height, to: area.top + area.height, by: cell.height) {
            for x in stride(from: area.left / cell.width * cell.width, to: area.left + area.width, by: cell.width) {
                if context.isCancelled { throw StageError.host("given up", stage: stage, code: .cancelled) }
                let rect = PluginRect(x: x, y: y, width: min(cell.width, output.width - x), height: min(cell.height, output.height - y))
                try render(rect, area, pixels, inputs)
            }
        }
    }

    private func render(_ rect: PluginRect, _ area: Rect, _ pixels: OutputPixels, _ inputs: InputPixels) throws {
        let computed = extended(rect)
        let bytes = output.format.size
        let bands = output.bands
        let (count, overflow) = (computed.width * computed.height).multipliedReportingOverflow(by: bands * bytes)
        guard !overflow else { throw StageError.host("a tile is too large", stage: stage, code: .memory) }
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: max(1, count), alignment: 64)
        defer { buffer.deallocate() }
        let isPlanar = plan.layout == .planar
        let out = PluginPlan.Pixels(
            rect: computed, base: buffer, row: isPlanar ? computed.width * bytes : computed.width * bands * bytes, column: isPlanar ? bytes : bands * bytes,
            band: isPlanar ? computed.width * computed.height * bytes : bytes)
        var tiles: [PixelTile?] = []
        for (index, door) in doors.enumerated() {
            guard let door, let wanted = plan.inputRect(index, for: computed) else { tiles.append(nil); continue }
            tiles.append(try PixelTile(door, source: sourceIndex(index), wanted, plan: plan, inputs))
        }
        let context = context
        // The plug-in gets bare pointers into the tiles.
        try withExtendedLifetime(tiles) { try plan.process(tiles.map { $0?.pixels }, into: out, clock: clock) { context.isCancelled } }
        try copy(out, area, rect, pixels)
    }

    /// A size off the alignment is extended right and bottom, and the output is cropped.
    private func extended(_ rect: PluginRect) -> PluginRect {
        guard !plan.isRagged, let reach = plan.reach.first else { return rect }
        func up(_ start: Int, _ length: Int, _ alignment: Int, _ scale: PluginReach.Scale) -> Int {
            let step = alignment * scale.numerator / scale.denominator
            return step <= 1 ? length : (start + length + step - 1) / step * step - start
        }
        return PluginRect(x: rect.x, y: rect.y, width: up(rect.x, rect.width, plan.alignment.x, reach.scaleX),
                          height: up(rect.y, rect.height, plan.alignment.y, reach.scaleY))
    }

    /// The position of a door's image in the list of images that libvips has.
    private func sourceIndex(_ index: Int) -> Int { doors[..<index].count { $0 != nil } }

    /// Copies what was asked for into libvips' region: interleaved, and floats at the picture's full scale. Checks them for NaN.
    private func copy(_ tile: PluginPlan.Pixels, _ area: Rect, _ rect: PluginRect, _ pixels: OutputPixels) throws {
        let left = max(area.left, rect.x), right = min(area.left + area.width, rect.x + rect.width)
        let top = max(area.top, rect.y), bottom = min(area.top + area.height, rect.y + rect.height)
        guard left < right else { return }
        var sum: Float = 0
        for y in stride(from: top, to: bottom, by: 1) {
            let line = pixels.base + (y - area.top) * pixels.rowStride
            for band in 0..<output.bands {
                let source = tile.base + (y - tile.rect.y) * tile.row + (left - tile.rect.x) * tile.column + band * tile.band
                let first = (left - area.left) * output.bands + band
                switch output.format {
                case .uint8: Self.move(UInt8.self, source, tile.column, line, first, output.bands, right - left)
                case .uint16: Self.move(UInt16.self, source, tile.column, line, first, output.bands, right - left)
                case .float32: sum += Self.scale(Float.self, source, tile.column, line, first, output.bands, right - left, target.factor) { $0 }
                case .float16: sum += Self.scale(Float16.self, source, tile.column, line, first, output.bands, right - left, target.factor) { Float($0) }
                }
            }
        }
        guard sum == 0 else {
            throw StageError(code: .notFinite, stage: stage, plugin: plan.instance.stage.library.descriptor.name,
                             message: "the stage wrote NaN or infinity in the part from (\(left), \(top)) to (\(right), \(bottom))")
        }
    }

    @inline(__always)
    private static func move<Sample>(_: Sample.Type, _ source: UnsafeMutableRawPointer, _ step: Int, _ line: UnsafeMutableRawPointer, _ first: Int,
                                     _ bands: Int, _ count: Int) {
        let target = line.assumingMemoryBound(to: Sample.self)
        for index in 0..<count {
            target[first + index * bands] = (source + index * step).loadUnaligned(as: Sample.self)
        }
    }

    /// - Returns: 0, or NaN where a sample is NaN or infinite.
    @inline(__always)
    private static func scale<Sample>(_: Sample.Type, _ source: UnsafeMutableRawPointer, _ step: Int, _ line: UnsafeMutableRawPointer, _ first: Int,
                                      _ bands: Int, _ count: Int, _ factor: Float, _ float: (Sample) -> Float) -> Float where Sample: BitwiseCopyable {
        let target = line.assumingMemoryBound(to: Float.self)
        var sum: Float = 0
        for index in 0..<count {
            let value = float((source + index * step).loadUnaligned(as: Sample.self))
            sum += 0 * value
            target[first + index * bands] = value * factor
        }
        return sum
    }
}

/// The pixels of one input that one call of a stage reads. Owns its memory.
final class PixelTile {
    let pixels: PluginPlan.Pixels
    private let memory: UnsafeMutableRawPointer

    /// - Parameter rect: may reach past the image; what stands there follows the plan's edge mode.
    init(_ door: PixelDoor, source: Int, _ rect: PluginRect, plan: PluginPlan, _ inputs: InputPixels) throws {
        let image = door.image, bands = image.bands, format = door.description.format
        let isPlanar = plan.layout == .planar
        let width = rect.width, height = rect.height
        let (samples, overflow) = (width * height).multipliedReportingOverflow(by: bands)
        guard !overflow, samples > 0 else { throw StageError.host("the stage asks for a tile of \(width) x \(height)") }
        // Floats first: a half-float tile is narrowed in place afterwards.
        let sampleBytes = format == .float16 ? 4 : format.size
        let memory = UnsafeMutableRawPointer.allocate(byteCount: samples * sampleBytes, alignment: 64)
        var isComplete = false
        defer { if !isComplete { memory.deallocate() } }
        let columns = Self.places(rect.x, width, image.width, plan.edge), rows = Self.places(rect.y, height, image.height, plan.edge)
        let reader = SampleReader(format: image.format, bands: bands, columns: columns.map { max(0, $0) }, rows: rows.map { max(0, $0) })
        try inputs.withPixels(of: source, in: reader.source) { base, rowStride in
            switch format {
            case .float32, .float16:
                let scale = door.description.space == .lab ? 1 : door.white.map { Float(1 / $0) } ?? 1
                try reader.copy(from: base, rowStride: rowStride, bands: (0..<bands).map { SampleReader.Band(source: $0, scale: scale, bias: 0) },
                                to: memory.assumingMemoryBound(to: Float.self),
                                layout: isPlanar ? .planar(width: width, height: height) : .interleaved(width: width, bands: bands))
            case .uint8: reader.copyRaw(UInt8.self, from: base, rowStride: rowStride, to: memory, isPlanar: isPlanar)
            case .uint16: reader.copyRaw(UInt16.self, from: base, rowStride: rowStride, to: memory, isPlanar: isPlanar)
            }
        }
        if format == .float16 { Self.narrow(memory, samples) }
        let bytes = format.size
        if plan.edge == .zero { Self.clear(memory, columns, rows, bands, bytes, isPlanar) }
        pixels = PluginPlan.Pixels(rect: rect, base: memory, row: isPlanar ? width * bytes : width * bands * bytes, column: isPlanar ? bytes : bands * bytes,
                                   band: isPlanar ? width * height * bytes : bytes)
        self.memory = memory
        isComplete = true
    }

    deinit { memory.deallocate() }

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
