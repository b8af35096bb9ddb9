public import Vips

/// A grey picture on its way through networks that take and give three channels: they see each other's channels, and whatever else reads the result sees grey.
///
/// The result carries a header field that says so; what little colour networks make of grey is left out when it is taken off: Y of BT.601.
public enum GreyPicture {
    static let field = "aquatint-grey"

    static func marked(_ image: Image) throws(StageError) -> Image {
        do { return try image.settingFields([(field, .int(1))]) } catch { throw .vips(error) }
    }

    static func isMarked(_ image: Image) -> Bool { image.int(field) != nil && image.bands - (image.hasAlpha ? 1 : 0) == 3 }

    /// The picture as everything but a network of three channels sees it.
    public static func settled(_ image: Image) throws(StageError) -> Image {
        guard image.int(field) != nil else { return image }
        do {
            let plain = try image.settingFields([(field, nil)])
            guard isMarked(image) else { return plain }
            let scale = PictureScale(of: image)
            let colours = try Operation.image("extract_band", ["in": .image(plain), "band": 0, "n": 3])
            let grey = try Operation.image("cast", ["in": .image(try Operation.image("recomb", ["in": .image(colours), "m": .image(try Image.matrix([[0.299, 0.587, 0.114]]))])), "format": "float"])
            let joined = image.hasAlpha ? try Operation.image("bandjoin", ["in": .images([grey, try Operation.image("extract_band", ["in": .image(plain), "band": 3])])]) : grey
            // libvips takes `b-w` for 8 bits when it saves.
            let typed = try Operation.image("copy", ["in": .image(joined), "interpretation": scale.white ?? 0 > 255 ? "grey16" : "b-w"])
            return try typed.settingFields([(PictureScale.field, scale.white.map { .double($0) })])
        } catch {
            throw .vips(error)
        }
    }
}

extension Image {
    /// Bands as a pipeline's `prev.bands` counts them.
    public var settledBands: Int { GreyPicture.isMarked(self) ? bands - 2 : bands }
}
