internal import ContentHash
internal import Inference
internal import ONNX
internal import Synchronization
internal import Vips

/// Neighbouring network stages on one picture that run as one network, or a single one.
///
/// Nothing is compiled before `prepare`, so a chain that grows by another stage costs nothing of what it was before.
public struct NetworkChain: Sendable {
    /// What the first stage reads.
    let input: Image
    let steps: [NetworkStep]
    /// The network that runs.
    let made: NetworkStep

    init(_ step: NetworkStep) {
        (input, steps, made) = (step.input, [step], step)
    }

    private init(input: Image, steps: [NetworkStep], made: NetworkStep) {
        (self.input, self.steps, self.made) = (input, steps, made)
    }

    /// How many stages run as this one network.
    public var count: Int { steps.count }

    /// Chooses the arithmetic and compiles the network: what cannot work fails here, not in the middle of a picture.
    ///
    /// - Returns: what was decided.
    public func prepare() throws(StageError) -> NetworkReport { try made.prepare() }

    enum Extension {
        case fused(NetworkChain, Image)
        /// The reason.
        case refused(String)
    }

    /// This chain with another stage at its end.
    ///
    /// - Parameter merged: gives the steps as one network, made once for all pictures.
    func extended(by next: NetworkStep, merged: ([NetworkStep]) throws(ONNXError) -> PreparedNetwork) -> Extension {
        guard let last = steps.last else { return .refused("there is nothing before it") }
        if let reason = FusionRule.obstacle(between: last, and: next) { return .refused(reason) }
        let all = steps + [next], first = steps[0]
        var options = first.options
        (options.outputBlack, options.outputWhite, options.strength) = (next.options.outputBlack, next.options.outputWhite, 1)
        do {
            let runner = first.runner
            var (image, joined) = try NetworkStageImage(
                network: try merged(all), options: options, plan: FusedSizing(steps: all), settings: runner.settings, engine: runner.engine, context: runner.context,
                stage: all.map(\.stage).joined(separator: " + ")
            ).planned(input)
            if let reason = FusionRule.loss(of: joined, over: [made, next]) { return .refused(reason) }
            // Each stage's own, in its own name: together they say what the network of all would say again.
            joined.notes = all.flatMap(\.notes)
            return .fused(NetworkChain(input: input, steps: all, made: joined), image)
        } catch let error as ONNXError {
            return .refused("their graphs cannot be merged: \(error)")
        } catch let error as StageError {
            return .refused(error.message)
        } catch {
            return .refused("\(error)")
        }
    }
}

extension PreparedNetwork {
    /// The networks of a chain as one, to be fed as the first of them is.
    convenience init(fusing steps: [NetworkStep]) throws(ONNXError) {
        let graph = try FusedGraph.model(of: steps, ends: .networks)
        // What is analysed is the plain graph; what runs says NaN.
        let bytes = try FusedGraph.model(of: steps, ends: .networks, showsNaN: true).serialized(), first = steps[0].network
        try self.init(made: graph, inputName: FusedGraph.inputName, outputName: FusedGraph.outputName, bytes: bytes,
                  key: SHA256.hash(bytes).hex, scale: first.scale, bias: first.bias)
    }
}

/// The fused networks of a run, each made once.
final class FusedNetworks: Sendable {
    private struct Key: Hashable {
        struct Part: Hashable {
            var network: ObjectIdentifier
            var enter: [NetworkStep.Line]
            var leave: NetworkStep.Line
            var sources: [Int]
            var strength: Float
        }
        var parts: [Part]

        init(_ steps: [NetworkStep]) {
            parts = steps.map { Part(network: ObjectIdentifier($0.network), enter: $0.enter, leave: $0.leave, sources: $0.sources, strength: $0.options.strength) }
        }
    }

    /// With the networks that each was made of: their addresses are its key, and must not be given to others meanwhile.
    private let known = Mutex<[Key: (network: PreparedNetwork, parts: [PreparedNetwork])]>([:])

    func network(of steps: [NetworkStep]) throws(ONNXError) -> PreparedNetwork {
        let key = Key(steps)
        if let found = known.withLock({ $0[key] }) { return found.network }
        let made = try PreparedNetwork(fusing: steps)
        return known.withLock { known in
            if let other = known[key] { return other.network }
            if known.count >= 16 { known.removeAll() }
            known[key] = (made, steps.map(\.network))
            return made
        }
    }
}
