import Foundation
import StageHost
import Testing

/// Plug-ins in C++ and Rust, built by the tests where the compilers are.
@Suite struct LanguageTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func build(_ fixtures: FixturePlugins, _ compiler: [String], _ source: String) throws -> PluginLibrary {
        let library = "\(fixtures.folder)/\(source).so"
        let path = Self.root.appending(path: "Tests/StageHostTests/Fixtures/languages/\(source)").path
        #expect(try FixturePlugins.run(compiler + ["-o", library, path]) == 0)
        return try PluginLibrary.open(library, host: BuiltPlugins.host)
    }

    private func buildCpp(_ fixtures: FixturePlugins) throws -> PluginLibrary {
        let headers = Self.root.appending(path: "Sources/CAquatintPlugin/include").path
        return try build(fixtures, ["c++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-pedantic", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden", "-I", headers], "blur.cpp")
    }

    @Test(.enabled(if: FixturePlugins.canBuild(with: "c++"), "no C++ compiler"))
    func `a C++ class is a stage: its declaration is read, and it computes in tiles what it computes whole`() throws {
        let fixtures = try FixturePlugins()
        let library = try buildCpp(fixtures)
        #expect(library.stages.map(\.id) == ["test.blur", "test.second"])
        let blur = try #require(library.stages.first), declared = blur.declared
        #expect(declared.version == "2.0.1" && declared.licence == "MIT" && declared.threads == .instance)
        #expect(library.descriptor.stages[1].licence == nil)
        #expect(declared.inputs.map(\.name) == ["in"] && declared.inputs[0].bands == 3...3)
        let masked = library.stages[1]
        #expect(masked.declared.inputs.map(\.name) == ["in", "mask"] && masked.declared.inputs[1].isOptional)
        #expect(throws: Never.self) { try masked.create().plan([PluginImage(width: 3, height: 3, bands: 3, space: .srgb), nil]) }
        #expect(declared.parameters.map(\.name) == ["gain", "reach", "squares", "fault", "tint"])
        #expect(declared.parameters[1].range == 0...4 && declared.parameters[1].unit == "px" && declared.parameters[3].choices.last == "undeclared")

        let picture = Picture.scene(width: 11, height: 9, bands: 3)
        let stage = try blur.create(["gain": .double(2), "reach": .int(2), "tint": .colour([1, 0.5, 0])])
        let whole = try stage.run(picture)
        #expect(try stage.run(picture, tile: (4, 3)) == whole)
        for y in 0..<9 {
            let rows = max(0, y - 2)...min(8, y + 2)
            let mean = rows.reduce(Float(0)) { $0 + picture[5, $1, 1] } / Float(rows.count)
            #expect(abs(whole[5, y, 1] - mean) < 1e-6 && whole[5, y, 2] == 0)
        }
    }

    @Test(.enabled(if: FixturePlugins.canBuild(with: "c++"), "no C++ compiler"), arguments: [
        ("parameter", "gain"), ("geometry", "too small"), ("runtime", "a runtime error"), ("memory", "no memory"), ("unknown", "an exception of an unknown type"),
        ("undeclared", "gian"),
    ])
    func `what C++ throws becomes an error`(_ fault: String, _ words: String) throws {
        let fixtures = try FixturePlugins()
        let blur = try #require(try buildCpp(fixtures).stages.first)
        let error = #expect(throws: (any Error).self) {
            _ = try blur.create(["fault": .choice(fault)]).run(Picture.scene(width: 4, height: 4, bands: 3))
        }
        #expect("\(try #require(error))".contains(words), "\(error.map { "\($0)" } ?? "")")
    }

    @Test(.enabled(if: FixturePlugins.canBuild(with: "rustc"), "no rustc on the PATH"))
    func `a stage in Rust multiplies`() throws {
        let fixtures = try FixturePlugins()
        let library = try build(fixtures, ["rustc", "--edition", "2021", "-O", "--crate-type", "cdylib"], "gain.rs")
        let stage = try #require(library.stages.first)
        #expect(stage.id == "test.rust_gain")
        let picture = Picture.scene(width: 20, height: 10, bands: 3)
        #expect(try stage.create(["amount": .double(2)]).run(picture, tile: (7, 4)).samples == picture.samples.map { 2 * $0 })
    }
}
