internal import PipelineLanguage
internal import StageHost

/// What computed the images of a run.
public struct RunVersions: Sendable, Hashable {
    public var aquatint = AquatintVersion.text
    public var libvips = ""
    /// Of the plug-ins that the pipeline uses, by name.
    public var plugins: [String: String] = [:]
    /// Name and version of the inference engine, once it has computed something.
    public var engine: String?

    public init() {}
}

extension RunRequest {
    /// The versions of all but the engine, which is loaded where the images are made.
    public var versions: RunVersions {
        var versions = RunVersions()
        versions.libvips = library.catalogue.libraries["libvips"] ?? ""
        for use in pipeline.allStages {
            guard let description = library.catalogue[use.name], let plugin = library.plugins.stages[description.name] else { continue }
            versions.plugins[plugin.library.descriptor.name] = plugin.library.descriptor.version
        }
        return versions
    }
}
