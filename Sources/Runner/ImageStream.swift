internal import Synchronization

/// Where a batch takes its images from, one after the other: a list that ends, or folders into which files come.
///
/// Every method from any thread.
protocol ImageStream: Sendable {
    /// The next image; waits for one. nil: there are no more.
    func next() -> PlannedImage?

    /// Nothing is done for an image any more; `status` is what its file was like before it was begun.
    func finished(_ image: PlannedImage, _ status: FileStatus?)

    /// Whoever waits for an image gets none.
    func end()
}

/// Images that are known beforehand.
final class ImageList: ImageStream {
    private let rest: Mutex<ArraySlice<PlannedImage>>

    init(_ images: [PlannedImage]) { rest = Mutex(images[...]) }

    func next() -> PlannedImage? { rest.withLock { $0.popFirst() } }

    func finished(_ image: PlannedImage, _ status: FileStatus?) {}

    func end() {}
}
