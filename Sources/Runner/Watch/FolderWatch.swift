internal import Foundation
internal import Synchronization

/// The images of folders that files come into, as they come.
///
///     inotify ──▶ folders: watched, listed ──▶ files at rest ──▶ named, queued ──▶ threads of the batch
///                                                ▲
///         time: folders that are gone, and those that others write to unannounced
///
/// A folder is watched first and listed then, so that no file falls between; one that is found both ways is taken once.
public final class FolderWatch: ImageStream {
    /// How patient it is.
    struct Pace: Sendable {
        /// How long nothing may happen to a file before it is taken.
        var rest = Duration.milliseconds(500)
        /// How often it is looked whether the folders are still there.
        var look = Duration.seconds(2)
        /// How often folders are listed where not everything is announced; and how long a file found so must stay as it is, since such systems answer from a cache.
        var list = Duration.seconds(5)
    }

    /// A folder that was given.
    private struct Root {
        let place: FolderPlace
        /// Device and inode; nil while it is gone.
        var identity: [UInt64]?
        /// Its file system's name, where others write to that unannounced.
        var blindName: String?
    }

    private struct Known {
        var place: FilePlace
        var image: PlannedImage
    }

    private struct State {
        var roots: [Root]
        var files: SettlingFiles
        var naming: OutputNaming?
        var known = PathTable<Known>()
        /// Files that went while they were made.
        var leaving: Set<PathKey> = []
        var nextIndex = 0
        /// Files that are no images, each said once.
        var strays: Set<PathKey> = []
        var nextLook = ContinuousClock.now
        var nextList: ContinuousClock.Instant?
        /// What was said of files that are no images.
        var said: Set<String> = []
        /// Folders that could not be listed, each told once.
        var refused: Set<PathKey> = []
        var tell: @Sendable (String) -> Void = { _ in }
    }

    private let selection: InputSelection
    private let knownExtensions: Set<String>
    private let isImage: @Sendable (String) -> Bool
    private let pace: Pace
    private let blindName: @Sendable (String) -> String?
    private let inotify: Inotify
    private let tree: WatchedTree
    private let queue = ArrivalQueue()
    private let state: Mutex<State>
    private let isOver = Atomic<Bool>(false)

    /// - Parameters:
    ///   - selection: folders, and what is taken of them.
    ///   - knownExtensions: see ``InputSelection/resolve(knownExtensions:isImage:standardInput:)``.
    /// - Throws: `RunError`: 64 for what is no folder, 66 for a folder that is missing, 73 for one that is the output folder as well.
    public convenience init(_ selection: InputSelection, knownExtensions: Set<String>, isImage: @escaping @Sendable (String) -> Bool) throws(RunError) {
        try self.init(selection, knownExtensions: knownExtensions, pace: Pace(), blindName: { FileSystem.blindName(of: $0) }, isImage: isImage)
    }

    init(_ selection: InputSelection, knownExtensions: Set<String>, pace: Pace, blindName: @escaping @Sendable (String) -> String?,
         isImage: @escaping @Sendable (String) -> Bool) throws(RunError) {
        for argument in selection.arguments {
            guard let status = FileStatus(argument) else {
                if argument == "-" { throw RunError(.usage, "--watch takes folders, and no list on standard input") }
                throw RunError(.inputMissing, "the folder '\(argument)' does not exist or cannot be read")
            }
            guard status.kind == .directory else { throw RunError(.usage, "--watch takes folders, and '\(argument)' is none") }
            if let output = selection.output, PathKey(Path.real(output)) == PathKey(Path.real(argument)) {
                throw RunError(.cannotCreateOutput, "'\(argument)' is the output folder as well: what is written there would be taken again",
                               hint: "name another folder with -o; it may lie inside the watched one")
            }
        }
        self.selection = selection
        self.knownExtensions = knownExtensions
        self.isImage = isImage
        self.pace = pace
        self.blindName = blindName
        inotify = try Inotify()
        tree = WatchedTree(inotify)
        let roots = selection.arguments.map { Root(place: FolderPlace($0, below: ""), blindName: blindName($0)) }
        state = Mutex(State(roots: roots, files: SettlingFiles(rest: pace.rest)))
    }

    /// Watches the folders, and gives what lies in them.
    ///
    /// - Throws: `RunError`: 66 for a folder that cannot be listed, 74 where the system watches no more folders.
    public func find() throws(RunError) -> InputSelection.Found {
        state.withLock { state in
            for index in state.roots.indices { state.roots[index].identity = Self.identity(state.roots[index].place.path) }
        }
        let found = try selection.resolve(knownExtensions: knownExtensions, isImage: isImage, entering: tree.add)
        if let problem { throw problem }
        return found
    }

    /// Begins to take what arrives. The images of the plan are known, and not taken before they are `put`.
    ///
    /// - Parameter tell: for what users should know, from another thread.
    func begin(_ plan: RunPlan, tell: @escaping @Sendable (String) -> Void) {
        state.withLock { state in
            state.naming = plan.naming
            state.tell = tell
            for image in plan.images {
                let place = Self.place(of: image.input)
                state.known[place.absolute] = Known(place: place, image: image)
                state.nextIndex = max(state.nextIndex, image.index + 1)
            }
        }
        Thread { [self] in run() }.start()
    }

