import ONNX

/// A slow and obvious interpreter of ONNX graphs, in doubles: the reference for extents and for what a result depends on.
///
/// It follows Operators.md word by word and shares no code with the module.
struct Interpreter {
    struct Array4: Equatable {
        var dims: [Int]
        var values: [Double]

        init(dims: [Int], values: [Double]) {
            (self.dims, self.values) = (dims, values)
            precondition(dims.reduce(1, *) == values.count)
        }

        init(dims: [Int], fill: Double = 0) {
            self.init(dims: dims, values: Array(repeating: fill, count: dims.reduce(1, *)))
        }

        subscript(_ c: Int, _ y: Int, _ x: Int) -> Double {
            get { values[(c * dims[2] + y) * dims[3] + x] }
            set { values[(c * dims[2] + y) * dims[3] + x] = newValue }
        }
    }

    enum Failure: Error { case unsupported(String), misfit(String) }

    let model: Model

    func run(_ input: Array4) throws -> [String: Array4] {
        var values: [String: Array4] = [:]
        for (name, tensor) in model.initializers { values[name] = Array4(dims: tensor.dims, values: tensor.doubles() ?? []) }
        values[model.inputs[0].name] = input
        for node in model.nodes {
            let inputs = node.inputs.map { values[$0] }
            let result = try evaluate(node, inputs)
            values[node.outputs[0]] = result
        }
        return values
    }

    private func evaluate(_ node: Node, _ inputs: [Array4?]) throws -> Array4 {
        guard let x = inputs[0] else { throw Failure.unsupported(node.op) }
        switch node.op {
        case "LeakyRelu": return Array4(dims: x.dims, values: x.values.map { $0 < 0 ? 0.3 * $0 : $0 })
        case "Tanh", "Identity": return x
        case "Add", "Mul": return try combine(x, inputs[1]!, node.op == "Add" ? (+) : (*))
        case "Concat": return try concatenate(x, inputs[1]!)
        case "Conv": return try convolve(node, x, inputs[1]!, bias: inputs.count > 2 ? inputs[2] : nil)
        case "ConvTranspose": return try convolveTransposed(node, x, inputs[1]!, bias: inputs.count > 2 ? inputs[2] : nil)
        case "MaxPool", "AveragePool": return try pool(node, x)
        case "GlobalAveragePool":
            var result = Array4(dims: [1, x.dims[1], 1, 1])
            let area = x.dims[2] * x.dims[3]
            for c in 0..<x.dims[1] { result[c, 0, 0] = x.values[(c * area)..<((c + 1) * area)].reduce(0, +) / Double(area) }
            return result
        case "DepthToSpace": return depthToSpace(x, node.int("blocksize")!)
        case "SpaceToDepth": return try spaceToDepth(x, node.int("blocksize")!)
        case "Resize": return resize(node, x, inputs[2]!.values)
        case "Pad": return try pad(node, x, inputs[1]!.values.map { Int($0) })
        case "Slice": return slice(x, inputs.dropFirst().map { $0!.values.map { Int($0) } })
        case "Reshape": return Array4(dims: inputs[1]!.values.enumerated().map { $1 == 0 ? x.dims[$0] : Int($1) }, values: x.values)
        case "Transpose": return transpose(x, node.ints("perm")!)
        default: throw Failure.unsupported(node.op)
        }
    }

    private func combine(_ a: Array4, _ b: Array4, _ body: (Double, Double) -> Double) throws -> Array4 {
        if a.dims == b.dims { return Array4(dims: a.dims, values: zip(a.values, b.values).map(body)) }
        guard b.dims[2] == 1, b.dims[3] == 1, a.dims[1] == b.dims[1] else { throw Failure.misfit("\(a.dims) \(b.dims)") }
        let area = a.dims[2] * a.dims[3]
        return Array4(dims: a.dims, values: a.values.enumerated().map { body($1, b.values[$0 / area]) })
    }

    private func concatenate(_ a: Array4, _ b: Array4) throws -> Array4 {
        guard a.dims[2...] == b.dims[2...] else { throw Failure.misfit("\(a.dims) \(b.dims)") }
        return Array4(dims: [1, a.dims[1] + b.dims[1], a.dims[2], a.dims[3]], values: a.values + b.values)
    }

