internal import Inference
internal import ONNX

/// A network with global statistics, cut at them: ready to be run tile by tile, in several passes.
///
/// Made once per network of a run, when it is first needed. Immutable.
final class CutNetwork: Sendable {
    let model: SynchronisedModel
    let passes: [Pass]
    /// What is left when all statistics are known; their values are inputs of it.
    let remainder: PreparedNetwork

    /// One run over all tiles, and what it adds up.
    final class Pass: Sendable {
        let part: SynchronisedModel.Pass
        let key: String

        init(_ part: SynchronisedModel.Pass, key: String) {
            self.part = part
            self.key = key
        }
    }

    /// - Throws: `ONNXError`: why the network cannot be cut.
    init(_ network: PreparedNetwork) throws(ONNXError) {
        let door = network.door
        let model = try SynchronisedModel(network.graph, input: door.inputName, output: door.outputName, layout: door.isNHWC ? .nhwc : .nchw)
        self.model = model
        passes = model.passes.enumerated().map { Pass($1, key: "\(network.model.key) pass \($0 + 1)") }
        remainder = try PreparedNetwork(network, cutTo: model)
    }

    /// The operations of all passes and the remainder over those of one run of the whole network; nil where they cannot be counted.
    ///
    /// - Parameter runs: how often each pass, and last the remainder, runs, and on what size.
    func work(of network: PreparedNetwork, width: Int, height: Int, channels: Int, runs: [(count: Int, width: Int, height: Int)]) -> Double? {
        func cost(_ graph: Model, _ width: Int, _ height: Int) -> Double? {
            let shapes = network.inputShapes(width: width, height: height, channels: channels).filter { name, _ in graph.inputs.contains { $0.name == name } }
            return (try? graph.flops(with: shapes)) ?? nil
        }
        guard let whole = cost(network.graph, width, height), whole > 0 else { return nil }
        var total = 0.0
        for (graph, run) in zip(passes.map(\.part.model) + [remainder.graph], runs) {
            guard let one = cost(graph, run.width, run.height) else { return nil }
            total += one * Double(run.count)
        }
        return total / whole
    }
}
