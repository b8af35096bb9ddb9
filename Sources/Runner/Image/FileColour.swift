/// What a file says of its colours that libvips does not read: code points of ITU-T H.273 (PNG's `cICP`, `nclx` of AVIF and HEIC, ICC's `cicp`), and gain maps.
///
/// Only headers are read, each place and length checked: files come from anywhere.
struct FileColour: Equatable {
    /// Colour primaries and transfer characteristics; nil where the file says nothing.
    var primaries: Int?
    var transfer: Int?
    /// Whether a second picture says how much brighter each place may be shown: Ultra HDR, Apple's HDR photographs, ISO 21496-1.
    var hasGainMap = false

    init() {}

    /// - Parameters:
    ///   - loader: libvips' for the file.
    ///   - profile: the ICC profile that it has read.
    init(_ file: OpenedFile, loader: String, profile: [UInt8]?) {
        switch loader {
        case "pngload": readPNG(file)
        case "jpegload": readJPEG(file)
        case "heifload": readHEIF(file)
        default: break
        }
        // What is outside the profile counts more where both are there (PNG, 4.3).
        if transfer == nil, let profile { readProfile(profile) }
    }

    /// PQ and HLG, of ITU-R BT.2100.
    var hdrName: String? { transfer == 16 ? "PQ" : transfer == 18 ? "HLG" : nil }

    private mutating func take(_ primaries: Int, _ transfer: Int) { (self.primaries, self.transfer) = (primaries, transfer) }

    // MARK: PNG

    /// `cICP` stands before the pixels (PNG 3rd edition, 11.3.2.6).
    private mutating func readPNG(_ file: OpenedFile) {
        for chunk in file.chunksBeforePixels where chunk.name == "cICP" {
            if let points = file.read(chunk.place, 4) { take(Int(points[0]), Int(points[1])) }
        }
    }

    // MARK: JPEG

    private mutating func readJPEG(_ file: OpenedFile) {
        var place = 2, hasIndex = false
        for _ in 0..<1000 {
            guard let head = file.read(place, 4), head[0] == 0xFF else { return }
            // Any number of fill bytes may stand before a marker (ITU-T T.81, B.1.1.2).
            if head[1] == 0xFF {
                place += 1
                continue
            }
            guard head[1] != 0xDA, let length = head.number(2, 2), length >= 2 else { return }
            if head[1] == 0xE1 || head[1] == 0xE2, let body = file.read(place + 4, length - 2) {
                if Self.hasGainMap(body) { hasGainMap = true }
                // Offsets of the further pictures count from behind the segment's name (CIPA DC-007). A file has one such index.
                if !hasIndex, body.starts(with: Array("MPF\0".utf8)) {
                    hasIndex = true
                    if Self.pictures(Array(body.dropFirst(4))).contains(where: { Self.isGainMap(file, at: place + 8 + $0) }) { hasGainMap = true }
                }
            }
            place += 2 + length
        }
    }

    /// Where the further pictures of a multi-picture file begin.
    private static func pictures(_ index: [UInt8]) -> [Int] {
        guard let order = index.text(0, 2) else { return [] }
        let isLittle = order == "II"
        func number(_ place: Int, _ count: Int) -> Int? { index.number(place, count, isLittle: isLittle) }
        guard let directory = number(4, 4), let entries = number(directory, 2) else { return [] }
        for entry in 0..<min(entries, 32) {
            let place = directory + 2 + 12 * entry
            // MP Entry: 16 bytes for each picture, of which the third four are the offset.
            guard number(place, 2) == 0xB002, let bytes = number(place + 4, 4), let list = number(place + 8, 4) else { continue }
            return (0..<min(bytes / 16, 32)).compactMap { number(list + 16 * $0 + 8, 4) }.filter { $0 > 0 }
        }
        return []
    }

    private static func isGainMap(_ file: OpenedFile, at place: Int) -> Bool { file.read(place, 1 << 16, orLess: true).map(namesGainMap) ?? false }

    private static let gainMapNames = [
        "http://ns.adobe.com/hdr-gain-map/1.0/", "http://ns.apple.com/HDRGainMap/1.0/", "urn:com:apple:photo:2020:aux:hdrgainmap", "urn:iso:std:iso:ts:21496:-1",
    ].map { Array($0.utf8) }

    private static func namesGainMap(_ bytes: [UInt8]) -> Bool { gainMapNames.contains { bytes.firstPlace(of: $0) != nil } }

    private static let xmpHeading = Array("http://ns.adobe.com/xap/1.0/\0".utf8)

