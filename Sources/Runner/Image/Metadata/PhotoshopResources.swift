/// The image resources of Photoshop, in which JPEG and TIFF carry IPTC: blocks of `8BIM`, an id, a name, a length and content, each padded to an even length.
struct PhotoshopResources {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    private static let heading = Array("Photoshop 3.0\0".utf8)
    private static let signature = Array("8BIM".utf8)

    /// IPTC's data sets.
    private static let iptc = 0x0404

    /// A block that holds data sets of IPTC alone, with its heading.
    static func holding(_ records: [UInt8]) -> [UInt8] {
        heading + signature + [0x04, 0x04, 0, 0] + (0..<4).map { UInt8(truncatingIfNeeded: records.count >> (24 - 8 * $0)) } + records + (records.count % 2 == 1 ? [0] : [])
    }

    /// The data sets of IPTC; nil where there are none, or the blocks do not fit together.
    var records: [UInt8]? {
        var index = bytes.starts(with: Self.heading) ? Self.heading.count : 0
        while let content = content(of: index) {
            if id(at: index) == Self.iptc { return Array(bytes[content]) }
            index = content.upperBound + content.count % 2
        }
        return nil
    }

    /// The same without the resources of some ids; bytes that hold none to change come back as they are, whatever they are.
    ///
    /// - Parameter keepsPlace: whether IPTC's data sets keep what names a place.
    /// - Returns: nil where one of them may be there, and the blocks or the data sets do not fit together.
    func without(_ ids: Set<Int>, keepsPlace: Bool = true) -> [UInt8]? {
        guard mayHold(keepsPlace ? ids : ids.union([Self.iptc])) else { return bytes }
        var index = bytes.starts(with: Self.heading) ? Self.heading.count : 0
        var kept = Array(bytes[..<index])
        // Some programs pad the end.
        let padding = (bytes.lastIndex { $0 != 0 } ?? -1) + 1
        while index < padding {
            guard let content = self.content(of: index) else { return nil }
            let end = min(bytes.count, content.upperBound + content.count % 2)
            if !keepsPlace, id(at: index) == Self.iptc {
                guard let records = IPTCRecords(Array(bytes[content])).withoutPlace() else { return nil }
                kept += bytes[index..<(content.lowerBound - 4)]
                kept += (0..<4).map { UInt8(truncatingIfNeeded: records.count >> (24 - 8 * $0)) }
                kept += records
                if records.count % 2 == 1 { kept.append(0) }
            } else if !ids.contains(id(at: index)) {
                kept += bytes[index..<end]
            }
            index = end
        }
        return kept
    }

    private func mayHold(_ ids: Set<Int>) -> Bool {
        guard bytes.count >= 12 else { return false }
        return (0...(bytes.count - 6)).contains { bytes[$0] == Self.signature[0] && bytes[$0..<($0 + 4)].elementsEqual(Self.signature) && ids.contains(id(at: $0)) }
    }

    private func id(at block: Int) -> Int { Int(bytes[block + 4]) << 8 | Int(bytes[block + 5]) }

    /// Where a block's content lies; nil where the bytes end before it does.
    private func content(of block: Int) -> Range<Int>? {
        guard bytes.count - block >= 12 else { return nil }
        let name = (Int(bytes[block + 6]) + 2) & ~1
        let length = block + 6 + name
        guard length + 4 <= bytes.count else { return nil }
        let count = bytes[length..<(length + 4)].reduce(0) { $0 << 8 | Int($1) }
        let end = length + 4 + count
        return end <= bytes.count ? (length + 4)..<end : nil
    }
}
