internal import Foundation
internal import Synchronization
public import Vips

extension Image {
    /// The same pixels, computed now, once, and kept: in memory, or in a temporary file where they would take more than a quarter of the budget.
    public func kept(memoryBudget: Int) throws(VipsError) -> Image {
        let pixels = width.multipliedReportingOverflow(by: height)
        let bytes = pixels.partialValue.multipliedReportingOverflow(by: bytesPerPixel)
        if !pixels.overflow, !bytes.overflow, bytes.partialValue <= memoryBudget / 4 { return try materialised() }
        let path = TemporaryPixels.path()
        defer { unlink(path) }                       // the open mapping keeps the pixels
        try save(path, saver: "vipssave")
        return try Image.load(path)
    }

    /// The same pixels, of which the first that is asked for lets all be computed and kept: for what is read more than once, but perhaps never.
    ///
    /// It can be read in any order, also where this image can not.
    func keptOnDemand(memoryBudget: Int) throws(VipsError) -> Image {
        let keeper = Keeper(self, memoryBudget: memoryBudget)
        let header = GeneratedHeader(width: width, height: height, bands: bands, format: format, interpretation: interpretation, demand: .any)
        let bytesPerPixel = bytesPerPixel
        return try Image.generated(header, from: [self]) { area, output, _ in
            try InputPixels.reading([try keeper.image()]) { inputs in
                try inputs.withPixels(of: 0, in: area) { base, rowStride in
                    for row in 0..<area.height {
                        (output.base + row * output.rowStride).copyMemory(from: base + row * rowStride, byteCount: area.width * bytesPerPixel)
                    }
                }
            }
        }.settingFields([("vips-sequential", nil)])
    }
}

/// Computes an image when it is first needed. A failure is remembered.
private final class Keeper: Sendable {
    private let source: Image
    private let memoryBudget: Int
    private let result = Mutex<Result<Image, VipsError>?>(nil)

    init(_ source: Image, memoryBudget: Int) {
        self.source = source
        self.memoryBudget = memoryBudget
    }

    func image() throws(VipsError) -> Image {
        let found = result.withLock { state -> Result<Image, VipsError> in
            if let state { return state }
            let made = Result { () throws(VipsError) in try source.kept(memoryBudget: memoryBudget) }
            state = made
            return made
        }
        return try found.get()
    }
}

/// Files for pixels between two stages that are too many for the memory.
public enum TemporaryPixels {
    private static let counter = Atomic<Int>(0)

    /// What stands before and after the process number in their names: a later run clears those whose process is gone.
    public static let namePrefix = "aquatint-", nameSuffix = ".v"

    static func path() -> String {
        let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
        return FileManager.default.temporaryDirectory.appending(path: "\(namePrefix)\(ProcessInfo.processInfo.processIdentifier)-\(number)\(nameSuffix)").path
    }
}
