/// The data sets of IPTC (IIM 4.2, chapter 3): `1C`, a record, a number, a length of two bytes and content, one behind the other.
struct IPTCRecords {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether the bytes begin as such data sets do.
    var areRecords: Bool { bytes.first == Self.marker }

    private static let marker: UInt8 = 0x1C
    /// Content Location (code and name), City, Sublocation, Province, Country (code and name) of the application record.
    private static let place: Set<UInt8> = [26, 27, 90, 92, 95, 100, 101]

    /// The same without what names a place.
    ///
    /// - Returns: nil where the data sets do not fit together, so that one may be hidden.
    func withoutPlace() -> [UInt8]? {
        var kept: [UInt8] = [], index = 0
        while index < bytes.count {
            // Some programs pad the end.
            guard bytes[index] == Self.marker else { return bytes[index...].allSatisfy { $0 == 0 } ? kept + bytes[index...] : nil }
            guard bytes.count - index >= 5 else { return nil }
            let length = Int(bytes[index + 3]) << 8 | Int(bytes[index + 4])
            // A longer one says in the first how many bytes its length has: pictures and sound, which hardly any file has.
            guard length < 0x8000, index + 5 + length <= bytes.count else { return nil }
            if bytes[index + 1] != 2 || !Self.place.contains(bytes[index + 2]) { kept += bytes[index..<(index + 5 + length)] }
            index += 5 + length
        }
        return kept
    }
}
