import Foundation
import Testing

/// What the documents show must work.
@Suite("Documents") struct ReadmeTests {
    /// The fenced blocks of a language in a Markdown file.
    private static func blocks(_ language: String, of file: String) throws -> [String] {
        let text = try String(contentsOfFile: "\(Program.root)/\(file)", encoding: .utf8)
        return text.components(separatedBy: "```\(language)\n").dropFirst().compactMap { $0.components(separatedBy: "\n```").first }
    }

    private static let documents = ["README.md"] + ["adaptive_attention", "attention", "dither", "generator", "guided", "halftone", "kuwahara", "network", "onnx", "separable_conv", "xdog"]
        .map { "Plugins/\($0)/README.md" }

    @Test("every pipeline in a README is good", arguments: documents) func pipelinesAreGood(_ document: String) throws {
        let place = try Workplace()
        let blocks = try Self.blocks("yaml", of: document)
        #expect(!blocks.isEmpty)
        for (index, block) in blocks.enumerated() {
            let text = block.contains("version:") ? block : "version: 1\n\(block)"
            try place.write("\(index).yaml", text + "\n")
            let outcome = try place.aquatint("check", "\(index).yaml")
            #expect(outcome.status == 0, "\(document), block \(index + 1): \(outcome.error)")
        }
    }

    @Test("the README's ten lines make a painting twice as large", .enabled(if: Program.hasEngine, "needs an inference engine"))
    func tenLines() throws {
        let place = try Workplace()
        try place.write("paint.yaml", try #require(try Self.blocks("yaml", of: "README.md").first) + "\n")
        try place.pictures(1, in: "Photos", 90, 60)
        let outcome = try place.aquatint("run", "paint.yaml", "Photos", "-o", "Painted", "--set", "radius=3", "--overwrite", "always")
        #expect(outcome.status == 0, "\(outcome.error)")
    }

    @Test("the pipelines that the README names are there, and every command answers")
    func names() throws {
        let readme = try String(contentsOfFile: "\(Program.root)/README.md", encoding: .utf8)
        let place = try Workplace()
        for name in ["web", "responsive", "watermark", "scan", "film", "denoise-sharpen", "upscale", "onnx", "neural-chain", "restore", "restore-old-scans", "paint", "kuwahara", "newsprint"] {
            #expect(readme.contains("`\(name)`"))
            let outcome = try place.aquatint("check", name)
            #expect(outcome.status == 0, "\(outcome.error)")
        }
        for command in [["stages"], ["stages", "gaussblur"], ["schema"], ["plugins", "list"], ["doctor"], ["help", "run"]] {
            let outcome = try place.run(Program.path, command)
            #expect(outcome.status == 0 && !outcome.output.isEmpty, "\(command): \(outcome.error)")
            #expect(readme.contains("aquatint \(command[0])"), "\(command)")
        }
    }

    @Test("the README's plug-in commands answer as it says")
    func plugins() throws {
        let readme = try String(contentsOfFile: "\(Program.root)/README.md", encoding: .utf8)
        #expect(readme.contains("aquatint plugins check FILE") && readme.contains("aquatint plugins check libaqt_grain.so"))
        let place = try Workplace()
        #expect(try place.aquatint("plugins", "list", "--rescan").status == 0)
        #expect(try place.aquatint("plugins", "check", "libaqt_grain.so").status == 66)
        #expect(try place.aquatint("plugins", "check", "\(Program.directory)/libaqt_kuwahara.so", "--json").status == 0)
    }

    @Test("the README's commands for reports and parts do what it says")
    func reports() throws {
        let readme = try String(contentsOfFile: "\(Program.root)/README.md", encoding: .utf8)
        let place = try Workplace()
        try place.pictures(9, in: "Photos", 64, 48)
        try place.write("Photos/bad.png", "no image")
        for (index, (command, status)) in [
            ("run web Photos -o Out --report run.jsonl", 1), ("run web --retry-failed run.jsonl -o Out", 1), ("run web Photos -o Out --log-format json", 1),
            ("run web Photos -o Out --shard 2/8 --report part-2.jsonl", 1),
        ].enumerated() {
            #expect(readme.contains("aquatint \(command) "), "\(command)")
            let outcome = try place.run(Program.path, command.split(separator: " ").map(String.init))
            #expect(outcome.status == status, "\(command): \(outcome.error)")
            #expect(outcome.output.isEmpty == (index != 2))
        }
        #expect(place.files("Out").count == 9 && place.files("").contains("run.jsonl") && place.files("").contains("part-2.jsonl"))
    }

    @Test("the table of alpha names the stages that the policy knows")
    func alphaTable() throws {
        let table = try String(contentsOfFile: "\(Program.root)/docs/alpha.md", encoding: .utf8)
        let place = try Workplace()
        let rows = table.split(separator: "\n")
        for (row, note) in [("| mixes the pixels", "premultiplied"), ("| maps values", "colours alone")] {
            let line = try #require(rows.first { $0.hasPrefix(row) })
            let cell = try #require(line.split(separator: "|").last { !$0.allSatisfy(\.isWhitespace) })
            let stages = cell.split(separator: "`").filter { !$0.allSatisfy(\.isWhitespace) }
            #expect(stages.count > 15)
            for stage in [stages.first, stages.last].compactMap({ $0 }) {
                let outcome = try place.aquatint("stages", String(stage))
                #expect(outcome.output.contains(note), "\(stage)")
            }
        }
    }
}
