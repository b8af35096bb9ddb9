import COpenVINO
import FoundationEssentials

/// A directory in which an OpenVINO library may lie, and why it is looked at.
///
/// The list is public so that `doctor` can print exactly what `OpenVINO.load` looks at.
public struct EngineLocation: Sendable, Hashable {
    public enum Origin: Sendable, Hashable {
        /// `$AQUATINT_OPENVINO`.
        case environment
        /// Beside the installed program: `<prefix>/lib/aquatint/openvino`.
        case installation
        /// The checkout that the program was built in: `.deps/openvino`, filled by `make setup`.
        case checkout
        /// Where the system keeps its libraries.
        case system
    }

    public let origin: Origin
    public let directory: String

    public init(origin: Origin, directory: String) {
        self.origin = origin
        self.directory = directory
    }

    /// The variable that overrules every other place. It names the directory of the libraries, or one that holds `libs/` or `openvino/libs/`.
    public static let variable = "AQUATINT_OPENVINO"

    /// The places to look at, in order, for the running program.
    public static func all() -> [EngineLocation] {
        candidates(environment: ProcessInfo.processInfo.environment, programs: programs())
    }

    /// The places to look at, in order.
    ///
    /// Where `$AQUATINT_OPENVINO` is set nothing else is looked at: a typing error there must not end in another engine being used in silence.
    /// - Parameter programs: absolute paths of what runs: the program, and the file that holds this code where that is another, as for a test bundle.
    public static func candidates(environment: [String: String], programs: [String]) -> [EngineLocation] {
        if let directory = environment[variable], !directory.isEmpty {
            return unpacked(directory).map { EngineLocation(origin: .environment, directory: $0) }
        }
        var places: [EngineLocation] = []
        for program in programs where program.hasPrefix("/") {
            let folder = parent(of: program)
            places += unpacked(parent(of: folder) + "/lib/aquatint/openvino").map { EngineLocation(origin: .installation, directory: $0) }
            if let checkout = nearestPackage(above: folder) {
                places.append(EngineLocation(origin: .checkout, directory: checkout + "/.deps/openvino/openvino/libs"))
            }
        }
        return places + systemDirectories.map { EngineLocation(origin: .system, directory: $0) }
    }

    /// The OpenVINO C libraries in the directory, the newest first. Empty where there is none, or no such directory.
    public func libraries() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0 == Self.library || $0.hasPrefix(Self.library + ".") }
            .sorted { Self.version(of: $1).lexicographicallyPrecedes(Self.version(of: $0)) }
            .map { directory + "/" + $0 }
    }

    private static let library = "libopenvino_c.so"

    /// The numbers after `.so`: `libopenvino_c.so.2026.4.1` -> [2026, 4, 1]. The wheels' short form `2641` is year, release and patch without points.
    private static func version(of name: String) -> [Int] {
        let numbers = name.dropFirst(library.count).split(separator: ".").map { Int($0) ?? 0 }
        guard numbers.count == 1, let short = numbers.first, (1000...9999).contains(short) else { return numbers }
        return [2000 + short / 100, short / 10 % 10, short % 10]
    }

    /// The directory itself and those an unpacked wheel has its libraries in.
    private static func unpacked(_ directory: String) -> [String] {
        [directory, directory + "/libs", directory + "/openvino/libs"]
    }

    private static var systemDirectories: [String] {
        #if arch(x86_64)
        let architecture = "x86_64-linux-gnu", vendor = "intel64"
        #elseif arch(arm64)
        let architecture = "aarch64-linux-gnu", vendor = "aarch64"
        #else
        let architecture = "unknown", vendor = "unknown"
        #endif
        return ["/usr/local/lib", "/usr/lib/\(architecture)", "/usr/lib64", "/usr/lib", "/opt/intel/openvino/runtime/lib/\(vendor)"]
    }

    /// The running program, its links resolved, and, where this code lies in another file, that file: Swift's test runner is a program of the toolchain that loads
    /// the tests from the build directory, and only from there is the checkout found.
    private static func programs() -> [String] {
        let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return [program, image == program ? nil : image].compactMap { $0 }
    }

    /// The file that this code lies in. The loader names the program itself as it was called, which may be relative; libraries it names by their full path.
    static var image: String? {
        cov_image_path().map { String(cString: $0) }
    }

    /// The nearest directory at or above `folder` that holds a Package.swift.
    private static func nearestPackage(above folder: String) -> String? {
        var folder = folder
        while !folder.isEmpty {
            if FileManager.default.fileExists(atPath: folder + "/Package.swift") { return folder }
            folder = parent(of: folder)
        }
        return nil
    }

    /// The path up to its last slash; empty for the root.
    private static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }
}
