import CVips

/// The shape in which a generated image likes to be asked for.
public enum DemandHint: Sendable, Hashable {
    /// Squares of 128 pixels: for neighbourhoods.
    case smallTile
    /// Full-width strips, some rows high.
    case fatStrip
    /// Full-width strips, few rows high: for what goes pixel by pixel.
    case thinStrip
    /// No preference.
    case any

    fileprivate var cValue: VipsDemandStyle {
        switch self {
        case .smallTile: VIPS_DEMAND_STYLE_SMALLTILE
        case .fatStrip: VIPS_DEMAND_STYLE_FATSTRIP
        case .thinStrip: VIPS_DEMAND_STYLE_THINSTRIP
        case .any: VIPS_DEMAND_STYLE_ANY
        }
    }
}

/// What a generated image looks like. Metadata and resolution come from the first input.
public struct GeneratedHeader: Sendable, Hashable {
    public var width: Int
    public var height: Int
    public var bands: Int
    public var format: BandFormat
    public var interpretation: Interpretation
    public var demand: DemandHint

    public init(
        width: Int, height: Int, bands: Int, format: BandFormat, interpretation: Interpretation,
        demand: DemandHint = .smallTile
    ) {
        self.width = width
        self.height = height
        self.bands = bands
        self.format = format
        self.interpretation = interpretation
        self.demand = demand
    }
}

/// Where to write the pixels of the area that is asked for. Valid during the call only.
public struct OutputPixels {
    /// The first sample of the area's top left pixel. Bands are interleaved.
    public let base: UnsafeMutableRawPointer

    /// Bytes from one row to the next: at least a row of the area, often more. What lies between belongs to others.
    public let rowStride: Int

    public init(base: UnsafeMutableRawPointer, rowStride: Int) {
        self.base = base
        self.rowStride = rowStride
    }
}

/// The pixels of a generated image's inputs. Valid during the call that it is given to, on that thread.
public struct InputPixels {
    fileprivate let sequence: GeneratorSequence

    /// Computes a rectangle of an input and lends its pixels.
    ///
    /// - Parameters:
    ///   - index: the position in the list that ``Image/generated(_:from:render:)`` was given.
    ///   - rect: has at least one pixel, and lies within the input.
    ///   - body: gets the first sample of the rectangle's top left pixel and the bytes from one row to the next. Within it, other
    ///     inputs may be read, but not this one.
    /// - Throws: what `body` throws, or ``VipsError`` if the input cannot be computed.
    public func withPixels<Result>(
        of index: Int, in rect: Rect, _ body: (_ base: UnsafeRawPointer, _ rowStride: Int) throws -> Result
    ) throws -> Result {
        try sequence.withPixels(of: index, in: rect, body)
    }
}

extension InputPixels {
    /// Lends the pixels of images outside any generated one, on the calling thread, for the length of `body`.
    ///
    /// - Throws: what `body` throws, or ``VipsError`` with libvips' reason where an image cannot be computed.
    public static func reading<Result>(_ images: [Image], _ body: (InputPixels) throws -> Result) throws -> Result {
        var own: (any Error)?
        do {
            return try callingVips(nil) { () -> Result? in
                guard let sequence = GeneratorSequence(images) else { return nil }
                do {
                    return try body(InputPixels(sequence: sequence))
                } catch {
                    // An input that failed has told libvips why, which is the better reason.
                    if !(sequence.inputFailed && error is VipsError) { own = error }
                    return nil
                }
            }
        } catch {
            throw own ?? error
        }
    }
}

extension Image {
    /// An image whose pixels are computed by `render`, piece by piece, as they are asked for.
    ///
    /// - Parameters:
    ///   - header: size and type of the result. They need not have to do with those of the inputs.
    ///   - inputs: the images that `render` reads, kept alive as long as the result.
    ///   - render: fills `area` of the result. Called on several threads at once, for areas of any size in any order, and for one place
    ///     more than once: put a ``tileCache(tileWidth:tileHeight:maxTiles:access:threaded:persistent:)`` behind it if
    ///     that is expensive. What it throws becomes the error of whoever asked for the pixels.
    public static func generated(
        _ header: GeneratedHeader, from inputs: [Image],
        render: @escaping @Sendable (_ area: Rect, _ output: OutputPixels, _ inputs: InputPixels) throws -> Void
    ) throws(VipsError) -> Image {
        try checkSize(
            width: header.width, height: header.height, bands: header.bands, bytesPerSample: header.format.bytesPerSample)
        for input in inputs where input.coding != .none {
            throw VipsError(message: "cannot read samples of an image in \(input.coding.rawValue) coding; convert it first")
        }
        let pointer = try callingVips(nil) { vips_image_new() }
        let image = Image(owning: pointer)
        var list = inputs.map { Optional($0.pointer) } + [nil]
        try callingVips(nil) { () -> Void? in
            guard vips_image_pipeline_array(pointer, header.demand.cValue, &list) == 0 else { return nil }
            vips_image_init_fields(
                pointer, Int32(header.width), Int32(header.height), Int32(header.bands), header.format.cValue,
                VIPS_CODING_NONE, header.interpretation.cValue, inputs.first?.xres ?? 1, inputs.first?.yres ?? 1)
            let generator = Unmanaged.passRetained(Generator(inputs: inputs, render: render))
            g_object_set_data_full(
                UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: GObject.self), "aquatint-generator",
                generator.toOpaque(), { data in
                    if let data { Unmanaged<Generator>.fromOpaque(data).release() }
                })
            return vips_image_generate(pointer, startSequence, generateArea, stopSequence, generator.toOpaque(), nil) == 0
                ? () : nil
        }
        return image
    }

    /// The same image, with the tiles that were computed last kept for whoever asks again.
    ///
    /// - Parameters:
    ///   - maxTiles: how many to keep, at least; -1 for all.
    ///   - access: the order in which they will be asked for.
    ///   - threaded: let several threads compute tiles at once. A thread that needs a tile that another computes waits for it.
    ///   - persistent: keep the tiles from one evaluation to the next.
    public func tileCache(
        tileWidth: Int, tileHeight: Int, maxTiles: Int, access: Access = .random, threaded: Bool = true,
        persistent: Bool = false
    ) throws(VipsError) -> Image {
        try Operation.image("tilecache", [
            "in": .image(self), "tile_width": .int(tileWidth), "tile_height": .int(tileHeight),
            "max_tiles": .int(maxTiles), "access": .string(access.rawValue), "threaded": .bool(threaded),
            "persistent": .bool(persistent),
        ])
    }
}

