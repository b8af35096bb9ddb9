import CVips

/// An image: a header, and pixels that are computed when somebody asks for them.
///
/// An `Image` owns one reference to a libvips image and never changes; operations give new images, which keep what they
/// read from alive. Any number of threads may use one at the same time.
public final class Image: @unchecked Sendable {
    // Safe to share: libvips images are reference-counted atomically and may be read from all threads, and
    // nothing in this module writes to one after it has been wrapped.
    let pointer: UnsafeMutablePointer<VipsImage>

    /// Takes over the caller's reference.
    init(owning pointer: UnsafeMutablePointer<VipsImage>) {
        self.pointer = pointer
    }

    /// Adds a reference of its own.
    convenience init(retaining pointer: UnsafeMutablePointer<VipsImage>) {
        g_object_ref(pointer)
        self.init(owning: pointer)
    }

    deinit {
        g_object_unref(pointer)
    }

    /// Pixels in a row.
    public var width: Int { Int(vips_image_get_width(pointer)) }

    /// Rows, of all pages together: a multi-page image is one tall image.
    public var height: Int { Int(vips_image_get_height(pointer)) }

    /// Samples in a pixel, alpha included.
    public var bands: Int { Int(vips_image_get_bands(pointer)) }

    /// The type of a sample. libvips keeps this valid for every image, whatever the file said.
    public var format: BandFormat { BandFormat(vips_image_get_format(pointer)) ?? .uchar }

    /// What the bands mean. A value that libvips does not define (a damaged `.v` file) reads as `multiband`.
    public var interpretation: Interpretation {
        Interpretation(vips_image_get_interpretation(pointer)) ?? .multiband
    }

    public var coding: Coding {
        switch vips_image_get_coding(pointer) {
        case VIPS_CODING_LABQ: .labq
        case VIPS_CODING_RAD: .rad
        default: .none
        }
    }

    /// Whether the last band is an alpha channel, as far as band count and interpretation tell.
    public var hasAlpha: Bool { vips_image_hasalpha(pointer) != 0 }

    /// Rows of one page; the whole height where the image has one page, or pages that do not fit.
    public var pageHeight: Int { Int(vips_image_get_page_height(pointer)) }

    /// Pages stacked in this image. The file may hold more: see ``pagesInFile``.
    public var pageCount: Int { max(1, height / max(1, pageHeight)) }

    /// Pages that the file holds, loaded or not.
    public var pagesInFile: Int { Int(vips_image_get_n_pages(pointer)) }

    /// Pixels in a millimetre, horizontally.
    public var xres: Double { vips_image_get_xres(pointer) }

    /// Pixels in a millimetre, vertically.
    public var yres: Double { vips_image_get_yres(pointer) }

    /// EXIF orientation, 1...8; 1 is upright.
    public var orientation: Int { Int(vips_image_get_orientation(pointer)) }

    /// Bytes of one pixel.
    public var bytesPerPixel: Int { coding == .none ? bands * format.bytesPerSample : 4 }
}

extension Image: CustomStringConvertible {
    /// For example `"640x480 uchar, 3 bands, srgb"`.
    public var description: String {
        "\(width)x\(height) \(format.rawValue), \(bands) band\(bands == 1 ? "" : "s"), \(interpretation.rawValue)"
    }
}
