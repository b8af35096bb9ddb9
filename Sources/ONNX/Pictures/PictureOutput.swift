/// How a result leaves a network, as far as the network's graph tells.
public struct PictureOutput: Sendable {
    public enum Content: Sendable, Hashable {
        /// Brightnesses, colours, masks, features.
        case samples
        /// Numbers of classes: never scaled, never blended with their neighbours.
        case labels
    }

    public let name: String
    public let content: Content
    /// What black and white are, where the type or the last nodes say it.
    public let range: PictureRange?
    /// What else than the range was taken from the graph, for people.
    public let findings: [String]
    /// As the analysis has followed the axes.
    private let places: [ImageAxis?]?
    /// Where it could not: as the file declares the output, or as the input has them.
    private let layout: ImageLayout
    private let isOneChannel: Bool

    /// - Parameter analysis: of this output.
    public init(_ name: String, of model: Model, analysis: SpatialAnalysis) {
        let last = Self.last(before: name, in: model)
        let type = model.outputs.first { $0.name == name }?.elementType
        var findings: [String] = []
        var range: PictureRange?
        switch type {
        case .uint8?: range = PictureRange(black: 0, white: 255, reason: "the output is uint8")
        case .bool?: range = PictureRange(black: 0, white: 1, reason: "the output is true or false")
        default: range = last.flatMap { Self.range(after: $0, in: model) }
        }
        let isLabels = range == nil && (type.map { $0.isInteger } ?? false || last?.op == "ArgMax" || last?.op == "ArgMin")
        if isLabels {
            findings.append("the output is numbers of classes, kept as they are, since \(last.map { "\($0.label) makes them" } ?? "it is of type \(type.map { "\($0)" } ?? "?")")")
        }
        (self.name, self.range, self.findings, content) = (name, range, findings, isLabels ? .labels : .samples)
        places = analysis.outputPlaces
        let declared = model.outputs.first { $0.name == name }?.dims ?? []
        layout = declared.count == 4 && analysis.layout == .nchw && Self.isChannels(declared[3]) && !Self.isChannels(declared[1]) ? .nhwc : analysis.layout
        isOneChannel = declared.count == 3 && declared[0] == .fixed(1) && !Self.isChannels(declared[2])
    }

    /// The output's axes as those of a picture; nil where `shape` is no picture's.
    public func picture(in shape: [Int]) -> PictureExtents? {
        if let places, places.count == shape.count, let known = PictureExtents(shape, places) { return known }
        return usualPlaces(rank: shape.count).flatMap { PictureExtents(shape, $0) }
    }

    /// By what is declared, never by the extents of one tile: a picture may be as narrow as channels are few. Two axes are numbers about the picture,
    /// unless the analysis has followed its axes there.
    private func usualPlaces(rank: Int) -> [ImageAxis?]? {
        rank == 3 && isOneChannel ? [nil, .y, .x] : layout.places(rank: rank)
    }

    private static func isChannels(_ dim: Dimension) -> Bool { if case .fixed(let n) = dim { [1, 3, 4].contains(n) } else { false } }

    /// The node that makes the output's values, past those that only arrange or convert them.
    private static func last(before output: String, in model: Model) -> Node? {
        let passing: Set<String> = ["Identity", "Cast", "Transpose", "Squeeze", "Unsqueeze", "Reshape", "Slice", "DepthToSpace"]
        var value = output
        for node in model.nodes.reversed() where node.outputs.contains(value) {
            guard passing.contains(node.op), let input = node.inputs.first else { return node }
            value = input
        }
        return nil
    }

    private static func range(after node: Node, in model: Model) -> PictureRange? {
        let constants = ConstantReader(model)
        func made(_ black: Float, _ white: Float) -> PictureRange { PictureRange(black: black, white: white, reason: "\(node.label) makes it") }
        switch node.op {
        case "Sigmoid", "HardSigmoid", "Softmax": return made(0, 1)
        case "Tanh": return made(-1, 1)
        case "Clip":
            let low = node.float("min").map(Double.init) ?? node.input(1).flatMap(constants.mean)
            let high = node.float("max").map(Double.init) ?? node.input(2).flatMap(constants.mean)
            switch (low, high) {
            case (0, 1): return made(0, 1)
            case (0, 255): return made(0, 255)
            case (-1, 1): return made(-1, 1)
            default: return nil
            }
        case "Mul":
            let factors = node.inputs.compactMap { constants.mean($0) }
            return factors == [255] ? made(0, 255) : nil
        default: return nil
        }
    }
}

/// The extents of a picture tensor, and how far apart neighbours lie in its row-major order.
public struct PictureExtents: Sendable, Hashable {
    public let width, height, channels: Int
    /// Elements from a sample to the one on its right, below it, and of the next channel.
    public let columnStride, rowStride, channelStride: Int

    /// nil where the places do not name both axes once, or more than one further axis is longer than 1.
    init?(_ shape: [Int], _ places: [ImageAxis?]) {
        guard shape.count == places.count, shape.allSatisfy({ $0 >= 0 }), let x = places.firstIndex(of: .x), let y = places.firstIndex(of: .y) else { return nil }
        let others = shape.indices.filter { $0 != x && $0 != y && shape[$0] != 1 }
        guard others.count <= 1, !(others.first == 0 && shape.count == 4) else { return nil }
        let strides = rowMajorStrides(shape)
        (width, height, channels) = (shape[x], shape[y], others.first.map { shape[$0] } ?? 1)
        (columnStride, rowStride, channelStride) = (strides[x], strides[y], others.first.map { strides[$0] } ?? 0)
    }
}
