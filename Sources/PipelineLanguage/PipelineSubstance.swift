extension Pipeline {
    /// What of the file decides how a picture comes out, as text: two files with the same substance, variables and referenced files make the same pictures.
    ///
    /// Comments, layout, quotes, anchors and the order of keys are no part of it, nor is what only describes (`description`, `requires`), only limits
    /// (`limits`, `input: {untrusted: ...}`), or comes in through the variables' values (`vars`).
    public var substance: String {
        // It was read once already.
        guard let root = try? YAMLDoor.read(source), case .mapping(let entries) = root.content else { return source.text }
        let apart: Set<String> = ["version", "description", "requires", "vars", "limits"]
        return entries.map { (key: Names.canonical($0.key), value: $0.value) }.filter { !apart.contains($0.key) }.sorted { $0.key < $1.key }
            .map { key, value in "\(Self.canonical(key))\(Self.canonical(value, leavingOut: key == "input" ? ["untrusted"] : []))" }.joined()
    }

    /// Every length is written out: no two trees have the same text.
    private static func canonical(_ node: SourceNode, leavingOut apart: Set<String> = []) -> String {
        switch node.content {
        case .scalar where node.isEmpty: return "n"
        case .scalar(let scalar): return canonical(scalar.text)
        case .sequence(let items): return "l\(items.count)" + items.map { canonical($0) }.joined()
        case .mapping(let entries):
            let kept = entries.map { (key: Names.canonical($0.key), value: $0.value) }.filter { !apart.contains($0.key) }.sorted { $0.key < $1.key }
            return "m\(kept.count)" + kept.map { canonical($0.key) + canonical($0.value) }.joined()
        }
    }

    private static func canonical(_ text: String) -> String { "s\(text.utf8.count):\(text)" }
}
