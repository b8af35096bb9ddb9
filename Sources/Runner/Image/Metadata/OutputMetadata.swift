internal import PipelineLanguage
internal import StageHost
internal import Synchronization
internal import Vips

/// What a file is to say of its picture beside the pixels: the kinds that are wanted, and true of the picture as it has become.
///
/// Everything happens on header fields, which every saver reads: the savers' own `strip` takes the profile along, and webpsave of libvips 8.14 ignores it.
struct OutputMetadata {
    let kept: KeptMetadata
    let saver: String
    /// Whether the pipeline names the profile that the picture has: then it is in the file, whatever is stripped.
    var profileIsNamed = false

    /// - Returns: the image to save, and what could not be kept of what it says.
    func apply(_ original: Image) throws(VipsError) -> (image: Image, notes: [String]) {
        var notes: [String] = []
        let mime = Self.xmpOfHEIF(original)
        var image = mime.isEmpty ? original : try original.settingFields(mime)
        if let exif = image.blob(Self.exif), kept.has(.exif) {
            // libexif would put a few tags of its own in the place of what it cannot read, and say nothing.
            if !ExifBlock(exif).isSound {
                notes.append("its EXIF data is damaged: what can be read of it is kept")
            } else if saver == "jpegsave", exif.count > Self.mostOfSegment {
                notes.append("its EXIF data (\(exif.count) bytes) was left out, since a JPEG holds no more than 64 KiB of it")
                image = try image.settingFields(image.fields.filter(Self.isExif).map { ($0, nil) })
            } else if !kept.has(.gps), !Self.rebuildsExif.contains(saver) {
                notes.append("its EXIF data was left out, since '\(saver)' would write the place with it")
                image = try image.settingFields([(Self.exif, nil)])
            }
        }
        let fields = image.fields
        var changes: [(name: String, value: FieldValue?)] = fields.filter { !isWanted($0) }.map { ($0, nil) }
        // A stage may have left the profile's space, as `icc_import` and `colourspace` do: readers would take the numbers for what they are not.
        if let profile = image.blob(Self.profile), ManagedColour.contradicts(profile, image) { changes.append((Self.profile, nil)) }
        changes += size(image, fields)
        if kept.has(.xmp), let bytes = image.blob(Self.xmp), bytes.count > XMPPacket.most {
            notes.append("its XMP data (\(bytes.count) bytes) was left out, since nothing of more than \(XMPPacket.most >> 20) MiB is gone through for what is no longer so")
            changes.append((Self.xmp, nil))
        } else if kept.has(.xmp), let bytes = image.blob(Self.xmp) {
            var packet = XMPPacket(bytes)
            let isClean = packet.describe(width: image.width, height: image.pageHeight, isUpright: image.orientation <= 1, keepsPlace: kept.has(.gps))
            if !isClean { notes.append("its XMP data was left out, since the place in it cannot be taken out alone") }
            if !isClean || packet.bytes != bytes { changes.append((Self.xmp, isClean ? .blob(packet.bytes) : nil)) }
        }
        for field in [Self.iptc, Self.photoshop] where kept.has(.iptc) {
            guard let bytes = image.blob(field) else { continue }
            let records = IPTCRecords(bytes)
            let cleaned = if records.areRecords { kept.has(.gps) ? bytes : records.withoutPlace() } else { PhotoshopResources(bytes).without(staleResources, keepsPlace: kept.has(.gps)) }
            guard let cleaned else {
                notes.append("its IPTC data is damaged and was left out, since it may hold \(kept.has(.gps) ? "an old thumbnail" : "the place")")
                changes.append((field, nil))
                continue
            }
            let fitted = field == Self.iptc ? fitted(cleaned) : cleaned
            if fitted != bytes { changes.append((field, .blob(fitted))) }
        }
        return (changes.isEmpty ? image : try image.settingFields(changes), notes)
    }

    /// Options that tell the saver the same, where it has them.
    func options(_ description: StageDescription) -> [String: Argument] {
        guard kept != .keep else { return [:] }
        // `strip` became `keep` in libvips 8.15.
        if description.parameter("keep") != nil {
            let names = KeptMetadata.Kind.allCases.filter { $0 != .gps && (kept.has($0) || $0 == .icc && profileIsNamed) }.map(\.rawValue)
            return ["keep": .string(names.isEmpty ? "none" : names.joined(separator: "|"))]
        }
        // The savers' own would take the profile along.
        return kept == .strip && !profileIsNamed && description.parameter("strip") != nil ? ["strip": true] : [:]
    }

    /// IPTC in the form that the saver's format has: blocks of Photoshop in a JPEG, bare data sets in a TIFF.
    private func fitted(_ iptc: [UInt8]) -> [UInt8] {
        switch saver {
        case "jpegsave": return IPTCRecords(iptc).areRecords ? PhotoshopResources.holding(iptc) : iptc
        case "tiffsave":
            let records = IPTCRecords(iptc).areRecords ? iptc : PhotoshopResources(iptc).records ?? iptc
            // libvips 8.14 gives libtiff a quarter of the count, which that takes for one of bytes; others write the zeros, which every reader passes over.
            return records + [UInt8](repeating: 0, count: 3 * records.count)
        default: return iptc
        }
    }

    // MARK: fields

    static let exif = "exif-data", xmp = "xmp-data", iptc = "iptc-data", photoshop = "photoshop-data", profile = "icc-profile-data"

    /// Bytes of a JPEG's segment, less its length and `Exif\0\0`.
    private static let mostOfSegment = 65_500

