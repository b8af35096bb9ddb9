internal import CFileSync
internal import Foundation
internal import Synchronization

/// Brings the files of several images to the disk at the same time.
///
/// A file system that is asked for several small files at once, after the writing of all of them has begun, has less work than with one after the other: they share
/// commits of its journal and flushes of the disk. So a small file waits here for others, for a moment, as long as others are on their way.
final class SyncQueue: Sendable {
    private struct State {
        /// Images in hand: computed, or waiting here.
        var images = 0
        var waiting: [Request] = []
        var bytes: Int64 = 0
    }

    private final class Request: Sendable {
        let descriptors: [Int32]
        let isDue = DispatchSemaphore(value: 0)

        init(_ descriptors: [Int32]) { self.descriptors = descriptors }
    }

    private let state = Mutex(State())
    /// How many images are synced at the same time.
    private let most: Int

    /// What waits for others no longer than this.
    private static let patience = DispatchTimeInterval.milliseconds(20)
    /// As much as a disk writes at full speed.
    private static let enoughBytes: Int64 = 1 << 20

    /// - Parameter most: images to sync at the same time; 1: each when it comes.
    init(most: Int) { self.most = max(1, most) }

    /// An image is begun. Balanced by `imageEnded`.
    func imageBegan() { state.withLock { $0.images += 1 } }
    func imageEnded() { state.withLock { $0.images -= 1 } }

    /// Waits until files are on the disk, whatever then becomes of the machine.
    ///
    /// - Parameters:
    ///   - descriptors: of the files of one image, open until this returns.
    ///   - bytes: how large they are together.
    /// - Returns: for each what `fsync` said: 0 or an `errno`.
    func sync(_ descriptors: [Int32], bytes: Int64) -> [Int32] {
        let request = Request(descriptors)
        Self.begin(state.withLock { state in
            state.waiting.append(request)
            state.bytes = state.bytes.addingReportingOverflow(bytes).partialValue
            return state.waiting.count >= min(most, state.images) || state.bytes >= Self.enoughBytes ? Self.taken(&state) : []
        })
        if request.isDue.wait(timeout: .now() + Self.patience) == .timedOut {
            Self.begin(state.withLock { state in state.waiting.contains { $0 === request } ? Self.taken(&state) : [] })
            request.isDue.wait()
        }
        return descriptors.map { fsync($0) == 0 ? 0 : errno }
    }

    private static func taken(_ state: inout State) -> [Request] {
        defer { (state.waiting, state.bytes) = ([], 0) }
        return state.waiting
    }

    private static func begin(_ requests: [Request]) {
        // What fails here fails in fsync.
        if requests.count > 1 { for descriptor in requests.flatMap(\.descriptors) { aqt_file_sync_begin(descriptor) } }
        for request in requests { request.isDue.signal() }
    }
}
