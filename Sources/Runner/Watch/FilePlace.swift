/// A folder of a walk, under the names that it goes by.
struct FolderPlace: Sendable, Hashable {
    /// As it can be opened: the given argument, or that and what lies below it.
    let path: String
    /// The place below the folder that was given.
    let below: String
    /// By which it is known, however it was given.
    let absolute: PathKey

    init(_ path: String, below: String) { (self.path, self.below, absolute) = (path, below, PathKey(Path.absolute(path))) }

    static func == (left: FolderPlace, right: FolderPlace) -> Bool {
        left.absolute == right.absolute && PathKey(left.path) == PathKey(right.path) && PathKey(left.below) == PathKey(right.below)
    }

    func hash(into hasher: inout Hasher) { hasher.combine(absolute) }
}

/// A name in a folder, whatever it stands for.
struct FilePlace: Sendable {
    let folder: FolderPlace
    let name: String

    var path: String { Path.join(folder.path, name) }
    /// Place and name below the folder that was given.
    var relative: String { Path.join(folder.below, name) }
    /// By which it is known, however it was given.
    var absolute: PathKey { PathKey(Path.join(folder.absolute.path, name)) }
}
