internal import ContentHash
internal import Synchronization
public import Vips

/// Pictures from one profile's colours to another's, in floats: curve, matrix, curve. Nothing is rounded on the way.
///
///     samples ──▶ light ──▶ matrix ──▶ (clipped) ──▶ curve back ──▶ floats on the scale of the samples
public final class ColourConversion: Sendable {
    private let source: MatrixProfile
    private let bands: Int
    /// Row by row.
    private let matrix: [Float]
    /// Whether white is white, but for the rounding of the profiles' numbers, which is not to give grey a colour.
    private let keepsGrey: Bool
    /// One for each band of the result.
    private let back: [CurveTable]
    private let known = Mutex<[BandFormat: Light]>([:])

    /// nil for profiles of which one is grey and the other is not.
    convenience init?(from source: MatrixProfile, to target: MatrixProfile) {
        guard source.curves.count == target.curves.count, let inverse = target.matrix.inverse else { return nil }
        self.init(source, inverse * source.matrix, target.curves)
    }

    /// Light of sRGB's primaries as sRGB.
    static let ofLight = ColourConversion(.light, .unit, MatrixProfile.srgb.curves)

    private init(_ source: MatrixProfile, _ matrix: Matrix3, _ curves: [ToneCurve]) {
        self.source = source
        bands = source.curves.count
        self.matrix = matrix.rows.joined().map { Float($0) }
        keepsGrey = matrix.rows.allSatisfy { abs($0.reduce(0, +) - 1) < 0.002 }
        back = Self.perBand(curves) { curve in CurveTable(curve.value) }
    }

    // MARK: which there are

    private static let made = Mutex<[String: ColourConversion?]>([:])

    /// What the numbers of a picture stand for.
    enum Colours {
        /// Code values of sRGB, or of grey as it has them.
        case srgb
        /// Light of sRGB's primaries, or grey light.
        case light
        case profile([UInt8])

        fileprivate var key: String {
            switch self {
            case .srgb: "srgb"
            case .light: "light"
            case .profile(let bytes): SHA256.hash(bytes).hex
            }
        }
    }

    /// From one ICC profile to another; sRGB where there is none: see ``between(_:_:bands:)-(Colours,_,_)``.
    public static func between(_ source: [UInt8]?, _ target: [UInt8]?, bands: Int) -> ColourConversion? {
        between(source.map { .profile($0) } ?? Colours.srgb, target.map { .profile($0) } ?? Colours.srgb, bands: bands)
    }

    /// - Parameter bands: colours of the picture, one or three.
    /// - Returns: nil where one of them is no matrix profile of that many bands.
    static func between(_ source: Colours, _ target: Colours, bands: Int) -> ColourConversion? {
        guard bands == 1 || bands == 3 else { return nil }
        let key = "\(bands) \(source.key) \(target.key)"
        if let known = made.withLock({ $0[key] }) { return known }
        func read(_ colours: Colours) -> MatrixProfile? {
            switch colours {
            case .srgb: bands == 1 ? .srgbGrey : .srgb
            case .light: bands == 1 ? .greyLight : .light
            case .profile(let bytes): MatrixProfile(bytes).flatMap { $0.curves.count == bands ? $0 : nil }
            }
        }
        let conversion = read(source).flatMap { source in read(target).flatMap { ColourConversion(from: source, to: $0) } }
        made.withLock { made in
            if made.count > 32 { made.removeAll() }
            made[key] = .some(conversion)
        }
        return conversion
    }

    /// One table for curves that are the same: it stays in the processor's cache.
    private static func perBand<Table>(_ curves: [ToneCurve], _ make: (ToneCurve) -> Table) -> [Table] {
        guard let first = curves.first, curves.allSatisfy({ $0 == first }) else { return curves.map(make) }
        return Array(repeating: make(first), count: curves.count)
    }

