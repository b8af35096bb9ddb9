internal import StageHost

/// An image whose outputs are whole and have no names yet. They are gone where it is let go of without a commit.
///
/// In the hands of one thread at a time: who has computed it, then who commits it.
final class ComputedImage: @unchecked Sendable {
    /// The most memory that the process held while it was computed, in bytes.
    var peakMemory: Int?
    private let file: OpenedFile
    private var made: MadeImage
    private var transaction: OutputTransaction
    private let clock: JobClock
    private let context: ImageContext

    /// - Parameter clock: at `sync`, which is all that is left.
    init(_ made: MadeImage, of file: OpenedFile, transaction: consuming OutputTransaction, clock: JobClock, context: ImageContext) {
        (self.made, self.file, self.clock, self.context) = (made, file, clock, context)
        self.transaction = transaction
    }

    /// The files that are to be on the disk before they get their names.
    var files: [OutputTransaction.Unsynced] { transaction.unsynced }

    /// Gives the outputs their names, all or none. Once.
    ///
    /// - Parameter isSynced: whether its files are on the disk already.
    func commit(isSynced: Bool = false) throws(FailedImage) -> MadeImage {
        do throws(ImageFailure) {
            made.content = try file.stamp()
            do throws(RunError) {
                made.written = try transaction.commit(isSynced: isSynced)
            } catch {
                throw ImageFailure("save", error.description, endsRun: error.status == .someFailed ? nil : error)
            }
        } catch {
            // Its descriptors are free when the failure is told.
            transaction = OutputTransaction()
            throw FailedImage(error, notes: context.notes, seconds: clock.seconds, stages: clock.seconds(context))
        }
        made.peakMemory = peakMemory
        made.notes = context.notes
        made.seconds = clock.seconds
        made.stages = clock.seconds(context)
        return made
    }
}
