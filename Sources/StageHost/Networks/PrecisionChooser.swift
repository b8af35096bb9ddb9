internal import ContentHash
internal import Inference
internal import Synchronization

/// What a stage's network is computed in.
struct PrecisionDecision: Sendable {
    let precision: Precision
    /// Why, in words; nil where it was asked for.
    var reason: String?
    /// The verdict's key, where it came from probes: what a NaN on the user's own pictures refutes.
    var key: String?
}

/// The verdicts of `precision: auto`, one per kind of network and picture: found once, held for the whole run, and remembered for later ones.
///
/// Whoever asks first has the probes run; others that ask for the same meanwhile wait.
public final class PrecisionChooser: Sendable {
    private final class Entry: Sendable {
        let verdict = Mutex<PrecisionVerdict?>(nil)
    }

    private let store: VerdictStore?
    private let entries = Mutex<[String: Entry]>([:])
    private let hashes = Mutex<[String: String]>([:])
    private let spoken = Mutex<[String]>([])

    /// - Parameter cacheFolder: where verdicts outlive the process; nil keeps them for this one alone.
    init(cacheFolder: String?) {
        store = cacheFolder.map { VerdictStore(folder: "\($0)/precision") }
    }

    /// The verdict of that key: this run's, an earlier run's, or what `trial` finds on `probes`.
    ///
    /// What either throws is thrown on and not remembered.
    /// - Parameter probes: reads parts of the picture. Done before anybody waits for the verdict: stages before this one may wait for the same, to compute them.
    func verdict<Probes>(for key: String, stage: String, probes: () throws -> Probes, trial: (Probes) throws -> PrecisionVerdict) throws -> PrecisionVerdict {
        let entry = entries.withLock { entries in
            if let known = entries[key] { return known }
            let made = Entry()
            entries[key] = made
            return made
        }
        let known = entry.verdict.withLock { verdict in
            if verdict == nil, let kept = store?.verdict(for: key) { settle(kept, &verdict, stage) }
            return verdict
        }
        if let known { return known }
        let read = try probes()
        return try entry.verdict.withLock { verdict in
            if let verdict { return verdict }
            let found = try trial(read)
            store?.keep(found, for: key)
            settle(found, &verdict, stage)
            return found
        }
    }

    private func settle(_ found: PrecisionVerdict, _ verdict: inout PrecisionVerdict?, _ stage: String) {
        verdict = found
        spoken.withLock { $0.append("'\(stage)' computes in \(found.precision.rawValue): \(found.reason)") }
    }

    /// Remembers that a type gave NaN or infinity on a picture of the user's: later runs compute that network in f32. This run goes on as it began, so that
    /// its pictures do not depend on their order.
    func refute(_ precision: Precision, key: String) {
        store?.keep(PrecisionVerdict(findings: [PrecisionFinding(precision, .notFinite, probe: "a picture of an earlier run")]), for: key)
    }

    /// The hash of a network's bytes, computed once for each.
    func hash(of model: NetworkModel) -> String {
        if let known = hashes.withLock({ $0[model.key] }) { return known }
        let hash = SHA256.hash(model.bytes).hex
        hashes.withLock { hashes in
            if hashes.count > 256 { hashes.removeAll() }
            hashes[model.key] = hash
        }
        return hash
    }

    /// What was decided since this was asked last, one sentence for each network.
    public func newNotes() -> [String] {
        spoken.withLock { notes in
            defer { notes = [] }
            return notes
        }
    }
}
