internal import Vips

/// The resolution that EXIF says (EXIF 3.0, 4.6.4: XResolution, YResolution, ResolutionUnit), in pixels to the millimetre.
enum ExifResolution {
    /// nil where there is none that can be.
    static func ofImage(_ image: Image) -> (x: Double, y: Double)? {
        let millimetres: Double
        switch image.string("exif-ifd0-ResolutionUnit").map({ $0.prefix(1) }) {
        case "2": millimetres = 25.4
        case "3": millimetres = 10
        default: return nil
        }
        guard let x = number(image, "exif-ifd0-XResolution"), let y = number(image, "exif-ifd0-YResolution") else { return nil }
        return (x / millimetres, y / millimetres)
    }

    /// A rational as libvips writes it: `300/1 (300, Rational, 1 components, 8 bytes)`.
    private static func number(_ image: Image, _ field: String) -> Double? {
        guard let text = image.string(field)?.split(separator: " ").first else { return nil }
        let parts = text.split(separator: "/").compactMap { Double($0) }
        guard parts.count == 2, parts[1] > 0 else { return nil }
        let value = parts[0] / parts[1]
        return value > 0 && value <= 1_000_000 ? value : nil
    }
}
