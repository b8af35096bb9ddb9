import CVips
import Glibc

extension Image {
    /// An image of the given numbers, as convolutions and morphology take them: one band of doubles.
    ///
    /// - Parameters:
    ///   - rows: at least one row of at least one number; all rows equally long.
    ///   - scale: what a convolution divides by.
    ///   - offset: what it adds after that.
    public static func matrix(_ rows: [[Double]], scale: Double = 1, offset: Double = 0) throws(VipsError) -> Image {
        let width = rows.first?.count ?? 0
        guard width > 0 else { throw VipsError(message: "a matrix needs at least one number") }
        guard let odd = rows.firstIndex(where: { $0.count != width }) else {
            let numbers = rows.flatMap(\.self)
            try checkSize(width: width, height: rows.count, bands: 1)
            let pointer = try callingVips(nil) {
                vips_image_new_matrix_from_array(Int32(width), Int32(rows.count), numbers, Int32(clamping: numbers.count))
            }
            vips_image_set_double(pointer, "scale", scale)
            vips_image_set_double(pointer, "offset", offset)
            return Image(owning: pointer)
        }
        throw VipsError(message: "row \(odd + 1) of a matrix has \(rows[odd].count) numbers where the first has \(width)")
    }

    /// An image of the given samples, which are copied.
    ///
    /// - Parameter bytes: row by row from the top, bands interleaved, no padding, in the machine's byte order; exactly
    ///   `width * height * bands * format.bytesPerSample` of them.
    public static func samples(
        _ bytes: [UInt8], width: Int, height: Int, bands: Int, format: BandFormat, interpretation: Interpretation
    ) throws(VipsError) -> Image {
        let size = try checkSize(width: width, height: height, bands: bands, bytesPerSample: format.bytesPerSample)
        guard bytes.count == size else {
            throw VipsError(message: """
                \(bytes.count) bytes given for a \(width)x\(height) image of \(bands) bands of \(format.rawValue), \
                which takes \(size)
                """)
        }
        let pointer = try callingVips(nil) {
            vips_image_new_from_memory_copy(bytes, bytes.count, Int32(width), Int32(height), Int32(bands), format.cValue)
        }
        let image = Image(owning: pointer)
        // Nobody else has the image yet, so it may still be written to.
        pointer.pointee.Type = interpretation.cValue
        return image
    }

    /// The samples of the whole image: row by row from the top, bands interleaved, no padding, in the machine's byte order. Computes the image.
    public func bytes() throws(VipsError) -> [UInt8] {
        let (size, overflow) = width.multipliedReportingOverflow(by: height)
        let (count, overflow2) = size.multipliedReportingOverflow(by: bytesPerPixel)
        // A header may claim any size, and an array that cannot be allocated ends the process.
        guard !overflow, !overflow2, count <= Self.physicalMemory else {
            throw VipsError(message: "the image is too large for the memory of this machine: \(self)")
        }

        // libvips computes straight into the array's own storage: no second copy of the pixels.
        var failure: VipsError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard let base = buffer.baseAddress, count > 0 else { return }
            do throws(VipsError) {
                try write(to: UnsafeMutableRawBufferPointer(start: base, count: count))
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Bytes of memory that this machine has.
    private static let physicalMemory: Int = {
        let (bytes, overflow) = Int(sysconf(Int32(_SC_PHYS_PAGES))).multipliedReportingOverflow(by: Int(sysconf(Int32(_SC_PAGESIZE))))
        return overflow || bytes <= 0 ? Int.max : bytes
    }()

    private func write(to buffer: UnsafeMutableRawBufferPointer) throws(VipsError) {
        // A coded image (labq, rad) is four bytes a pixel, which its header says as well.
        try callingVips(nil) { () -> Void? in
            guard let target = vips_image_new_from_memory(
                buffer.baseAddress, buffer.count, Int32(width), Int32(height), Int32(bands), format.cValue)
            else { return nil }
            defer { g_object_unref(target) }
            return vips_image_write(pointer, target) == 0 ? () : nil
        }
    }

    /// Decodes the file that the image comes from, from top to bottom, and keeps nothing of it.
    ///
    /// - Throws: ``VipsError`` where a pixel cannot be had, or the decoder complained of one.
    public func decodeAndDrop() throws(VipsError) {
        _ = try Operation.call("avg", ["in": .image(self)])
        if let complaint = ErrorLedger.shared.decoderComplaint() { throw VipsError(message: complaint) }
    }

    /// The same pixels, held in memory: computed now, once, however often they are read.
    /// Gives the image itself where it is in memory already.
    public func materialised() throws(VipsError) -> Image {
        let copy = Image(owning: try callingVips(nil) { vips_image_copy_memory(pointer) })
        // libvips keeps its mark of an image that is decoded from top to bottom, which this one is no more.
        return isStreamed ? try copy.settingFields([("vips-sequential", nil)]) : copy
    }

    /// One pixel of the given value in every place: an image with the size, format, interpretation and resolution of this one.
    ///
    /// - Parameter bands: the value of each band; as many as the result shall have bands. Rounded and clipped to ``format``.
    public func constant(_ bands: [Double]) throws(VipsError) -> Image {
        guard !bands.isEmpty else { throw VipsError(message: "a constant image needs at least one value") }
        let black = try Operation.image("black", ["width": 1, "height": 1])
        let pixel = try Operation.image(
            "linear", ["in": .image(black), "a": .doubles(bands.map { _ in 1 }), "b": .doubles(bands)])
        let typed = try Operation.image("cast", ["in": .image(pixel), "format": .string(format.rawValue)])
        let filled = try Operation.image(
            "embed", [
                "in": .image(typed), "x": 0, "y": 0, "width": .int(width), "height": .int(height), "extend": "copy",
            ])
        return try Operation.image(
            "copy", [
                "in": .image(filled), "interpretation": .string(interpretation.rawValue),
                "xres": .double(xres), "yres": .double(yres),
            ])
    }

    /// An image of its own for an operation that paints on it: a step in between makes libvips copy pixels that are in
    /// memory already, where `vips_image_copy_memory` alone would hand out the original.
    func privateCopy() throws(VipsError) -> Image {
        try Operation.image("copy", ["in": .image(self)]).materialised()
    }

    /// Checks sides and bands against libvips' limits, and gives the size of the pixels in bytes.
    @discardableResult
    static func checkSize(width: Int, height: Int, bands: Int, bytesPerSample: Int = 1) throws(VipsError) -> Int {
        let limit = Int(VIPS_MAX_COORD)
        guard (1...limit).contains(width), (1...limit).contains(height) else {
            throw VipsError(message: "an image of \(width)x\(height) cannot be: sides are 1 to \(limit)")
        }
        guard (1...65536).contains(bands) else {
            throw VipsError(message: "an image of \(bands) bands cannot be: there are 1 to 65536")
        }
        let (samples, overflow) = (width * height).multipliedReportingOverflow(by: bands)
        let (bytes, overflow2) = samples.multipliedReportingOverflow(by: bytesPerSample)
        guard !overflow, !overflow2 else {
            throw VipsError(message: "an image of \(width)x\(height) with \(bands) bands is too large")
        }
        return bytes
    }
}
