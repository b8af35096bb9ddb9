internal import Synchronization

/// The folders that are watched. Links, and folders given twice, let one folder stand in several places.
final class WatchedTree: Sendable {
    private struct State {
        var places: [Int32: [FolderPlace]] = [:]
        /// By the absolute path of the place.
        var numbers = PathTable<Int32>()
        var problem: RunError?
    }

    private let inotify: Inotify
    private let state = Mutex(State())

    init(_ inotify: Inotify) { self.inotify = inotify }

    /// Why a folder that was added is not watched: the system's limit.
    var problem: RunError? { state.withLock { $0.problem } }

    func add(_ place: FolderPlace) {
        state.withLock { state in
            do throws(RunError) {
                guard let number = try inotify.watch(place.path) else { return }
                // Another folder than before under this name.
                if let old = state.numbers[place.absolute], old != number { forget(place.absolute, in: old, &state) }
                state.numbers[place.absolute] = number
                if state.places[number]?.contains(place) != true { state.places[number, default: []].append(place) }
            } catch {
                state.problem = state.problem ?? error
            }
        }
    }

    func places(of number: Int32) -> [FolderPlace] { state.withLock { $0.places[number] ?? [] } }

    func contains(_ absolute: PathKey) -> Bool { state.withLock { $0.numbers[absolute] != nil } }

    /// No longer watches a folder and those below it.
    func forget(_ absolute: PathKey) {
        state.withLock { state in
            for path in [absolute] + state.numbers.paths(below: absolute) {
                if let number = state.numbers[path] { forget(path, in: number, &state) }
            }
        }
    }

    private func forget(_ absolute: PathKey, in number: Int32, _ state: inout State) {
        state.numbers[absolute] = nil
        state.places[number]?.removeAll { $0.absolute == absolute }
        guard state.places[number]?.isEmpty == true else { return }
        state.places[number] = nil
        inotify.unwatch(number)
    }
}
