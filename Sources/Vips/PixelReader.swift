import CVips

/// Reads areas of an image outside of libvips' own evaluation: from a thread that computes ahead of the demand.
///
/// For one thread at a time, the one that made it: libvips ties a region to its thread. Make one where the work begins, and let it go where it ends.
public final class PixelReader {
    public let image: Image
    private let sequence: GeneratorSequence

    /// - Throws: ``VipsError`` where libvips cannot start reading the image.
    public init(_ image: Image) throws(VipsError) {
        self.image = image
        sequence = try callingVips(nil) { GeneratorSequence([image]) }
    }

    /// Computes a rectangle and lends its pixels.
    ///
    /// - Parameters:
    ///   - rect: has at least one pixel, and lies within the image.
    ///   - body: gets the first sample of the rectangle's top left pixel and the bytes from one row to the next. It may not read from the same reader.
    /// - Throws: what `body` throws, or ``VipsError`` with libvips' reason if the image cannot be computed.
    public func withPixels<Result>(in rect: Rect, _ body: (_ base: UnsafeRawPointer, _ rowStride: Int) throws -> Result) throws -> Result {
        sequence.clearFailure()
        let ticket = ErrorLedger.shared.begin(nil, names: [])
        defer { ErrorLedger.shared.end(ticket) }
        do {
            return try sequence.withPixels(of: 0, in: rect, body)
        } catch where sequence.inputFailed {
            throw VipsError(operation: nil, message: ErrorLedger.shared.message(of: ticket))
        }
    }
}
