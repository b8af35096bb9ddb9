internal import Inference
internal import ONNX

/// Networks that run one after the other as one graph: what the host does to samples between them becomes nodes of it.
///
/// The graph has one input of [1, C, H, W] in the picture's order, and one output like it.
struct FusedGraph {
    static let inputName = "input", outputName = "output"

    /// What goes in and comes out.
    enum Ends {
        /// The numbers that the first network reads, and that the last one gives: the host scales the samples, as for one network.
        case networks
        /// A picture at full scale 1 (or numbers, where it is none), with all scaling within; of the one size that is built into a network.
        case pictures(size: (width: Int, height: Int)?)

        var areNetworks: Bool { if case .networks = self { true } else { false } }
    }

    private let graph = GraphBuilder()
    private let ends: Ends

    /// A picture on its way: `line(value)`, by channel, is the sample at full scale 1.
    private struct Signal {
        var value: ValueName
        var lines: [NetworkStep.Line]
    }

    /// - Parameter showsNaN: lets NaN and infinity between two networks reach the result, where the next one would hide them (`Relu` makes 0 of NaN): as stages of their
    ///   own, the image would fail. For the engine only: the result then reads the whole tile, by a term that is 0.
    /// - Throws: where the graphs cannot be merged, with the reason.
    static func model(of steps: [NetworkStep], ends: Ends, showsNaN: Bool = false, metadata: [(key: String, value: String)] = []) throws(ONNXError) -> Model {
        try FusedGraph(ends: ends, showsNaN: showsNaN).model(of: steps, metadata)
    }

    private let showsNaN: Bool

    private init(ends: Ends, showsNaN: Bool) { (self.ends, self.showsNaN) = (ends, showsNaN) }

    private func model(of steps: [NetworkStep], _ metadata: [(key: String, value: String)]) throws(ONNXError) -> Model {
        let opset = steps.map(\.network.graph.opset).max() ?? 1
        guard opset >= 7 else { throw ONNXError("operator set \(opset) is older than 7, which the nodes between networks are written in") }
        var signal = entrance(of: steps[0]), between: [ValueName] = []
        for (index, step) in steps.enumerated() {
            let isEntered = index == 0 && ends.areNetworks
            let name = "\(index + 1).\(step.stage)"
            signal = try graph.scoped(name) { () throws(ONNXError) in
                try self.step(step, on: signal, sources: isEntered ? Array(step.sources.indices) : step.sources, opset: opset, as: name)
            }
            if index < steps.count - 1 { between.append(signal.value) }
        }
        let exit = ends.areNetworks ? steps[steps.count - 1].leave.inverse : NetworkStep.Line()
        var result = try applied(signal.lines.map { exit.after($0) }, to: signal.value, name: "result")
        if showsNaN { for value in between { result = graph.add("Add", [result, try zero(unlessFinite: value, opset)], name: "checked") } }
        var sides: [Dimension] = [.symbolic("output_height"), .symbolic("output_width")]
        if case .pictures(.some) = ends, let last = steps.last?.geometry { sides = [.fixed(last.outputHeight), .fixed(last.outputWidth)] }
        graph.output(result, name: Self.outputName, dims: [.fixed(1), .fixed(signal.lines.count)] + sides)
        for (key, value) in metadata { graph.setMetadata(key, to: value) }
        return try graph.finish(opset: opset)
    }

    private func entrance(of first: NetworkStep) -> Signal {
        let channels = ends.areNetworks ? first.sources.count : Set(first.sources).count
        var sides: [Dimension] = [.symbolic("height"), .symbolic("width")]
        if case .pictures(let size?) = ends { sides = [.fixed(size.height), .fixed(size.width)] }
        let input = graph.input(Self.inputName, dims: [.fixed(1), .fixed(channels)] + sides)
        let lines = ends.areNetworks ? first.enter.map(\.inverse) : Array(repeating: NetworkStep.Line(), count: channels)
        return Signal(value: input, lines: lines)
    }

