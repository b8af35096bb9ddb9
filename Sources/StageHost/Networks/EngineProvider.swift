public import Inference
internal import Synchronization

/// The inference engine of a run, loaded when the first neural stage needs it and not before.
public final class EngineProvider: Sendable {
    private let cacheFolder: String?
    private let loaded = Mutex<Result<NetworkCache, EngineError>?>(nil)
    /// How many compiled networks are kept: a few tile shapes of a few stages.
    private static let capacity = 24
    /// What they may hold together: pictures of many sizes that are run whole would each leave their buffers behind.
    private static let memory = 512 << 20

    /// The verdicts of `precision: auto`.
    public let precisions: PrecisionChooser

    /// - Parameter cacheFolder: where verdicts, and networks of devices other than the CPU, are kept between processes (`CacheLocation`); nil for nowhere.
    public init(cacheFolder: String? = nil) {
        self.cacheFolder = cacheFolder
        precisions = PrecisionChooser(cacheFolder: cacheFolder)
    }

    /// An engine that is there already.
    init(_ networks: NetworkCache, cacheFolder: String? = nil) {
        self.cacheFolder = cacheFolder
        precisions = PrecisionChooser(cacheFolder: cacheFolder)
        loaded.withLock { $0 = .success(networks) }
    }

    /// Name and version of the engine, once it is loaded: `OpenVINO 2026.1`.
    public var version: String? {
        guard let engine = try? loaded.withLock({ $0 })?.get().engine else { return nil }
        return "\(engine.name) \(engine.version)"
    }

    /// The compiled networks. Loads the engine at the first call; a failure is remembered.
    public func networks() throws(EngineError) -> NetworkCache {
        let result = loaded.withLock { state -> Result<NetworkCache, EngineError> in
            if let state { return state }
            let result = Result { () throws(EngineError) in
                NetworkCache(engine: try OpenVINO.load(EngineLocation.all()), capacity: Self.capacity, memory: Self.memory,
                             compiledFolder: cacheFolder.map { "\($0)/compiled" })
            }
            state = result
            return result
        }
        return try result.get()
    }
}
