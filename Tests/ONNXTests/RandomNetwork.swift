import ONNX

/// Makes small random networks of everything that image networks are made of.
struct RandomNetwork {
    private let graph = GraphBuilder()
    private var random: Randomness
    private let channels = 2

    static func make(seed: UInt64) throws -> Model {
        var network = RandomNetwork(random: Randomness(state: seed))
        return try network.build()
    }

    private init(random: Randomness) { self.random = random }

    private mutating func build() throws -> Model {
        let x = graph.input("image", dims: [.fixed(1), .fixed(channels), .symbolic("h"), .symbolic("w")])
        var y = x
        for _ in 0..<Int.random(in: 1...4, using: &random) { y = try layer(y, depth: 0) }
        graph.output(y, name: "result")
        return try graph.finish()
    }

    private mutating func pick<T>(_ choices: [T]) -> T { choices.randomElement(using: &random)! }

    private mutating func weights(_ dims: [Int]) throws -> ValueName {
        var values: [Float] = []
        for _ in 0..<dims.reduce(1, *) { values.append(Float.random(in: 0.2...1, using: &random) * (Bool.random(using: &random) ? 1 : -1)) }
        return try graph.initializer(values, dims: dims, name: "weight")
    }

    private func ints(_ values: [Int]) throws -> ValueName {
        try graph.initializer(int64: values, dims: [values.count], name: "ints")
    }

    private mutating func conv(_ x: ValueName, stride: [Int] = [1, 1], padded: Bool = true, in inputs: Int? = nil, out: Int? = nil) throws -> ValueName {
        let inputs = inputs ?? channels, out = out ?? channels
        let kernel = [pick([1, 2, 3, 3, 5]), pick([1, 2, 3, 3, 4])]
        let dilations = [pick([1, 1, 2]), pick([1, 1, 1, 3])]
        var attributes: [String: Attribute] = ["strides": .ints(stride), "dilations": .ints(dilations)]
        if padded {
            let total = (0..<2).map { dilations[$0] * (kernel[$0] - 1) }
            let before = total.map { $0 / 2 }
            attributes["pads"] = .ints(before + (0..<2).map { total[$0] - before[$0] })
        }
        let depthwise = inputs == channels && out == channels && pick([false, false, true])
        if depthwise { attributes["group"] = .int(channels) }
        let y = graph.add("Conv", [x, try weights([out, depthwise ? 1 : inputs] + kernel)], attributes)
        return graph.add("LeakyRelu", [y])
    }

    private mutating func layer(_ x: ValueName, depth: Int) throws -> ValueName {
        switch Int.random(in: 0..<(depth == 0 ? 16 : 8), using: &random) {
        case 0, 1, 2: return try conv(x)
        case 3: return graph.add("Add", [x, try conv(x)])
        case 4:
            let both = graph.add("Concat", [try conv(x), x], ["axis": .int(1)])
            return graph.add("LeakyRelu", [graph.add("Conv", [both, try weights([channels, 2 * channels, 1, 1])])])
        case 5: return graph.add("MaxPool", [x], ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
        case 6:
            let padded = graph.add("Pad", [x, try ints([0, 0, 1, 2, 0, 0, 1, 2])], ["mode": .string(pick(["reflect", "edge", "constant"]))])
            return graph.add("Conv", [padded, try weights([channels, channels, 3, 5])])
        case 7 where depth < 2: return try unet(x, depth: depth + 1)
        case 8: return try conv(x, stride: [pick([1, 2]), pick([2, 3])])
        case 9: return try conv(x, padded: false)
        case 10:
            let wide = try conv(x, out: channels * 4)
            return graph.add("DepthToSpace", [wide], ["blocksize": .int(2)])
        case 11:
            let deep = graph.add("SpaceToDepth", [x], ["blocksize": .int(2)])
            return try conv(deep, in: channels * 4)
        case 12: return resize(x, try graph.initializer([1, 1, pick([2, 1]), pick([2, 3, 1.5, 0.5])], dims: [4], name: "scales"))
        case 13: return try transposed(x, stride: pick([1, 2, 3]))
        case 14:
            let steps = [1, pick([1, 2])]
            return graph.add("Slice", [x, try ints([pick([0, 1]), pick([0, 2])]), try ints([1 << 30, 1 << 30]), try ints([2, 3]), try ints(steps)])
        default:
            return graph.add("AveragePool", [x], ["kernel_shape": .ints([2, 3]), "strides": .ints([2, 2]), "ceil_mode": .int(pick([0, 1])),
                                                  "pads": .ints([0, 1, 0, 1])])
        }
    }

    private mutating func resize(_ x: ValueName, _ scales: ValueName) -> ValueName {
        graph.add("Resize", [x, .none, scales], ["mode": .string(pick(["nearest", "linear"])), "nearest_mode": .string(pick(["floor", "round_prefer_floor"])),
                                                 "coordinate_transformation_mode": .string(pick(["asymmetric", "half_pixel"]))])
    }

    private mutating func transposed(_ x: ValueName, stride: Int) throws -> ValueName {
        let kernel = pick([2, 3, 4])
        let attributes: [String: Attribute] = ["strides": .ints([stride, stride]), "dilations": .ints([1, pick([1, 2])])]
        return graph.add("LeakyRelu", [graph.add("ConvTranspose", [x, try weights([channels, channels, kernel, kernel])], attributes)])
    }

    /// Down, through something, up, and joined with what was there before.
    private mutating func unet(_ x: ValueName, depth: Int) throws -> ValueName {
        let down = pick([true, false]) ? try conv(x, stride: [2, 2])
            : graph.add("MaxPool", [x], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
        let inner = try layer(down, depth: depth)
        let up: ValueName
        if Bool.random(using: &random) {
            up = graph.add("ConvTranspose", [inner, try weights([channels, channels, 2, 2])], ["strides": .ints([2, 2])])
        } else {
            up = resize(inner, try graph.initializer([1, 1, 2, 2], dims: [4], name: "scales"))
        }
        return graph.add("Add", [x, up])
    }
}
