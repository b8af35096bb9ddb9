internal import Inference
public import PipelineLanguage
public import StageHost

/// How a run shares the machine between its images. `run` works by it, and `explain` shows what comes of it.
public struct Schedule: Sendable {
    /// Images computed at the same time.
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
        memory = settings.memory ?? Machine.memory / 2
        // Unasked, no more images than have room to be computed in.
        let room = max(1, memory / Self.leastMemory)
        jobs = max(1, min(settings.jobs ?? min(cores, room), images))
        threads = max(1, cores / jobs)
        var neural = NeuralSettings(precision: settings.precision, device: settings.device, threads: cores, isShared: jobs > 1, cacheFolder: settings.cacheFolder)
        neural.fuses = settings.fuses
        self.neural = neural
    }

    /// Bytes that an image is given at the very least: a worker process holds about half of that before its first one.
    private static let leastMemory = 128 << 20

    /// Bytes for each image in flight.
    public func memoryPerImage(_ pipeline: Pipeline) -> Int { min(memory / jobs, pipeline.limits.maxMemory ?? .max) }
}

extension Schedule {
    /// How many processes make the images, and how many images each computes at a time. Networks are compiled once, in one process for all images; all else is
    /// kept apart.
    func workforce(_ request: RunRequest) -> (workers: Int, lanes: Int) {
        request.usesNetworks ? (1, jobs) : (jobs, 1)
    }

    /// Whether the images are made in this process: nothing but libvips' own code is trusted that far, and only with one image, which would be lost alone either way.
    func isInProcess(_ request: RunRequest, images: Int, settings: RunSettings) -> Bool {
        settings.inProcess ?? (images <= 1 && !request.usesPlugins)
    }

    /// How many images each worker may have in hand beside those that it computes. Those of pipelines that are libvips' alone may be small, and are synced to the disk in
    /// groups; each takes a thread of the supervisor.
    func waiting(_ request: RunRequest) -> Int {
        let (workers, _) = workforce(request)
        return request.usesNetworks || request.usesPlugins ? Self.leastWaiting : max(Self.leastWaiting, min(24, 256 / workers))
    }

    /// One that waits for the disk, and one that waits its turn.
    static let leastWaiting = 2

    func limits(_ request: RunRequest, _ settings: RunSettings) -> WorkerLimits {
        let (workers, _) = workforce(request)
        let share = min(memory / workers, request.pipeline.limits.maxMemory ?? .max)
        // Code, libvips' own caches, and what the inference engine keeps beside its tensors, are not in any estimate.
        let base = (request.usesNetworks ? 320 : 64) << 20
        return WorkerLimits(timeout: request.pipeline.limits.timeout, start: settings.startTimeout, memory: share + share / 5 + base, memoryAtRest: share / 2)
    }

    func setup(_ request: RunRequest, _ settings: RunSettings) -> WorkerSetup {
        let (_, lanes) = workforce(request)
        return WorkerSetup(
            name: request.pipeline.source.name, text: request.pipeline.source.text, set: request.set, pluginPath: settings.pluginPath,
            precision: neural.precision.description, device: neural.device, fuses: neural.fuses, cacheFolder: neural.cacheFolder, neuralThreads: neural.threads, threads: threads,
            isShared: neural.isShared, lanes: lanes, waiting: waiting(request), memory: memory, memoryPerImage: memoryPerImage(request.pipeline), isVerbose: settings.isVerbose)
    }

}

/// What makes the images of a run, made before the run begins: as long as this process has one thread, and little in memory, its workers can be copies of it.
public struct Crew: Sendable {
    let maker: any ImageMaker

    /// Finds what would fail every image.
    ///
    /// - Throws: `RunError`: what `RunSession` throws.
    public func check() throws(RunError) { _ = try maker.prepare([]) }

    /// Lets go of it where there is no run after all.
    public func close() { maker.close() }

    /// - Parameter images: how many the plan will have, as far as that is known.
    /// - Throws: `RunError`: what `RunSession` throws, where images are made in this process; 74 where there can be no worker process.
    public init(_ request: RunRequest, schedule: Schedule, images: Int, settings: RunSettings) throws(RunError) {
        guard !schedule.isInProcess(request, images: images, settings: settings) else {
            maker = LocalMaker(session: try RunSession(request), lanes: schedule.jobs, memory: schedule.memoryPerImage(request.pipeline))
            return
        }
        let (workers, _) = schedule.workforce(request)
        let (reserve, problem) = try WorkerProcess.copies(workers, with: request.library)
        let setup = schedule.setup(request, settings)
        // Where no foreign code runs by that, they make themselves ready while the run is planned.
        if !request.usesNetworks, !request.usesPlugins { for process in reserve { process.begin(setup) } }
        maker = Workforce(setup: setup, count: workers, limits: schedule.limits(request, settings), reserve: reserve, problem: problem,
                          ingredients: request.ingredients(), stageLabel: request.label)
    }
}
