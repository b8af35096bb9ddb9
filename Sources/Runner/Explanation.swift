internal import PipelineLanguage
internal import StageHost
internal import Vips

/// A pipeline resolved for one input: the very objects that a run would execute.
public struct Explanation: Sendable {
    /// `sequential`, `random`, or `shrink-on-load`.
    public var access: String
    public var input: String
    public var stages: [StageTrace]
    public var outputs: [String]
    public var notes: [String]
    /// Bytes of the largest network run, or nil without one.
    public var memory: Int?

    /// Opens the input's header and builds everything, without computing pixels (but where a stage answers with numbers).
    ///
    /// - Parameter schedule: the run's whose session this is.
    public init(input path: String, session: RunSession, schedule: Schedule) throws(RunError) {
        let context = ImageContext(memoryBudget: schedule.memoryPerImage(session.pipeline), for: .explaining)
        defer { context.finish() }
        let planned = PlannedImage(index: 0, input: InputFile(path: path, folder: ""), outputs: session.pipeline.outputs.map { _ in "" }, bytes: 0)
        do throws(ImageFailure) {
            let opened = try InputImage.open(OpenedFile(path), session: session, context: context, isStreamable: !session.request.usesNetworks)
            guard let frame = opened.frames.first else { throw ImageFailure("load", "there is no page") }
            let scope = ImageScope(input: frame, facts: opened.facts, shared: session.images, variables: session.variables)
            var builder = ImageBuilder(pipeline: session.pipeline, library: session.library, stages: session.stages, context: context, scope: scope)
            try builder.run(session.pipeline.stages, skippingFirst: opened.firstStageIsDone)
            access = opened.firstStageIsDone ? "shrink-on-load" : StreamingCheck(session).allows ? "sequential" : "random"
            input = "\(opened.facts.width) x \(opened.facts.height), \(opened.facts.bands) bands, \(opened.facts.format), \(opened.facts.interpretation)"
            stages = builder.trace
            outputs = []
            for (index, output) in session.pipeline.outputs.enumerated() {
                var branch = builder
                if let from = output.from, let entry = branch.scope.entry(named: from.text) { branch.scope.advance(to: entry, named: nil) }
                let before = branch.trace.count
                try branch.run(output.stages, prefix: "output \(index + 1), ")
                // Each output's stages count their places from where the main list ends.
                let shift = stages.count - before
                stages += branch.trace.dropFirst(before).map { trace in
                    var trace = trace
                    trace.group = trace.group.map { $0 + shift }
                    return trace
                }
                var image = branch.scope.previous.image
                let ext = output.file.literalExtension ?? Path.split(Path.base(path)).ext
                if let saver = session.library.catalogue.saver(forExtension: ext) {
                    let made = try FinishedOutput(image, output, saver: saver, fileExtension: ext, session: session, inputFormat: opened.format, scope: branch.scope, context: context)
                    image = made.image
                }
                outputs.append("\(output.file.source): \(image)")
            }
            notes = context.notes
            memory = stages.compactMap(\.network?.memory).max()
        } catch {
            let stage = error.stage.map { "stage \($0): " } ?? ""
            throw RunError(.someFailed, "\(planned.input.path): \(stage)\(error.message)")
        }
    }
}
