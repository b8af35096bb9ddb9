internal import Inference
internal import ONNX
internal import Vips

/// What a network stage does to one picture, decided but not yet run: what fusing and exporting build on.
struct NetworkStep {
    /// `scale * v + bias`.
    struct Line: Hashable {
        var scale = 1.0
        var bias = 0.0

        /// What gives `v` back.
        var inverse: Line { Line(scale: 1 / scale, bias: -bias / scale) }
        /// This after `first`.
        func after(_ first: Line) -> Line { Line(scale: scale * first.scale, bias: scale * first.bias + bias) }
    }

    /// What the stage reads, in a form that can be read again where the stage needs it twice.
    var input: Image
    /// The stage with its network and options.
    let host: NetworkStageImage
    let runner: TileRunner
    /// How a sample at full scale 1 (or a number) becomes what the network reads, by channel in the picture's order.
    let enter: [Line]
    /// How what the network gives becomes a sample at full scale 1, or a number.
    let leave: Line
    /// What was decided so far: `prepare` completes it.
    var report: NetworkReport
    /// Why the stage is more than its network: the picture is scaled for it, or split into brightness and colour.
    var detour: String?
    /// What the user should know of how the picture is treated, where this step is what runs, or part of it.
    var notes: [String] = []

    var stage: String { host.stage }
    var network: PreparedNetwork { host.network }
    var options: NetworkOptions { host.options }
    var geometry: NetworkGeometry { runner.geometry }
    var grid: TileGrid { runner.tiles.plan.grid }
    /// The band of the image that each channel of the network reads, in the picture's order.
    var sources: [Int] { runner.input.sources }
    var outputChannels: Int { runner.input.outputChannels }
    /// Full scale of the picture that is read, and of the one that is made; nil: numbers that are not scaled.
    var whiteIn: Double? { runner.input.white }
    var whiteOut: Double? { runner.input.isPicture ? runner.input.resultingScale.white : nil }

    var width: Int { geometry.extensionX.size }
    var height: Int { geometry.extensionY.size }
    var isExtended: Bool { !geometry.extensionX.isEmpty || !geometry.extensionY.isEmpty }

    /// Chooses the arithmetic and compiles the network: what cannot work fails here, not in the middle of a picture. Says the notes.
    func prepare() throws(StageError) -> NetworkReport {
        for note in notes { host.context.note(note) }
        try runner.prepare()
        let decision = try runner.precision()
        var report = report
        (report.precision, report.precisionReason) = (decision.precision, decision.reason)
        return report
    }

    /// Floating-point operations for the picture if it were run whole, or as many as its samples where they cannot be counted.
    var work: Double {
        let shapes = network.inputShapes(width: geometry.width, height: geometry.height, channels: sources.count)
        return (try? network.graph.flops(with: shapes)) ?? Double(width) * Double(height) * Double(sources.count)
    }
}

/// Where a network's geometry for a picture comes from.
protocol NetworkSizing: Sendable {
    func geometry(of network: PreparedNetwork, options: NetworkOptions, width: Int, height: Int, stage: String) throws(StageError) -> NetworkGeometry
    /// The sizes that transparency is scaled to on its way to the result's; nil where it ends on the way, since numbers have none.
    var alphaSizes: [(width: Int, height: Int)]? { get }
    /// Whether sizes and halos come from the graph's analysis, and not from a stage's own word.
    var derivesFromGraph: Bool { get }
}

extension PluginPlan: NetworkSizing {
    func geometry(of network: PreparedNetwork, options: NetworkOptions, width: Int, height: Int, stage: String) throws(StageError) -> NetworkGeometry {
        try NetworkGeometry(network, plan: self, options: options, width: width, height: height, stage: stage)
    }

    var alphaSizes: [(width: Int, height: Int)]? { [] }
}
