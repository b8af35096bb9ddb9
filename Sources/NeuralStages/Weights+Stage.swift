public import AquatintPlugin
public import Networks

/// What of a `StageError`'s message reaches the host.
private let messageBytes = 439

extension Values {
    /// The file of the parameter `weights`, read and checked.
    public func weights() throws(StageError) -> Weights {
        guard let path = try file("weights") else { throw .parameter("weights", "is required") }
        do {
            return try Weights(contentsOf: path)
        } catch {
            throw StageError(weights: error)
        }
    }

    /// A number of channels: the parameter where it is given, otherwise one dimension of a convolution's weight.
    ///
    /// What is given is not compared here: making the network does that, for all tensors at once.
    public func channels(_ name: String, or dimension: Int, of tensor: String, in weights: Weights) throws(StageError) -> Int {
        let given = try int(name)
        guard given == 0 else { return given }
        do {
            return try weights.length(ofDimension: dimension, rank: 4, of: tensor)
        } catch {
            throw StageError(weights: error)
        }
    }
}

extension NetworkGraph {
    /// The graph of a module with its trained weights.
    public init(of module: some Module, inChannels: Int, weights: Weights) throws(StageError) {
        do {
            self.init(onnx: try Network.onnx(of: module, inChannels: inChannels, weights: weights))
        } catch {
            throw StageError(network: error)
        }
    }

    /// The graph of weights that carry their architecture, and how it is cut.
    public static func described(by weights: Weights) throws(StageError) -> (graph: NetworkGraph, plan: NetworkPlan) {
        do {
            let (onnx, blocks) = try Network.described(by: weights)
            let plan = blocks.map { blocks in
                NetworkPlan.blocks(size: blocks.alignment, halo: blocks.halo, scale: Reach.Scale(blocks.scale.numerator, blocks.scale.denominator),
                                   isRagged: blocks.isRagged, outputBands: blocks.outChannels)
            }
            return (NetworkGraph(onnx: onnx), plan ?? .derive)
        } catch {
            throw StageError(network: error)
        }
    }
}

extension StageError {
    init(network error: NetworkError) {
        if case .weights(let fault) = error {
            self.init(weights: fault)
        } else {
            self = .internal(error.summary(maximumBytes: messageBytes))
        }
    }

    init(weights error: WeightsError) {
        self = .parameter("weights", error.summary(maximumBytes: messageBytes))
    }
}
