import Foundation

/// A disk that took no more: the one that outputs go to, or the one of temporary files. The next image would fail alike.
struct FullDisk {
    let error: RunError

    /// Nil where the message is of something else.
    ///
    /// Libraries say only that some file could not be written, so that it is asked which disk has less room.
    ///
    /// - Parameter output: the file that is being written; nil: only temporary ones can have been.
    init?(_ message: String, output: String?, temporary: String = WorkerFolder.temporaryPlace, free: (String) -> Int64? = FileSystem.freeBytes) {
        guard let reason = ["No space left on device", "Disk quota exceeded", "quota exceeded"].first(where: { message.localizedCaseInsensitiveContains($0) }) else { return nil }
        let room = (output: output.flatMap { free(Path.directory($0)) } ?? .max, temporary: free(temporary) ?? .max)
        if output == nil || room.temporary < room.output {
            error = RunError(.inputOutput, "the temporary folder '\(temporary)' is full: \(reason); TMPDIR names another place")
        } else {
            error = RunError(.inputOutput, "the disk is full: \(message)")
        }
    }
}
