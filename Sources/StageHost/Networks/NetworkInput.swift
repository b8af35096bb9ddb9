internal import Vips

/// A picture as a network reads it, and as what the network gives becomes one again.
struct NetworkInput {
    let image: Image
    /// The band of the image for each channel of the network, in the picture's order.
    let sources: [Int]
    /// What white is in the image, and in the picture that the result is or was made from.
    let scale: PictureScale
    let resultingScale: PictureScale
    /// How each channel, in the network's order, is read from the image's samples.
    let bands: [SampleReader.Band]
    let outputChannels: Int
    /// Whether the result is a picture, rather than data.
    let isPicture: Bool
    /// `sample = scale * y + bias` for the network's output y.
    let result: (scale: Float, bias: Float)

    var channels: Int { sources.count }
    /// The number that means white in the image; nil for data.
    var white: Double? { scale.white }
}
