internal import CDisk
import Foundation

/// Syncs the files of several images to the disk at once, which takes ext4 and XFS a fraction of what it takes one after the other: each `fsync` writes the block of
/// inodes that the next file is waiting to be put in, and flushes the disk.
///
/// `syncfs` waits for all that others have written to the file system, too. Where that takes long, files are synced one by one for a while.
struct GroupSync {
    /// Below, `syncfs` has nothing to save.
    static let least = 4
    /// Seconds that `syncfs` may take before others' files are held to be the reason.
    private static let long = 0.25
    /// How many groups are synced one by one after that; twice as many each time.
    private var pause = 32
    private var groupsToPause = 0

    /// - Returns: whether they are on the disk; otherwise each is to be synced by itself, which also says what is wrong with it.
    mutating func sync(_ files: [OutputTransaction.Unsynced]) -> Bool {
        guard files.count >= Self.least, let first = files.first, first.device != nil, files.allSatisfy({ $0.device == first.device }) else { return false }
        guard aqt_disk_syncs_together(first.descriptor) != 0 else { return false }
        guard groupsToPause == 0 else {
            groupsToPause -= 1
            return false
        }
        let start = ContinuousClock.now
        guard aqt_disk_sync_all(first.descriptor) == 0 else { return false }
        if (ContinuousClock.now - start).seconds > Self.long {
            groupsToPause = pause
            pause = min(2 * pause, 4096)
        } else {
            pause = 32
        }
        return true
    }
}
