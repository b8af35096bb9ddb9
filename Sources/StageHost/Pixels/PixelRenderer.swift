internal import CSamples
internal import Glibc
internal import Synchronization
internal import Vips

/// Where the pixels of a stage's inputs come from, by their places among the images that are there. Any thread.
protocol PixelSource {
    /// Computes a rectangle of an image and lends its pixels: the first sample of its top left pixel, and the bytes from one row to the next.
    func withPixels<Result>(of index: Int, in rect: Rect, _ body: (_ base: UnsafeRawPointer, _ rowStride: Int) throws -> Result) throws -> Result
}

extension InputPixels: PixelSource {}

/// Inputs of a stage that computes ahead of the demand.
struct TileInputs: PixelSource {
    private let inputs: [any TileInput]

    init(_ inputs: [any TileInput]) { self.inputs = inputs }

    func withPixels<Result>(of index: Int, in rect: Rect, _ body: (_ base: UnsafeRawPointer, _ rowStride: Int) throws -> Result) throws -> Result {
        try inputs[index].withPixels(in: rect, body)
    }
}

/// Calls a pixel stage for rectangles of its output, with input tiles as the plan wants them.
///
/// Nothing is copied where formats and layouts agree: the stage reads where the image before it was computed, and writes where the next one reads.
final class PixelRenderer: Sendable {
    let plan: PluginPlan
    let output: PluginImage
    private let doors: [PixelDoor?]
    private let target: PixelTarget
    private let context: ImageContext
    private let stage: String
    private let clock: StageClock
    private let memory = TileMemory()

    init(plan: PluginPlan, doors: [PixelDoor?], target: PixelTarget, output: PluginImage, context: ImageContext, stage: String) {
        self.plan = plan
        self.doors = doors
        self.target = target
        self.output = output
        self.context = context
        self.stage = stage
        clock = context.clock(of: stage)
    }

    /// The images that are read, in order, without the optional ones that are absent.
    var images: [Image] { doors.compactMap { $0?.image } }

    /// Bytes of a pixel of the largest tile of a call.
    var bytesPerPixel: Int { max(output.bands * output.format.size, doors.compactMap { $0.map { $0.description.bands * $0.description.format.size } }.max() ?? 1) }

    /// Runs `body`, and keeps what a stage said of its failure, which libvips can only pass on as text.
    func reporting(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as StageError {
            context.record(error)
            throw VipsError(operation: nil, message: error.description)
        }
    }

    /// Computes a rectangle of the output: bands interleaved, floats at the picture's full scale.
    func render(_ rect: PluginRect, into pixels: OutputPixels, from source: some PixelSource) throws {
        if context.isCancelled { throw StageError.host("given up", stage: stage, code: .cancelled) }
        let computed = extended(rect)
        try withTiles([], computed, source) { tiles in
            if computed == rect, isInterleaved, output.format != .float16 {
                let out = PluginPlan.Pixels(rect: rect, base: pixels.base, row: pixels.rowStride, column: output.bands * output.format.size, band: output.format.size)
                try process(tiles, out)
            } else {
                let block = try memory.block(width: computed.width, height: computed.height, bytesPerPixel: output.bands * output.format.size)
                let out = PluginPlan.Pixels(computed, block.base, bands: output.bands, size: output.format.size, isPlanar: !isInterleaved)
                try process(tiles, out)
                copy(out, rect, pixels)
            }
        }
        guard target.format == .float else { return }
        var isFinite = true
        for row in 0..<rect.height {
            let line = (pixels.base + row * pixels.rowStride).assumingMemoryBound(to: Float.self)
            if aqt_scale_floats(line, rect.width * output.bands, target.factor) != 0 { isFinite = false }
        }
        guard isFinite else {
            throw StageError(code: .notFinite, stage: stage, plugin: plan.instance.stage.library.descriptor.name,
                             message: "the stage wrote NaN or infinity in the part from (\(rect.x), \(rect.y)) to (\(rect.x + rect.width), \(rect.y + rect.height))")
        }
    }

    /// One band is the same in both layouts.
    private var isInterleaved: Bool { plan.layout == .interleaved || output.bands == 1 }

    private func process(_ tiles: [PixelTile?], _ out: PluginPlan.Pixels) throws(StageError) {
        let context = context
        try plan.process(tiles.map { $0?.pixels }, into: out, clock: clock) { context.isCancelled }
    }

