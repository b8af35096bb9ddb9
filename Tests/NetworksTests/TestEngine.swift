import Foundation
import Inference

/// The engine for tests: from `$AQUATINT_OPENVINO`, the checkout's `.deps` or the system.
///
/// The test runner is no program of this package, so the checkout is found from this file's place instead of the executable's.
enum TestEngine {
    private static let loaded = Result { () throws(EngineError) in
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let executable = root.appending(path: "tests").path(percentEncoded: false)
        return try OpenVINO.load(EngineLocation.candidates(environment: ProcessInfo.processInfo.environment, programs: [executable]))
    }

    /// Whether there is an engine at all. One that is there and cannot be loaded is a failure, not a reason to skip.
    static var isPresent: Bool {
        if case .failure(let error) = loaded, error.kind == .notFound { return false }
        return true
    }

    static func shared() throws(EngineError) -> OpenVINO { try loaded.get() }
}
