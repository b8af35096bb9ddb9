/// XMP as the bytes of its XML, changed only where it tells what is no longer so.
///
/// It is searched, not parsed: properties stand as attributes (`tiff:Orientation="6"`) or as elements (`<tiff:Orientation>6</tiff:Orientation>`), under the prefixes that
/// the XMP specification gives to their namespaces. All else stays byte for byte, in whatever encoding that has ASCII's characters where ASCII has them.
struct XMPPacket {
    private(set) var bytes: [UInt8]

    /// Bytes beyond which a packet is not gone through: those of cameras have some thousands, the largest of editors some millions.
    static let most = 16 << 20

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether this is XMP at all.
    var isPacket: Bool { first("<x:xmpmeta", in: 0..<min(bytes.count, 1024)) != nil || first("<rdf:RDF", in: 0..<min(bytes.count, 1024)) != nil || bytes.starts(with: Array("<?xpacket".utf8)) }

    /// Whether it says that a gain map follows. The name of that namespace alone says nothing: it may stay where its properties have gone.
    var hasGainMap: Bool { !XMLProperties.find(in: bytes, startingWith: Self.gainMap).isEmpty }

    /// Makes it true of the picture that it will go with: one of some size, without thumbnails, further pictures in its file and a gain map.
    ///
    /// - Returns: false where the place was to go and something of it may have stayed.
    mutating func describe(width: Int, height: Int, isUpright: Bool, keepsPlace: Bool) -> Bool {
        // UTF-16 and UTF-32, which the specification allows, and hardly anybody writes.
        guard !bytes.prefix(64).contains(0) else { return keepsPlace }
        var values = ["tiff:ImageWidth": width, "tiff:ImageLength": height, "exif:PixelXDimension": width, "exif:PixelYDimension": height]
        if isUpright { values["tiff:Orientation"] = 1 }
        rewrite(values, without: Self.stale + Self.gainMap + (keepsPlace ? [] : Self.place))
        return keepsPlace || !namesPlace
    }

    /// `Container:Directory` lists the pictures that follow in the file.
    private static let stale = ["xmp:Thumbnails", "xap:Thumbnails", "Container:Directory"]
    private static let gainMap = ["hdrgm:", "HDRGainMap:"]
    private static let place = [
        "photoshop:City", "photoshop:State", "photoshop:Country", "Iptc4xmpCore:Location", "Iptc4xmpCore:CountryCode", "Iptc4xmpExt:LocationShown",
        "Iptc4xmpExt:LocationCreated",
    ] + ["exif", "drone-dji", "drone-parrot", "Camera"].flatMap { space in ["GPS", "Gps", "gps"].map { "\(space):\($0)" } }

    /// Whether `GPS` stands anywhere, in any case of letters.
    private var namesPlace: Bool {
        let wanted = Array("gps".utf8)
        guard bytes.count >= wanted.count else { return false }
        return bytes.withUnsafeBufferPointer { bytes in (0...bytes.count - wanted.count).contains { place in (0..<wanted.count).allSatisfy { bytes[place + $0] | 0x20 == wanted[$0] } } }
    }

    private mutating func rewrite(_ values: [String: Int], without prefixes: [String]) {
        var result: [UInt8] = [], done = 0
        for property in XMLProperties.find(in: bytes, startingWith: prefixes + values.keys) where property.whole.lowerBound >= done {
            if prefixes.contains(where: property.name.hasPrefix) {
                result += bytes[done..<property.whole.lowerBound]
                done = property.whole.upperBound
            } else if let value = values[property.name], let range = property.value {
                result += bytes[done..<range.lowerBound]
                result += "\(value)".utf8
                done = range.upperBound
            }
        }
        if done > 0 { bytes = result + bytes[done...] }
    }

    /// Where a text begins first.
    private func first(_ text: String, in range: Range<Int>) -> Int? {
        let wanted = Array(text.utf8)
        guard range.count >= wanted.count else { return nil }
        return bytes.withUnsafeBufferPointer { bytes in
            var place = range.lowerBound
            let last = range.upperBound - wanted.count
            while place <= last {
                if bytes[place] == wanted[0], bytes[place..<(place + wanted.count)].elementsEqual(wanted) { return place }
                place += 1
            }
            return nil
        }
    }
}
