internal import CFileSync
internal import Foundation
internal import Synchronization

/// Brings the files of several images to the disk together.
///
/// Where a file system is asked for eight small files before any of them is waited for, it has half of the work that eight times one is: they share blocks of inodes,
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
        let codes: Mutex<[Int32]>
        let isSynced = DispatchSemaphore(value: 0)

        init(_ descriptors: [Int32]) {
            self.descriptors = descriptors
            codes = Mutex(descriptors.map { _ in 0 })
        }
    }

    private let state = Mutex(State())
    /// How many images are waited for.
    private let most: Int

    /// What waits for others no longer than this.
    private static let patience = DispatchTimeInterval.milliseconds(20)
    /// As much as a disk writes at full speed.
    private static let enoughBytes: Int64 = 1 << 20

    /// - Parameter most: images to sync together; 1: each alone.
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
        let mine = state.withLock { state -> [Request] in
            state.waiting.append(request)
            state.bytes = state.bytes.addingReportingOverflow(bytes).partialValue
            return state.waiting.count >= min(most, state.images) || state.bytes >= Self.enoughBytes ? Self.taken(&state) : []
        }
        Self.sync(mine)
        if request.isSynced.wait(timeout: .now() + Self.patience) == .timedOut {
            Self.sync(state.withLock { state in state.waiting.contains { $0 === request } ? Self.taken(&state) : [] })
            request.isSynced.wait()
        }
        return request.codes.withLock { $0 }
    }

    private static func taken(_ state: inout State) -> [Request] {
        defer { (state.waiting, state.bytes) = ([], 0) }
        return state.waiting
    }

    private static func sync(_ requests: [Request]) {
        // Only begun; what fails here fails there.
        if requests.count > 1 { for descriptor in requests.flatMap(\.descriptors) { aqt_file_sync_begin(descriptor) } }
        for request in requests {
            request.codes.withLock { codes in codes = request.descriptors.map { fsync($0) == 0 ? 0 : errno } }
            request.isSynced.signal()
        }
    }
}