    /// One network: into its channels and range, through it, and mixed with what it read where it has a strength.
    private func step(_ step: NetworkStep, on signal: Signal, sources: [Int], opset: Int, as name: String) throws(ONNXError) -> Signal {
        let door = step.network.door
        guard sources.allSatisfy(signal.lines.indices.contains) else {
            throw ONNXError("the network takes \(sources.count) channels and is given \(signal.lines.count)")
        }
        var value = signal.value
        if sources != Array(signal.lines.indices) { value = graph.add("Concat", sources.map { _ in value }, ["axis": .int(1)], name: "channels") }
        value = try applied(zip(step.enter, sources).map { $0.after(signal.lines[$1]) }, to: value, name: "range")
        if door.isBGR, sources.count == 3 { value = try reversed(value) }
        if door.isNHWC { value = graph.add("Transpose", [value], ["perm": .ints([0, 2, 3, 1])], name: "to_nhwc") }

        let merged = try graph.graft(try step.network.graph.raised(toOpset: opset), as: name, feeding: [door.inputName: value], outputs: [door.outputName])
        var result = merged.outputs[0]
        if door.isNHWC { result = graph.add("Transpose", [result], ["perm": .ints([0, 3, 1, 2])], name: "to_nchw") }
        if door.isBGR, step.outputChannels == 3 { result = try reversed(result) }
        let made = Signal(value: result, lines: Array(repeating: step.leave, count: step.outputChannels))
        return step.options.strength < 1 ? try mixed(made, signal, strength: Double(step.options.strength)) : made
    }

    /// `strength * new + (1 - strength) * old`.
    private func mixed(_ new: Signal, _ old: Signal, strength: Double) throws(ONNXError) -> Signal {
        func share(_ signal: Signal, _ factor: Double, _ name: String) throws(ONNXError) -> ValueName {
            try applied(signal.lines.map { NetworkStep.Line(scale: factor * $0.scale) }, to: signal.value, name: name)
        }
        let sum = graph.add("Add", [try share(new, strength, "new_share"), try share(old, 1 - strength, "old_share")], name: "mixed")
        return Signal(value: sum, lines: zip(new.lines, old.lines).map { NetworkStep.Line(bias: strength * $0.bias + (1 - strength) * $1.bias) })
    }

    /// 0, or NaN where any sample of the value is NaN or infinite.
    private func zero(unlessFinite value: ValueName, _ opset: Int) throws(ONNXError) -> ValueName {
        let axes = [1, 2, 3]
        let mean = opset >= 18
            ? graph.add("ReduceMean", [value, try graph.initializer(int64: axes, dims: [axes.count], name: "axes")], ["keepdims": .int(1)], name: "mean")
            : graph.add("ReduceMean", [value], ["axes": .ints(axes), "keepdims": .int(1)], name: "mean")
        return graph.add("Mul", [mean, try graph.initializer([0], dims: [1, 1, 1, 1], name: "nothing")], name: "zero")
    }

    private func reversed(_ value: ValueName) throws(ONNXError) -> ValueName {
        graph.add("Gather", [value, try graph.initializer(int64: [2, 1, 0], dims: [3], name: "order")], ["axis": .int(1)], name: "reversed")
    }

    /// `scale * value + bias` by channel; nothing where that changes nothing.
    private func applied(_ lines: [NetworkStep.Line], to value: ValueName, name: String) throws(ONNXError) -> ValueName {
        guard lines.allSatisfy({ $0.scale.isFinite && $0.bias.isFinite }) else { throw ONNXError("a scale of 0 cannot be undone between the networks") }
        var value = value
        for (op, numbers, neutral) in [("Mul", lines.map(\.scale), 1.0), ("Add", lines.map(\.bias), 0.0)] {
            guard numbers.contains(where: { abs($0 - neutral) > 1e-12 }) else { continue }
            let isUniform = numbers.allSatisfy { $0 == numbers[0] }
            let list = isUniform ? [Float(numbers[0])] : numbers.map { Float($0) }
            let constant = try graph.initializer(list, dims: [1, list.count, 1, 1], name: "\(name)_\(op == "Mul" ? "scale" : "bias")")
            value = graph.add(op, [value, constant], name: "\(name)_\(op == "Mul" ? "scaled" : "moved")")
        }
        return value
    }
}