    /// - Parameters:
    ///   - image: grey or RGB as the source is, with alpha or without, which stays as it is.
    ///   - white: full scale of the image: for integers, that of their format.
    ///   - clips: whether colours outside the target's are brought to its edge.
    /// - Returns: floats on the same scale, without a profile.
    public func applied(to given: Image, white: Double, clips: Bool) throws(VipsError) -> Image {
        let image = [.uchar, .ushort, .float].contains(given.format) ? given : try Operation.image("cast", ["in": .image(given), "format": "float"])
        let space: Interpretation = bands == 1 ? .blackAndWhite : .srgb
        let header = GeneratedHeader(width: image.width, height: image.height, bands: image.bands, format: .float, interpretation: space, demand: .thinStrip)
        let format = image.format, step = image.bands
        guard step >= bands else { throw VipsError(message: "a picture of \(step) bands has no colours of \(bands)") }
        let light = light(of: format)
        return try Image.generated(header, from: [image]) { [self] area, output, inputs in
            try inputs.withPixels(of: 0, in: area) { base, rowStride in
                for row in 0..<area.height {
                    let line = base + row * rowStride, target = (output.base + row * output.rowStride).assumingMemoryBound(to: Float.self)
                    let run = Run(count: area.width, step: step, white: Float(white), clips: clips)
                    switch (light, format) {
                    case (.levels(let levels), .uchar): whole(line.assumingMemoryBound(to: UInt8.self), target, run, levels)
                    case (.levels(let levels), _): whole(line.assumingMemoryBound(to: UInt16.self), target, run, levels)
                    case (.curves(let curves), _): floats(line.assumingMemoryBound(to: Float.self), target, run, curves)
                    }
                }
            }
        }.settingFields([(PictureScale.field, .double(white)), (ManagedColour.profileField, nil)])
    }

    // MARK: a row

    private struct Run {
        let count: Int
        /// Bands of the picture: those behind the colours are copied.
        let step: Int
        let white: Float
        let clips: Bool
    }

    private func whole<Sample: FixedWidthInteger & BitwiseCopyable>(_ line: UnsafePointer<Sample>, _ target: UnsafeMutablePointer<Float>, _ run: Run, _ light: [Float]) {
        let levels = light.count / bands
        light.withUnsafeBufferPointer { light in
            convert(run, target) { band, place in light[band * levels + Int(truncatingIfNeeded: line[place])] } other: { Float(line[$0]) }
        }
    }

    private func floats(_ line: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ run: Run, _ light: [CurveTable]) {
        let scale = 1 / run.white
        light[0].withLookup { first in
            light[bands / 2].withLookup { second in
                light[bands - 1].withLookup { third in
                    convert(run, target) { band, place in
                        let sample = line[place] * scale
                        return band == 0 ? first[sample] : band == 1 ? second[sample] : third[sample]
                    } other: { line[$0] }
                }
            }
        }
    }

    @inline(__always)
    private func convert(_ run: Run, _ target: UnsafeMutablePointer<Float>, light: (_ band: Int, _ place: Int) -> Float, other: (_ place: Int) -> Float) {
        func inside(_ value: Float) -> Float { run.clips ? (value < 0 ? 0 : value > 1 ? 1 : value) : value }
        if bands == 1 {
            back[0].withLookup { curve in
                for index in 0..<run.count {
                    let place = index * run.step
                    target[place] = curve[inside(light(0, place))] * run.white
                    for more in place + 1..<place + run.step { target[more] = other(more) }
                }
            }
            return
        }
        let (a, b, c) = (matrix[0], matrix[1], matrix[2]), (d, e, f) = (matrix[3], matrix[4], matrix[5]), (g, h, i) = (matrix[6], matrix[7], matrix[8])
        back[0].withLookup { first in
            back[1].withLookup { second in
                back[2].withLookup { third in
                    for index in 0..<run.count {
                        let place = index * run.step
                        let red = light(0, place), green = light(1, place + 1), blue = light(2, place + 2)
                        let isGrey = keepsGrey && red == green && green == blue
                        target[place] = first[inside(isGrey ? red : a * red + b * green + c * blue)] * run.white
                        target[place + 1] = second[inside(isGrey ? red : d * red + e * green + f * blue)] * run.white
                        target[place + 2] = third[inside(isGrey ? red : g * red + h * green + i * blue)] * run.white
                        for more in place + 3..<place + run.step { target[more] = other(more) }
                    }
                }
            }
        }
    }

    // MARK: light of samples

    /// The light of every level, band after band, or of any number.
    private enum Light {
        case levels([Float])
        case curves([CurveTable])
    }

    /// For pictures of that format, made once.
    private func light(of format: BandFormat) -> Light {
        known.withLock { known in
            if let light = known[format] { return light }
            let light: Light
            if let most = format.integerRange?.upperBound {
                light = .levels(Self.perBand(source.curves) { curve in (0...most).map { curve.light(Float($0) / Float(most)) } }.flatMap(\.self))
            } else {
                light = .curves(Self.perBand(source.curves) { curve in CurveTable(curve.light) })
            }
            known[format] = light
            return light
        }
    }
}