    /// Savers that make the block anew from the fields; others may write it as it was, with what was taken out of those.
    private static let rebuildsExif: Set<String> = ["jpegsave", "pngsave", "webpsave", "heifsave"]

    static func isExif(_ field: String) -> Bool { field == exif || field.hasPrefix("exif-ifd") }

    private func isWanted(_ field: String) -> Bool {
        switch field {
        // Of the picture as it came in.
        case "jpeg-thumbnail-data", "heif-thumbnail-data": false
        case _ where field.hasPrefix("exif-ifd1-"): false
        case _ where field.hasPrefix("exif-ifd3-"): kept.has(.exif) && kept.has(.gps)
        // What is left of the block itself goes by the fields.
        case _ where Self.isExif(field): kept.has(.exif)
        case Self.xmp: kept.has(.xmp)
        case _ where field.hasPrefix("heif-mime-"): false
        case Self.iptc, Self.photoshop: kept.has(.iptc)
        case Self.profile: kept.has(.icc) || profileIsNamed
        case _ where field.hasPrefix("png-comment-"): isWantedText(field.lowercased())
        case _ where Self.others.contains(where: field.hasPrefix): kept.has(.other)
        default: true
        }
    }

    /// A text of a PNG may be another form of EXIF, XMP or IPTC, which nobody takes the place out of.
    private func isWantedText(_ name: String) -> Bool {
        let forms: [(String, KeptMetadata.Kind)] = [("raw profile type exif", .exif), ("raw profile type app1", .exif), ("exif:", .exif), ("raw profile type xmp", .xmp), ("xml:com.adobe.xmp", .xmp),
                                                    ("raw profile type iptc", .iptc), ("raw profile type 8bim", .iptc)]
        guard let kind = forms.first(where: { name.contains($0.0) })?.1 else { return kept.has(.other) && (kept.has(.gps) || !name.contains("gps")) }
        let isSafe = kept.has(.gps) || name.contains("exif:") && !name.contains("gps")
        return kept.has(.other) && kept.has(kind) && isSafe
    }

    private static let others = [
        "jpeg-comment", "gif-comment", "image-description", "pdf-", "svg-", "openslide.", "magick-", "fits-", "exr-", "tiff-comment", "history", "mat-",
    ]

    /// The tags in which EXIF repeats the picture's size. libvips sets those of IFD 2, where they are.
    private func size(_ image: Image, _ fields: [String]) -> [(name: String, value: FieldValue?)] {
        guard kept.has(.exif) else { return [] }
        return [("exif-ifd0-ImageWidth", image.width), ("exif-ifd0-ImageLength", image.pageHeight),
                ("exif-ifd2-PixelXDimension", image.width), ("exif-ifd2-PixelYDimension", image.pageHeight)]
            .filter { fields.contains($0.0) }.map { ($0.0, .string("\($0.1)")) }
    }

    /// libheif hands XMP out as one of several MIME items.
    private static func xmpOfHEIF(_ image: Image) -> [(name: String, value: FieldValue?)] {
        let fields = image.fields
        guard !fields.contains(xmp), let bytes = fields.filter({ $0.hasPrefix("heif-mime-") }).lazy.compactMap(image.blob).first(where: { XMPPacket($0).isPacket })
        else { return [] }
        return [(xmp, .blob(bytes))]
    }

    /// Thumbnails of the picture as it was; copies of EXIF and XMP that must not say what those are not to say.
    private var staleResources: Set<Int> {
        var ids: Set<Int> = [0x0409, 0x040C]
        if !kept.has(.exif) || !kept.has(.gps) { ids.formUnion([0x0422, 0x0423]) }
        if !kept.has(.xmp) || !kept.has(.gps) { ids.insert(0x0424) }
        return ids
    }

    // MARK: afterwards

    /// What the image said, and its file does not say: asked of the first file of each kind, since savers differ with the version of libvips.
    ///
    /// - Parameter options: of the saver.
    static func lost(of image: Image, in path: String, saver: String, options: [String: Argument]) -> [String] {
        let said = image.fields.filter([exif, xmp, iptc, photoshop, profile].contains).sorted()
        guard !said.isEmpty else { return [] }
        let kind = "\(saver) \(said) \(image.interpretation.rawValue) \(image.bands) \(image.format.rawValue) \(["strip", "keep", "profile"].map { options[$0] })"
        if let known = lostBefore.withLock({ $0[kind] }) { return known }
        let found = lost(of: image, in: path)
        lostBefore.withLock { $0[kind] = found }
        return found
    }

    /// By what decides it.
    private static let lostBefore = Mutex<[String: [String]]>([:])

    private static func lost(of image: Image, in path: String) -> [String] {
        let blobs = [(exif, "EXIF"), (xmp, "XMP"), (iptc, "IPTC"), (photoshop, "IPTC"), (profile, "the colour profile")]
        let had = blobs.filter { image.blob($0.0).map { !$0.isEmpty } ?? false }
        guard !had.isEmpty, let loader = Image.loader(forFile: path), let file = try? Image.load(path, loader: loader) else { return [] }
        let fields = file.fields
        var lost: [String] = []
        for (field, name) in had where !fields.contains(field) && !lost.contains(name) {
            if field == xmp, !xmpOfHEIF(file).isEmpty { continue }
            // TIFF has one tag for both, and either loader may read it.
            if name == "IPTC", fields.contains(iptc) || fields.contains(photoshop) { continue }
            lost.append(name)
        }
        return lost
    }
}
