/// One node on its way from an older version of the operator set to a newer one.
struct NodeRewrite {
    private(set) var node: Onnx_NodeProto
    private let model: Model
    /// Constants that became inputs, in the order of the positions that they take.
    private var constants: [(position: Int, tensor: Tensor)] = []
    /// Whether the node works along one axis of a matrix made of its input, as `Softmax` did before version 13.
    private var flattensAt: Int?

    init(node: Onnx_NodeProto, model: Model) {
        self.node = node
        self.model = model
    }

    func refusal(_ reason: String) -> ONNXError {
        let name = node.name.isEmpty ? node.output.first ?? "" : node.name
        return ONNXError(reason, node: "\(name) (\(node.opType))")
    }

    /// Rewrites the node for the change of its operator that came with `version`.
    mutating func cross(_ version: Int) throws(ONNXError) {
        switch (node.opType, version) {
        case ("BatchNormalization", _):
            guard node.output.dropFirst().allSatisfy(\.isEmpty), int("spatial") ?? 1 == 1 else { throw refusal("it is in the form that trains") }
            node.output = Array(node.output.prefix(1))
            remove("spatial")
        case ("Clip", 11):
            let low = float("min"), high = float("max")
            remove("min", "max")
            if let low { try append(number: low, at: 1) }
            if let high { try append(number: high, at: 2) }
        case ("Dropout", 12):
            guard node.output.dropFirst().allSatisfy(\.isEmpty) else { throw refusal("its mask is used") }
            node.output = Array(node.output.prefix(1))
            // At inference it passes its input on.
            node.opType = "Identity"
            node.input = Array(node.input.prefix(1))
            node.attribute = []
        case ("GridSample", 20):
            let mode = string("mode") ?? "bilinear"
            try set("mode", .string(["bilinear": "linear", "bicubic": "cubic"][mode] ?? mode))
        case ("Hardmax", 13), ("LogSoftmax", 13), ("Softmax", 13):
            let axis = int("axis") ?? 1
            if axis != -1 { flattensAt = axis }
            try set("axis", .int(-1))
        case ("Pad", 11):
            guard let pads = ints("pads") else { throw refusal("it has no pads") }
            let value = float("value")
            remove("pads", "value")
            try append(Tensor(int64: pads, dims: [pads.count]), at: 1)
            if let value { try append(number: value, at: 2) }
        case (let op, 13) where op == "Squeeze" || op == "Unsqueeze", (let op, 13) where op == "ReduceSum", (let op, 18) where op.hasPrefix("Reduce"):
            let axes = ints("axes")
            remove("axes")
            if let axes { try append(Tensor(int64: axes, dims: [axes.count]), at: 1) }
        case ("Resize", 11), ("Upsample", 9), ("Upsample", 10): try resize(version)
        case ("Resize", 13):
            guard string("coordinate_transformation_mode") != "tf_half_pixel_for_nn" else { throw refusal("version 13 has no 'tf_half_pixel_for_nn'") }
        case ("RoiAlign", 16):
            if string("coordinate_transformation_mode") == nil { try set("coordinate_transformation_mode", .string("output_half_pixel")) }
        case ("Scatter", 11): node.opType = "ScatterElements"
        case ("Slice", 10):
            guard let starts = ints("starts"), let ends = ints("ends") else { throw refusal("it has no starts or ends") }
            let axes = ints("axes")
            remove("starts", "ends", "axes")
            try append(Tensor(int64: starts, dims: [starts.count]), at: 1)
            try append(Tensor(int64: ends, dims: [ends.count]), at: 2)
            if let axes { try append(Tensor(int64: axes, dims: [axes.count]), at: 3) }
        case ("Split", 13):
            let sizes = ints("split")
            remove("split")
            if let sizes { try append(Tensor(int64: sizes, dims: [sizes.count]), at: 1) }
        case ("Split", 18):
            // Equal parts had no attribute of their own before.
            if node.input.count < 2 || node.input[1].isEmpty, constants.isEmpty { try set("num_outputs", .int(node.output.count)) }
        default:
            throw refusal("its meaning changed with version \(version) of the operator set, and there is no rule that rewrites it")
        }
    }

