public import ONNX

/// Makes small random networks of everything that image networks are made of.
///
/// Weights are scaled by their number, so that values stay near 1 through all layers; every convolution has a bias, so that padding shows in the layers
/// behind it, as it does in real networks.
public struct RandomNetwork {
    /// What a network consists of mainly.
    public enum Family: String, CaseIterable, Sendable {
        /// All of the others by chance, but windows.
        case mixture
        case plain, dilated, strided, unet, transposed, shuffled, valid, padded
        /// Attention inside fixed windows.
        case windowed
    }

    private let graph = GraphBuilder()
    private var random: Randomness
    private let channels: Int

    /// - Parameter channels: of input and output.
    public static func make(seed: UInt64, family: Family = .mixture, channels: Int = 2) throws -> Model {
        var network = RandomNetwork(random: Randomness(state: seed), channels: channels)
        return try network.build(family)
    }

    private init(random: Randomness, channels: Int) {
        self.random = random
        self.channels = channels
    }

    private mutating func build(_ family: Family) throws -> Model {
        var y = graph.input("image", dims: [.fixed(1), .fixed(channels), .symbolic("h"), .symbolic("w")])
        for _ in 0..<Int.random(in: 1...(family == .mixture ? 4 : 3), using: &random) { y = try layer(y, family) }
        if family != .mixture, random.oneIn(2) { y = try conv(y) }
        graph.output(y, name: "result")
        return try graph.finish()
    }

    private mutating func layer(_ x: ValueName, _ family: Family) throws -> ValueName {
        switch family {
        case .mixture: return try mixed(x, depth: 0)
        case .plain: return random.oneIn(3) ? graph.add("Add", [x, try conv(x, dilations: [1, 1])]) : try conv(x, dilations: [1, 1])
        case .dilated: return try conv(x, dilations: [random.pick([2, 3, 4]), random.pick([1, 2, 5])])
        case .strided: return random.oneIn(3) ? try averaged(x) : try conv(x, stride: [random.pick([1, 2, 3]), random.pick([2, 3])])
        case .unet: return try unet(x, depth: 1)
        case .transposed: return try transposed(x, stride: random.pick([1, 2, 3]))
        case .shuffled: return random.oneIn(3) ? try deepened(x) : try shuffled(x)
        case .valid: return try conv(x, padded: false)
        case .padded: return try padded(x, mode: random.pick(["reflect", "edge", "constant"]))
        case .windowed: return random.oneIn(3) ? try conv(x) : try windowed(x)
        }
    }

    private mutating func mixed(_ x: ValueName, depth: Int) throws -> ValueName {
        switch Int.random(in: 0..<(depth == 0 ? 16 : 8), using: &random) {
        case 0, 1, 2: return try conv(x)
        case 3: return graph.add("Add", [x, try conv(x)])
        case 4: return try dense(x)
        case 5: return graph.add("MaxPool", [x], ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
        case 6: return try padded(x, mode: random.pick(["reflect", "edge", "constant"]))
        case 7 where depth < 2: return try unet(x, depth: depth + 1)
        case 8: return try conv(x, stride: [random.pick([1, 2]), random.pick([2, 3])])
        case 9: return try conv(x, padded: false)
        case 10: return try shuffled(x)
        case 11: return try deepened(x)
        case 12: return resize(x, try graph.initializer([1, 1, random.pick([2, 1]), random.pick([2, 3, 1.5, 0.5])], dims: [4], name: "scales"))
        case 13: return try transposed(x, stride: random.pick([1, 2, 3]))
        case 14:
            let steps = [1, random.pick([1, 2])]
            return graph.add("Slice", [x, try ints([random.pick([0, 1]), random.pick([0, 2])]), try ints([1 << 30, 1 << 30]), try ints([2, 3]), try ints(steps)])
        default: return try averaged(x)
        }
    }
}

// MARK: Layers

extension RandomNetwork {
    /// Weights of `dims`, [out, in, kernel...] or [in, out, kernel...], of which `fanIn` meet in one result. None is near 0.
    private mutating func weights(_ dims: [Int], fanIn: Int) throws -> ValueName {
        let scale = 1 / Float(fanIn).squareRoot()
        var values: [Float] = []
        for _ in 0..<dims.reduce(1, *) { values.append(scale * Float.random(in: 0.3...1.5, using: &random) * (Bool.random(using: &random) ? 1 : -1)) }
        return try graph.initializer(values, dims: dims, name: "weight")
    }

    private func bias(_ count: Int) throws -> ValueName {
        try graph.initializer((1...count).map { 0.1 * Float($0) }, dims: [count], name: "bias")
    }

    private func ints(_ values: [Int]) throws -> ValueName {
        try graph.initializer(int64: values, dims: [values.count], name: "ints")
    }

    private func activated(_ x: ValueName) -> ValueName { graph.add("LeakyRelu", [x], ["alpha": .float(0.3)]) }

