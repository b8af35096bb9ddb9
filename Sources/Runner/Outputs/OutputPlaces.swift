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

/// What is asked of file systems.
enum FileSystem {
    /// Why nothing can be written in a folder, which may have to be made first; nil where nothing is seen to be in the way.
    static func obstacle(toWritingIn folder: String) -> String? {
        func cannotBeMade(_ code: Int32) -> String { "the output folder '\(folder)' cannot be created: \(String(cString: strerror(code)))" }
        var path = folder
        while FileStatus(path) == nil {
            let code = errno
            // A link that leads nowhere is in the way of a folder of its name.
            if FileStatus(path, followLinks: false) != nil { return cannotBeMade(code) }
            guard code == ENOENT || code == ENOTDIR else { return cannotBeMade(code) }
            if Path.base(path).utf8.count > longestName { return cannotBeMade(ENAMETOOLONG) }
            let above = Path.directory(path)
            path = above.isEmpty ? "." : above
        }
        guard FileStatus(path)?.kind == .directory else { return cannotBeMade(ENOTDIR) }
        guard access(path, W_OK | X_OK) != 0 else { return nil }
        return path == folder ? "the output folder '\(folder)' cannot be written: \(String(cString: strerror(errno)))" : cannotBeMade(errno)
    }

    /// Bytes of a name that Linux' file systems take (`NAME_MAX`), and of a path (`PATH_MAX`, with its zero).
    static let longestName = 255, longestPath = 4095

    /// Bytes that this user may still write below a folder, which need not be there yet.
    static func freeBytes(_ folder: String) -> Int64? {
        var status = statvfs()
        guard statvfs(existing(folder), &status) == 0 else { return nil }
        return Int64(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }

    /// Whether names in a folder, which need not be there yet, are the same where they differ by case alone.
    static func foldsCase(_ folder: String) -> Bool {
        let folder = existing(folder)
        if let device = FileStatus(folder)?.device, let type = typeName(ofDevice: device), foldingTypes.contains(type) { return true }
        // ext4 and f2fs have it for single folders: FS_IOC_GETFLAGS, FS_CASEFOLD_FL.
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var flags: CLong = 0
        return ioctl(descriptor, 0x8008_6601, &flags) == 0 && flags & 0x4000_0000 != 0
    }

    private static let foldingTypes: Set<Substring> = ["vfat", "msdos", "exfat", "ntfs", "ntfs3", "cifs", "smb3", "hfs", "hfsplus"]

    /// By which name a file system is mounted: `mountinfo` has `id parent major:minor root place options [more] - type source ...`.
    private static func typeName(ofDevice device: UInt64) -> Substring? {
        let major = device >> 8 & 0xFFF | device >> 32 & 0xFFFF_F000, minor = device & 0xFF | device >> 12 & 0xFFFF_FF00
        guard let text = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8) else { return nil }
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 2, words[2] == "\(major):\(minor)", let dash = words.firstIndex(of: "-"), dash + 1 < words.count else { continue }
            return words[dash + 1]
        }
        return nil
    }

    private static func existing(_ folder: String) -> String {
        var path = folder.isEmpty ? "." : folder
        while FileStatus(path) == nil, path != "/", path != "." { path = Path.directory(path).isEmpty ? "." : Path.directory(path) }
        return path
    }
}
