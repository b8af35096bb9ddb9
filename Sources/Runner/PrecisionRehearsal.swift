internal import PipelineLanguage
internal import StageHost

/// Settles `precision: auto` before the first image: what the networks of a run are computed in must not depend on which image, of several in flight, is first.
///
/// The first image of the plan that has to be made is opened and taken through the pipeline without computing more of it than the networks' probes; its own
/// job comes later, like all the others. It is opened for reading in any order, also where that job will decode it from top to bottom.
///
/// The walk ends at a stage that answers with a number (`set`), which would compute the whole picture: networks after it are decided by their first picture. It ends
/// with `limits.timeout`, too, as an image would.
struct PrecisionRehearsal {
    let session: RunSession
    /// The images that have to be made, in the plan's order.
    let images: any Sequence<PlannedImage>
    let context: ImageContext

    /// Images that cannot be opened or fail on the way are passed over, but not more than these.
    private static let attempts = 4

    func run() {
        let watch = session.pipeline.limits.timeout.map { DeadlineWatch(seconds: $0, context: context) }
        defer { watch?.cancel() }
        var left = Self.attempts
        for planned in images {
            guard left > 0, !context.isCancelled else { return }
            left -= 1
            do throws(ImageFailure) {
                let opened = try InputImage.open(OpenedFile(planned.input.path), session: session, context: context, isStreamable: false)
                _ = try ImageJob(session: session, planned: planned, context: context, progress: { _ in }).outputs(of: opened)
                return
            } catch {
                // The image's own job reports what is wrong with it.
                continue
            }
        }
    }
}
