internal import PipelineLanguage
internal import StageHost

/// The network stages that made the running image, as long as the next stage may still become part of the same network.
struct PendingNetworks {
    let chain: NetworkChain
    /// Their places in the trace.
    let places: [Int]
    /// How messages call them.
    let label: String
    /// Why nothing may join them.
    var obstacle: String?
}

extension StageUse {
    /// Whether the stage is a network that works on the running image, and on no other.
    func follows(_ description: StageDescription, _ arguments: [String: Value]) -> Bool {
        description.kind == .network && inName == nil && arguments.values.allSatisfy { value in
            if case .image(let reference) = value { reference == .previous } else { true }
        }
    }
}
