internal import Foundation

/// How code values stand for light: from 0...1 to 0...1 and back. Below black it goes on as its mirror image, since resampling swings there.
enum ToneCurve: Sendable, Equatable {
    /// IEC 61966-2-1.
    case srgb
    /// The light at equally spaced code values, rising.
    case table([Float])

    /// Code values that are light.
    static let linear = ToneCurve.table([0, 1])

    func light(_ value: Float) -> Float {
        if value < 0 { return -light(-value) }
        switch self {
        case .srgb: return value <= 0.04045 ? value / 12.92 : powf((value + 0.055) / 1.055, 2.4)
        case .table(let table):
            let place = value * Float(table.count - 1), last = table.count - 2
            // Far above white, and for no number at all, the last piece goes on.
            let index = place < Float(last) ? Int(place) : last
            return table[index] + (place - Float(index)) * (table[index + 1] - table[index])
        }
    }

    func value(_ light: Float) -> Float {
        if light < 0 { return -value(-light) }
        switch self {
        case .srgb: return light <= 0.0031308 ? 12.92 * light : 1.055 * powf(light, 1 / 2.4) - 0.055
        case .table(let table):
            // Of several code values that are as dark as can be, the first.
            guard light > table[0] else { return 0 }
            let end = table.count - 1, top = table[end] - table[end - 1]
            if light >= table[end] { return top > 0 ? 1 + (light - table[end]) / top / Float(end) : 1 }
            var low = 0, high = table.count - 1
            while high - low > 1 {
                let middle = (low + high) / 2
                if table[middle] <= light { low = middle } else { high = middle }
            }
            let step = table[low + 1] - table[low]
            return (Float(low) + (step > 0 ? (light - table[low]) / step : 0)) / Float(table.count - 1)
        }
    }
}

extension ToneCurve {
    /// The curves of a profile for RGB or grey, one for each band; nil where it has none that can be turned round, such as one with tables of colours alone.
    ///
    /// ICC.1:2022, 9.2 and 10.6 (`curv`), 10.18 (`para`).
    static func curves(of profile: [UInt8], bands: Int) -> [ToneCurve]? {
        let names = bands == 1 ? ["kTRC"] : ["rTRC", "gTRC", "bTRC"]
        // Where there are tables of colours too, the colours are theirs, and the curves only stand in.
        guard bands == 1 || bands == 3, ProfileHeader.place(ofTag: "A2B0", in: profile) == nil else { return nil }
        let curves = names.compactMap { ProfileHeader.place(ofTag: $0, in: profile).flatMap { curve(profile, at: $0) } }
        return curves.count == names.count ? curves : nil
    }

    /// Whether a profile without tables has a curve that can be read, and is flat or falls.
    static func areBroken(in profile: [UInt8], bands: Int) -> Bool {
        guard ["A2B0", "A2B1", "D2B0", "D2B1"].allSatisfy({ ProfileHeader.place(ofTag: $0, in: profile) == nil }) else { return false }
        return (bands == 1 ? ["kTRC"] : ["rTRC", "gTRC", "bTRC"]).contains { name in
            guard let samples = ProfileHeader.place(ofTag: name, in: profile).flatMap({ samples(profile, at: $0) }) else { return false }
            return rising(samples) == nil
        }
    }

    private static let size = 4096

    private static func curve(_ profile: [UInt8], at place: Int) -> ToneCurve? { samples(profile, at: place).flatMap(rising) }

    /// The light at equally spaced code values, whatever it is.
    private static func samples(_ profile: [UInt8], at place: Int) -> [Float]? {
        guard place >= 0, place <= profile.count - 12 else { return nil }
        if profile[place..<place + 4].elementsEqual("curv".utf8), let count = ProfileHeader.number(profile, place + 8, 4) {
            if count == 0 { return [0, 1] }
            if count == 1 { return ProfileHeader.number(profile, place + 12, 2).flatMap { sampled(gamma: Double($0) / 256) } }
            guard count <= 65536, place + 12 + 2 * count <= profile.count else { return nil }
            return (0..<count).map { Float(ProfileHeader.number(profile, place + 12 + 2 * $0, 2) ?? 0) / 65535 }
        }
        guard profile[place..<place + 4].elementsEqual("para".utf8), let kind = ProfileHeader.number(profile, place + 8, 2), kind <= 4 else { return nil }
        let counts = [1, 3, 4, 5, 7]
        let p = (0..<counts[kind]).compactMap { ProfileHeader.number(profile, place + 12 + 4 * $0, 4) }.map { Double(Int32(truncatingIfNeeded: $0)) / 65536 }
        guard p.count == counts[kind] else { return nil }
        switch kind {
        case 0: return sampled(gamma: p[0])
        case 1: return sampled { $0 >= -p[2] / p[1] ? pow(p[1] * $0 + p[2], p[0]) : 0 }
        case 2: return sampled { $0 >= -p[2] / p[1] ? pow(p[1] * $0 + p[2], p[0]) + p[3] : p[3] }
        case 3: return sampled { $0 >= p[4] ? pow(p[1] * $0 + p[2], p[0]) : p[3] * $0 }
        default: return sampled { $0 >= p[4] ? pow(p[1] * $0 + p[2], p[0]) + p[5] : p[3] * $0 + p[6] }
        }
    }

    private static func sampled(gamma: Double) -> [Float] { sampled { pow($0, gamma) } }

    private static func sampled(_ light: (Double) -> Double) -> [Float] { (0..<size).map { Float(light(Double($0) / Double(size - 1))) } }

    private static func rising(_ table: [Float]) -> ToneCurve? {
        guard table.allSatisfy(\.isFinite), zip(table, table.dropFirst()).allSatisfy({ $0 <= $1 }), let first = table.first, let last = table.last, first < last else { return nil }
        return .table(table)
    }
}
