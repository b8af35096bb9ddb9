internal import Vips

/// What makes pages an animation: how long each is shown, and how often all of them.
struct Animation {
    /// Milliseconds, one for each frame that is taken.
    private var delays: [Int]?
    private var loops: Int?

    init() {}

    /// - Parameter pages: the pages that are taken, from 1; nil: those that the image holds.
    init(_ header: Image, pages: [Int]?) {
        loops = header.int("loop")
        guard let all = header.intArray("delay") else { return }
        // Loaders hand out the delays of all frames, whichever were asked for.
        delays = pages.map { pages in pages.compactMap { all.indices.contains($0 - 1) ? all[$0 - 1] : nil } } ?? all
    }

    /// What one of the frames says where it stays alone: its own time, and no more of the others.
    func fields(ofFrame index: Int) -> [(name: String, value: FieldValue?)] {
        guard let delays, delays.indices.contains(index) else { return [] }
        return [("gif-delay", nil), ("delay", .intArray([delays[index]]))]
    }

    /// Whether the file says when its frames are shown.
    var isTimed: Bool { delays != nil }

    /// What a page is shown for where nobody says, in milliseconds: gifsave would write 0, and every viewer has its own idea of that.
    private static let usualDelay = 100

    /// The fields of a tall image of so many frames.
    func fields(frames: Int, height: Int) -> [(name: String, value: FieldValue?)] {
        let stale = ["gif-delay", "gif-loop", "page-height", "n-pages"]
        return stale.map { ($0, nil) } + [("page-height", .int(height)), ("n-pages", .int(frames)), ("loop", loops.map { .int($0) }), ("delay", .intArray(delays ?? Array(repeating: Self.usualDelay, count: frames)))]
    }
}
