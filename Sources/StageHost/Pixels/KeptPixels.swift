internal import Foundation
internal import Synchronization
public import Vips

/// Pixels computed once and kept for whoever reads them more than once, or in another order than they come.
public enum KeptPixels {
    private static let counter = Atomic<Int>(0)

    /// What stands before and after the process number in the names of temporary files: a later run clears those whose process is gone.
    public static let namePrefix = "aquatint-", nameSuffix = ".v"

    /// Computes all pixels of an image and keeps them: in memory, or in a temporary file where they would take more than a quarter of `budget` bytes.
    ///
    /// - Throws: ``VipsError`` where they cannot be computed or written.
    public static func of(_ image: Image, budget: Int) throws(VipsError) -> Image {
        let (pixels, overflow) = image.width.multipliedReportingOverflow(by: image.height)
        let (bytes, overflow2) = pixels.multipliedReportingOverflow(by: image.bytesPerPixel)
        if !overflow, !overflow2, bytes <= budget / 4 { return try image.materialised() }
        let name = "\(namePrefix)\(ProcessInfo.processInfo.processIdentifier)-\(counter.wrappingAdd(1, ordering: .relaxed).newValue)\(nameSuffix)"
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
        defer { unlink(path) }  // the open mapping keeps the pixels
        try image.save(path, saver: "vipssave")
        return try Image.load(path)
    }
}