    /// Kernel, strides, dilations, pads (top, left, bottom, right) and output extents.
    private func window(_ node: Node, _ x: Array4, kernel: [Int]) throws -> (s: [Int], d: [Int], p: [Int], out: [Int]) {
        let s = node.ints("strides") ?? [1, 1], d = node.ints("dilations") ?? [1, 1]
        var p = node.ints("pads") ?? [0, 0, 0, 0]
        var out: [Int] = []
        for a in 0..<2 {
            let n = x.dims[a + 2], reach = d[a] * (kernel[a] - 1) + 1
            if node.string("auto_pad") == "SAME_UPPER" {
                let count = (n + s[a] - 1) / s[a]
                let total = max(0, (count - 1) * s[a] + reach - n)
                (p[a], p[a + 2]) = (total / 2, total - total / 2)
            }
            let room = n + p[a] + p[a + 2] - reach
            guard room >= 0 else { throw Failure.misfit("window") }
            var count = room / s[a] + 1
            if node.int("ceil_mode") == 1, room % s[a] > 0, count * s[a] < n + p[a] { count += 1 }
            out.append(count)
        }
        return (s, d, p, out)
    }

    private func convolve(_ node: Node, _ x: Array4, _ w: Array4, bias: Array4?) throws -> Array4 {
        let (s, d, p, out) = try window(node, x, kernel: Array(w.dims[2...]))
        let group = node.int("group") ?? 1
        let perGroupIn = w.dims[1], perGroupOut = w.dims[0] / group
        var y = Array4(dims: [1, w.dims[0]] + out)
        for o in 0..<w.dims[0] {
            for i in 0..<out[0] { for j in 0..<out[1] {
                var sum = bias?.values[o] ?? 0
                for c in 0..<perGroupIn {
                    for u in 0..<w.dims[2] { for v in 0..<w.dims[3] {
                        let r = i * s[0] - p[0] + u * d[0], q = j * s[1] - p[1] + v * d[1]
                        guard r >= 0, r < x.dims[2], q >= 0, q < x.dims[3] else { continue }
                        sum += x[o / perGroupOut * perGroupIn + c, r, q] * w.values[((o * perGroupIn + c) * w.dims[2] + u) * w.dims[3] + v]
                    } }
                }
                y[o, i, j] = sum
            } }
        }
        return y
    }

    private func convolveTransposed(_ node: Node, _ x: Array4, _ w: Array4, bias: Array4?) throws -> Array4 {
        let s = node.ints("strides") ?? [1, 1], d = node.ints("dilations") ?? [1, 1]
        let p = node.ints("pads") ?? [0, 0, 0, 0], extra = node.ints("output_padding") ?? [0, 0]
        let out: [Int] = (0..<2).map { (a: Int) -> Int in
            let full = s[a] * (x.dims[a + 2] - 1) + d[a] * (w.dims[a + 2] - 1) + 1
            return full + extra[a] - p[a] - p[a + 2]
        }
        guard out[0] > 0, out[1] > 0 else { throw Failure.misfit("transposed") }
        var y = Array4(dims: [1, w.dims[1]] + out)
        let area = out[0] * out[1]
        for flat in y.values.indices { y.values[flat] = bias?.values[flat / area] ?? 0 }
        for c in 0..<x.dims[1] { for o in 0..<w.dims[1] {
            for i in 0..<x.dims[2] { for j in 0..<x.dims[3] {
                for u in 0..<w.dims[2] { for v in 0..<w.dims[3] {
                    let r = i * s[0] - p[0] + u * d[0], q = j * s[1] - p[1] + v * d[1]
                    guard r >= 0, r < out[0], q >= 0, q < out[1] else { continue }
                    y[o, r, q] += x[c, i, j] * w.values[((c * w.dims[1] + o) * w.dims[2] + u) * w.dims[3] + v]
                } }
            } }
        } }
        return y
    }

    private func pool(_ node: Node, _ x: Array4) throws -> Array4 {
        let kernel = node.ints("kernel_shape")!
        let (s, d, p, out) = try window(node, x, kernel: kernel)
        var y = Array4(dims: [1, x.dims[1]] + out)
        for c in 0..<x.dims[1] { for i in 0..<out[0] { for j in 0..<out[1] {
            var seen: [Double] = []
            for u in 0..<kernel[0] { for v in 0..<kernel[1] {
                let r = i * s[0] - p[0] + u * d[0], q = j * s[1] - p[1] + v * d[1]
                if r >= 0, r < x.dims[2], q >= 0, q < x.dims[3] { seen.append(x[c, r, q]) }
            } }
            y[c, i, j] = node.op == "MaxPool" ? seen.max() ?? 0 : seen.reduce(0, +) / Double(max(1, seen.count))
        } } }
        return y
    }

