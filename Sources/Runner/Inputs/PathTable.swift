/// Values by absolute path, which are found by the folders that they lie in as well.
///
///     values   /in/a.png, /in/sub/b.png
///     members  /in: a.png, sub    /in/sub: b.png
///
/// What lies below a folder is found without a look at the rest: a folder of ten files can go from a tree of a million.
struct PathTable<Value> {
    private(set) var values: [PathKey: Value] = [:]
    /// By folder: what has a value in it, and the folders that hold such.
    private var members: [PathKey: Set<PathKey>] = [:]

    subscript(path: PathKey) -> Value? {
        get { values[path] }
        set {
            if let newValue {
                if values.updateValue(newValue, forKey: path) == nil, members[path] == nil { enter(path) }
            } else if values.removeValue(forKey: path) != nil, members[path] == nil {
                leave(path)
            }
        }
    }

    /// The paths below a folder that have values, without its own.
    func paths(below folder: PathKey) -> [PathKey] {
        var found: [PathKey] = [], open = [folder]
        while let next = open.popLast() {
            for member in members[next] ?? [] {
                if values[member] != nil { found.append(member) }
                open.append(member)
            }
        }
        return found
    }

    private mutating func enter(_ path: PathKey) {
        var path = path
        while let folder = Self.folder(of: path) {
            let isKnown = values[folder] != nil || members[folder] != nil
            members[folder, default: []].insert(path)
            if isKnown { return }
            path = folder
        }
    }

    private mutating func leave(_ path: PathKey) {
        var path = path
        while let folder = Self.folder(of: path) {
            members[folder]?.remove(path)
            guard members[folder]?.isEmpty == true else { return }
            members[folder] = nil
            if values[folder] != nil { return }
            path = folder
        }
    }

    private static func folder(of path: PathKey) -> PathKey? {
        let folder = Path.directory(path.path)
        return folder.isEmpty || folder.utf8.count == path.path.utf8.count ? nil : PathKey(folder)
    }
}

extension PathTable: Sendable where Value: Sendable {}
