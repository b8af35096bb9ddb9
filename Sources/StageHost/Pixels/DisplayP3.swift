/// The profile of Display P3 (SMPTE EG 432-1's primaries with the white and the curve of sRGB), made from its definition: libvips' own differs from that by up to 0.9 code values of 8 bits.
///
/// ICC.1:2022: a profile of a display, of three curves and a matrix.
public enum DisplayP3 {
    public static let profile: [UInt8] = {
        let tags: [(name: String, data: [UInt8])] = [
            ("desc", text("Display P3")), ("cprt", text("No copyright")), ("wtpt", xyz(d50)), ("chad", Array("sf32".utf8) + big(0, 4) + adaptation.flatMap(fixed)),
            ("rXYZ", xyz([0.5151187, 0.24118917, -0.00105045])), ("gXYZ", xyz([0.29197783, 0.69224405, 0.04187912])), ("bXYZ", xyz([0.15710347, 0.06656678, 0.78407133])),
            ("rTRC", curve), ("gTRC", curve), ("bTRC", curve),
        ]
        var table = big(tags.count, 4), body: [UInt8] = [], places: [[UInt8]: Int] = [:]
        let start = headerBytes + 4 + 12 * tags.count
        for (name, data) in tags {
            // The three curves are one.
            let place = places[data] ?? start + body.count
            if places[data] == nil { body += data + [UInt8](repeating: 0, count: (4 - data.count % 4) % 4) }
            places[data] = place
            table += Array(name.utf8) + big(place, 4) + big(data.count, 4)
        }
        return header(bytes: start + body.count) + table + body
    }()

    private static let headerBytes = 128

    /// The white of every profile's connection space.
    private static let d50 = [0.9642, 1, 0.8249]

    /// D65 to D50, by Bradford's cones.
    private static let adaptation = [1.047886, 0.02291877, -0.0502161, 0.02958178, 0.99048352, -0.01707871, -0.00925188, 0.01507261, 0.75167813]

    /// `para` of the third kind: IEC 61966-2-1.
    private static let curve = Array("para".utf8) + big(0, 4) + big(3, 2) + [0, 0] + [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045].flatMap(fixed)

    private static func header(bytes: Int) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: headerBytes)
        func put(_ bytes: [UInt8], at place: Int) { header.replaceSubrange(place..<place + bytes.count, with: bytes) }
        put(big(bytes, 4), at: 0)
        put([4, 0x30, 0, 0], at: 8)
        for (place, name) in [(12, "mntr"), (16, "RGB "), (20, "XYZ "), (36, "acsp")] { put(Array(name.utf8), at: place) }
        // The date when the primaries were published; any will do.
        put([2010, 11, 10, 0, 0, 0].flatMap { big($0, 2) }, at: 24)
        put(d50.flatMap(fixed), at: 68)
        return header
    }

    private static func xyz(_ colour: [Double]) -> [UInt8] { Array("XYZ ".utf8) + big(0, 4) + colour.flatMap(fixed) }

    /// One text, in English.
    private static func text(_ text: String) -> [UInt8] {
        let words = text.utf16.flatMap { big(Int($0), 2) }
        return Array("mluc".utf8) + big(0, 4) + big(1, 4) + big(12, 4) + Array("enUS".utf8) + big(words.count, 4) + big(28, 4) + words
    }

    /// s15Fixed16Number.
    private static func fixed(_ number: Double) -> [UInt8] { big(Int((number * 65536).rounded()), 4) }

    private static func big(_ number: Int, _ count: Int) -> [UInt8] { (0..<count).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
}