    /// Of the picture itself: its XMP may name the namespaces and say nothing in them.
    private static func hasGainMap(_ segment: [UInt8]) -> Bool {
        segment.starts(with: xmpHeading) ? XMPPacket(Array(segment.dropFirst(xmpHeading.count))).hasGainMap : namesGainMap(segment)
    }

    // MARK: AVIF and HEIC

    /// ISO/IEC 14496-12 boxes: the properties of the primary item.
    private mutating func readHEIF(_ file: OpenedFile) {
        guard let meta = file.boxes.first(where: { $0.name == "meta" }), meta.length <= Self.mostHeader, let body = file.read(meta.place, meta.length) else { return }
        readMeta(body)
    }

    private static let mostHeader = 16 << 20

    private mutating func readMeta(_ meta: [UInt8]) {
        let boxes = Self.boxes(meta, from: 4)
        if Self.namesGainMap(meta) { hasGainMap = true }
        // An item of the type `tmap` is a picture with its gain map applied.
        if let items = boxes["iinf"], meta.firstPlace(of: Array("tmap".utf8), in: items) != nil { hasGainMap = true }
        guard let pitm = boxes["pitm"], let version = meta.number(pitm.lowerBound, 1), let primary = meta.number(pitm.lowerBound + 4, version == 0 ? 2 : 4),
              let properties = boxes["iprp"] else { return }
        let inner = Self.list(meta, properties)
        guard let container = inner.first(where: { $0.name == "ipco" }) else { return }
        let all = Self.list(meta, container.body)
        for association in inner where association.name == "ipma" {
            for index in Self.associations(meta, association.body, of: primary) where index >= 1 && index <= all.count {
                let property = all[index - 1]
                guard property.name == "colr", meta.text(property.body.lowerBound, 4) == "nclx", let primaries = meta.number(property.body.lowerBound + 4, 2),
                      let transfer = meta.number(property.body.lowerBound + 6, 2) else { continue }
                take(primaries, transfer)
            }
        }
    }

    /// The numbers of an item's properties, from 1.
    private static func associations(_ meta: [UInt8], _ body: Range<Int>, of item: Int) -> [Int] {
        guard let version = meta.number(body.lowerBound, 1), let flags = meta.number(body.lowerBound + 1, 3), let count = meta.number(body.lowerBound + 4, 4) else { return [] }
        let itemBytes = version < 1 ? 2 : 4, indexBytes = flags & 1 == 0 ? 1 : 2
        var place = body.lowerBound + 8
        for _ in 0..<min(count, 100_000) {
            guard let number = meta.number(place, itemBytes), let length = meta.number(place + itemBytes, 1) else { return [] }
            place += itemBytes + 1
            if number == item {
                // The first bit says that the property is essential.
                return (0..<length).compactMap { meta.number(place + $0 * indexBytes, indexBytes) }.map { $0 & (indexBytes == 1 ? 0x7F : 0x7FFF) }
            }
            place += length * indexBytes
            guard place <= body.upperBound else { return [] }
        }
        return []
    }

    private struct Box {
        var name: String
        var body: Range<Int>
    }

    private static func boxes(_ bytes: [UInt8], from start: Int) -> [String: Range<Int>] {
        Dictionary(list(bytes, start..<max(start, bytes.count)).map { ($0.name, $0.body) }) { first, _ in first }
    }

    private static func list(_ bytes: [UInt8], _ range: Range<Int>) -> [Box] {
        var result: [Box] = [], place = range.lowerBound
        while place + 8 <= range.upperBound, result.count < 100_000, let length = bytes.number(place, 4), length >= 8, length <= range.upperBound - place {
            result.append(Box(name: bytes.text(place + 4, 4) ?? "", body: place + 8..<place + length))
            place += length
        }
        return result
    }

    // MARK: ICC

    /// The tag `cicp` (ICC.1:2022, 9.2.17).
    private mutating func readProfile(_ profile: [UInt8]) {
        guard let count = profile.number(128, 4) else { return }
        for index in 0..<min(count, 200) where profile.text(132 + 12 * index, 4) == "cicp" {
            guard let place = profile.number(136 + 12 * index, 4), let primaries = profile.number(place + 8, 1), let transfer = profile.number(place + 9, 1) else { return }
            take(primaries, transfer)
        }
    }
}

extension [UInt8] {
    fileprivate func firstPlace(of wanted: [UInt8], in range: Range<Int>? = nil) -> Int? {
        let range = range ?? 0..<count
        guard let first = wanted.first, range.count >= wanted.count else { return nil }
        var place = range.lowerBound
        while let found = self[place..<range.upperBound].firstIndex(of: first), found + wanted.count <= range.upperBound {
            if self[found..<found + wanted.count].elementsEqual(wanted) { return found }
            place = found + 1
        }
        return nil
    }
}
