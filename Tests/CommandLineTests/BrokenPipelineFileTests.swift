import Foundation
import Testing

/// One line of `Broken/expected.txt`: a file, and how its first diagnostic begins.
struct BrokenFile: Sendable, CustomTestStringConvertible {
    var name: String
    var diagnostic: String
    var testDescription: String { diagnostic }

    static let folder = "\(Program.root)/Tests/CommandLineTests/Broken"

    static let all: [BrokenFile] = {
        let text = (try? String(contentsOfFile: "\(folder)/expected.txt", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { line in BrokenFile(name: String(line.prefix { $0 != ":" }), diagnostic: String(line)) }
    }()
}

@Suite struct BrokenPipelineFileTests {
    @Test func `every broken file is expected to be broken in one way`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: BrokenFile.folder).filter { $0.hasSuffix(".yaml") }
        #expect(files.sorted() == BrokenFile.all.map(\.name).sorted() && files.count >= 40)
    }

    @Test(arguments: BrokenFile.all) func `a broken pipeline is 65, with the right place first`(_ file: BrokenFile) throws {
        let outcome = try Workplace().aquatint("check", "\(BrokenFile.folder)/\(file.name)")
        #expect(outcome.status == 65)
        #expect(outcome.error.hasPrefix("\(BrokenFile.folder)/\(file.diagnostic)"), "\(outcome.error)")
        #expect(outcome.output.isEmpty)
    }

    @Test func `run refuses a broken pipeline alike, and writes nothing`() throws {
        let place = try Workplace()
        try place.pictures(1, in: "in")
        for name in ["unknown-stage", "out-of-range", "tab-indent"] {
            let outcome = try place.aquatint("run", "\(BrokenFile.folder)/\(name).yaml", "in", "-o", "out")
            #expect(outcome.status == 65 && outcome.error.contains("\(name).yaml:"))
        }
        #expect(!FileManager.default.fileExists(atPath: place("out")))
    }

    @Test func `JSON diagnostics carry place, severity, message and suggestion`() throws {
        let outcome = try Workplace().aquatint("check", "--json", "\(BrokenFile.folder)/unknown-stage.yaml")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        let first = try #require((object["diagnostics"] as? [[String: Any]])?.first)
        #expect(outcome.status == 65 && outcome.error.isEmpty && object["v"] as? Int == 1)
        #expect(first["line"] as? Int == 4 && first["column"] as? Int == 5 && first["severity"] as? String == "error" && first["suggestion"] as? String == "gaussblur")
    }
}
