internal import ContentHash
internal import Synchronization

/// The networks that stages hand over, each hashed, checked and analysed once for all pictures of a run.
///
/// What a network is called from here on is the hash of its bytes: a plug-in's own key says nothing beyond the instance that gave it. It only spares hashing the
/// same bytes for every picture, as does the place where they lie, which holds other bytes only once their plan is freed.
final class PreparedNetworks: Sendable {
    /// What tells without looking at its bytes that an instance has handed a network over before.
    private struct Sign: Hashable {
        enum Kind: Hashable {
            /// The plug-in's own.
            case key([UInt8])
            case place(start: UInt, count: Int)
        }
        var instance: ObjectIdentifier
        var kind: Kind
        var use: PluginNetwork.Use
    }

    private struct Content: Hashable {
        var instance: ObjectIdentifier
        var hash: String
        var use: PluginNetwork.Use
    }

    private struct State {
        /// With what was handed over first, which holds the instance and the plan: their addresses are in the keys, and must not be given to others meanwhile.
        var known: [Content: (network: PreparedNetwork, source: PluginNetwork)] = [:]
        var hashes: [Sign: String] = [:]
    }

    private static let capacity = 64
    private let state = Mutex(State())
    private let hashings = Atomic<Int>(0)

    /// How many networks were hashed: a count for tests.
    var hashCount: Int { hashings.load(ordering: .relaxed) }

    /// - Parameter file: the model's file as the pipeline names it, for messages.
    /// - Throws: as `PreparedNetwork`. A failure is not remembered.
    func network(_ source: PluginNetwork, stage: String, file: String?) throws(StageError) -> PreparedNetwork {
        let instance = ObjectIdentifier(source.plan.instance)
        let kind = source.key.map { Sign.Kind.key(Array($0.utf8)) } ?? source.withBytes { .place(start: UInt(bitPattern: $0.baseAddress), count: $0.count) }
        let use = source.use, sign = Sign(instance: instance, kind: kind, use: use)
        let seen = state.withLock { state in state.hashes[sign].flatMap { state.known[Content(instance: instance, hash: $0, use: use)]?.network } }
        if let seen { return seen }

        hashings.add(1, ordering: .relaxed)
        let content = Content(instance: instance, hash: source.withBytes { SHA256.hash($0).hex }, use: use)
        if let known = state.withLock({ $0.known[content]?.network }) { return known }
        let made = try PreparedNetwork(source, key: content.hash, stage: stage, file: file)
        return state.withLock { state in
            if let other = state.known[content] { return other.network }
            if state.known.count >= Self.capacity { state = State() }
            state.known[content] = (made, source)
            state.hashes[sign] = content.hash
            return made
        }
    }
}
