import Foundation
import StageHost
import Synchronization

/// The plug-ins that the build has put beside the tests.
enum BuiltPlugins {
    /// The build directory: where the tests' own library lies, as the kernel has mapped it.
    static let directory: String = {
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        let library = maps.split(separator: "\n").first { $0.hasSuffix(".xctest") }
        guard let library, let start = library.firstIndex(of: "/"), let end = library.lastIndex(of: "/") else { return "." }
        return String(library[start..<end])
    }()

    static let host = PluginHost(version: "test") { _, message in log.withLock { $0.append(message) } }
    static let log = Mutex<[String]>([])

    /// The one stage of `libaqt_NAME.so`.
    static func stage(_ name: String) throws -> PluginStage {
        try PluginLibrary.open("\(directory)/libaqt_\(name).so", host: host).stages[0]
    }
}
