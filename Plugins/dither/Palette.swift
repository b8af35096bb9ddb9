import AquatintPlugin

/// The colours that a dithered picture may have.
struct Palette: Sendable {
    /// Code values from 0 to 1.
    let colours: [SIMD3<Float>]

    init(colours: [SIMD3<Float>]) { self.colours = colours }

    /// From hexadecimal colours such as `1a1c2c #ff0000`, separated by spaces or commas.
    init(_ text: String) throws(StageError) {
        var colours: [SIMD3<Float>] = []
        for word in text.split(whereSeparator: { $0 == " " || $0 == "," }) {
            let digits = word.hasPrefix("#") ? word.dropFirst() : word
            guard digits.utf8.count == 6, digits.allSatisfy(\.isHexDigit), let number = UInt32(digits, radix: 16) else {
                throw .parameter("palette", "'\(word)' is no colour: write six hexadecimal digits, such as ff8000")
            }
            colours.append(SIMD3(Float(number >> 16), Float(number >> 8 & 255), Float(number & 255)) / 255)
        }
        guard (2...256).contains(colours.count) else { throw .parameter("palette", "has \(colours.count) colours where 2 to 256 are wanted") }
        self.colours = colours
    }

    /// The number of the colour that is nearest to `wanted`: by the eye's weights, the lightness counting as much as the colour.
    func nearest(to wanted: SIMD3<Float>) -> Int {
        var best = 0, least = Float.infinity
        for (index, colour) in colours.enumerated() {
            let difference = colour - wanted, light = Self.lightness(difference), squares = difference * difference * Self.weights
            let distance = light * light + squares.x + squares.y + squares.z
            if distance < least { (best, least) = (index, distance) }
        }
        return best
    }

    static let weights = SIMD3<Float>(0.299, 0.587, 0.114)

    static func lightness(_ colour: SIMD3<Float>) -> Float {
        let weighted = colour * weights
        return weighted.x + weighted.y + weighted.z
    }

    /// Which colours a field of `wanted` is mixed from, darkest first: sixteen of them, whose mean is as near as the palette allows.
    ///
    /// Pattern dithering (Knoll, 1999): each next colour is the one that makes up best for the errors of those before it.
    func mixture(of wanted: SIMD3<Float>, strength: Float) -> [Int] {
        var error = SIMD3<Float>.zero
        var chosen: [Int] = []
        chosen.reserveCapacity(Self.mixtureCount)
        for _ in 0..<Self.mixtureCount {
            let index = nearest(to: wanted + strength * error)
            error += wanted - colours[index]
            chosen.append(index)
        }
        return chosen.sorted { (Self.lightness(colours[$0]), $0) < (Self.lightness(colours[$1]), $1) }
    }

    static let mixtureCount = 16
}
