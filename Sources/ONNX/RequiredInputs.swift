/// What operators cannot do without: a node that lacks an input that its operator needs is no graph, and engines have crashed on such.
enum RequiredInputs {
    /// Operators that read nothing, or need not.
    private static let none: Set<String> = ["Constant", "RandomNormal", "RandomUniform", "SequenceEmpty", "Optional", "Loop", "Scan"]

    /// How many of the first inputs must be there, with the operator set from which on it is so; every other operator needs its first one.
    private static let counts: [String: (from: Int, count: Int)] = [
        "Add": (1, 2), "Sub": (1, 2), "Mul": (1, 2), "Div": (1, 2), "Pow": (1, 2), "Mod": (1, 2), "PRelu": (1, 2), "MatMul": (1, 2), "Gemm": (1, 2),
        "And": (1, 2), "Or": (1, 2), "Xor": (1, 2), "Equal": (1, 2), "Greater": (1, 2), "Less": (1, 2), "GreaterOrEqual": (1, 2), "LessOrEqual": (1, 2), "BitShift": (1, 2),
        "BitwiseAnd": (1, 2), "BitwiseOr": (1, 2), "BitwiseXor": (1, 2), "Conv": (1, 2), "ConvTranspose": (1, 2), "ConvInteger": (1, 2), "MatMulInteger": (1, 2),
        "DeformConv": (1, 3), "QLinearConv": (1, 8), "QLinearMatMul": (1, 8), "QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2),
        "BatchNormalization": (1, 5), "InstanceNormalization": (1, 3), "LayerNormalization": (1, 2), "GroupNormalization": (1, 3), "RMSNormalization": (1, 2),
        "Gather": (1, 2), "GatherElements": (1, 2), "GatherND": (1, 2), "Scatter": (1, 3), "ScatterElements": (1, 3), "ScatterND": (1, 3), "Where": (1, 3),
        "Expand": (1, 2), "Tile": (6, 2), "Reshape": (5, 2), "Unsqueeze": (13, 2), "Pad": (11, 2), "Slice": (10, 3), "TopK": (10, 2), "OneHot": (1, 3), "Range": (1, 3),
        "Upsample": (9, 2), "Resize": (10, 1), "GridSample": (1, 2), "AffineGrid": (1, 2), "RoiAlign": (1, 3), "MaxRoiPool": (1, 2), "MaxUnpool": (1, 2),
        "CenterCropPad": (1, 2), "Col2Im": (1, 3), "CumSum": (1, 2), "Compress": (1, 2), "ReverseSequence": (1, 2), "LSTM": (1, 3), "GRU": (1, 3), "RNN": (1, 3),
        "Attention": (23, 3), "RotaryEmbedding": (23, 3), "NonMaxSuppression": (1, 2), "Einsum": (1, 1), "STFT": (1, 2), "DFT": (1, 1),
    ]

    /// - Throws: where a node of ONNX's own operators, or of a subgraph of one, lacks an input.
    static func check(_ node: Onnx_NodeProto, opset: Int) throws(ONNXError) {
        if node.domain.isEmpty || node.domain == "ai.onnx", !none.contains(node.opType) {
            let rule = counts[node.opType] ?? (1, 1), needed = opset >= rule.from ? rule.count : 1
            let given = node.input.prefix(needed).prefix { !$0.isEmpty }.count
            guard given == needed else {
                let name = node.name.isEmpty ? node.output.first ?? "without a name" : node.name
                throw ONNXError("needs \(needed) input\(needed == 1 ? "" : "s") and \(given == 0 ? "has none" : "lacks number \(given + 1)")", node: "\(name) (\(node.opType))")
            }
        }
        for attribute in node.attribute {
            if attribute.hasG { for inner in attribute.g.node { try check(inner, opset: opset) } }
            for graph in attribute.graphs { for inner in graph.node { try check(inner, opset: opset) } }
        }
    }
}
