import CVips
import Synchronization

extension Image {
    /// The same image, telling `body` how far it is, again and again while the pixels of it, or of anything made from it, are
    /// computed.
    ///
    /// - Parameters:
    ///   - fields: metadata that the copy is to be without.
    ///   - body: called on a thread of libvips, with pixels done and in total. Return `false` to stop:
    ///   whoever asked for the pixels gets an error. Once stopped, stopped for good.
    public func onProgress(removing fields: [String] = [], _ body: @escaping @Sendable (_ done: Int64, _ total: Int64) -> Bool) throws(VipsError) -> Image {
        let copy = try Operation.image("copy", ["in": .image(self)])
        for field in fields { _ = vips_image_remove(copy.pointer, field) }
        vips_image_set_progress(copy.pointer, 1)
        let observer = Unmanaged.passRetained(ProgressObserver(body))
        let handler = cvips_connect_eval(copy.pointer, { image, progress, data in
            guard let image, let progress = progress?.pointee, let data else { return }
            let observer = Unmanaged<ProgressObserver>.fromOpaque(data).takeUnretainedValue()
            if !observer.goesOn(done: Int64(progress.npels), total: Int64(progress.tpels)) { vips_image_set_kill(image, 1) }
        }, observer.toOpaque(), { data, _ in
            if let data { Unmanaged<ProgressObserver>.fromOpaque(data).release() }
        })
        guard handler != 0 else {
            observer.release()
            throw VipsError(message: "cannot watch the progress of \(self)")
        }
        return copy
    }
}

/// Keeps the closure for as long as the signal is connected, which is the life of the image.
private final class ProgressObserver: Sendable {
    private let body: @Sendable (Int64, Int64) -> Bool
    private let stopped = Atomic(false)

    init(_ body: @escaping @Sendable (Int64, Int64) -> Bool) {
        self.body = body
    }

    func goesOn(done: Int64, total: Int64) -> Bool {
        // libvips forgets a kill once one thread has seen it; the next evaluation is to be stopped too.
        if stopped.load(ordering: .relaxed) { return false }
        if body(done, total) { return true }
        stopped.store(true, ordering: .relaxed)
        return false
    }
}