    /// Lends the tiles of all inputs that a rectangle of the output needs.
    private func withTiles(_ tiles: [PixelTile?], _ rect: PluginRect, _ source: some PixelSource, _ body: ([PixelTile?]) throws -> Void) throws {
        let index = tiles.count
        guard index < doors.count else {
            // The plug-in gets bare pointers into the tiles.
            return try withExtendedLifetime(tiles) { try body(tiles) }
        }
        guard let door = doors[index], let wanted = plan.inputRect(index, for: rect) else { return try withTiles(tiles + [nil], rect, source, body) }
        guard wanted.width > 0, wanted.height > 0 else { throw StageError.host("the stage asks for a tile of \(wanted.width) x \(wanted.height)", stage: stage) }
        let place = TilePlace(wanted, in: door.image, edge: plan.edge)
        // The position of a door's image among those that are there.
        let present = doors[..<index].count { $0 != nil }
        try source.withPixels(of: present, in: place.source) { base, rowStride in
            let tile = try PixelTile(door, place, layout: plan.layout, base: base, rowStride: rowStride, memory: memory)
            try withTiles(tiles + [tile], rect, source, body)
        }
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

    /// Copies what was asked for of a tile: interleaved, half floats as floats.
    private func copy(_ tile: PluginPlan.Pixels, _ rect: PluginRect, _ pixels: OutputPixels) {
        let size = output.format.size, bands = output.bands
        for row in 0..<rect.height {
            let source = tile.base + row * tile.row, line = pixels.base + row * pixels.rowStride
            if output.format == .float16 {
                let floats = line.assumingMemoryBound(to: Float.self)
                for column in 0..<rect.width {
                    for band in 0..<bands { floats[column * bands + band] = Float((source + column * tile.column + band * tile.band).load(as: Float16.self)) }
                }
            } else if isInterleaved {
                line.copyMemory(from: source, byteCount: rect.width * bands * size)
            } else {
                aqt_join(source, line, rect.width, Int32(bands), tile.band, Int32(size))
            }
        }
    }
}

extension PluginPlan.Pixels {
    /// Packed memory in a layout.
    init(_ rect: PluginRect, _ base: UnsafeMutableRawPointer, bands: Int, size: Int, isPlanar: Bool) {
        self.init(rect: rect, base: base, row: isPlanar ? rect.width * size : rect.width * bands * size, column: isPlanar ? size : bands * size,
                  band: isPlanar ? rect.width * rect.height * size : size)
    }
}

/// Memory for tiles that must be copied, used again from call to call.
final class TileMemory: Sendable {
    /// Bytes that are given back when the last reference goes.
    final class Block: Sendable {
        nonisolated(unsafe) let base: UnsafeMutableRawPointer
        fileprivate let size: Int
        private let owner: TileMemory

        fileprivate init(_ base: UnsafeMutableRawPointer, _ size: Int, _ owner: TileMemory) {
            self.base = base
            self.size = size
            self.owner = owner
        }

        deinit { owner.take(base, size) }
    }

    private struct Free: @unchecked Sendable {
        var base: UnsafeMutableRawPointer
        var size: Int
    }

    private let free = Mutex<[Free]>([])
    /// About two for each thread.
    private static let mostKept = 64

    deinit { free.withLock { for block in $0 { Glibc.free(block.base) } } }

    /// - Throws: where the sizes multiply to more than a number holds, or there is no memory for them.
    func block(width: Int, height: Int, bytesPerPixel: Int) throws(StageError) -> Block {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        let (size, overflow2) = pixels.multipliedReportingOverflow(by: bytesPerPixel)
        guard !overflow, !overflow2, size > 0 else { throw .host("a tile of \(width) x \(height) is too large", code: .memory) }
        let known = free.withLock { free -> Free? in
            guard let index = free.lastIndex(where: { $0.size >= size && $0.size / 2 <= size }) else { return nil }
            return free.remove(at: index)
        }
        if let known { return Block(known.base, known.size, self) }
        // Not Swift's own, which traps where there is no memory: a stage may ask for any halo.
        var base: UnsafeMutableRawPointer?
        guard posix_memalign(&base, 64, size) == 0, let base else { throw .host("there is no memory for a tile of \(width) x \(height)", code: .memory) }
        return Block(base, size, self)
    }

    private func take(_ base: UnsafeMutableRawPointer, _ size: Int) {
        let surplus = free.withLock { free -> Free? in
            free.append(Free(base: base, size: size))
            return free.count > Self.mostKept ? free.removeFirst() : nil
        }
        if let surplus { Glibc.free(surplus.base) }
    }
}
