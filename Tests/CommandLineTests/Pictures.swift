import Foundation
import Vips

/// Pictures that the tests make for themselves: gradients with an edge and texture, never flat.
enum Picture {
    static func make(_ width: Int = 320, _ height: Int = 240, bands: Int = 3) throws -> Image {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(width * height * bands)
        for y in 0..<height {
            for x in 0..<width {
                let texture = (x &* 7 &+ y &* 13) % 23, edge = x > width / 3 && y > height / 2 ? 60 : 0
                for band in 0..<bands {
                    let ramp = band % 2 == 0 ? x * 150 / width : y * 150 / height
                    bytes.append(UInt8(min(255, ramp + texture + edge + band * 5)))
                }
            }
        }
        return try Image.samples(bytes, width: width, height: height, bands: bands, format: .uchar, interpretation: bands < 3 ? .blackAndWhite : .srgb)
    }

    static func deep() throws -> Image {
        let raised = try Operation.image("linear", ["in": .image(try make()), "a": .doubles([257]), "b": .doubles([3])])
        let cast = try Operation.image("cast", ["in": .image(raised), "format": "ushort"])
        return try Operation.image("copy", ["in": .image(cast), "interpretation": "rgb16"])
    }
}

extension Image {
    /// Whether the samples differ by more than noise.
    func isFlat() throws -> Bool {
        let deviation = try Operation.call("deviate", ["in": .image(self)])
        guard case .double(let value)? = deviation["out"] else { return true }
        return value < 1
    }
}

extension Workplace {
    /// Writes `count` pictures `1.png`, `2.png`... into a folder.
    func pictures(_ count: Int, in folder: String, _ width: Int = 320, _ height: Int = 240) throws {
        try FileManager.default.createDirectory(atPath: self(folder), withIntermediateDirectories: true)
        for index in 1...count { try Picture.make(width, height).save(self("\(folder)/\(index).png")) }
    }

    func load(_ name: String) throws -> Image { try Image.load(self(name)) }
}