    private func depthToSpace(_ x: Array4, _ b: Int) -> Array4 {
        let depth = x.dims[1] / (b * b)
        var y = Array4(dims: [1, depth, x.dims[2] * b, x.dims[3] * b])
        for c in 0..<depth { for i in 0..<y.dims[2] { for j in 0..<y.dims[3] {
            y[c, i, j] = x[((i % b) * b + j % b) * depth + c, i / b, j / b]
        } } }
        return y
    }

    private func spaceToDepth(_ x: Array4, _ b: Int) throws -> Array4 {
        guard x.dims[2] % b == 0, x.dims[3] % b == 0 else { throw Failure.misfit("blocks") }
        var y = Array4(dims: [1, x.dims[1] * b * b, x.dims[2] / b, x.dims[3] / b])
        for c in 0..<x.dims[1] { for i in 0..<x.dims[2] { for j in 0..<x.dims[3] {
            y[((i % b) * b + j % b) * x.dims[1] + c, i / b, j / b] = x[c, i, j]
        } } }
        return y
    }

    private func resize(_ node: Node, _ x: Array4, _ scales: [Double]) -> Array4 {
        let out = (2...3).map { Int((Double(x.dims[$0]) * scales[$0]).rounded(.down)) }
        let half = node.string("coordinate_transformation_mode") != "asymmetric"
        /// Sources and weights of an output index.
        func taps(_ j: Int, _ scale: Double, _ n: Int) -> [(Int, Double)] {
            let at = half ? (Double(j) + 0.5) / scale - 0.5 : Double(j) / scale
            func clamp(_ i: Int) -> Int { min(max(i, 0), n - 1) }
            if node.string("mode") == "nearest" {
                return [(clamp(Int(node.string("nearest_mode") == "floor" ? at.rounded(.down) : (at - 0.5).rounded(.up))), 1)]
            }
            let low = at.rounded(.down)
            return [(clamp(Int(low)), 1 - (at - low)), (clamp(Int(low) + 1), at - low)]
        }
        var y = Array4(dims: [1, x.dims[1]] + out)
        for i in 0..<out[0] { for j in 0..<out[1] {
            for (r, a) in taps(i, scales[2], x.dims[2]) { for (q, b) in taps(j, scales[3], x.dims[3]) where a * b != 0 {
                for c in 0..<x.dims[1] { y[c, i, j] += a * b * x[c, r, q] }
            } }
        } }
        return y
    }

    private func pad(_ node: Node, _ x: Array4, _ pads: [Int]) throws -> Array4 {
        let mode = node.string("mode") ?? "constant"
        var y = Array4(dims: (0..<4).map { x.dims[$0] + pads[$0] + pads[$0 + 4] })
        func source(_ i: Int, _ n: Int) throws -> Int? {
            if i >= 0, i < n { return i }
            switch mode {
            case "edge": return min(max(i, 0), n - 1)
            case "reflect":
                let mirrored = i < 0 ? -i : 2 * n - 2 - i
                guard mirrored >= 0, mirrored < n else { throw Failure.misfit("reflect") }
                return mirrored
            default: return nil
            }
        }
        for c in 0..<x.dims[1] { for i in 0..<y.dims[2] { for j in 0..<y.dims[3] {
            if let r = try source(i - pads[2], x.dims[2]), let q = try source(j - pads[3], x.dims[3]) { y[c, i, j] = x[c, r, q] }
        } } }
        return y
    }

    /// Of the last two axes, with bounds inside the array.
    private func slice(_ x: Array4, _ bounds: [[Int]]) -> Array4 {
        let (starts, ends, steps) = (bounds[0], bounds[1], bounds[3])
        let picks = (0..<2).map { a in Array(stride(from: starts[a], to: min(ends[a], x.dims[a + 2]), by: steps[a])) }
        var y = Array4(dims: [1, x.dims[1], picks[0].count, picks[1].count])
        for c in 0..<x.dims[1] { for (i, r) in picks[0].enumerated() { for (j, q) in picks[1].enumerated() { y[c, i, j] = x[c, r, q] } } }
        return y
    }

    private func transpose(_ x: Array4, _ perm: [Int]) -> Array4 {
        let dims = perm.map { x.dims[$0] }
        var y = Array4(dims: dims)
        for flat in y.values.indices {
            var rest = flat
            var coordinate = [Int](repeating: 0, count: x.dims.count)
            for axis in dims.indices.reversed() {
                coordinate[perm[axis]] = rest % dims[axis]
                rest /= dims[axis]
            }
            y.values[flat] = x.values[zip(coordinate, x.dims).reduce(0) { $0 * $1.1 + $1.0 }]
        }
        return y
    }
}
