internal import ContentHash
internal import Foundation

extension InstalledPlugins {
    /// Why a stage that nothing provides cannot be had: a file that is not used seems to hold it. Nil where none does.
    ///
    /// Nothing is known of the stages of a plug-in that crashed when it was asked for them. That it has one is told by its file's name, or by the name
    /// standing in it as a C text.
    func whyUnusable(_ stage: String) -> String? {
        let candidates = reports.filter { $0.status == .quarantined } + reports.filter { $0.status == .refused }
        guard let report = candidates.first(where: { seemsToHold(stage, $0.path) }) else { return nil }
        let reason = report.reason ?? "is refused"
        return report.status == .quarantined
            ? "its plug-in \(report.path) is in quarantine: it \(reason); it is tried again when its file changes, or with 'aquatint plugins list --rescan'"
            : "its plug-in \(report.path) is not used: it \(reason)"
    }

    private func seemsToHold(_ stage: String, _ path: String) -> Bool {
        guard path.hasSuffix(".so") else { return false }
        var stem = path.split(separator: "/").last.map { String($0.dropLast(3)) } ?? ""
        for prefix in ["lib", "aqt_"] where stem.hasPrefix(prefix) { stem = String(stem.dropFirst(prefix.count)) }
        if !stem.isEmpty, [stage, stage.replacing("-", with: "_")].contains(where: { $0 == stem || $0.hasSuffix(".\(stem)") }) { return true }
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path), (attributes[.size] as? Int ?? .max) <= 64 << 20,
              let bytes = try? Data(contentsOf: URL(filePath: path)) else { return false }
        return bytes.range(of: Data([0] + Array(stage.utf8) + [0])) != nil
    }

    /// Names that several libraries say of themselves, with their files. A pipeline that pins such a name is refused: it could pin one and run another.
    public var namesakes: [String: [String]] {
        Dictionary(grouping: libraries, by: \.descriptor.name).filter { $0.value.count > 1 }.mapValues { $0.map(\.path) }
    }

    /// The SHA-256 of the library of that name, or that has the stage of that name.
    func hash(of name: String) -> String? {
        let library = libraries.first { $0.descriptor.name == name } ?? stages[name]?.library
        return library.flatMap { SHA256.hash(contentsOf: $0.path)?.hex }
    }
}
