import AquatintPlugin
import Networks
import NeuralStages

/// `network`: a whole trained network from one weights file, which says in its metadata what network it is for.
struct NetworkFileStage: NetworkStage {
    static let id = "network"
    static let licence = "MIT"
    static let doc = """
        Runs a trained network. Its weights file says which modules it is made of, and how they follow each other; \
        a bare name such as upscale2x stands for weights that ship.
        """
    static let parameters: [Parameter] = [
        .file("weights", required: true, doc: """
            The trained network: a safetensors file with its architecture in the metadata, or the bare name of one on the model path.
            """),
    ]

    private let graph: NetworkGraph
    private let plan: NetworkPlan

    init(_ values: Values) throws(StageError) {
        (graph, plan) = try NetworkGraph.described(by: try values.weights())
    }

    func plan(_ inputs: Inputs<ImageInfo>) -> NetworkPlan { plan }

    func network(for inputs: Inputs<ImageInfo>) -> NetworkGraph { graph }
}
