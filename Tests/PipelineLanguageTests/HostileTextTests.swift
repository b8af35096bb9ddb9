import PipelineLanguage
import Testing

/// SplitMix64: the same mutations on every machine.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct HostileTextTests {
    private static let seeds = [
        contractExample,
        "version: 1\nvars: &v {a: 3, größe: \"x ${\"}\nstages:\n  - acme.script: &s |\n      text ${a}\n      more\n  - acme.script: *s\n  - conv: {mask: {matrix: [[1, 2], [3, \"${a}\"]], scale: 4}}\n    when: \"prev.width > a and not (input.bands == 3)\"\n    set: {x: y}\noutputs:\n  - {file: '{stem}-${a}.jpg', options: {Q: 10}}\n  - \"{dir}/{index}{ext}\"\n",
    ]
    private static let pieces: [String] = [
        "${", "}", "{", "[", "]", "*", "&a ", "*a", "<<: ", "- ", "? ", ": ", "\"", "'", "|\n", ">\n", "!x ", "\t", "\n", "\r\n", "---\n", "...\n", "%YAML 1.1\n",
        "#", "\u{FEFF}", "\u{85}", "\u{2028}", "\u{E000}", "\u{0}", "🏞", "e\u{301}", "\\u0000", "\\x", "9223372036854775808", "-", "1e999", "((((", "not ", "- - - ", "? ? ? ", "${1/0}",
        "min(", "prev.", "..", "/", "@", "`", "=", "vars", "version", "stages", "as: ", "when: ", "${${", "'${'", "{{", "}}",
    ]

    @Test func `two thousand mutated pipelines are read or refused without a crash`() {
        var generator = Generator(state: 20_240_607)
        var refused = 0
        for round in 0..<2000 {
            var scalars = Array(Self.seeds[round % Self.seeds.count].unicodeScalars)
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let place = Int.random(in: 0...scalars.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: scalars.removeSubrange(place..<min(scalars.count, place + Int.random(in: 0...12, using: &generator)))
                case 1:
                    let from = Int.random(in: 0...scalars.count, using: &generator)
                    scalars.insert(contentsOf: scalars[from..<min(scalars.count, from + 20)], at: place)
                default: scalars.insert(contentsOf: Self.pieces.randomElement(using: &generator)!.unicodeScalars, at: place)
                }
            }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars)
            let source = SourceText(name: "p.yaml", text: String(view))
            let found = check(String(view))
            if found.contains(where: { $0.severity == .error }) { refused += 1 }
            for diagnostic in found {
                #expect(!diagnostic.rendered(source: source).isEmpty)
                if let mark = diagnostic.mark {
                    let line = source.line(mark.line)
                    #expect(line != nil && mark.column >= 1 && mark.column <= (line?.unicodeScalars.count ?? 0) + 1)
                }
            }
            if let (pipeline, _) = try? Pipeline.read(source) {
                for index in pipeline.stages.indices { _ = try? pipeline.values(index, Environment(variables: (try? pipeline.variables()) ?? [:])) }
            }
        }
        // Most mutations break something; if hardly any did, the test would not test.
        #expect((1000..<2000).contains(refused))
    }

    @Test func `an alias bomb is refused at once`() {
        var text = "version: 1\nvars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...30 { text += "  a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]\n" }
        #expect(check(text).map(\.message) == ["the aliases of this file expand to more than 10000 nodes"])
        // As a key, which YAML readers hash: the same bomb.
        #expect(check(text + "  ? *a30\n  : 1\n").map(\.code) == [.limit])
        #expect(check(text + "  ? *a30\n  : 1\n  ? *a30\n  : 2\n").map(\.message) == ["the key '*a30' is written twice in one mapping"])
    }

    @Test func `aliases are fine`() throws {
        let pipeline = try good("version: 1\nstages:\n  - sharpen: &s {sigma: 1}\n  - sharpen: *s\n  - gaussblur: &n 2\n  - gaussblur: *n\n")
        #expect(try pipeline.values(1) == pipeline.values(0))
        #expect(try pipeline.values(3)["sigma"] == .double(2))
    }

    @Test func `depth is bounded, also where aliases make it`() {
        let deep = String(repeating: "[", count: 31) + String(repeating: "]", count: 31)
        #expect(check("version: 1\nstages:\n  - acme.script: \(String(deep.dropFirst(3).dropLast(3)))\n").isEmpty)
        #expect(check("version: 1\nstages:\n  - acme.script: \(deep)\n").map(\.code) == [.limit])
        #expect(check("version: 1\nstages: " + String(repeating: "[", count: 200_000)).map(\.code) == [.limit])
        #expect(check("version: 1\nstages: " + String(repeating: "- ", count: 200_000)).first?.severity == .error)
        var text = "version: 1\nvars:\n  a0: &a0 [x]\n"
        for level in 1...40 { text += "  a\(level): &a\(level) [*a\(level - 1)]\n" }
        #expect(check(text).map(\.message) == ["lists and mappings are nested deeper than 32 levels here"])
    }

    @Test func `size and bytes are checked before anything else`() {
        let big = "version: 1\n#" + String(repeating: "x", count: 1_000_000)
        #expect(check(big).map(\.message) == ["the file has 1000012 bytes; a pipeline may have at most 1000000"])
        #expect(throws: Diagnostics.self) { try SourceText(name: "p", bytes: Array(big.utf8)) }
        let error = #expect(throws: Diagnostics.self) { try SourceText(name: "p.yaml", bytes: Array("version: 1\na".utf8) + [0xE4, 0x20]) }
        #expect(error?.description == "p.yaml:2:2: error: the file is not UTF-8 text: save it as UTF-8")
    }

    @Test func `a file of nearly a megabyte is read`() throws {
        let text = "version: 1\nstages:\n" + String(repeating: "  - gaussblur: \"${1 + 1}\"\n", count: 35_000)
        #expect(try good(text).stages.count == 35_000)
    }

    @Test func `long and deep expressions are refused`() {
        func said(_ expression: String) -> [Diagnostic.Code] { check("version: 1\nstages: [gaussblur: \"${\(expression)}\"]\n").map(\.code) }
        #expect(said("1" + String(repeating: "+1", count: 999)).isEmpty)
        #expect(said(String(repeating: "1+", count: 5000) + "1") == [.limit])
        #expect(said(String(repeating: "(", count: 500) + "1" + String(repeating: ")", count: 500)) == [.expression])
        #expect(said(String(repeating: "-", count: 500) + "1") == [.expression])
        #expect(said(String(repeating: "not ", count: 300) + "true") == [.expression])
    }

    @Test func `byte order mark, CRLF, a directive and Unicode names are fine`() throws {
        #expect(check("\u{FEFF}version: 1\r\nvars: {größe: 3}\r\nstages:\r\n  - gaussblur: ${größe}\r\n").isEmpty)
        #expect(check("%YAML 1.1\n---\nversion: 1\n...\n").isEmpty)
        #expect(rendered("\u{FEFF}verzion: 1\r\nversion: 1\r\n") == """
            p.yaml:1:1: error: the pipeline has no key 'verzion'; it has version, description, requires, vars, limits, input, alpha, images, stages, output, outputs
            verzion: 1
            ^
             did you mean 'version'?
            """)
    }

    @Test func `control characters and long lines stay out of the terminal`() {
        #expect(rendered("version: 1\nstages: [\"\\e[31m\"]\n").split(separator: "\n").first == "p.yaml:2:10: error: there is no stage '\u{FFFD}[31m': 'aquatint stages' lists them")
        let lines = rendered("version: 1\ndescription: \(String(repeating: "x", count: 5000)) : : y\n").split(separator: "\n")
        #expect(lines.allSatisfy { $0.count < 250 })
    }

    @Test("a NUL never reaches a C string", arguments: [
        "onnx: {model: \"a\\0b\"}", "affine: {matrix: [1, 0, 0, 1], interpolate: \"a\\0b\"}", "onnx: {model: \"${'a\\0b'}\"}",
    ])
    func nul(stage: String) {
        #expect(check("version: 1\nstages:\n  - \(stage)\n").map(\.code) == [.value])
    }

    @Test func `a NUL in an image's file is refused`() throws {
        let (pipeline, _) = try Pipeline.read(SourceText(name: "p", text: "version: 1\nimages: {a: \"x\\0y\"}\n"))
        #expect(throws: Diagnostics.self) { try pipeline.images[0].fileName(in: Environment(), pipeline: pipeline) }
        #expect(check("version: 1\nimages: {a: \"x\\0y\"}\nstages: [bandjoin: {in: [prev, a]}]\n").map(\.code) == [.value])
    }

    @Test func `many mistakes are told up to a hundred`() {
        #expect(check("version: 1\nstages:\n" + (0..<500).map { "  - nope\($0)\n" }.joined()).count == 100)
    }
}
