internal import StageHost
internal import Vips

/// What an input's colours are, where libvips alone would take them for sRGB.
struct InputColour {
    /// A profile for pictures whose file names their colours without one.
    private let profile: [UInt8]?
    /// Whether the file's own is of no use.
    private let isDropped: Bool

    /// Says what is dropped.
    ///
    /// - Parameter image: as it was opened.
    /// - Throws: where the colours are none that can be worked with.
    init(_ image: Image, _ file: OpenedFile, loader: String, context: ImageContext) throws(ImageFailure) {
        let given = image.blob(ManagedColour.profileField), fault = given.flatMap(ManagedColour.fault), own = fault == nil ? given : nil
        if let fault { context.note("its colour profile is damaged (\(fault)), and left out: its colours are taken for \(image.interpretation == .cmyk ? "those of libvips' built-in CMYK profile" : "sRGB")") }
        isDropped = fault != nil
        let colour = FileColour(file, loader: loader, profile: own)
        if let name = colour.hdrName {
            throw ImageFailure("load", "its colours are HDR (\(name) of ITU-R BT.2100), which would come out wrong as sRGB, and nothing here maps its tones: convert it to SDR first, or leave such files out with --exclude")
        }
        var found: [UInt8]?
        if own == nil, let primaries = colour.primaries, let transfer = colour.transfer {
            if !Self.srgbPrimaries.contains(primaries) || !Self.srgbTransfers.contains(transfer) {
                guard primaries == 12, Self.srgbTransfers.contains(transfer) else {
                    throw ImageFailure("load", "its colours (primaries \(primaries), transfer \(transfer) of ITU-T H.273) are neither sRGB nor Display P3, and it has no profile: embed one, or convert it first")
                }
                found = DisplayP3.profile
            }
        }
        profile = found
        if colour.hasGainMap {
            context.note("has a gain map for HDR screens, which is dropped: the result is its SDR picture")
        }
        if image.interpretation == .cmyk, own == nil {
            context.note("is CMYK without a profile: libvips' built-in CMYK profile is taken where its colours are converted")
        }
    }

    /// The image as what its colours are.
    func applied(to image: Image) throws(VipsError) -> Image {
        guard profile != nil || isDropped else { return image }
        return try image.settingFields([(ManagedColour.profileField, profile.map { .blob($0) })])
    }

    /// BT.709, unspecified, and those of standard television, which differ from them by less than pictures say.
    private static let srgbPrimaries: Set<Int> = [1, 2, 5, 6, 7]
    /// sRGB, unspecified, and the camera curves and gammas that every reader shows as sRGB.
    private static let srgbTransfers: Set<Int> = [1, 2, 4, 5, 6, 13, 14, 15]
}
