public import Inference

/// What the command line says about a run, beside the pipeline and the inputs.
public struct RunSettings: Sendable {
    /// Which existing outputs are made again.
    public enum Overwrite: String, Sendable, CaseIterable {
        /// None.
        case never
        /// Those that are missing, or were made from another input, pipeline, variable, weights file or version.
        case stale
        case always
    }

    /// The folder to write to; or a file, for one input and one output.
    public var output: String
    public var overwrite = Overwrite.stale
    /// Images in flight; nil: chosen from cores, images and memory.
    public var jobs: Int?
    /// Bytes for the whole run; nil: half of what the machine, or the control group, has.
    public var memory: Int?
    /// Arithmetic of neural stages.
    public var precision = PrecisionRequest.auto
    public var device = "CPU"
    /// Whether neighbouring network stages are merged into one network.
    public var fuses = true
    /// Where what was found out about networks is kept between runs (`CacheLocation`); nil for nowhere.
    public var cacheFolder: String?
    /// Whether images are made in this process rather than in workers; nil: where nothing of a plug-in runs, and there is one image.
    public var inProcess: Bool?
    /// Folders with plug-ins, for workers to look into as this process has.
    public var pluginPath: [String] = []
    /// Whether libvips' warnings are shown.
    public var isVerbose = false
    /// Whether the run goes on with the files that arrive.
    public var isWatching = false
    /// Seconds for each call by which a plug-in makes a stage ready, before the first image.
    public var startTimeout = 120.0
    /// Stop at the first failed image.
    public var failsFast = false

    public init(output: String) { self.output = output }
}
