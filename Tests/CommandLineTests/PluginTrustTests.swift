import Foundation
import Testing

@Suite(.enabled(if: Program.has("cc"), "there is no C compiler"))
struct PluginTrustTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    func list(_ folder: String = "plugins") throws -> String { try place.aquatint("plugins", "list", "--plugin-path", place(folder)).output }

    @Test func `a link into a folder that anybody may write is refused, and so is a file below one`() throws {
        try FileManager.default.createDirectory(atPath: place("plugins"), withIntermediateDirectories: true)
        let real = try place.buildPlugin("blur", in: "open/inner")
        try FileManager.default.createSymbolicLink(atPath: place("plugins/blur.so"), withDestinationPath: real)
        #expect(try list().contains("test.blur"))
        #expect(chmod(place("open"), 0o777) == 0)
        #expect(try list().contains("refused: \(place("plugins/blur.so")) leads to \(real), which lies below \(place("open")), which is writable by every user"))
        #expect(chmod(place("open"), 0o1777) == 0, "where only owners may rename, nothing can be replaced")
        #expect(try list().contains("test.blur"))
        #expect(chmod(place("open/inner"), 0o777) == 0)
        #expect(try list().contains("refused: \(place("plugins/blur.so")) leads to \(real), which lies in a folder that is writable by every user"))
    }

    @Test func `a link on the way that anybody could replace is refused, wherever it leads`() throws {
        let real = try place.buildPlugin("blur", in: "mine")
        for folder in ["plugins", "open", "on"] { try FileManager.default.createDirectory(atPath: place(folder), withIntermediateDirectories: true) }
        // From link to link: the one in the middle lies where anybody may write.
        try FileManager.default.createSymbolicLink(atPath: place("open/blur.so"), withDestinationPath: real)
        try FileManager.default.createSymbolicLink(atPath: place("plugins/blur.so"), withDestinationPath: "../open/blur.so")
        try FileManager.default.createSymbolicLink(atPath: place("open/folder"), withDestinationPath: place("mine"))
        try FileManager.default.createSymbolicLink(atPath: place("on/folder"), withDestinationPath: place("open/folder"))
        for folder in ["plugins", "open/folder", "on/folder"] { #expect(try list(folder).contains("test 1.2.0: test.blur"), "\(folder)") }
        #expect(chmod(place("open"), 0o777) == 0)
        #expect(try list().contains("refused: \(place("plugins/blur.so")) is reached by the link \(place("open/blur.so")), whose folder is writable by every user"))
        for folder in ["open/folder", "on/folder"] {
            let text = try list(folder)
            #expect(text.contains("is reached by the link \(place("open/folder")), whose folder is writable by every user"), "\(text)")
        }
        #expect(chmod(place("open"), 0o1777) == 0, "where only owners may rename, nothing can be replaced")
        #expect(try list().contains("test 1.2.0: test.blur"))
    }

    @Test(.enabled(if: geteuid() == 0, "only the administrator can give files to any group"))
    func `what a group with other members may write is refused, and what a group of one's own may write is not`() throws {
        let library = try place.buildPlugin("blur"), folder = place("plugins")
        // 1 is the first group of the user 'daemon'; 54321 that of nobody.
        for (group, isTrusted) in [(getegid(), true), (54321, true), (1, false)] as [(gid_t, Bool)] {
            for path in [library, folder] {
                #expect(chown(path, uid_t.max, group) == 0 && chmod(path, 0o775) == 0)
                let text = try list()
                #expect(text.contains("test 1.2.0: test.blur") == isTrusted, "\(text)")
                #expect(isTrusted || text.contains("is writable by the group 'daemon', to which the user 'daemon' belongs (take that away with chmod g-w)"), "\(text)")
                #expect(chmod(path, 0o755) == 0)
            }
        }
    }

    @Test func `the list shows path, version, licence and hash`() throws {
        let library = try place.buildPlugin("blur")
        let hash = try #require(try place.run("/usr/bin/env", ["sha256sum", library]).output.split(separator: " ").first)
        #expect(try list().contains("test 1.2.0: test.blur\n  \(library), interface 1.0, MIT\n  sha256 \(hash)\n"))
    }

    @Test func `a pipeline pins versions and hashes of plug-ins`() throws {
        let library = try place.buildPlugin("blur")
        let hash = try #require(try place.run("/usr/bin/env", ["sha256sum", library]).output.split(separator: " ").first)
        let other = String(repeating: "0", count: 64)
        func check(_ pin: String) throws -> Outcome {
            try place.write("pin.yaml", "version: 1\nrequires: {plugins: {test: \(pin)}}\nstages: [test.blur]\n")
            return try place.aquatint("check", "pin.yaml", "--plugin-path", place("plugins"))
        }
        for pin in ["\">=1.2\"", "{version: \">=1.2, <2\", sha256: \(hash)}", "{sha256: \(hash.uppercased())}"] { #expect(try check(pin).status == 0, "\(pin)") }
        let version = try check("{version: \">=1.3\", sha256: \(hash)}")
        #expect(version.status == 69 && version.error.contains("the pipeline needs the plug-in 'test' >=1.3; this is 1.2.0"), "\(version.error)")
        let changed = try check("{version: \">=1.2\", sha256: \(other)}")
        #expect(changed.status == 69 && changed.error.contains("the pipeline needs the plug-in 'test' with the SHA-256 \(other); this one (version 1.2.0) has \(hash)"), "\(changed.error)")
        let wrong = try check("{sha256: abc}")
        #expect(wrong.status == 65 && wrong.error.contains("'sha256' must be 64 hexadecimal digits"), "\(wrong.error)")
        #expect(try check("{hash: \(hash)}").status == 65)
    }

    @Test func `a pin of a name that two plug-ins say is refused, whichever of them the pipeline uses`() throws {
        let real = try place.buildPlugin("blur"), other = try place.buildPlugin("other", ["STAGE_ID=\"test.other\""])
        for library in [real, other] {
            let hash = try #require(try place.run("/usr/bin/env", ["sha256sum", library]).output.split(separator: " ").first)
            func check(_ name: String, _ stage: String) throws -> Outcome {
                try place.write("pin.yaml", "version: 1\nrequires: {plugins: {\(name): {sha256: \(hash)}}}\nstages: [\(stage)]\n")
                return try place.aquatint("check", "pin.yaml", "--plugin-path", place("plugins"))
            }
            for stage in ["test.blur", "test.other"] {
                let outcome = try check("test", stage)
                #expect(outcome.status == 69 && outcome.error.contains("both call themselves that"), "\(outcome.error)")
            }
            // A stage's id says which.
            #expect(try check("test.blur", "test.blur").status == (library == real ? 0 : 69))
        }
        #expect(try list().contains("namesakes: \(real) and \(other) call themselves 'test', so that no pipeline can require it\n"))
    }

    @Test func `a newer minor version is used, another major version is refused with both`() throws {
        try place.buildPlugin("newer", ["LARGE_STRUCT"])
        try place.buildPlugin("other", ["OTHER_MAJOR"])
        let text = try list()
        #expect(text.contains("test 1.2.0: test.blur\n  \(place("plugins/newer.so")), interface 1.7, MIT"), "\(text)")
        #expect(text.contains("other.so is built for version 2 of the plug-in interface, and this program has version 1"))
    }
}