// MARK: - Behind the C callbacks

/// Lives as long as the libvips image, which owns it.
private final class Generator: Sendable {
    let inputs: [Image]
    let render: @Sendable (Rect, OutputPixels, InputPixels) throws -> Void

    init(inputs: [Image], render: @escaping @Sendable (Rect, OutputPixels, InputPixels) throws -> Void) {
        self.inputs = inputs
        self.render = render
    }
}

/// What one thread needs to compute areas: a region on each input, reused from area to area.
final class GeneratorSequence {
    private var regions: [UnsafeMutablePointer<VipsRegion>] = []
    private let inputs: [Image]
    private var lent: Set<Int> = []

    /// An input failed, and has told libvips why.
    private(set) var inputFailed = false

    /// `nil` after a failure, whose text is in libvips' buffer.
    init?(_ inputs: [Image]) {
        self.inputs = inputs
        for input in inputs {
            guard let region = vips_region_new(input.pointer) else { return nil }
            regions.append(region)
        }
    }

    deinit {
        for region in regions { g_object_unref(region) }
    }

    func withPixels<Result>(
        of index: Int, in rect: Rect, _ body: (UnsafeRawPointer, Int) throws -> Result
    ) throws -> Result {
        guard regions.indices.contains(index) else {
            throw VipsError(message: "input \(index) was asked for where there are \(regions.count)")
        }
        let input = inputs[index]
        guard rect.lies(inWidth: input.width, height: input.height) else {
            throw VipsError(message: """
                \(rect.width)x\(rect.height) pixels at \(rect.left),\(rect.top) are not in input \(index), \
                which is \(input.width)x\(input.height)
                """)
        }
        guard lent.insert(index).inserted else {
            throw VipsError(message: "input \(index) was asked for while its pixels are lent")
        }
        defer { lent.remove(index) }

        var area = rect.cValue
        let region = regions[index]
        guard vips_region_prepare(region, &area) == 0 else {
            inputFailed = true
            throw VipsError(message: "input \(index) could not be computed")
        }
        // The region may hold more than was asked for: all of an image in memory.
        let valid = Rect(region.pointee.valid)
        let stride = Int(region.pointee.bpl)
        guard let data = region.pointee.data else {
            throw VipsError(message: "input \(index) gave no pixels")
        }
        let base = UnsafeRawPointer(data)
            + (rect.top - valid.top) * stride + (rect.left - valid.left) * input.bytesPerPixel
        return try body(base, stride)
    }

    func clearFailure() {
        inputFailed = false
    }
}

private func startSequence(
    _ image: UnsafeMutablePointer<VipsImage>?, _ data: UnsafeMutableRawPointer?, _: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
    guard let data else { return nil }
    let generator = Unmanaged<Generator>.fromOpaque(data).takeUnretainedValue()
    guard let sequence = GeneratorSequence(generator.inputs) else { return nil }
    return Unmanaged.passRetained(sequence).toOpaque()
}

private func generateArea(
    _ region: UnsafeMutablePointer<VipsRegion>?, _ sequence: UnsafeMutableRawPointer?,
    _ data: UnsafeMutableRawPointer?, _: UnsafeMutableRawPointer?, _: UnsafeMutablePointer<gboolean>?
) -> Int32 {
    guard let region = region?.pointee, let sequence, let data, let base = region.data else { return -1 }
    let generator = Unmanaged<Generator>.fromOpaque(data).takeUnretainedValue()
    let inputs = Unmanaged<GeneratorSequence>.fromOpaque(sequence).takeUnretainedValue()
    inputs.clearFailure()
    do {
        try generator.render(
            Rect(region.valid), OutputPixels(base: base, rowStride: Int(region.bpl)), InputPixels(sequence: inputs))
        return 0
    } catch {
        // An input that failed has said why, and "input 0 could not be computed" would add nothing.
        if !(inputs.inputFailed && error is VipsError) { cvips_error("aquatint", (error as? VipsError)?.message ?? String(describing: error)) }
        return -1
    }
}

private func stopSequence(
    _ sequence: UnsafeMutableRawPointer?, _: UnsafeMutableRawPointer?, _: UnsafeMutableRawPointer?
) -> Int32 {
    if let sequence { Unmanaged<GeneratorSequence>.fromOpaque(sequence).release() }
    return 0
}
