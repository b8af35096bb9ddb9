/// Which places are taken, and by whom: no two outputs for one file, and none for an input.
struct Claims: Sendable {
    /// Whether a folder holds names to be the same that differ by case alone. Asked only where it matters.
    let foldsCase: @Sendable (String) -> Bool
    private var inputs: Set<PathKey> = []
    private var outputs: [PathKey: String] = [:]
    /// By lower case: the last input or output of that name. Unicode's forms of one name are one name here: most file systems that fold case fold those, too.
    private var folded: [String: (isInput: Bool, place: PathKey, owner: String)] = [:]
    private var folding: [PathKey: Bool] = [:]

    init(foldsCase: @escaping @Sendable (String) -> Bool) { self.foldsCase = foldsCase }

    /// Keeps an input from being written to.
    mutating func protect(_ place: PathKey) {
        inputs.insert(place)
        folded[place.path.lowercased()] = (true, place, "")
    }

    /// Takes a place for an output of `input`.
    ///
    /// - Throws: `RunError` 73 where it is not free; nothing is taken then.
    mutating func claim(_ path: String, _ place: PathKey, for input: String) throws(RunError) {
        if inputs.contains(place) { throw Self.overwrites(path) }
        if let other = outputs[place] { throw Self.collision(path, other, input) }
        if let known = folded[place.path.lowercased()], known.place != place, foldsCase(in: Path.directory(place.path)) {
            throw known.isInput ? Self.overwrites(path, ", but for upper and lower case, which its file system does not tell apart")
                : Self.collision(path, known.owner, input, ", as its file system does not tell upper from lower case")
        }
        outputs[place] = input
        folded[place.path.lowercased()] = (false, place, input)
    }

    /// Whether an output has that place.
    func isTaken(_ place: PathKey) -> Bool { outputs[place] != nil }

    /// Gives a place back, of an input or an output.
    mutating func release(_ place: PathKey) {
        inputs.remove(place)
        outputs[place] = nil
        if folded[place.path.lowercased()]?.place == place { folded[place.path.lowercased()] = nil }
    }

    private mutating func foldsCase(in folder: String) -> Bool {
        if let known = folding[PathKey(folder)] { return known }
        let folds = foldsCase(folder)
        folding[PathKey(folder)] = folds
        return folds
    }

    private static func overwrites(_ path: String, _ addition: String = "") -> RunError {
        RunError(.cannotCreateOutput, "the output '\(path)' is an input of this run\(addition.isEmpty ? ", which is never overwritten" : addition)", hint: "name another folder with -o")
    }

    private static func collision(_ path: String, _ one: String, _ other: String, _ addition: String = "") -> RunError {
        let who = one == other ? "two outputs of '\(one)'" : "'\(one)' and '\(other)'"
        return RunError(.cannotCreateOutput, "\(who) would both write '\(path)'\(addition)", hint: "use {ext}, {dir} or {index} in the output's name")
    }
}
