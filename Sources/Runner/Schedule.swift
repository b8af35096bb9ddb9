internal import Inference
public import PipelineLanguage
public import StageHost

/// How a run shares the machine between its images. `run` works by it, and `explain` shows what comes of it.
public struct Schedule: Sendable {
    /// Images in flight.
    public let jobs: Int
    /// libvips' threads for each.
    public let threads: Int
    /// Bytes for the whole run.
    public let memory: Int
    /// How the networks of the run are computed.
    public let neural: NeuralSettings

    /// Many images: one core for each. Few: more threads each.
    ///
    /// - Parameter images: how many the run has; more than one can be in flight only where there are more.
    public init(images: Int, settings: RunSettings, cores: Int = Machine.cores) {
        jobs = max(1, min(settings.jobs ?? cores, images))
        threads = max(1, cores / jobs)
        memory = settings.memory ?? Machine.memory / 2
        var neural = NeuralSettings(precision: settings.precision, device: settings.device, threads: cores, isShared: jobs > 1, cacheFolder: settings.cacheFolder)
        neural.fuses = settings.fuses
        self.neural = neural
    }

    /// Bytes for each image in flight.
    public func memoryPerImage(_ pipeline: Pipeline) -> Int { min(memory / jobs, pipeline.limits.maxMemory ?? .max) }
}
