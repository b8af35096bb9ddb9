/// A Swift type that a sample can have.
public protocol PixelSample: BitwiseCopyable, Sendable {
    static var sampleFormat: SampleFormat { get }
}

extension UInt8: PixelSample { public static var sampleFormat: SampleFormat { .uint8 } }
extension UInt16: PixelSample { public static var sampleFormat: SampleFormat { .uint16 } }
extension Float16: PixelSample { public static var sampleFormat: SampleFormat { .float16 } }
extension Float: PixelSample { public static var sampleFormat: SampleFormat { .float32 } }

/// The pixels of one rectangle of an input. Valid only during the call that received it.
public struct Tile {
    /// The whole image that the rectangle belongs to.
    public let image: ImageInfo
    /// The rectangle, in pixels of the whole image. It reaches past the image only where the plan's edge mode extends it.
    public let rect: Rect
    let base: UnsafeRawPointer
    let strides: Strides

    /// Bytes from one row, pixel and band to the next.
    public struct Strides: Sendable, Hashable {
        public var row: Int
        public var column: Int
        public var band: Int

        public init(row: Int, column: Int, band: Int) {
            self.row = row
            self.column = column
            self.band = band
        }
    }

    /// A tile over memory of the caller's, whose first byte is the sample at the rectangle's top left, band 0.
    public init(image: ImageInfo, rect: Rect, base: UnsafeRawPointer, strides: Strides) {
        self.image = image
        self.rect = rect
        self.base = base
        self.strides = strides
    }

    /// Access to the samples, which must be of that type.
    public func samples<Sample: PixelSample>(of type: Sample.Type = Sample.self) throws(StageError) -> Samples<Sample> {
        try check(image.format, Sample.sampleFormat)
        return Samples(base: base, strides: strides, rect: rect)
    }
}

/// The pixels of the rectangle that a call must compute: every sample of it. Valid only during the call that received it.
public struct MutableTile {
    /// The whole output image.
    public let image: ImageInfo
    /// The rectangle to compute, in pixels of the whole output image.
    public let rect: Rect
    let base: UnsafeMutableRawPointer
    let strides: Tile.Strides

    /// A tile over memory of the caller's, whose first byte is the sample at the rectangle's top left, band 0.
    public init(image: ImageInfo, rect: Rect, base: UnsafeMutableRawPointer, strides: Tile.Strides) {
        self.image = image
        self.rect = rect
        self.base = base
        self.strides = strides
    }

    /// Access to the samples, which must be of that type.
    public func samples<Sample: PixelSample>(of type: Sample.Type = Sample.self) throws(StageError) -> MutableSamples<Sample> {
        try check(image.format, Sample.sampleFormat)
        return MutableSamples(base: base, strides: strides, rect: rect)
    }
}

/// Samples to read, addressed by the coordinates of the whole image. Coordinates outside `rect` are out of bounds: not checked in
/// release builds.
@frozen
public struct Samples<Sample: PixelSample> {
    @usableFromInline let origin: UnsafeRawPointer
    @usableFromInline let row: Int
    @usableFromInline let column: Int
    @usableFromInline let band: Int
    /// The rectangle that may be read.
    public let rect: Rect

    @usableFromInline
    init(base: UnsafeRawPointer, strides: Tile.Strides, rect: Rect) {
        self.origin = base
        self.row = strides.row
        self.column = strides.column
        self.band = strides.band
        self.rect = rect
    }

    /// The sample of that column, row and band.
    @inlinable
    public subscript(x: Int, y: Int, b: Int) -> Sample {
        assert(rect.columns.contains(x) && rect.rows.contains(y), "(\(x), \(y)) lies outside the tile")
        return (origin + ((y &- rect.y) &* row &+ (x &- rect.x) &* column &+ b &* band)).load(as: Sample.self)
    }
}

/// Samples to write, addressed by the coordinates of the whole image. Coordinates outside `rect` are out of bounds: not checked in
/// release builds.
@frozen
public struct MutableSamples<Sample: PixelSample> {
    @usableFromInline let origin: UnsafeMutableRawPointer
    @usableFromInline let row: Int
    @usableFromInline let column: Int
    @usableFromInline let band: Int
    /// The rectangle to be written.
    public let rect: Rect

    @usableFromInline
    init(base: UnsafeMutableRawPointer, strides: Tile.Strides, rect: Rect) {
        self.origin = base
        self.row = strides.row
        self.column = strides.column
        self.band = strides.band
        self.rect = rect
    }

    /// The sample of that column, row and band.
    @inlinable
    public subscript(x: Int, y: Int, b: Int) -> Sample {
        get { address(x, y, b).load(as: Sample.self) }
        nonmutating set { address(x, y, b).storeBytes(of: newValue, as: Sample.self) }
    }

    @inlinable
    func address(_ x: Int, _ y: Int, _ b: Int) -> UnsafeMutableRawPointer {
        assert(rect.columns.contains(x) && rect.rows.contains(y), "(\(x), \(y)) lies outside the tile")
        return origin + ((y &- rect.y) &* row &+ (x &- rect.x) &* column &+ b &* band)
    }
}

private func check(_ found: SampleFormat, _ wanted: SampleFormat) throws(StageError) {
    guard found == wanted else {
        throw .internal("the stage reads \(wanted) samples, but the tile has \(found): declare the formats of its inputs")
    }
}
