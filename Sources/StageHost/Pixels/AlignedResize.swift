internal import Vips

extension VipsStage {
    /// An image at another size, every pixel's centre where it was: for what goes beside a network or a plug-in (chroma, alpha, masks), whose pixels lie like that
    /// (PyTorch's `align_corners=False`).
    ///
    /// libvips' own `resize` reduces like that; what it enlarges by s, it displaces by (s - 1) / 2 pixels to the right and down (but for `nearest`).
    ///
    /// - Parameter interpolator: for enlarging: `bicubic`, `bilinear` or `nearest`. Reducing is `lanczos3`, or `nearest` where that is asked for.
    static func aligned(_ image: Image, width: Int, height: Int, interpolator: String) throws(StageError) -> Image {
        guard (image.width, image.height) != (width, height) else { return image }
        if interpolator == "nearest" { return try resize(image, width, height, kernel: "nearest") }
        let small = try resize(image, min(width, image.width), min(height, image.height), kernel: "lanczos3")
        guard (small.width, small.height) != (width, height) else { return small }
        let scaleX = Double(width) / Double(small.width), scaleY = Double(height) / Double(small.height)
        return try unary("affine", small, [
            "matrix": .doubles([scaleX, 0, 0, scaleY]), "odx": .double((scaleX - 1) / 2), "ody": .double((scaleY - 1) / 2), "oarea": .ints([0, 0, width, height]),
            "interpolate": .string(interpolator), "extend": "copy",
        ])
    }

    private static func resize(_ image: Image, _ width: Int, _ height: Int, kernel: String) throws(StageError) -> Image {
        guard (image.width, image.height) != (width, height) else { return image }
        return try unary("resize", image, [
            "scale": .double(Double(width) / Double(image.width)), "vscale": .double(Double(height) / Double(image.height)), "kernel": .string(kernel),
        ])
    }
}
