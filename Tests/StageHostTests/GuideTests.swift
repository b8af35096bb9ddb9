import Foundation
import StageHost
import Testing

/// The examples of Plugins/README.md, built as they stand there.
@Suite struct GuideTests {
    private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The code blocks of a language, in order.
    private func blocks(_ language: String) throws -> [String] {
        let text = try String(contentsOf: root.appending(path: "Plugins/README.md"), encoding: .utf8)
        return text.components(separatedBy: "```\(language)\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }

    @Test(.enabled(if: FixturePlugins.canBuild, "no C compiler"))
    func `the C example builds without a warning and multiplies`() throws {
        let fixtures = try FixturePlugins()
        let source = try fixtures.write("gain.c", Array(try #require(try blocks("c").first).utf8))
        let library = "\(fixtures.folder)/gain.so"
        let words = try #require(try blocks("sh").first).split(whereSeparator: \.isWhitespace).map(String.init)
        let arguments = words.map { word in
            switch word {
            case "gain.c": source
            case "gain.so": library
            default: word.replacing("aquatint/Sources", with: root.appending(path: "Sources").path)
            }
        }
        #expect(try FixturePlugins.run(arguments + ["-Wall", "-Wextra", "-Werror"]) == 0)
        let stage = try PluginLibrary.open(library, host: BuiltPlugins.host).stages[0]
        let picture = Picture.scene(width: 20, height: 10, bands: 3)
        let result = try stage.create(["amount": .double(2)]).run(picture, tile: (7, 4))
        #expect(result.samples == picture.samples.map { 2 * $0 })
    }

    @Test(.enabled(if: FixturePlugins.canBuild(with: "swiftc"), "no swiftc on the PATH"))
    func `the Swift examples compile`() throws {
        let fixtures = try FixturePlugins()
        let examples = try blocks("swift")
        let code = examples[0] + examples[2] + "\nfunc read(_ path: String) throws(StageError) -> [UInt8] { throw .io(path) }\n"
        let source = try fixtures.write("Example.swift", Array(code.utf8))
        let build = BuiltPlugins.directory
        #expect(try FixturePlugins.run([
            "swiftc", "-typecheck", "-swift-version", "6", "-parse-as-library", "-warnings-as-errors", "-I", "\(build)/Modules",
            "-Xcc", "-fmodule-map-file=\(build)/CAquatintPlugin.build/module.modulemap", source,
        ]) == 0)
    }
}
