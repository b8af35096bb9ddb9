import Foundation
import Testing

@Suite struct EngineTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try place.pictures(1, in: "in", 64, 48)
        try FileManager.default.createDirectory(atPath: place("empty"), withIntermediateDirectories: true)
    }

    /// What the dynamic linker opened.
    func libraries(_ arguments: [String], _ environment: [String: String] = [:]) throws -> (outcome: Outcome, opened: String) {
        let log = place("home/linker")
        let outcome = try place.run(Program.path, arguments, environment: environment.merging(["LD_DEBUG": "files", "LD_DEBUG_OUTPUT": log]) { $1 })
        let files = try FileManager.default.contentsOfDirectory(atPath: place("home")).filter { $0.hasPrefix("linker.") }
        var text = ""
        for file in files {
            text += String(decoding: try place.read("home/\(file)"), as: UTF8.self)
            try FileManager.default.removeItem(atPath: place("home/\(file)"))
        }
        return (outcome, text)
    }

    @Test func `without a neural stage the engine is neither needed nor loaded`() throws {
        let (outcome, opened) = try libraries(["run", "kuwahara", "in", "-o", "out"], ["AQUATINT_OPENVINO": place("empty")])
        #expect(outcome.status == 0 && place.files("out") == ["1.jpg"], "\(outcome.error)")
        #expect(opened.contains("libvips") && opened.contains("libaqt_kuwahara"))
        #expect(!opened.contains("openvino"))
        for arguments in [["stages"], ["check", "web"], ["explain", "web", "in/1.png"], ["run", "web", "in", "-o", "web"]] {
            #expect(try !libraries(arguments).opened.contains("openvino"), "\(arguments)")
        }
    }

    @Test func `with a neural stage its absence is 69, says where it was looked for, and leaves nothing`() throws {
        let outcome = try place.aquatint("run", "upscale", "in", "-o", "out", environment: ["AQUATINT_OPENVINO": place("empty")])
        #expect(outcome.status == 69)
        #expect(outcome.error.contains("was not found") && outcome.error.contains("Looked in: \(place("empty")), "), "\(outcome.error)")
        #expect(!FileManager.default.fileExists(atPath: place("out")))
        let doctor = try place.aquatint("doctor", environment: ["AQUATINT_OPENVINO": place("empty")])
        #expect(doctor.status == 0 && doctor.output.contains("engine  missing: "))
    }

    @Test(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
    func `with a neural stage it is loaded`() throws {
        let (outcome, opened) = try libraries(["run", "upscale", "in", "-o", "out"])
        #expect(outcome.status == 0 && opened.contains("libopenvino_c"), "\(outcome.error)")
    }
}
