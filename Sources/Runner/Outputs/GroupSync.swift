internal import CDisk
import Foundation
internal import Synchronization

/// Syncs the files of several small images to the disk at once, which takes ext4 and XFS a fraction of what it takes one after the other: each `fsync` writes the block
/// of inodes that the next file is waiting to be put in, and flushes the disk.
///
/// `syncfs` waits for all that others have written to the file system, too. Where there is much of that, or it took long, files are synced one by one for a while.
///
/// Every method from any thread.
final class GroupSync: Sendable {
    /// Fewer images have nothing to save.
    static let least = 4
    /// Bytes that the whole machine may have to write yet.
    private static let mostDirty = 128 << 20
    /// Seconds that `syncfs` may take before others' files are held to be the reason.
    private static let long = 0.25

    /// What the system does, and a test may do otherwise.
    struct System: Sendable {
        /// Whether `syncfs` means for each file of that file system what `fsync` means.
        var knows: @Sendable (Int32) -> Bool = { aqt_disk_syncs_together($0) != 0 }
        var syncAll: @Sendable (Int32) -> Bool = { aqt_disk_sync_all($0) == 0 }
        /// Bytes that are to be written, of all files.
        var dirty: @Sendable () -> Int = { DiskBacklog.bytes }
    }

    private struct State {
        /// How many groups are synced one by one yet.
        var groupsToPause = 0
        /// The next time that it takes long: twice as many each time.
        var pause = 32
    }

    private let system: System
    private let state = Mutex(State())

    init(_ system: System = System()) { self.system = system }

    /// - Parameter images: the files of each.
    /// - Returns: whether they are on the disk; otherwise each is to be synced by itself, which also says what is wrong with it.
    func sync(_ images: [[OutputTransaction.Unsynced]]) -> Bool {
        let files = images.flatMap(\.self)
        guard images.count >= Self.least, let first = files.first, first.device != nil, files.allSatisfy({ $0.device == first.device }) else { return false }
        guard system.knows(first.descriptor) else { return false }
        let isPaused = state.withLock { state in
            defer { state.groupsToPause = max(0, state.groupsToPause - 1) }
            return state.groupsToPause > 0
        }
        guard !isPaused else { return false }
        guard system.dirty() <= Self.mostDirty else {
            pause()
            return false
        }
        let start = ContinuousClock.now, isDone = system.syncAll(first.descriptor)
        if !isDone || (ContinuousClock.now - start).seconds > Self.long { pause() } else { state.withLock { $0.pause = 32 } }
        return isDone
    }

    private func pause() {
        state.withLock { state in
            state.groupsToPause = state.pause
            state.pause = min(2 * state.pause, 4096)
        }
    }
}