    /// What is watched, said once.
    var announcement: [String] {
        state.withLock { state in
            let names = state.roots.map { "'\($0.place.path)'" }.joined(separator: ", ")
            return ["watching \(names): what arrives is made, until Ctrl-C"] + state.roots.compactMap { root in
                root.blindName.map { "'\(root.place.path)' lies on \($0), where not everything is announced: it is also listed every \(Int(pace.list.seconds)) seconds" }
            }
        }
    }

    /// Files that arrived and are no images.
    var strays: Int { state.withLock { $0.strays.count } }

    /// Why no more can be watched.
    var problem: RunError? { tree.problem }

    // MARK: what the batch takes

    func put(_ images: [PlannedImage]) { for image in images { queue.put(image) } }

    func next() -> PlannedImage? { queue.next() }

    func finished(_ image: PlannedImage, _ status: FileStatus?) { queue.finished(image, status) }

    /// Whether something happens to the file of an image, which will be made again.
    func isChanging(_ image: PlannedImage) -> Bool {
        let absolute = PathKey(Path.absolute(image.input.path))
        return state.withLock { $0.files.contains(absolute) }
    }

    func end() {
        isOver.store(true, ordering: .releasing)
        queue.end()
        inotify.wake()
    }

    // MARK: the thread

    private func run() {
        while !isOver.load(ordering: .acquiring) {
            let wait = state.withLock { state in
                let next = [state.files.next, state.nextLook, state.nextList].compactMap { $0 }.min() ?? state.nextLook
                return max(.zero, next - .now)
            }
            inotify.wait(milliseconds: Int32(clamping: Int(wait.seconds * 1000) + 1))
            state.withLock { state in
                for event in inotify.events() { take(event, &state) }
                lookAfterFolders(&state)
                for place in state.files.take(status: { FileStatus($0.path) }) { arrive(place, &state) }
            }
            if problem != nil { end() }
        }
    }

    private func take(_ event: Inotify.Event, _ state: inout State) {
        if event.has(IN_Q_OVERFLOW) {
            state.tell("more happened at once than the system announces: the folders are listed again")
            state.files.forgetAll()
            for root in state.roots where root.identity != nil {
                // What lay elsewhere a moment ago may be watched under its old name.
                tree.forget(root.place.absolute)
                list(root, &state)
            }
            return
        }
        let folders = tree.places(of: event.folder)
        if event.has(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED) {
            // Sub-folders go by what happens in the folder above them.
            for index in state.roots.indices where folders.contains(where: { $0.absolute == state.roots[index].place.absolute }) { lose(index, &state) }
            return
        }
        for folder in folders {
            let place = FilePlace(folder: folder, name: event.name)
            if event.has(IN_DELETE | IN_MOVED_FROM) {
                forget(place, isFolder: event.isFolder, &state)
            } else if event.isFolder {
                if event.has(IN_CREATE | IN_MOVED_TO), selection.isRecursive { walk(place, &state) }
            } else if selection.admits(place.relative) {
                note(event, place, &state)
            }
        }
    }

    /// Something happened to a file.
    private func note(_ event: Inotify.Event, _ place: FilePlace, _ state: inout State) {
        if event.has(IN_MODIFY) {
            state.files.written(place)
            if let known = state.known[place.absolute] { queue.withdraw(known.image.index) }
        } else if event.has(IN_CREATE) {
            state.files.appeared(place)
        } else {
            state.files.touched(place)
        }
    }

    // MARK: folders

    /// Watches and lists what a name stands for, where that is a folder.
    private func walk(_ place: FilePlace, _ state: inout State) {
        found(selection.look(at: place, knownExtensions: knownExtensions, isImage: { _ in true }, entering: tree.add), &state)
    }

    private func list(_ root: Root, _ state: inout State) {
        for path in state.known.paths(below: root.place.absolute) {
            if let known = state.known[path], FileStatus(known.place.path, followLinks: false) == nil { forget(path, &state) }
        }
        found(selection.look(into: root.place.path, knownExtensions: knownExtensions, isImage: { _ in true }, entering: tree.add), &state)
    }

    private func found(_ found: InputSelection.Found, _ state: inout State) {
        let rest = state.roots.contains { $0.blindName != nil } ? pace.list : nil
        for file in found.files {
            let place = Self.place(of: file), status = FileStatus(file.path)
            if let known = state.known[place.absolute], queue.isMade(known.image.index, status) { continue }
            state.files.found(place, status, rest: rest)
        }
        for folder in found.unreadable where FileStatus(folder.path) != nil {
            guard state.refused.insert(PathKey(folder.path)).inserted else { continue }
            queue.put(PlannedImage(index: takeIndex(&state), input: InputFile(path: folder.path, folder: ""), outputs: [], bytes: 0, problem: folder.reason))
        }
    }

