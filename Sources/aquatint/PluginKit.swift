import Foundation
import Runner

/// What a plug-in is made of: the interface for each language, and templates. `<prefix>/share/aquatint/sdk`, or `SDK` of the checkout
/// that the program was built in.
struct PluginKit {
    enum Language: String, CaseIterable {
        case swift, c, cpp

        /// The folders of templates that make one of it.
        fileprivate var templates: [String] { self == .swift ? ["swift"] : ["c-and-cpp", rawValue] }

        /// What the templates that C and C++ share say differently.
        fileprivate var words: [String: String] {
            switch self {
            case .swift: [:]
            case .c: ["extension": "c", "COMPILER": "CC", "compiler": "gcc", "FLAGS": "CFLAGS", "standard": "c11", "licence": "`.licence`",
                      "version pattern": #"AQT_ABI_MINOR, \.name = "[^"]*", \.version = "\([^"]*\)""#]
            case .cpp: ["extension": "cpp", "COMPILER": "CXX", "compiler": "g++", "FLAGS": "CXXFLAGS", "standard": "c++17", "licence": "`.licence(\"MIT\")` in `declare()`",
                        "version pattern": #"AQUATINT_PLUGIN."[^"]*", "\([^"]*\)""#]
            }
        }
    }

    let path: String

    /// The kit that belongs to a program.
    init(of executable: String?) throws(RunError) {
        var folder = URL(filePath: executable ?? "/").deletingLastPathComponent()
        var candidates = [folder.deletingLastPathComponent().appending(path: "share/aquatint/sdk")]
        // A build directory lies in its checkout: CHECKOUT/.build/TRIPLE/debug.
        for _ in 0..<3 {
            folder.deleteLastPathComponent()
            candidates.append(folder.appending(path: "SDK"))
        }
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.appending(path: "include/aquatint_plugin.h").path) }) else {
            throw RunError(.unavailable, "the plug-in kit is missing; looked for \(candidates.map(\.path).joined(separator: ", "))",
                           hint: "install Aquatint anew with make install, or run it from the checkout's .build")
        }
        path = found.path
    }

    /// Makes the folder of a plug-in: all of it, or nothing.
    func make(_ name: PluginName, _ language: Language, in parent: String, version: String) throws(RunError) {
        let place = URL(filePath: parent).appending(path: name.folder)
        guard mkdir(place.path, 0o755) == 0 else {
            if errno == EEXIST { throw RunError(.cannotCreateOutput, "\(name.folder) is there already", hint: "take another name, or move it away") }
            throw RunError(.cannotCreateOutput, "\(place.path) cannot be made: \(String(cString: strerror(errno)))")
        }
        var words = ["id": name.id, "library": name.library, "name": name.last, "Name": name.type, "vendor": name.vendor, "version": version,
                     "year": "\(Calendar(identifier: .gregorian).component(.year, from: Date()))"]
        words.merge(language.words) { $1 }
        do {
            for template in language.templates {
                try copy("templates/\(template)", to: place, rewriting: { text in
                    words.reduce(text) { $0.replacing("{{\($1.key)}}", with: $1.value) }
                }, renaming: {
                    $0.replacing("LIBRARY", with: name.library).replacing("NAME", with: name.last).replacing("TYPE", with: "\(name.type)Effect")
                        .replacing("EXTENSION", with: language.words["extension"] ?? "")
                })
            }
            switch language {
            case .swift: try copy("swift", to: place.appending(path: "aquatint-sdk"))
            case .c, .cpp: try copy("include", to: place.appending(path: "include"), unless: { language == .c && $0.hasSuffix(".hpp") })
            }
        } catch {
            try? FileManager.default.removeItem(at: place)
            throw RunError(.cannotCreateOutput, "\(place.path) cannot be made: \(error.localizedDescription)")
        }
    }

    /// Copies a folder of the kit. Symbolic links, which the checkout has, become what they lead to.
    private func copy(_ folder: String, to place: URL, unless isLeftOut: (String) -> Bool = { _ in false }, rewriting: (String) -> String = { $0 },
                      renaming: (String) -> String = { $0 }) throws {
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let source = URL(filePath: path).appending(path: folder)
        for name in try FileManager.default.contentsOfDirectory(atPath: source.resolvingSymlinksInPath().path) where !isLeftOut(name) {
            var isFolder: ObjCBool = false
            let target = place.appending(path: renaming(name))
            if FileManager.default.fileExists(atPath: source.appending(path: name).path, isDirectory: &isFolder), isFolder.boolValue {
                try copy("\(folder)/\(name)", to: target, unless: isLeftOut, rewriting: rewriting, renaming: renaming)
            } else {
                let text = try String(contentsOf: source.appending(path: name), encoding: .utf8)
                try Data(rewriting(text).utf8).write(to: target)
            }
        }
    }
}
