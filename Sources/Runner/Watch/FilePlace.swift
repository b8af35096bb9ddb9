/// A folder of a walk, under the names that it goes by.
struct FolderPlace: Sendable, Hashable {
    /// As it can be opened: the given argument, or that and what lies below it.
    let path: String
    /// The place below the folder that was given.
    let below: String
    /// By which it is known, however it was given.
    let absolute: String

    init(_ path: String, below: String) { (self.path, self.below, absolute) = (path, below, Path.absolute(path)) }
}

/// A name in a folder, whatever it stands for.
struct FilePlace: Sendable, Hashable {
    let folder: FolderPlace
    let name: String

    var path: String { Path.join(folder.path, name) }
    /// Place and name below the folder that was given.
    var relative: String { Path.join(folder.below, name) }
    /// By which it is known, however it was given.
    var absolute: String { Path.join(folder.absolute, name) }
}