    /// `Upsample`, and `Resize` of version 10, as `Resize` of version 11, which asks how coordinates are meant.
    private mutating func resize(_ version: Int) throws(ONNXError) {
        if version == 9 {
            guard let scales = floats("scales") else { throw refusal("it has no scales") }
            remove("scales")
            try append(Tensor(scales, dims: [scales.count]), at: 1)
            return
        }
        // Where it makes the picture smaller, runtimes took the nearest pixel by rules of their own.
        let given = constants.first?.tensor ?? (node.input.count > 1 ? model.constant(node.input[1]) : nil)
        let isNearest = string("mode") ?? "nearest" == "nearest"
        guard let scales = given?.doubles(limit: Tensor.maximumRank), !isNearest || scales.allSatisfy({ $0 >= 1 }) else {
            throw refusal("how version \(model.opset) of the operator rounds is only settled for constant scales from 1")
        }
        if node.opType == "Upsample", version == 10 { node.opType = "Resize" }
        if constants.isEmpty {
            node.input.insert("", at: 1)
        } else {
            constants[0].position = 2
        }
        try set("coordinate_transformation_mode", .string("asymmetric"))
        if isNearest {
            try set("mode", .string("nearest"))
            try set("nearest_mode", .string("floor"))
        }
        if string("mode") == "bilinear" { try set("mode", .string("linear")) }
    }

    /// The nodes that take the old one's place.
    func nodes(unique: (String) -> String) -> [Onnx_NodeProto] {
        var result: [Onnx_NodeProto] = [], node = node
        let base = node.output.first { !$0.isEmpty } ?? node.name
        for (position, tensor) in constants {
            let name = unique("\(base)/constant")
            result.append(Self.made("Constant", [], name, [("value", .tensor(tensor))]))
            while node.input.count <= position { node.input.append("") }
            node.input[position] = name
        }
        guard let axis = flattensAt, let x = node.input.first, let y = node.output.first else { return result + [node] }
        let shape = unique("\(base)/shape"), matrix = unique("\(base)/matrix"), flat = unique("\(base)/flat")
        result.append(Self.made("Shape", [x], shape))
        result.append(Self.made("Flatten", [x], matrix, [("axis", .int(axis))]))
        node.input[0] = matrix
        node.output[0] = flat
        return result + [node, Self.made("Reshape", [flat, shape], y)]
    }

    private static func made(_ op: String, _ inputs: [String], _ output: String, _ attributes: [(String, Attribute)] = []) -> Onnx_NodeProto {
        var node = Onnx_NodeProto()
        node.opType = op
        node.name = output
        node.input = inputs
        node.output = [output]
        // Cannot fail: only subgraphs and the like have no written form.
        node.attribute = attributes.compactMap { try? $0.1.proto(name: $0.0) }
        return node
    }

    // MARK: attributes

    private func attribute(_ name: String) -> Onnx_AttributeProto? { node.attribute.first { $0.name == name } }
    private func int(_ name: String) -> Int? { attribute(name).map { Int($0.i) } }
    private func float(_ name: String) -> Float? { attribute(name)?.f }
    private func ints(_ name: String) -> [Int]? { attribute(name)?.ints.map(Int.init) }
    private func floats(_ name: String) -> [Float]? { attribute(name)?.floats }
    private func string(_ name: String) -> String? { attribute(name).map { String(decoding: $0.s, as: UTF8.self) } }

    private mutating func remove(_ names: String...) { node.attribute.removeAll { names.contains($0.name) } }

    private mutating func set(_ name: String, _ value: Attribute) throws(ONNXError) {
        remove(name)
        node.attribute.append(try value.proto(name: name))
    }

    private mutating func append(_ tensor: Tensor, at position: Int) { constants.append((position, tensor)) }

    /// A number of the type that the node works in, which an attribute need not say.
    private mutating func append(number: Float, at position: Int) throws(ONNXError) {
        guard !model.initializers.values.contains(where: { [.float16, .bfloat16, .double].contains($0.elementType) }) else {
            throw refusal("the model mixes floating-point types, and the node's is not known")
        }
        try append(Tensor([number], dims: []), at: position)
    }
}

extension Model {
    /// A value of the graph that is the same for all inputs: an initializer, or what a `Constant` node holds.
    func constant(_ name: String) -> Tensor? {
        initializers[name] ?? nodes.first { $0.op == "Constant" && $0.outputs.first == name }?.tensor("value")
    }
}
