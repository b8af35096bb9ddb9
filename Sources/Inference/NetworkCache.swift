import Synchronization

/// A model's bytes and the key that stands for them.
public struct NetworkModel: Sendable {
    /// Equal keys must mean equal bytes: a hash of them, or a name that the process gave out once.
    public let key: String
    /// The bytes of an ONNX file.
    public let bytes: [UInt8]

    public init(key: String, bytes: [UInt8]) {
        self.key = key
        self.bytes = bytes
    }
}

/// The compiled networks of a process: at most `capacity`, and at most `memory` bytes of what their callers say they hold; the least recently asked for given up first.
///
/// Callers that ask for the same network at the same time wait for one compilation; others do not wait for it. A network given up stays alive for those who
/// still hold it. A failure is thrown to all who waited for it and not remembered: memory may have been freed before the next attempt.
public final class NetworkCache: Sendable {
    public let engine: any Engine
    public let capacity: Int
    public let memory: Int
    private let compiledFolder: String?

    private struct Key: Hashable {
        let model: String
        let request: CompileRequest
    }

    /// One network, compiled under its own lock: who asks meanwhile waits on that.
    private final class Entry: Sendable {
        let result = Mutex<Result<any CompiledNetwork, EngineError>?>(nil)
    }

    private struct State {
        var entries: [Key: (entry: Entry, lastUse: Int, memory: Int)] = [:]
        var clock = 0

        mutating func entry(for key: Key, memory: Int, capacity: Int, limit: Int) -> Entry {
            clock += 1
            if let found = entries[key] {
                entries[key] = (found.entry, clock, memory)
                return found.entry
            }
            var held = entries.values.reduce(memory) { $0.addingReportingOverflow($1.memory).partialValue }
            while entries.count >= capacity || held > limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
                held -= oldest.value.memory
                entries[oldest.key] = nil
            }
            let entry = Entry()
            entries[key] = (entry, clock, memory)
            return entry
        }

        /// Removes the entry unless another has taken its place meanwhile.
        mutating func forget(_ key: Key, _ entry: Entry) {
            if entries[key]?.entry === entry { entries[key] = nil }
        }
    }

    private let state = Mutex(State())

    /// - Parameters:
    ///   - capacity: how many networks to keep, at least 1.
    ///   - memory: bytes that the kept ones may hold together; the one asked for last is kept in any case.
    ///   - compiledFolder: where the engine keeps networks between processes, for devices other than the CPU (`CompileRequest.cacheDirectory`); nil for nowhere.
    public init(engine: any Engine, capacity: Int, memory: Int = 1 << 40, compiledFolder: String? = nil) {
        self.compiledFolder = compiledFolder
        self.engine = engine
        self.capacity = max(1, capacity)
        self.memory = max(0, min(memory, 1 << 50))
    }

    /// How many networks are kept at the moment.
    public var count: Int { state.withLock { $0.entries.count } }

    /// The model compiled for the request, from the cache where it is there.
    ///
    /// - Parameter memory: bytes that the network's buffers will hold, roughly: a compiled network keeps them between runs.
    public func network(_ model: NetworkModel, request: CompileRequest, memory: Int = 0) throws(EngineError) -> any CompiledNetwork {
        let key = Key(model: model.key, request: request)
        let entry = state.withLock { $0.entry(for: key, memory: max(0, min(memory, 1 << 50)), capacity: capacity, limit: self.memory) }
        let result = entry.result.withLock { stored in
            if let stored { return stored }
            let result = Result { () throws(EngineError) in try compile(model, request) }
            stored = result
            return result
        }
        if case .failure = result {
            state.withLock { $0.forget(key, entry) }
        }
        return try result.get()
    }

    private func compile(_ model: NetworkModel, _ request: CompileRequest) throws(EngineError) -> any CompiledNetwork {
        if let compiledFolder, request.device != "CPU" {
            var kept = request
            kept.cacheDirectory = compiledFolder
            // A folder that cannot be used is no obstacle.
            if let network = try? engine.compile(model.bytes, request: kept) { return network }
        }
        return try engine.compile(model.bytes, request: request)
    }

    /// Gives up all networks.
    public func removeAll() {
        state.withLock { $0.entries.removeAll() }
    }
}
