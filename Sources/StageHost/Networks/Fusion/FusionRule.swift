internal import Inference
internal import ONNX

/// When neighbouring networks may become one, and when that pays. Every refusal is a sentence that `explain` shows.
enum FusionRule {
    /// Why `next` cannot run as one network with networks that end with `last`; nil where the result would be the same.
    static func obstacle(between last: NetworkStep, and next: NetworkStep) -> String? {
        for step in [last, next] {
            if let reason = obstacle(in: step) { return reason }
            if step.network.fixedTile != nil { return "'\(step.stage)' takes tiles of one size only" }
            guard [.auto, .exact, .whole].contains(step.options.tiling) else { return "'\(step.stage)' has a 'tiling' of its own" }
        }
        guard last.options.tiling == next.options.tiling else { return "their 'tiling' differs" }
        guard last.options.precision == next.options.precision else { return "their 'precision' differs" }
        return gap(between: last, and: next)
    }

    /// Why a stage cannot be part of a graph of several, whoever runs that.
    static func obstacle(in step: NetworkStep) -> String? {
        if step.report.haloError != nil { return "'\(step.stage)' uses a measured halo" }
        if let detour = step.detour { return "'\(step.stage)' is more than its network: \(detour)" }
        if step.isExtended { return "'\(step.stage)' extends the picture of \(step.width) x \(step.height) to a size that its network takes" }
        if let reason = signature(of: step) { return "'\(step.stage)' \(reason)" }
        guard step.options.strength == 1 || (step.whiteIn == nil) == (step.whiteOut == nil) else { return "'strength' of '\(step.stage)' mixes a picture with numbers" }
        return nil
    }

    /// Why the numbers of one stage are not those that the next one reads.
    static func gap(between last: NetworkStep, and next: NetworkStep) -> String? {
        last.whiteOut == next.whiteIn ? nil : "full scale changes between '\(last.stage)' and '\(next.stage)'"
    }

    /// Tensors that nodes of single precision, and pictures of four axes, can be put between.
    private static func signature(of step: NetworkStep) -> String? {
        let graph = step.network.graph, door = step.network.door
        for info in graph.inputs.filter({ $0.name == door.inputName }) + graph.outputs.filter({ $0.name == door.outputName }) {
            if let type = info.elementType, type != .float { return "has \(type) numbers in '\(info.name)'" }
            if let dims = info.dims, dims.count != 4 { return "has \(dims.count) axes in '\(info.name)', not the four of a picture" }
        }
        return nil
    }

    /// A number that goes from one network to the next through the host costs about as much as this many operations inside a network:
    /// it is written, kept in a cache of cells, and read again. Measured in f32 on four stages with 16 channels between them (2 cores, AVX-512):
    /// 13 ns of processor time for each, while the networks did 28 operations in a nanosecond.
    private static let operationsPerSample = 400.0

    /// Why one network is not worth it, from what each way computes; nil where it is.
    ///
    /// - Parameters:
    ///   - apart: the networks as they would run one by one.
    ///   - joined: the same as one.
    static func loss(of joined: NetworkStep, over apart: [NetworkStep]) -> String? {
        if joined.report.passes > 0 { return "together they do not fit the memory as one run on the whole picture" }
        let isMixed = apart.contains { $0.geometry.isTileable } && !joined.geometry.isTileable
        if isMixed, let cut = apart.first(where: { !$0.grid.isWhole }) {
            let whole = apart.first { !$0.geometry.isTileable }?.stage ?? ""
            return "'\(whole)' needs the whole picture at once, and '\(cut.stage)' runs in tiles"
        }
        let work = apart.map(\.work), total = work.reduce(0, +)
        let separate = zip(work, apart).reduce(0) { $0 + $1.0 * $1.1.grid.cost }
        let samples = apart.dropLast().reduce(0.0) { $0 + Double($1.geometry.outputWidth) * Double($1.geometry.outputHeight) * Double($1.outputChannels) }
        let saved = samples * operationsPerSample
        guard total * joined.grid.cost > separate + saved else { return nil }
        let percent = numberText(((total * joined.grid.cost - separate) / separate * 100).rounded())
        return "their halos together would cost \(percent) % more than one by one, which is more than one network saves"
    }
}
