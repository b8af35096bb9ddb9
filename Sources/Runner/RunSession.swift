internal import ContentHash
internal import Foundation
internal import Inference
public import PipelineLanguage
public import StageHost
internal import Vips

/// A pipeline made ready to run: its variables typed, its stages created, its files found, its second images decoded.
///
/// Shared by all images of a run.
public final class RunSession: Sendable {
    public let library: StageLibrary
    public let pipeline: Pipeline
    public let variables: [String: Value]
    public let stages: StageSession
    /// The entries of `images`, decoded and taken through their own stages.
    let images: [String: Image]
    /// What stages said about the entries of `images`.
    let imageNotes: [String]

    /// - Throws: `RunError`: 64 for variables, 66 for a missing image, 69 for a stage that cannot be created.
    public init(library: StageLibrary, pipeline: Pipeline, set: [String: String], neural: NeuralSettings, memoryBudget: Int) throws(RunError) {
        self.library = library
        self.pipeline = pipeline
        // Every stage is a level of libvips' recursion when pixels are computed: 500 blurs overflow a thread's stack.
        let most = 100
        for list in [pipeline.stages] + pipeline.outputs.map(\.stages) + pipeline.images.map(\.stages) where list.count > most {
            let mark = list[most].mark
            throw RunError(.invalidPipeline, "\(pipeline.source.name):\(mark.line):\(mark.column): a list may have at most \(most) stages, and this one has \(list.count)")
        }
        do {
            variables = try pipeline.variables(set: set)
        } catch {
            throw RunError(.usage, error.all.map(\.message).joined(separator: "; "))
        }
        let files = FileLookup(pipelineFolder: Path.absolute(pipeline.directory), environment: ProcessInfo.processInfo.environment,
                               executable: PluginSearch.executable)
        stages = StageSession(library: library, settings: neural, files: files)
        try Self.prepare(pipeline, library, stages, variables)
        if Self.allStages(pipeline).contains(where: { library.catalogue[$0.name]?.kind == .network }) {
            do {
                try stages.checkDevice()
            } catch {
                throw RunError(.unavailable, error.message)
            }
        }
        (images, imageNotes) = try Self.load(pipeline, library, stages, variables, memoryBudget)
    }

    /// The session of a run that shares the machine in this way.
    public convenience init(library: StageLibrary, pipeline: Pipeline, set: [String: String], schedule: Schedule) throws(RunError) {
        try self.init(library: library, pipeline: pipeline, set: set, neural: schedule.neural, memoryBudget: schedule.memory)
    }

    /// Every stage of the file.
    static func allStages(_ pipeline: Pipeline) -> [StageUse] {
        pipeline.images.flatMap(\.stages) + pipeline.stages + pipeline.outputs.flatMap(\.stages)
    }

    /// Whether any stage comes from a plug-in, and whether any is a network.
    var usesNetworks: Bool { Self.allStages(pipeline).contains { library.catalogue[$0.name]?.kind == .network } }

    /// Creates every plug-in stage whose arguments do not depend on an image: what is missing is found before the first one.
    private static func prepare(_ pipeline: Pipeline, _ library: StageLibrary, _ stages: StageSession, _ variables: [String: Value]) throws(RunError) {
        for (index, use) in allStages(pipeline).enumerated() {
            guard let description = library.catalogue[use.name], description.kind != .vips else { continue }
            guard let arguments = try? use.arguments(for: description, in: Environment(variables: variables), pipeline: pipeline) else { continue }
            do {
                try stages.prepare(description, arguments: arguments)
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
                guard FileStatus(path)?.kind == .file else { throw fail("there is no file '\(path)'") }
                guard let loader = Image.loader(forFile: path) else { throw fail("'\(path)' is no image that libvips can read") }
                var options: [String: Argument] = [:]
                if let codec = library.catalogue.codec(loader) {
                    options = try VipsStage.options(try entry.options(for: codec, in: environment, pipeline: pipeline), of: loader)
                }
                if library.catalogue.codec(loader)?.parameter("fail_on") != nil, options["fail_on"] == nil { options["fail_on"] = "error" }
                let image = try InputImage.decoded(try Image.load(path, options: options), isUpright: !pipeline.input.autorot).taggedAsOpened()
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

    /// A hash of everything but the input that the pixels depend on: the file, its variables, the weights and models it names, the plug-ins
    /// it uses, and the versions of what computes.
    func recipe() -> String {
        var hash = SHA256()
        func add(_ text: String) {
            hash.update(Array(text.utf8))
            hash.update([0])
        }
        add(AquatintVersion.text)
        add(library.catalogue.libraries["libvips"] ?? "")
        add(pipeline.source.text)
        for name in variables.keys.sorted() { add("\(name)=\(variables[name]?.description ?? "")") }
        let neural = stages.settings
        add("\(neural.precision) \(neural.device) \(neural.fuses ? "fused" : "one by one")")
        for reference in pipeline.referencedFiles(library.catalogue, variables: variables) {
            let path = (try? stages.files.find(reference.path)) ?? pipeline.path(of: reference.path)
            add("\(reference.path) \(SHA256.hash(contentsOf: path)?.hex ?? "missing")")
        }
        var seen: Set<String> = []
        for use in Self.allStages(pipeline) {
            guard let description = library.catalogue[use.name], let plugin = library.plugins.stages[description.name] else { continue }
            if seen.insert(plugin.library.path).inserted { add(SHA256.hash(contentsOf: plugin.library.path)?.hex ?? plugin.library.path) }
        }
        return hash.finish().hex
    }
}

/// The version of this program.
public enum AquatintVersion {
    public static let text = "0.1.0"
}
