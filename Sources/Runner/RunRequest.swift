internal import ContentHash
internal import Foundation
public import PipelineLanguage
public import StageHost
internal import Vips

/// What is asked for, with its variables typed: enough to plan a run, before anything of a plug-in or a model is touched.
public struct RunRequest: Sendable {
    public let library: StageLibrary
    public let pipeline: Pipeline
    public let variables: [String: Value]
    /// As it was given: `name` to the text of its value.
    let set: [String: String]
    public let neural: NeuralSettings
    /// Bytes for the whole run.
    public let memory: Int
    /// Where the files that the pipeline names are looked for.
    let files: FileLookup

    /// - Throws: `RunError`: 64 for variables, 65 for a list of stages that is too long.
    public init(library: StageLibrary, pipeline: Pipeline, set: [String: String], neural: NeuralSettings, memory: Int) throws(RunError) {
        self.library = library
        self.pipeline = pipeline
        self.set = set
        self.neural = neural
        self.memory = memory
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
        files = FileLookup(pipelineFolder: Path.absolute(pipeline.directory), environment: ProcessInfo.processInfo.environment, executable: PluginSearch.executable)
    }

    /// Whether any stage is a network, and whether any comes from a plug-in.
    var usesNetworks: Bool { pipeline.allStages.contains { library.catalogue[$0.name]?.kind == .network } }
    var usesPlugins: Bool { pipeline.allStages.contains { library.plugins.stages[$0.name] != nil } }

    /// The ids of the pipeline's stages that come from plug-ins, each once, in their order.
    var pluginStages: [String] {
        var ids: [String] = []
        for stage in pipeline.allStages where library.plugins.stages[stage.name] != nil && !ids.contains(stage.name) { ids.append(stage.name) }
        return ids
    }

    /// The files that make the pixels beside the inputs, as they are now: a worker that starts later must find the same.
    func ingredients() -> [PathKey: FileStatus?] {
        var paths = knownFiles
        paths += pipeline.allStages.compactMap { library.plugins.stages[$0.name]?.library.path }
        return Dictionary(paths.map { (PathKey(Path.absolute($0)), FileStatus($0)) }) { first, _ in first }
    }

    /// Where the files are that the pipeline names, those left out whose names depend on an image.
    var knownFiles: [String] { pipeline.referencedFiles(library.catalogue, variables: variables).map { (try? files.find($0.path)) ?? pipeline.path(of: $0.path) } }

    /// How a stage is named to people, with its place in the pipeline; nil where it stands in several.
    func label(ofStage id: String) -> String? {
        let places = pipeline.stages.indices.filter { pipeline.stages[$0].name == id }
        return places.count == 1 && pipeline.allStages.filter { $0.name == id }.count == 1 ? "\(places[0] + 1): \(id)" : nil
    }

    /// A hash of everything but the input that the pixels depend on: what the pipeline's file says, its variables, the weights, models and images it names, the
    /// plug-ins it uses, and the versions of what computes.
    func recipe(_ hashes: RememberedHashes = RememberedHashes(outputFolder: nil)) -> String {
        var hash = SHA256()
        func add(_ text: String) {
            hash.update(Array(text.utf8))
            hash.update([0])
        }
        add(AquatintVersion.text)
        add(library.catalogue.libraries["libvips"] ?? "")
        add(pipeline.substance)
        for name in variables.keys.sorted() {
            let type = pipeline.variables.first { $0.name == name }?.type
            add("\(name): \(type.map { "\($0)" } ?? "") = \(variables[name]?.description ?? "")")
        }
        add("\(neural.precision) \(neural.device) \(neural.fuses ? "fused" : "one by one")")
        for reference in pipeline.referencedFiles(library.catalogue, variables: variables) {
            let path = (try? files.find(reference.path)) ?? pipeline.path(of: reference.path)
            add("\(reference.path) \(hashes.hash(of: path) ?? "missing")")
        }
        var seen: Set<PathKey> = []
        for use in pipeline.allStages {
            guard let description = library.catalogue[use.name], let plugin = library.plugins.stages[description.name] else { continue }
            if seen.insert(PathKey(plugin.library.path)).inserted { add(hashes.hash(of: plugin.library.path) ?? plugin.library.path) }
        }
        // Half of it is as unlikely to come twice, and stands in every line of the journal.
        return String(hash.finish().hex.prefix(32))
    }
}

extension Pipeline {
    /// Every stage of the file.
    var allStages: [StageUse] { images.flatMap(\.stages) + stages + outputs.flatMap(\.stages) }
}

/// The version of this program.
public enum AquatintVersion {
    public static let text = "0.1.0"
}
