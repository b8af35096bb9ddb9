/// A float picture in memory, for the tests of a stage. See ``PixelStage/run(on:tile:)``.
public struct TestPicture: Sendable, Hashable {
    public let info: ImageInfo
    /// Row by row, the bands of a pixel side by side.
    public private(set) var samples: [Float]

    /// A picture of these samples. One band is grey and three are sRGB, unless said otherwise.
    public init(width: Int, height: Int, bands: Int, space: ColourSpace? = nil, _ sample: (_ x: Int, _ y: Int, _ band: Int) -> Float) {
        let space = space ?? (bands == 1 ? .grey : bands == 3 ? .srgb : .data)
        self.init(info: ImageInfo(width: width, height: height, bands: bands, format: .float32, space: space))
        for y in 0..<height {
            for x in 0..<width {
                for band in 0..<bands { self[x, y, band] = sample(x, y, band) }
            }
        }
    }

    /// A picture of samples that are not numbers, so that what nobody writes shows.
    init(info: ImageInfo) {
        self.info = info
        samples = [Float](repeating: .nan, count: info.width * info.height * info.bands)
    }

    public internal(set) subscript(x: Int, y: Int, band: Int) -> Float {
        get { samples[(y * info.width + x) * info.bands + band] }
        set { samples[(y * info.width + x) * info.bands + band] = newValue }
    }
}
