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

/// The compiled networks of a process: at most `capacity`, the least recently asked for given up first.
///
/// Callers that ask for the same network at the same time wait for one compilation; others do not wait for it. A network given up stays alive for those who
/// still hold it. A failure is thrown to all who waited for it and not remembered: memory may have been freed before the next attempt.
public final class NetworkCache: Sendable {
    public let engine: any Engine
    public let capacity: Int

    private struct Key: Hashable {
        let model: String
        let request: CompileRequest
    }

    /// One network, compiled under its own lock: who asks meanwhile waits on that.
    private final class Entry: Sendable {
        let result = Mutex<Result<any CompiledNetwork, EngineError>?>(nil)
    }

    private struct State {
        var entries: [Key: (entry: Entry, lastUse: Int)] = [:]
        var clock = 0

        mutating func entry(for key: Key, capacity: Int) -> Entry {
            clock += 1
            if let found = entries[key] {
                entries[key] = (found.entry, clock)
                return found.entry
            }
            if entries.count >= capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
                entries[oldest.key] = nil
            }
            let entry = Entry()
            entries[key] = (entry, clock)
            return entry
        }

        /// Removes the entry unless another has taken its place meanwhile.
        mutating func forget(_ key: Key, _ entry: Entry) {
            if entries[key]?.entry === entry { entries[key] = nil }
        }
    }

    private let state = Mutex(State())
    private let compilations = Atomic<Int>(0)

    /// - Parameter capacity: how many networks to keep, at least 1.
    public init(engine: any Engine, capacity: Int) {
        self.engine = engine
        self.capacity = max(1, capacity)
    }

    /// How many compilations were begun: a count for reports and tests.
    public var compilationCount: Int { compilations.load(ordering: .relaxed) }

    /// How many networks are kept at the moment.
    public var count: Int { state.withLock { $0.entries.count } }

    /// The model compiled for the request, from the cache where it is there.
    public func network(_ model: NetworkModel, request: CompileRequest) throws(EngineError) -> any CompiledNetwork {
        let key = Key(model: model.key, request: request)
        let entry = state.withLock { $0.entry(for: key, capacity: capacity) }
        let result = entry.result.withLock { stored in
            if let stored { return stored }
            compilations.add(1, ordering: .relaxed)
            let result = Result { () throws(EngineError) in try engine.compile(model.bytes, request: request) }
            stored = result
            return result
        }
        if case .failure = result {
            state.withLock { $0.forget(key, entry) }
        }
        return try result.get()
    }

    /// Gives up all networks.
    public func removeAll() {
        state.withLock { $0.entries.removeAll() }
    }
}
