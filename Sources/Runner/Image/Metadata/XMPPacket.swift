/// XMP as the bytes of its XML, changed only where it tells what is no longer so.
///
/// It is searched, not parsed: properties stand as attributes (`tiff:Orientation="6"`) or as elements (`<tiff:Orientation>6</tiff:Orientation>`), under the prefixes that
/// the XMP specification gives to their namespaces.
struct XMPPacket {
    private(set) var bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether this is XMP at all.
    var isPacket: Bool { first("<x:xmpmeta", in: 0..<min(bytes.count, 1024)) != nil || first("<rdf:RDF", in: 0..<min(bytes.count, 1024)) != nil || bytes.starts(with: Array("<?xpacket".utf8)) }

    /// Makes it true of the picture that it will go with.
    ///
    /// - Returns: false where the place was to go and something of it may have stayed.
    mutating func describe(width: Int, height: Int, isUpright: Bool, keepsPlace: Bool) -> Bool {
        // UTF-16 and UTF-32, which the specification allows, and hardly anybody writes.
        guard !bytes.prefix(64).contains(0) else { return keepsPlace }
        for (name, value) in [("tiff:ImageWidth", width), ("tiff:ImageLength", height), ("exif:PixelXDimension", width), ("exif:PixelYDimension", height)] {
            set(name, to: "\(value)")
        }
        if isUpright { set("tiff:Orientation", to: "1") }
        remove(startingWith: "xmp:Thumbnails")
        remove(startingWith: "xap:Thumbnails")
        guard !keepsPlace else { return true }
        remove(startingWith: "exif:GPS")
        return first("GPS", in: bytes.indices) == nil
    }

    private mutating func set(_ name: String, to value: String) {
        for property in properties(startingWith: name).reversed() where property.name == name {
            guard let range = property.value else { continue }
            bytes.replaceSubrange(range, with: value.utf8)
        }
    }

    private mutating func remove(startingWith prefix: String) {
        for property in properties(startingWith: prefix).reversed() { bytes.removeSubrange(property.whole) }
    }

    private struct Property {
        var name: String
        var whole: Range<Int>
        /// Nil in an element that has none.
        var value: Range<Int>?
    }

    /// In their order; none lies in another.
    private func properties(startingWith prefix: String) -> [Property] {
        var found: [Property] = []
        var start = 0
        while let place = first(prefix, in: start..<bytes.count) {
            var end = place
            while end < bytes.count, Self.isName(bytes[end]) { end += 1 }
            start = end
            guard place > 0 else { continue }
            let property = bytes[place - 1] == UInt8(ascii: "<") ? element(place..<end) : Self.isBlank(bytes[place - 1]) ? attribute(place..<end) : nil
            guard let property else { continue }
            found.append(property)
            start = property.whole.upperBound
        }
        return found
    }

    private func attribute(_ name: Range<Int>) -> Property? {
        var index = name.upperBound
        func skipBlanks() { while index < bytes.count, Self.isBlank(bytes[index]) { index += 1 } }
        skipBlanks()
        guard index < bytes.count, bytes[index] == UInt8(ascii: "=") else { return nil }
        index += 1
        skipBlanks()
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") || bytes[index] == UInt8(ascii: "'"),
              let end = bytes[(index + 1)...].firstIndex(of: bytes[index]) else { return nil }
        return Property(name: text(name), whole: (name.lowerBound - 1)..<(end + 1), value: (index + 1)..<end)
    }

    private func element(_ name: Range<Int>) -> Property? {
        guard let end = bytes[name.upperBound...].firstIndex(of: UInt8(ascii: ">")) else { return nil }
        if bytes[end - 1] == UInt8(ascii: "/") { return Property(name: text(name), whole: (name.lowerBound - 1)..<(end + 1), value: nil) }
        guard let close = first("</\(text(name))>", in: (end + 1)..<bytes.count) else { return nil }
        return Property(name: text(name), whole: (name.lowerBound - 1)..<(close + name.count + 3), value: (end + 1)..<close)
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

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

    private static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

    private static func isName(_ byte: UInt8) -> Bool {
        switch Character(Unicode.Scalar(byte)) {
        case "a"..."z", "A"..."Z", "0"..."9", ":", "_", "-", ".": true
        default: byte >= 0x80
        }
    }
}
