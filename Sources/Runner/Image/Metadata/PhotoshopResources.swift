/// The image resources of Photoshop, in which JPEG and TIFF carry IPTC: blocks of `8BIM`, an id, a name, a length and content, each padded to an even length.
struct PhotoshopResources {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    private static let heading = Array("Photoshop 3.0\0".utf8)
    private static let signature = Array("8BIM".utf8)

    /// The same without the resources of some ids; bytes that hold no such ids come back as they are, whatever they are.
    ///
    /// - Returns: nil where one of them may be there, and the blocks do not fit together.
    func without(_ ids: Set<Int>) -> [UInt8]? {
        guard mayHold(ids) else { return bytes }
        var index = bytes.starts(with: Self.heading) ? Self.heading.count : 0
        var kept = Array(bytes[..<index])
        // Some programs pad the end.
        let padding = (bytes.lastIndex { $0 != 0 } ?? -1) + 1
        while index < padding {
            guard let end = end(of: index) else { return nil }
            if !ids.contains(id(at: index)) { kept += bytes[index..<end] }
            index = end
        }
        return kept
    }

    private func mayHold(_ ids: Set<Int>) -> Bool {
        guard bytes.count >= 12 else { return false }
        return (0...(bytes.count - 6)).contains { bytes[$0] == Self.signature[0] && bytes[$0..<($0 + 4)].elementsEqual(Self.signature) && ids.contains(id(at: $0)) }
    }

    private func id(at block: Int) -> Int { Int(bytes[block + 4]) << 8 | Int(bytes[block + 5]) }

    private func end(of block: Int) -> Int? {
        guard bytes.count - block >= 12 else { return nil }
        let name = (Int(bytes[block + 6]) + 2) & ~1
        let length = block + 6 + name
        guard length + 4 <= bytes.count else { return nil }
        let count = bytes[length..<(length + 4)].reduce(0) { $0 << 8 | Int($1) }
        let end = length + 4 + count
        guard end <= bytes.count else { return nil }
        return min(bytes.count, end + count % 2)
    }
}
