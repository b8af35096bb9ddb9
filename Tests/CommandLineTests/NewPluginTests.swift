import Foundation
import Testing

/// `aquatint plugins new`: what it makes builds, passes its own tests, and is found.
@Suite("New plug-ins") struct NewPluginTests {
    /// Makes a plug-in and gives the folder's files.
    private func make(_ place: Workplace, _ name: String, _ language: String) throws -> [String] {
        let outcome = try place.aquatint("plugins", "new", name, "--language", language)
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.output.isEmpty && outcome.error.contains("cd \(name)"))
        // The last hint names the library that is built.
        let check = try #require(outcome.error.split(separator: "\n").last { $0.hasPrefix("  aquatint plugins check ") })
        #expect(check.hasSuffix(language == "swift" ? ".build/release/lib\(name.replacing(".", with: "_").replacing("-", with: "_")).so" : "build/\(name.replacing(".", with: "_").replacing("-", with: "_")).so"))

        return place.files(name)
    }

    private func shell(_ place: Workplace, _ command: String, environment: [String: String] = [:]) throws -> Outcome {
        let path = "\(Program.directory):\(ProcessInfo.processInfo.environment["PATH"] ?? "")"
        return try place.run("/bin/sh", ["-ec", command], environment: ["PATH": path, "XDG_DATA_HOME": place("data")].merging(environment) { $1 })
    }

    /// What an author does with a new plug-in, up to a picture that went through it.
    private func publish(_ place: Workplace, _ name: String, _ flags: String = "") throws {
        let tested = try shell(place, "cd \(name) && make test \(flags)")
        #expect(tested.status == 0, "\(tested.output)\(tested.error)")
        let installed = try shell(place, "cd \(name) && make install \(flags)")
        #expect(installed.status == 0, "\(installed.output)\(installed.error)")
        let described = try shell(place, "aquatint stages \(name)")
        #expect(described.output.contains("radius: int, default 2, 1 to 16, px. How far the surroundings go."), "\(described.output)\(described.error)")
        let listed = try shell(place, "aquatint plugins list")
        #expect(listed.output.contains("\(name) 1.0.0: \(name)") && listed.output.contains(", MIT"), "\(listed.output)")
        try place.pictures(1, in: "photos", 40, 30)
        let ran = try shell(place, "aquatint run \(name)/example.yaml photos -o out")
        #expect(ran.status == 0 && place.files("out") == ["1.png"], "\(ran.error)")
        let archived = try shell(place, "cd \(name) && make archive \(flags) && tar -tzf dist/*.tar.gz")
        #expect(archived.status == 0 && !archived.output.contains("no LICENSE file") && archived.output.contains("/LICENSE\n") && archived.output.contains("-1.0.0-linux-") && archived.output.contains(".so\n"), "\(archived)")
        #expect(try place.read("out/1.png") != place.read("photos/1.png"))
    }

    @Test("a plug-in in C builds, passes its test, is installed and runs", .enabled(if: Program.has("cc") && Program.has("make"), "needs cc and make"))
    func inC() throws {
        let place = try Workplace()
        #expect(try make(place, "acme.soft-glow", "c") == [
            ".github/workflows/ci.yml", ".gitignore", "LICENSE", "Makefile", "README.md", "example.yaml", "include/LICENSE", "include/aquatint_plugin.h", "include/aquatint_test.h",
            "src/soft_glow.c", "test/test.c",
        ])
        try publish(place, "acme.soft-glow", "CFLAGS='-O1 -Wall -Wextra -Wpedantic -Werror'")
    }

    @Test("a plug-in in C++ builds, passes its test, is installed and runs", .enabled(if: Program.has("c++") && Program.has("make"), "needs c++ and make"))
    func inCpp() throws {
        let place = try Workplace()
        let files = try make(place, "acme.grain", "cpp")
        #expect(files.contains("src/grain.cpp") && files.contains("include/aquatint_plugin.hpp"))
        try publish(place, "acme.grain", "CXXFLAGS='-O1 -Wall -Wextra -Wpedantic -Werror'")
    }

    @Test("a plug-in in Swift builds without a network, passes its tests, is installed and runs", .enabled(if: Program.has("swift") && Program.has("make"), "needs swift and make"))
    func inSwift() throws {
        let place = try Workplace()
        let files = try make(place, "acme.grain", "swift")
        #expect(files.contains("Sources/acme_grain/GrainEffect.swift") && files.contains("aquatint-sdk/Sources/AquatintPlugin/Stage.swift"))
        try publish(place, "acme.grain")
    }

    @Test("the commands of a plug-in's workflow pass", .enabled(if: Program.has("cc") && Program.has("c++") && Program.has("make"), "needs cc, c++ and make"), arguments: ["c", "cpp"])
    func workflow(_ language: String) throws {
        let place = try Workplace()
        _ = try make(place, "acme.grain", language)
        let workflow = String(decoding: try place.read("acme.grain/.github/workflows/ci.yml"), as: UTF8.self)
        let commands = workflow.split(separator: "\n").compactMap { $0.split(separator: "run: ").dropFirst().first }.filter { $0.hasPrefix("make") }
        #expect(commands.count == 2 && commands[1].contains("-fsanitize=address"))
        for command in commands {
            let outcome = try shell(place, "cd acme.grain && \(command)")
            #expect(outcome.status == 0, "\(command): \(outcome.output)\(outcome.error)")
        }
    }

    @Test("a stage that is made wrong fails its test", .enabled(if: Program.has("cc") && Program.has("make"), "needs cc and make"), arguments: [
        // Positions in the tile for positions in the image; one row more than the halo; an output that is not written.
        ("s->amount * (sum", "(float)(x - out->rect.x) * (sum"), ("v = y - s->radius;", "v = y - s->radius - 1;"), ("*sample(out, x, y, b) =", "if (x) *sample(out, x, y, b) ="),
    ])
    func templateTestCanFail(_ right: String, _ wrong: String) throws {
        let place = try Workplace()
        _ = try make(place, "acme.grain", "c")
        let text = String(decoding: try place.read("acme.grain/src/grain.c"), as: UTF8.self)
        #expect(text.contains(right))
        try place.write("acme.grain/src/grain.c", text.replacing(right, with: wrong))
        let outcome = try shell(place, "cd acme.grain && make test CFLAGS=-O1")
        #expect(outcome.status != 0 && outcome.error.contains("FAILED:"), "\(outcome.error)")
    }

    @Test("no placeholder is left in what is made", arguments: ["c", "cpp", "swift"]) func placeholders(_ language: String) throws {
        let place = try Workplace()
        for file in try make(place, "acme.fine_grain", language) {
            let text = String(decoding: try place.read("acme.fine_grain/\(file)"), as: UTF8.self)
            for word in ["{{id}}", "{{library}}", "{{name}}", "{{Name}}", "{{vendor}}", "{{version}}"] { #expect(!text.contains(word), "\(file)") }
            #expect(!file.contains("LIBRARY") && !file.contains("NAME") && !file.contains("TYPE"), "\(file)")
        }
        let readme = String(decoding: try place.read("acme.fine_grain/README.md"), as: UTF8.self)
        #expect(readme.hasPrefix("# acme.fine_grain\n"))
    }

    @Test("an installed program makes the same folders as one in its checkout, and says so where its kit is missing") func installed() throws {
        let place = try Workplace()
        try FileManager.default.createDirectory(atPath: place("prefix/bin"), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: place("prefix/share/aquatint"), withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: Program.path, toPath: place("prefix/bin/aquatint"))
        let bare = try place.run(place("prefix/bin/aquatint"), ["plugins", "new", "acme.grain", "--language", "swift"])
        #expect(bare.status == 69 && bare.error.contains("prefix/share/aquatint/sdk"), "\(bare.error)")
        #expect(place.files("acme.grain").isEmpty)

        let command = #"cp -RL SDK "$prefix/share/aquatint/sdk""#
        #expect(try String(contentsOfFile: "\(Program.root)/Scripts/install", encoding: .utf8).contains("\n\(command)\n"))
        #expect(try place.run("/bin/sh", ["-ec", "cd '\(Program.root)'\n\(command)"], environment: ["prefix": place("prefix")]).status == 0)
        for language in ["swift", "c", "cpp"] {
            let outcome = try place.run(place("prefix/bin/aquatint"), ["plugins", "new", "acme.\(language)", "--language", language])
            #expect(outcome.status == 0, "\(outcome.error)")
            let files = place.files("acme.\(language)")
            try FileManager.default.moveItem(atPath: place("acme.\(language)"), toPath: place("installed-\(language)"))
            #expect(try make(place, "acme.\(language)", language) == files && files.count > 8)
            for file in files { #expect(try place.read("acme.\(language)/\(file)") == place.read("installed-\(language)/\(file)"), "\(file)") }
        }
    }

    @Test("a name without a dot gets one, and is told so") func withoutDot() throws {
        let place = try Workplace()
        let outcome = try place.aquatint("plugins", "new", "grain", "--language", "c")
        #expect(outcome.status == 0 && outcome.error.contains("made grain, with the stage my.grain"))
        #expect(outcome.error.contains("acme.grain"), "\(outcome.error)")
        #expect(String(decoding: try place.read("grain/example.yaml"), as: UTF8.self).contains("- my.grain:"))
    }

    @Test("bad names are refused in words, and nothing is made", arguments: [
        ("Acme.Grain", "words of a-z"), ("acme..grain", "a word is missing"), (".grain", "a word is missing"), ("9grain", "begin with a letter"), ("../grain", "not a path"),
        ("aquatint.kuwahara", "belongs to Aquatint"), ("vips.resize", "belongs to libvips"), ("acme grain", "words of a-z"), ("körnung", "words of a-z"), ("", "a word is missing"), (String(repeating: "a", count: 65), "more than 64"),
    ])
    func badNames(_ name: String, _ words: String) throws {
        let place = try Workplace()
        let outcome = try place.aquatint("plugins", "new", "--language", "c", "--", name)
        #expect(outcome.status == 64 && outcome.output.isEmpty)
        #expect(outcome.error.contains(words) && outcome.error.contains("acme.grain"), "\(outcome.error)")
        #expect(place.files("").allSatisfy { $0.hasPrefix("home/") })
    }

    @Test("a folder that is there is left alone, and an unknown language is refused") func existing() throws {
        let place = try Workplace()
        try place.write("acme.grain/mine.txt", "mine")
        let outcome = try place.aquatint("plugins", "new", "acme.grain", "--language", "c")
        #expect(outcome.status == 73)
        #expect(outcome.error == "aquatint: acme.grain is there already (take another name, or move it away)\n")
        #expect(place.files("acme.grain") == ["mine.txt"])
        let unknown = try place.aquatint("plugins", "new", "acme.other", "--language", "cobol")
        #expect(unknown.status == 64 && unknown.error.contains("swift"), "\(unknown.error)")
    }
}
