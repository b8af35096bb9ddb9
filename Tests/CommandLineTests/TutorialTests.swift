import Foundation
import Testing
import Vips

/// docs/plugin-tutorial.md, word for word: each part in an empty directory of its own.
///
/// `sh` blocks are run in order, in one shell's folder. A block with a file name is written there; one of code without a name must stand
/// in a file of the folder; `text` must be among what the commands before it said.
@Suite("Tutorial") struct TutorialTests {
    struct Block {
        var language: String
        var file: String?
        var text: String
    }

    static func blocks(_ part: String) throws -> [Block] {
        let text = try String(contentsOfFile: "\(Program.root)/docs/plugin-tutorial.md", encoding: .utf8)
        let section = try #require(text.components(separatedBy: "\n## \(part)\n").dropFirst().first?.components(separatedBy: "\n## ").first)
        let fences = section.components(separatedBy: "```")
        return stride(from: 1, to: fences.count, by: 2).map { index in
            let lines = fences[index].split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            let head = lines[0].split(separator: " ").map(String.init)
            return Block(language: head.first ?? "", file: head.dropFirst().first, text: String(lines.last ?? ""))
        }
    }

    private func follow(_ part: String) throws {
        let place = try Workplace()
        try place.pictures(1, in: "first", 80, 60)
        try place.load("first/1.png").save(place("photo.jpg"))
        let environment = ["PATH": "\(Program.directory):\(ProcessInfo.processInfo.environment["PATH"] ?? "")"]
        var folder = place.path, said = "", commands = 0
        let blocks = try Self.blocks(part)
        #expect(blocks.contains { $0.file != nil } && blocks.contains { $0.language == "text" })
        for block in blocks {
            switch (block.language, block.file) {
            case ("sh", _):
                commands += block.text.split(separator: "\n").count
                let outcome = try place.run("/bin/sh", ["-ec", "cd '\(folder)'\n\(block.text)\npwd > '\(place("folder"))'"], environment: environment)
                try #require(outcome.status == 0, "\(block.text): \(outcome.output)\(outcome.error)")
                said = outcome.output + outcome.error
                folder = String(decoding: try place.read("folder"), as: UTF8.self).trimmingCharacters(in: .newlines)
            case ("text", _):
                for line in block.text.split(separator: "\n") { #expect(said.contains(line), "\(said)") }
            case (_, let file?):
                #expect(file == "glow.yaml" || FileManager.default.fileExists(atPath: "\(folder)/\(file)"), "\(file) is not what 'plugins new' made")
                try Data(block.text.utf8).write(to: URL(filePath: "\(folder)/\(file)"))
            default:
                let files = place.files("acme.glow").filter { !$0.contains(".build/") && !$0.hasPrefix("build/") }
                #expect(try files.contains { String(decoding: try place.read("acme.glow/\($0)"), as: UTF8.self).contains(block.text) }, "\(block.text)")
            }
        }
        #expect(commands < 10, "\(commands) commands")
        if part != "In C++" {
            let result = try place.load("acme.glow/out/photo-glow.jpg"), source = try place.load("photo.jpg")
            #expect(result.width == source.width && result.height == source.height)
        }
        #expect(place.files("home/.local/share/aquatint/plugins").count == 1)
    }

    @Test("the part on Swift leads to a stage that runs", .enabled(if: Program.has("swift") && Program.has("make"), "needs swift and make")) func swift() throws { try follow("In Swift") }
    @Test("the part on C leads to a stage that runs", .enabled(if: Program.has("cc") && Program.has("make"), "needs cc and make")) func c() throws { try follow("In C") }
    @Test("the part on C++ leads to a stage that is found", .enabled(if: Program.has("c++") && Program.has("make"), "needs c++ and make")) func cpp() throws { try follow("In C++") }
}
