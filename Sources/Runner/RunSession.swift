internal import Foundation
public import PipelineLanguage
public import StageHost
internal import Vips

/// A pipeline made ready to run: its variables typed, its stages created, its files found, its second images decoded.
///
/// Shared by all images of a run.
public final class RunSession: Sendable {
    public let request: RunRequest
    public let stages: StageSession
    /// The entries of `images`, decoded and taken through their own stages.
    let images: [String: Image]
    /// What stages said about the entries of `images`.
    let imageNotes: [String]

    public var library: StageLibrary { request.library }
    public var pipeline: Pipeline { request.pipeline }
    public var variables: [String: Value] { request.variables }

    /// - Throws: `RunError`: 66 for a missing image, 69 for a stage that cannot be created.
    public init(_ request: RunRequest) throws(RunError) {
        self.request = request
        stages = StageSession(library: request.library, settings: request.neural, files: request.files)
        try Self.prepare(request.pipeline, request.library, stages, request.variables)
        if request.usesNetworks {
            do {
                try stages.checkDevice()
            } catch {
                throw RunError(.unavailable, error.message)
            }
        }
        (images, imageNotes) = try Self.load(request.pipeline, request.library, stages, request.variables, request.memory)
    }

    /// The session of a run that shares the machine in this way.
    public convenience init(library: StageLibrary, pipeline: Pipeline, set: [String: String], schedule: Schedule) throws(RunError) {
        try self.init(RunRequest(library: library, pipeline: pipeline, set: set, neural: schedule.neural, memory: schedule.memory))
    }

    /// Creates every plug-in stage whose arguments do not depend on an image: what is missing is found before the first one.
    private static func prepare(_ pipeline: Pipeline, _ library: StageLibrary, _ stages: StageSession, _ variables: [String: Value]) throws(RunError) {
        for (index, use) in pipeline.allStages.enumerated() {
            guard let description = library.catalogue[use.name], description.kind != .vips else { continue }
            guard let arguments = try? use.arguments(for: description, in: Environment(variables: variables), pipeline: pipeline) else { continue }
            do throws(StageError) {
                try stages.prepare(description, arguments: arguments)
                // Every image would fail for it, each with another reason.
                if FileStatus.isOutOfDescriptors { throw StageError.host("has left no file descriptor free: create() must close what it opens, or open less", stage: use.name) }
            } catch {
                let parameter = error.parameter.map { "\($0): " } ?? ""
                throw RunError(.unavailable, "\(pipeline.source.name):\(use.mark.line):\(use.mark.column): stage \(index + 1) (\(use.name)): \(parameter)\(error.message)")
            }
        }
    }

    private static func load(_ pipeline: Pipeline, _ library: StageLibrary, _ stages: StageSession, _ variables: [String: Value], _ budget: Int)
        throws(RunError) -> ([String: Image], [String]) {
        var images: [String: Image] = [:]
        var notes: [String] = []
        for entry in pipeline.images {
            let context = ImageContext(memoryBudget: budget)
            defer { context.finish() }
            func fail(_ message: String, _ status: ExitStatus = .inputMissing) -> RunError {
                RunError(status, "\(pipeline.source.name):\(entry.mark.line):\(entry.mark.column): the image '\(entry.name)': \(message)")
            }
            let environment = Environment(variables: variables)
            do {
                let path = pipeline.path(of: try entry.fileName(in: environment, pipeline: pipeline))
                let file = OpenedFile(path)
                guard file.status != nil else { throw fail("there is no file '\(path)' that can be read: \(file.unreadable ?? "")") }
                guard let loader = file.loader else { throw fail("'\(path)' is no image that libvips can read") }
                var options: [String: Argument] = [:]
                if let codec = library.catalogue.codec(loader) {
                    options = try VipsStage.options(try entry.options(for: codec, in: environment, pipeline: pipeline), of: loader)
                }
                if library.catalogue.codec(loader)?.parameter("fail_on") != nil, options["fail_on"] == nil { options["fail_on"] = "error" }
                let loaded = try file.load(loader, options: options)
                let colour = try InputColour(loaded, file, loader: loader, context: context)
                let image = try colour.applied(to: try InputImage.decoded(loaded, isUpright: !pipeline.input.autorot)).taggedAsOpened()
                let scope = ImageScope(input: image, facts: ImageFacts(image), shared: images, variables: variables)
                var builder = ImageBuilder(pipeline: pipeline, library: library, stages: stages, context: context, scope: scope)
                try builder.run(entry.stages, prefix: "\(entry.name) ")
                images[ImageScope.canonical(entry.name)] = try builder.materialised(builder.scope.previous, entry.name).image
                notes += context.notes
            } catch let error as RunError {
                throw error
            } catch let error as ImageFailure {
                throw fail((error.stage.map { "stage \($0): " } ?? "") + error.message, .unavailable)
            } catch let error as Diagnostics {
                throw fail(error.all.map(\.message).joined(separator: "; "), .invalidPipeline)
            } catch let error as StageError {
                throw fail(error.message, .invalidPipeline)
            } catch {
                throw fail("\(error)")
            }
        }
        return (images, notes)
    }
}
