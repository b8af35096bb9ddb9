import Foundation
internal import Inference

/// Whether there is a place for what a run will write: looked at before any work, and as far as it can be seen without writing.
extension RunPlan {
    /// Refuses folders that cannot be made or written, and outputs that are folders.
    ///
    /// - Throws: `RunError` 73 with the first of them.
    public func checkPlaces(of images: [PlannedImage]) throws(RunError) {
        var seen: Set<PathKey> = []
        for output in images.lazy.flatMap(\.outputs) {
            let folder = Path.directory(output)
            if seen.insert(PathKey(folder)).inserted, let problem = FileSystem.obstacle(toWritingIn: folder.isEmpty ? "." : folder) {
                throw RunError(.cannotCreateOutput, problem, hint: "name another folder with -o")
            }
            if FileStatus(output, followLinks: false)?.kind == .directory {
                throw RunError(.cannotCreateOutput, "the output '\(output)' is a folder, which is not overwritten", hint: "name another folder with -o")
            }
        }
    }

    /// In words, where the outputs of these images will hardly fit on their disk; nil where they will, as far as that can be guessed from the inputs.
    func warningOfSpace(for images: [PlannedImage], free: (String) -> Int64? = FileSystem.freeBytes) -> String? {
        var bytes: Int64 = 0, first: String?
        for image in images {
            for output in image.outputs {
                bytes += Int64(Double(image.bytes) * Self.growth(from: image.input.name, to: output))
                first = first ?? output
            }
        }
        guard let first, let room = free(Path.directory(first)), bytes > room else { return nil }
        return "the outputs may take about \(byteText(Int(bytes))), and '\(Path.directory(first))' has \(byteText(Int(room))) free"
    }

    /// Bytes out for each byte in, by experience with photographs; what the stages do to the size is not known yet.
    private static func growth(from input: String, to output: String) -> Double {
        func kind(_ name: String) -> Int {
            switch Path.split(Path.base(name)).ext.lowercased() {
            case ".jpg", ".jpeg", ".jpe", ".webp", ".avif", ".heic", ".heif", ".jxl", ".jp2": 0
            case ".png", ".gif": 1
            default: 2
            }
        }
        return switch (kind(input), kind(output)) {
        case (0, 1): 5
        case (0, 2): 10
        case (1, 2): 2
        case (1, 0), (2, 0): 0.25
        case (2, 1): 0.5
        default: 1
        }
    }
}
