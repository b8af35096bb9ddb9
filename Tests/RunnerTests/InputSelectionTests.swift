import Foundation
import Testing

@testable import Runner

@Suite struct InputSelectionTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    /// Paths relative to the scratch folder. Content is an image where it begins with "image".
    func select(_ arguments: [String], input: String = "", _ change: (inout InputSelection) -> Void = { _ in }) throws -> InputSelection.Found {
        var selection = InputSelection(arguments: arguments)
        change(&selection)
        return try selection.resolve(knownExtensions: ["png", "jpg"]) { path in
            (try? String(contentsOfFile: path, encoding: .utf8))?.hasPrefix("image") == true
        } standardInput: { Array(input.utf8) }
    }

    func paths(_ found: InputSelection.Found) -> [String] { found.files.map { $0.path.replacing(folder.path + "/", with: "") } }
    func strays(_ found: InputSelection.Found) -> [String] { found.strays.map { "\($0.path.replacing(folder.path + "/", with: "")): \($0.reason)" }.sorted() }

    @Test func `a folder is taken with all below it, in the order in which people count`() throws {
        for name in ["in/10.png", "in/9.png", "in/b/2.JPG", "in/b/c/d/1.png", "in/a.jpg"] { try folder.write(name) }
        let found = try select([folder("in")])
        #expect(paths(found) == ["in/9.png", "in/10.png", "in/a.jpg", "in/b/2.JPG", "in/b/c/d/1.png"])
        #expect(found.files.map(\.folder) == ["", "", "", "b", "b/c/d"])
        #expect(found.files.map(\.relativePath).last == "b/c/d/1.png")
        #expect(paths(try select([folder("in")]) { $0.isRecursive = false }) == ["in/9.png", "in/10.png", "in/a.jpg"])
        #expect(paths(try select([folder("in/")])).count == 5, "a trailing slash is nothing")
    }

    @Test func `a folder whose name only Unicode holds to be that of the output is no output`() throws {
        try folder.write("in/e\u{301}/a.png")
        #expect(try select([folder("in")]) { $0.output = folder("in/\u{E9}") }.files.count == 1)
    }

    @Test func `what is given twice is taken once`() throws {
        try folder.write("in/a.png")
        try folder.write("in/b/c.png")
        let found = try select([folder("in/a.png"), folder("in"), folder("in/../in/./b"), folder("in/b//c.png")])
        #expect(paths(found).count == 2)
        #expect(found.files.map(\.folder) == ["", "b"], "the first mention decides the place")
    }

    @Test func `a file given by itself is taken whatever it is, and goes straight under the output`() throws {
        try folder.write("deep/er/notes.txt")
        let found = try select([folder("deep/er/notes.txt")])
        #expect(found.files == [InputFile(path: folder("deep/er/notes.txt"), folder: "")])
    }

    @Test func `an argument that names nothing ends the run with 66`() throws {
        for argument in [folder("none.png"), folder("none/*.png"), "/dev/null"] {
            #expect(runError { try select([argument]) }?.status == .inputMissing, "\(argument)")
        }
        #expect(runError { try select([folder("a")]) }?.message == "input '\(folder("a"))' does not exist or cannot be read")
    }

    @Test func `patterns that the shell left alone are expanded`() throws {
        for name in ["in/a1.png", "in/a10.png", "in/a2.png", "in/b.png", "in/x/a3.png", "in/x/y/a4.png", "in/.a5.png"] { try folder.write(name) }
        #expect(paths(try select([folder("in/a*.png")])) == ["in/a1.png", "in/a2.png", "in/a10.png"])
        #expect(paths(try select([folder("in/*/a?.png")])) == ["in/x/a3.png"])
        #expect(paths(try select([folder("in/**/a[34].png")])) == ["in/x/a3.png", "in/x/y/a4.png"])
        let found = try select([folder("in/?")])
        #expect(paths(found) == ["in/x/a3.png", "in/x/y/a4.png"], "a folder that matches is walked")
    }

    @Test func `a name that holds pattern characters is a name where such a file exists`() throws {
        try folder.write("in/[a].png")
        try folder.write("in/a.png")
        #expect(paths(try select([folder("in/[a].png")])) == ["in/[a].png"])
    }

    @Test func `lists come from standard input, by line or by zero byte`() throws {
        for name in ["a.png", "b c.png", "d\ne.png", "*.png"] { try folder.write(name) }
        #expect(paths(try select(["-"], input: "\(folder("a.png"))\r\n\n\(folder("b c.png"))")) == ["a.png", "b c.png"])
        #expect(paths(try select(["-"], input: "\(folder("d\ne.png"))\0\(folder("*.png"))\0") { $0.isNulSeparated = true }) == ["*.png", "d\ne.png"])
        #expect(paths(try select(["-"], input: "")).isEmpty)
        #expect(runError { try select(["-"], input: "\(folder("gone.png"))\n") }?.status == .inputMissing)
    }

    @Test func `include and exclude match base names, or paths below the given folder`() throws {
        for name in ["in/a.png", "in/b.jpg", "in/raw/a.png", "in/raw/old/c.png", "in/new/raw/d.png"] { try folder.write(name) }
        func include(_ includes: [String], _ excludes: [String] = []) throws -> [String] {
            paths(try select([folder("in")]) {
                $0.includes = includes.map(GlobPattern.init)
                $0.excludes = excludes.map(GlobPattern.init)
            })
        }
        #expect(try include(["*.png"]) == ["in/a.png", "in/new/raw/d.png", "in/raw/a.png", "in/raw/old/c.png"])
        #expect(try include(["raw/*.png"]) == ["in/raw/a.png"])
        #expect(try include(["raw/**"]) == ["in/raw/a.png", "in/raw/old/c.png"])
        #expect(try include(["**/raw/**"]) == ["in/new/raw/d.png", "in/raw/a.png", "in/raw/old/c.png"])
        #expect(try include(["/a.png", "*.jpg"]) == ["in/a.png", "in/b.jpg"])
        #expect(try include([], ["a.*"]) == ["in/b.jpg", "in/new/raw/d.png", "in/raw/old/c.png"])
        #expect(try include(["*.png"], ["**/raw/**", "x"]) == ["in/a.png"])
    }

    @Test func `litter and other files are counted with a reason, and never opened as images`() throws {
        for name in [".DS_Store", "Thumbs.db", "desktop.ini", "._a.png", ".hidden.png", ".aquatint-12-3.png", "notes.txt"] { try folder.write("in/\(name)") }
        try folder.write("in/.thumbnails/a.png", "image")
        try folder.write("in/photo", "image without an extension")
        try folder.write("in/wrong.png", "text")
        let found = try select([folder("in")])
        #expect(paths(found) == ["in/photo", "in/wrong.png"])
        #expect(strays(found) == [
            "in/.DS_Store: left there by a file browser", "in/._a.png: AppleDouble metadata", "in/.aquatint-12-3.png: a temporary file of another run",
            "in/.hidden.png: hidden file", "in/.thumbnails: hidden folder", "in/Thumbs.db: left there by a file browser", "in/desktop.ini: left there by a file browser",
            "in/notes.txt: not an image by name or content",
        ])
    }

    @Test func `symbolic links are taken where that is asked for, and a loop of them ends`() throws {
        try folder.write("in/a.png")
        try folder.write("else/b.png")
        try folder.link("in/link.png", to: "a.png")
        try folder.link("in/else", to: "../else")
        try folder.link("in/self", to: ".")
        try folder.link("else/back", to: "../in")
        try folder.link("in/dead.png", to: "nowhere")
        let plain = try select([folder("in")])
        #expect(paths(plain) == ["in/a.png"])
        #expect(plain.strays.count == 4)
        let found = try select([folder("in")]) { $0.followsLinks = true }
        #expect(paths(found) == ["in/a.png", "in/dead.png", "in/else/b.png", "in/link.png"], "an image name that leads nowhere is a failure, not a stray")
        #expect(strays(found).isEmpty)
        #expect(paths(try select([folder("in/link.png")])) == ["in/link.png"], "a link given by itself is what it points to")
    }

    @Test func `the run's own output is never an input`() throws {
        try folder.write("in/a.png")
        try folder.write("in/out/a.png")
        try folder.write("in/.aquatint/b.png")
        #expect(paths(try select([folder("in")]) { $0.output = folder("in/out") }) == ["in/a.png"])
        #expect(paths(try select([folder("in")]) { $0.output = folder("in/out/../out/") }) == ["in/a.png"])
        try folder.link("alias", to: folder("in/out"))
        #expect(paths(try select([folder("in")]) { $0.output = folder("alias") }) == ["in/a.png"])
    }

    @Test(.enabled(if: geteuid() != 0, "root reads every folder"))
    func `a folder that cannot be listed is told, and the rest goes on`() throws {
        try folder.write("in/a.png")
        try folder.write("in/shut/b.png")
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: folder("in/shut"))
        defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder("in/shut")) }
        let found = try select([folder("in")])
        #expect(paths(found) == ["in/a.png"] && found.unreadable.count == 1)
    }

    @Test func `what is no file and no folder is a stray`() throws {
        try folder.write("in/a.png")
        #expect(mkfifo(folder("in/pipe.png"), 0o600) == 0)
        #expect(strays(try select([folder("in")])) == ["in/pipe.png: not a regular file"])
    }
}

@Suite struct PathTests {
    @Test(arguments: [
        ("a.png", "a", ".png"), ("a.tar.gz", "a.tar", ".gz"), (".hidden", ".hidden", ""), (".hidden.png", ".hidden", ".png"), ("noext", "noext", ""),
        ("dot.", "dot", "."),
    ])
    func `a name falls into stem and extension`(_ name: String, _ stem: String, _ ext: String) {
        #expect(Path.split(name) == (stem, ext))
    }

    @Test func `paths are joined and made absolute as text`() {
        #expect(Path.join("a/", "b") == "a/b" && Path.join("a", "b") == "a/b" && Path.join("", "b") == "b" && Path.join("a", "/b") == "/b")
        #expect(Path.absolute("/a/./b//../c/") == "/a/c" && Path.absolute("/../..") == "/")
        #expect(Path.directory("/a") == "/" && Path.directory("a") == "" && Path.directory("a/b/c") == "a/b")
        #expect(Path.base("a/b/") == "b" && Path.base("/") == "")
    }
}