    private func lookAfterFolders(_ state: inout State) {
        let now = ContinuousClock.now
        if state.nextLook <= now {
            state.nextLook = now + pace.look
            for index in state.roots.indices { look(after: index, &state) }
            for path in state.leaving where FileStatus(path.path, followLinks: false) == nil { forget(path, &state) }
            state.leaving = state.leaving.filter { state.known[$0] != nil }
        }
        let blind = state.roots.filter { $0.blindName != nil && $0.identity != nil }
        if blind.isEmpty {
            state.nextList = nil
        } else if let next = state.nextList, next <= now {
            for root in blind { list(root, &state) }
            state.nextList = .now + pace.list
        } else if state.nextList == nil {
            state.nextList = now + pace.list
        }
    }

    /// Finds a folder gone, replaced by another, or back.
    private func look(after index: Int, _ state: inout State) {
        let identity = Self.identity(state.roots[index].place.path)
        guard identity != state.roots[index].identity else { return }
        if state.roots[index].identity != nil { lose(index, &state) } else { welcome(index, identity, &state) }
    }

    private func lose(_ index: Int, _ state: inout State) {
        guard state.roots[index].identity != nil else { return }
        let place = state.roots[index].place
        state.roots[index].identity = nil
        leave(place.absolute, &state)
        // What was put in its place is known at once.
        let identity = Self.identity(place.path)
        if identity == nil { state.tell("the watched folder '\(place.path)' is gone: waiting for it to come back") }
        welcome(index, identity, &state)
    }

    private func welcome(_ index: Int, _ identity: [UInt64]?, _ state: inout State) {
        guard let identity else { return }
        state.roots[index].identity = identity
        state.roots[index].blindName = blindName(state.roots[index].place.path)
        state.tell("the watched folder '\(state.roots[index].place.path)' is there again")
        list(state.roots[index], &state)
    }

    /// A folder is gone, with all that lay in it.
    private func leave(_ folder: PathKey, _ state: inout State) {
        tree.forget(folder)
        state.files.forget(below: folder)
        for path in state.known.paths(below: folder) { forget(path, &state) }
    }

    private static func identity(_ path: String) -> [UInt64]? {
        FileStatus(path).flatMap { $0.kind == .directory ? [$0.device, $0.inode] : nil }
    }

    // MARK: files

    private static func place(of file: InputFile) -> FilePlace {
        FilePlace(folder: FolderPlace(Path.directory(file.path), below: file.folder), name: file.name)
    }

    private func forget(_ place: FilePlace, isFolder: Bool, _ state: inout State) {
        // A link to a folder goes as a file does.
        if isFolder || tree.contains(place.absolute) { leave(place.absolute, &state) }
        state.files.forget(place.absolute)
        forget(place.absolute, &state)
    }

    private func forget(_ absolute: PathKey, _ state: inout State) {
        state.strays.remove(absolute)
        guard let known = state.known[absolute] else { return }
        guard queue.forget(known.image.index) else {
            state.leaving.insert(absolute)
            return
        }
        state.naming?.release(known.image)
        state.known[absolute] = nil
    }

    /// Takes a file that has come to rest.
    private func arrive(_ place: FilePlace, _ state: inout State) {
        guard let status = FileStatus(place.path) else {
            // One whose name is not UTF-8, or a link that leads nowhere, fails in its turn.
            if FileStatus(place.path, followLinks: false) != nil || place.name.contains("\u{FFFD}") { name(place, &state) }
            return
        }
        if status.kind == .directory { return walk(place, &state) }
        guard status.size > 0 else { return stray(place, "empty: it is taken once something is written to it", &state) }
        name(place, &state)
    }

    private func name(_ place: FilePlace, _ state: inout State) {
        let found = selection.look(at: place, knownExtensions: knownExtensions, isImage: isImage, entering: tree.add)
        for other in found.strays { stray(place, other.reason, &state) }
        guard let file = found.files.first, state.naming?.isOutput(file.path) != true else { return }
        state.strays.remove(place.absolute)
        state.leaving.remove(place.absolute)
        let known = state.known[place.absolute]?.image
        var image = known
        if known == nil || known?.problem != nil {
            let index = known?.index ?? takeIndex(&state)
            image = state.naming?.arrival(file, index: index)
        }
        guard var image else { return }
        image.bytes = FileStatus(file.path)?.size ?? 0
        state.known[place.absolute] = Known(place: place, image: image)
        queue.put(image)
    }

    private func stray(_ place: FilePlace, _ reason: String, _ state: inout State) {
        guard state.strays.insert(place.absolute).inserted else { return }
        // A hundred files of one kind lie beside as many pictures.
        let isFirst = state.said.insert(reason + Path.split(place.name).ext).inserted
        if isFirst { state.tell("'\(place.path)' is not taken: \(reason)") }
    }

    private func takeIndex(_ state: inout State) -> Int {
        defer { state.nextIndex += 1 }
        return state.nextIndex
    }
}
