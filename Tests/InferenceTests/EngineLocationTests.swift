import Foundation
import Testing
@testable import Inference

@Suite struct EngineLocationTests {
    @Test func `the variable overrules every other place`() {
        let places = EngineLocation.candidates(environment: ["AQUATINT_OPENVINO": "/opt/ov"], programs: ["/usr/bin/aquatint"])
        #expect(places.map(\.directory) == ["/opt/ov", "/opt/ov/libs", "/opt/ov/openvino/libs"])
        #expect(places.allSatisfy { $0.origin == .environment })
    }

    @Test func `an installed program looks beside itself and then in the system`() {
        let places = EngineLocation.candidates(environment: [:], programs: ["/nowhere/bin/aquatint"])
        #expect(places.first?.directory == "/nowhere/lib/aquatint/openvino")
        #expect(places.last?.origin == .system)
        #expect(!places.contains { $0.origin == .checkout })
    }

    @Test func `a program in a build directory finds the checkout above it`() {
        let places = EngineLocation.candidates(environment: [:], programs: [packageRoot + ".build/debug/aquatint"])
        #expect(places.contains(EngineLocation(origin: .checkout, directory: packageRoot + ".deps/openvino/openvino/libs")))
    }

    @Test func `a path that is not absolute is not followed`() {
        #expect(EngineLocation.candidates(environment: [:], programs: ["bin/aquatint", "aquatint"]).allSatisfy { $0.origin == .system })
    }

    /// The runner of these tests is a program of the toolchain. `swift test --scratch-path` outside the checkout needs the variable.
    @Test(.enabled("the tests were built outside the checkout", { EngineLocation.image?.hasPrefix(packageRoot) == true }),
          .disabled("the variable is set", { ProcessInfo.processInfo.environment[EngineLocation.variable] != nil }))
    func `the checkout is found from the file that holds the code`() {
        #expect(EngineLocation.all().contains(EngineLocation(origin: .checkout, directory: packageRoot + ".deps/openvino/openvino/libs")))
    }

    @Test func `the newest library of a directory comes first, in either style of numbering`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "aquatint-libraries-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        for name in ["libopenvino_c.so", "libopenvino_c.so.2025.10.0", "libopenvino_c.so.2641", "libopenvino_c.so.2025.2.0", "libopenvino_c_old.so", "libopenvino.so.2641"] {
            try Data().write(to: directory.appending(path: name))
        }
        let found = EngineLocation(origin: .system, directory: directory.path(percentEncoded: false)).libraries()
        #expect(found.map { URL(filePath: $0).lastPathComponent } == ["libopenvino_c.so.2641", "libopenvino_c.so.2025.10.0", "libopenvino_c.so.2025.2.0", "libopenvino_c.so"])
    }

    @Test func `no library anywhere is told with the places and the remedy`() throws {
        let error = try #require(engineError { try OpenVINO.load(directories: ["/nowhere/a", "/nowhere/b"]) })
        #expect(error.kind == .notFound)
        #expect(error.message.hasSuffix("run `make setup`, or set AQUATINT_OPENVINO to its directory. Looked in: /nowhere/a, /nowhere/b"))
    }

    @Test func `a file that is no library is told with the loader's reason`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "aquatint-broken-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try Data("no library".utf8).write(to: directory.appending(path: "libopenvino_c.so"))
        let error = try #require(engineError { try OpenVINO.load(directories: [directory.path(percentEncoded: false)]) })
        #expect(error.kind == .cannotLoad)
        #expect(error.message.contains("libopenvino_c.so: ") && error.message.contains("file too short"))
    }
}