    private mutating func conv(_ x: ValueName, stride: [Int] = [1, 1], dilations: [Int]? = nil, padded: Bool = true, in inputs: Int? = nil,
                               out: Int? = nil) throws -> ValueName {
        let inputs = inputs ?? channels, out = out ?? channels
        let kernel = [random.pick([1, 2, 3, 3, 5]), random.pick([1, 2, 3, 3, 4])]
        let dilations = dilations ?? [random.pick([1, 1, 2]), random.pick([1, 1, 1, 3])]
        var attributes: [String: Attribute] = ["strides": .ints(stride), "dilations": .ints(dilations)]
        if padded {
            let total = (0..<2).map { dilations[$0] * (kernel[$0] - 1) }
            let before = total.map { $0 / 2 }
            attributes["pads"] = .ints(before + (0..<2).map { total[$0] - before[$0] })
        }
        let depthwise = inputs == channels && out == channels && random.oneIn(3)
        if depthwise { attributes["group"] = .int(channels) }
        let read = depthwise ? 1 : inputs
        let weight = try weights([out, read] + kernel, fanIn: read * kernel[0] * kernel[1])
        return activated(graph.add("Conv", [x, weight, try bias(out)], attributes))
    }

    private mutating func dense(_ x: ValueName) throws -> ValueName {
        let both = graph.add("Concat", [try conv(x), x], ["axis": .int(1)])
        return activated(graph.add("Conv", [both, try weights([channels, 2 * channels, 1, 1], fanIn: 2 * channels), try bias(channels)]))
    }

    private mutating func padded(_ x: ValueName, mode: String) throws -> ValueName {
        let padded = graph.add("Pad", [x, try ints([0, 0, 1, 2, 0, 0, 1, 2])], ["mode": .string(mode)])
        return graph.add("Conv", [padded, try weights([channels, channels, 3, 5], fanIn: 15 * channels), try bias(channels)])
    }

    private mutating func averaged(_ x: ValueName) throws -> ValueName {
        graph.add("AveragePool", [x], ["kernel_shape": .ints([2, 3]), "strides": .ints([2, 2]), "ceil_mode": .int(random.pick([0, 1])), "pads": .ints([0, 1, 0, 1])])
    }

    private mutating func shuffled(_ x: ValueName) throws -> ValueName {
        graph.add("DepthToSpace", [try conv(x, out: channels * 4)], ["blocksize": .int(2)])
    }

    private mutating func deepened(_ x: ValueName) throws -> ValueName {
        try conv(graph.add("SpaceToDepth", [x], ["blocksize": .int(2)]), in: channels * 4)
    }

    private mutating func resize(_ x: ValueName, _ scales: ValueName) -> ValueName {
        graph.add("Resize", [x, .none, scales],
                  ["mode": .string(random.pick(["nearest", "linear"])), "nearest_mode": .string(random.pick(["floor", "round_prefer_floor"])),
                   "coordinate_transformation_mode": .string(random.pick(["asymmetric", "half_pixel"]))])
    }

    private mutating func transposed(_ x: ValueName, stride: Int) throws -> ValueName {
        let kernel = random.pick([2, 3, 4])
        let attributes: [String: Attribute] = ["strides": .ints([stride, stride]), "dilations": .ints([1, random.pick([1, 2])])]
        let weight = try weights([channels, channels, kernel, kernel], fanIn: max(1, channels * kernel * kernel / (stride * stride)))
        return activated(graph.add("ConvTranspose", [x, weight, try bias(channels)], attributes))
    }

    /// Down, through something, up, and joined with what was there before.
    private mutating func unet(_ x: ValueName, depth: Int) throws -> ValueName {
        let down = random.oneIn(2) ? try conv(x, stride: [2, 2])
            : graph.add("MaxPool", [x], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
        let inner = try mixed(down, depth: depth)
        let up: ValueName
        if random.oneIn(2) {
            up = graph.add("ConvTranspose", [inner, try weights([channels, channels, 2, 2], fanIn: channels), try bias(channels)], ["strides": .ints([2, 2])])
        } else {
            up = resize(inner, try graph.initializer([1, 1, 2, 2], dims: [4], name: "scales"))
        }
        return graph.add("Add", [x, up])
    }

    /// Attention among the pixels of every n x n window: queries, keys and values by 1 x 1 convolutions.
    private mutating func windowed(_ x: ValueName) throws -> ValueName {
        let n = random.pick([2, 3, 4])
        var cuts: [ValueName] = []
        for _ in 0..<3 {
            let weight = try weights([channels, channels, 1, 1], fanIn: channels)
            cuts.append(graph.add("SpaceToDepth", [graph.add("Conv", [x, weight, try bias(channels)])], ["blocksize": .int(n)]))
        }
        // [1, n * n * C, H / n, W / n] as [windows, n * n, C].
        var tokens: [ValueName] = []
        for cut in cuts { tokens.append(graph.add("Transpose", [graph.add("Reshape", [cut, try ints([n * n, channels, -1])])], ["perm": .ints([2, 0, 1])])) }
        let scores = graph.add("MatMul", [tokens[0], graph.add("Transpose", [tokens[1]], ["perm": .ints([0, 2, 1])])])
        let mixed = graph.add("MatMul", [graph.add("Softmax", [scores], ["axis": .int(-1)]), tokens[2]])
        let apart = graph.add("Reshape", [graph.add("Transpose", [mixed], ["perm": .ints([1, 2, 0])]), graph.add("Shape", [cuts[0]])])
        return graph.add("Add", [x, graph.add("DepthToSpace", [apart], ["blocksize": .int(n)])])
    }
}
