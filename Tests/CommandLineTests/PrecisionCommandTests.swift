import Foundation
import Inference
import Testing

@Suite(.enabled(if: Program.hasEngine, "there is no inference engine: run make setup"))
struct PrecisionCommandTests {
    let place: Workplace

    init() throws {
        place = try Workplace()
        try place.pictures(2, in: "in", 64, 48)
    }

    /// Whether this machine computes in anything but f32: nothing is chosen where it does not.
    private var hasFasterTypes: Bool {
        get throws {
            let doctor = try place.aquatint("doctor").output
            return doctor.contains("f32 f16") || doctor.contains("f32 bf16")
        }
    }

    @Test func `auto says once a run what it chose, and remembers it`() throws {
        let first = try place.aquatint("run", "upscale", "in", "-o", "a")
        let second = try place.aquatint("run", "upscale", "in", "-o", "b")
        #expect(first.status == 0 && second.status == 0, "\(first.error)")
        func sentences(_ outcome: Outcome) -> [Substring] { outcome.error.split(separator: "\n").filter { $0.contains(" computes in ") } }
        let isChosen = try hasFasterTypes
        #expect(sentences(first).count == (isChosen ? 1 : 0), "\(first.error)")
        #expect(sentences(first) == sentences(second))
        #expect(place.files("home/.cache/aquatint/precision").count == (isChosen ? 1 : 0))
        #expect(try place.read("a/1.png") == place.read("b/1.png"))
    }

    @Test func `a type that is asked for is not tried, and nothing is kept with the cache off`() throws {
        let asked = try place.aquatint("run", "upscale", "in", "-o", "a", "--precision", "f32")
        #expect(asked.status == 0 && !asked.error.contains("computes in") && asked.error.contains("networks in f32 on CPU"), "\(asked.error)")
        #expect(!FileManager.default.fileExists(atPath: place("home/.cache/aquatint/precision")))
        // What was found out about plug-ins.
        try FileManager.default.removeItem(atPath: place("home/.cache"))
        #expect(try place.aquatint("run", "upscale", "in", "-o", "b", environment: ["AQUATINT_CACHE": "off"]).status == 0)
        #expect(!FileManager.default.fileExists(atPath: place("home/.cache")))
        #expect(try place.aquatint("run", "upscale", "in", "-o", "c", environment: ["AQUATINT_CACHE": "kept"]).status == 0)
        #expect(try FileManager.default.fileExists(atPath: place("kept/precision")) == hasFasterTypes)
        #expect(try place.aquatint("run", "upscale", "in", "-o", "c", "--precision", "f64").status == 64)
    }

    @Test func `a cache that cannot be used is no obstacle`() throws {
        try place.write("file", "no folder")
        let outcome = try place.aquatint("run", "upscale", "in", "-o", "a", environment: ["AQUATINT_CACHE": "file"])
        #expect(outcome.status == 0, "\(outcome.error)")
    }

    @Test func `explain shows the choice and the reason`() throws {
        let outcome = try place.aquatint("explain", "upscale", "in/1.png", "--json")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        let network = try #require((object["networks"] as? [[String: Any]])?.first)
        #expect(["f32", "f16", "bf16"].contains(network["precision"] as? String))
        #expect(network["precision_reason"] is String)
    }
}
