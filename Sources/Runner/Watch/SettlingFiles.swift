/// Files that something happens to, until nothing has for a while.
///
///     closed, moved here, linked ──▶ resting ── so long ──▶ taken
///                                     │   ▲
///                          written to ▼   │ closed
///                                     open, for as long as it may take
struct SettlingFiles {
    typealias Instant = ContinuousClock.Instant

    private struct Entry {
        var place: FilePlace
        var first: Instant
        var last: Instant
        /// A program writes to it.
        var isOpen = false
        /// What it was like when a walk came by; nil where the system announced it.
        var status: FileStatus?
        /// How long nothing may happen to it; nil: as to the others.
        var rest: Duration?
    }

    private var entries = PathTable<Entry>()
    /// How long nothing may happen to a file before it is taken: programs close and open a file several times to write it.
    private let rest: Duration
    /// How long it may be changed again and again before it is taken all the same.
    private let patience: Duration

    init(rest: Duration) {
        self.rest = rest
        patience = rest * 20
    }

    /// It was closed by who wrote it, or came as a whole.
    mutating func touched(_ place: FilePlace, at now: Instant = .now) {
        var entry = entries[place.absolute] ?? Entry(place: place, first: now, last: now)
        entry.last = now
        entry.isOpen = false
        (entry.status, entry.rest) = (nil, nil)
        entries[place.absolute] = entry
    }

    /// A program writes to it; the system will announce when that closes it.
    mutating func written(_ place: FilePlace, at now: Instant = .now) {
        var entry = entries[place.absolute] ?? Entry(place: place, first: now, last: now)
        entry.isOpen = true
        (entry.status, entry.rest) = (nil, nil)
        entries[place.absolute] = entry
    }

    /// A name appeared: a file that a program will write to, or one that is whole, such as a hard link.
    mutating func appeared(_ place: FilePlace, at now: Instant = .now) {
        if entries[place.absolute]?.isOpen != true { touched(place, at: now) }
    }

    /// A walk found it, like this. What was announced of it is worth more.
    ///
    /// - Parameter rest: how long it has to stay so.
    mutating func found(_ place: FilePlace, _ status: FileStatus?, rest: Duration? = nil, at now: Instant = .now) {
        if let entry = entries[place.absolute], entry.status == nil || entry.status == status { return }
        entries[place.absolute] = Entry(place: place, first: entries[place.absolute]?.first ?? now, last: now, status: status, rest: rest)
    }

    /// Whether something has happened to a file since it was taken.
    func contains(_ absolute: PathKey) -> Bool { entries[absolute] != nil }

    mutating func forget(_ absolute: PathKey) { entries[absolute] = nil }

    mutating func forget(below absolute: PathKey) {
        for path in entries.paths(below: absolute) { entries[path] = nil }
    }

    /// Open files, too, are only waited for as long as their end is announced.
    mutating func forgetAll() { entries = PathTable() }

    /// When the next file can be taken, as far as is known; nil: none.
    var next: Instant? { entries.values.values.lazy.filter { !$0.isOpen }.map(due).min() }

    /// Takes what has been at rest, in natural order.
    ///
    /// - Parameter status: what a file is like now; one that a walk found has to be as it was.
    mutating func take(at now: Instant = .now, status: (FilePlace) -> FileStatus?) -> [FilePlace] {
        var taken: [FilePlace] = []
        for entry in entries.values.values where !entry.isOpen && due(entry) <= now {
            if let known = entry.status, let current = status(entry.place), current != known, now - entry.first < patience {
                entries[entry.place.absolute]?.status = current
                entries[entry.place.absolute]?.last = now
            } else {
                entries[entry.place.absolute] = nil
                taken.append(entry.place)
            }
        }
        return taken.sorted { NaturalOrder.precedes($0.path, $1.path) }
    }

    private func due(_ entry: Entry) -> Instant { min(entry.last + (entry.rest ?? rest), entry.first + patience) }
}
