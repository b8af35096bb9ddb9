import Foundation
import Testing

@testable import StageHost

@Suite struct SearchFolderTests {
    @Test func `folders are searched in the agreed order`() {
        let search = PluginSearch(option: ["/a:/b", "c"], environment: ["AQUATINT_PLUGIN_PATH": "/d::/e", "HOME": "/home/me"],
                                  executable: "/opt/aq/bin/aquatint")
        #expect(search.folders.map(\.path) == ["/a", "/b", "c", "/d", "/e", "/home/me/.local/share/aquatint/plugins",
                                               "/opt/aq/lib/aquatint/plugins"])
        #expect(search.refusedFolders.isEmpty)
    }

    @Test func `a relative folder in the environment is refused, so that no code comes from the current directory`() {
        let search = PluginSearch(option: [], environment: ["AQUATINT_PLUGIN_PATH": "plugins:.", "XDG_DATA_HOME": "."], executable: nil)
        #expect(search.folders.isEmpty)
        #expect(search.refusedFolders.map(\.path) == ["plugins", "."])
    }

    @Test func `the program's own folder counts only where it is a build directory`() {
        let build = PluginSearch(option: [], environment: [:], executable: "\(BuiltPlugins.directory)/aquatint")
        #expect(build.folders.last == PluginFolder(path: BuiltPlugins.directory, source: .build))
        #expect(PluginSearch(option: [], environment: [:], executable: "/usr/bin/aquatint").folders.map(\.source) == [.installation])
    }
}

@Suite(.enabled(if: FixturePlugins.canBuild, "no C compiler to build the fixtures with"))
struct SearchTests {
    let fixtures: FixturePlugins

    init() throws { fixtures = try FixturePlugins() }

    func load(_ folders: String...) -> InstalledPlugins {
        PluginSearch(option: folders, environment: [:], executable: nil).load(host: BuiltPlugins.host)
    }

    @Test func `one bad file does not stop the others, and each is reported`() throws {
        try fixtures.build("b_good", ["STAGE_ID=\"test.good\""])
        _ = try fixtures.write("a_text.so", Array("no".utf8))
        _ = try fixtures.write("readme.txt", Array("no".utf8))
        let plugins = load(fixtures.folder, "/nonexistent")
        #expect(plugins.reports.map(\.status) == [.refused, .ok])
        #expect(plugins.reports[0].reason == "is no shared library: it does not start as an ELF file")
        let good = plugins.reports[1]
        #expect(good.name == "test" && good.version == "1.0.0" && good.abi == "1.0" && good.licence == "MIT")
        #expect(good.stages == ["test.good"] && good.sha256?.count == 64)
        #expect(plugins.stages.keys.sorted() == ["test.good"])
    }

    @Test func `the same file through two paths is loaded once`() throws {
        try fixtures.build("one", in: "real")
        try FileManager.default.createSymbolicLink(atPath: "\(fixtures.folder)/link", withDestinationPath: "\(fixtures.folder)/real")
        let plugins = load("\(fixtures.folder)/real", "\(fixtures.folder)/link")
        #expect(plugins.reports.count == 1 && plugins.conflicts.isEmpty && plugins.stages["test.copy"] != nil)
    }

    @Test func `a copy of a loaded file is no conflict, and is said to be one`() throws {
        let original = try fixtures.build("one", in: "a")
        try FileManager.default.createDirectory(atPath: "\(fixtures.folder)/b", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: original, toPath: "\(fixtures.folder)/b/one.so")
        let plugins = load("\(fixtures.folder)/a", "\(fixtures.folder)/b")
        #expect(plugins.reports.map(\.reason) == [nil, "is a copy of \(original), which is loaded"])
        #expect(plugins.conflicts.isEmpty)
    }

    @Test func `two libraries that claim one id are a conflict, and neither wins`() throws {
        let first = try fixtures.build("first"), second = try fixtures.build("second", ["THREADS=AQT_THREADS_INSTANCE"])
        let plugins = load(fixtures.folder)
        #expect(plugins.conflicts == ["test.copy": [first, second]])
        #expect(plugins.stages.isEmpty && plugins.reports.map(\.status) == [.ok, .ok])
    }

    @Test func `what every user may write is refused`() throws {
        let path = try fixtures.build("open", in: "files")
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path)
        #expect(load("\(fixtures.folder)/files").reports.map(\.reason)
            == ["is writable by every user (take that away with chmod o-w)"])
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: "\(fixtures.folder)/files")
        let plugins = load("\(fixtures.folder)/files")
        #expect(plugins.reports.map(\.reason)
            == ["is writable by every user (take that away with chmod o-w), so that no plug-in in it can be trusted"])
        #expect(plugins.stages.isEmpty)
    }

    @Test func `the shipped plug-ins of the build directory are found`() {
        let plugins = PluginSearch(option: [], environment: [:], executable: "\(BuiltPlugins.directory)/aquatint")
            .load(host: BuiltPlugins.host)
        for id in ["kuwahara", "halftone", "dither", "guided", "xdog", "onnx"] { #expect(plugins.stages[id] != nil, "\(plugins.reports)") }
        #expect(plugins.conflicts.isEmpty)
    }
}

@Suite struct TrustTests {
    @Test func `what belongs to another user is not trusted`() throws {
        let mine = PluginTrust(owners: [0, geteuid()]), theirs = PluginTrust(owners: [geteuid() &+ 12345])
        let folder = FileManager.default.temporaryDirectory.appending(path: "aquatint-trust-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(mine.fault(of: folder) == nil)
        #expect(theirs.fault(of: folder)?.contains("who is neither you nor the administrator") == true)
    }
}
