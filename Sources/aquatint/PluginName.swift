import Runner

/// The name of a new plug-in, and what its files call things after it.
struct PluginName: Sendable, Hashable {
    /// As it was given: the folder.
    let folder: String
    /// The id of its stage. A name without a dot gets one, since names without belong to libvips and to the stages that ship.
    let id: String

    /// The id as one word: the library, and the Swift module.
    var library: String { String(id.map { $0 == "." || $0 == "-" ? "_" : $0 }) }
    /// The last word of the id, as C writes names.
    var last: String { String((id.split(separator: ".").last ?? "").map { $0 == "-" ? "_" : $0 }) }
    /// The last word of the id, as Swift and C++ write types.
    var type: String { last.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined() }
    /// The first word of the id: who makes it.
    var vendor: String { String(id.prefix { $0 != "." }) }

    private static let reserved = ["aquatint", "aqt", "vips", "libvips"]

    /// - Throws: where the name cannot be a stage's id, with what would be right.
    init(_ name: String) throws(RunError) {
        func refuse(_ why: String) -> RunError {
            RunError(.usage, "'\(name)' cannot be the name of a plug-in: \(why)", hint: "such as acme.grain, where acme stands for you")
        }
        guard !name.contains("/") else { throw refuse("it is the name of a stage, and of a folder that is made in the current one, not a path") }
        guard name.utf8.count <= 64 else { throw refuse("it has more than 64 characters") }
        for word in name.split(separator: ".", omittingEmptySubsequences: false) {
            guard let first = word.unicodeScalars.first else { throw refuse("a word is missing before or after a dot") }
            guard ("a"..."z").contains(first), word.unicodeScalars.allSatisfy({ ("a"..."z").contains($0) || ("0"..."9").contains($0) || $0 == "_" || $0 == "-" }) else {
                throw refuse("it takes words of a-z, 0-9, _ and - that begin with a letter, joined by dots")
            }
        }
        if let vendor = Self.reserved.first(where: { name.hasPrefix("\($0).") }) { throw refuse("'\(vendor).' belongs to \(vendor == "aquatint" ? "Aquatint" : "libvips"), and not to you") }
        folder = name
        id = name.contains(".") ? name : "my.\(name)"
    }
}
