/// Which versions of ONNX's operator set changed what an operator means, from version 7 to 25.
///
/// From onnx's own schemas (`onnx.defs.get_all_schemas_with_history()`): versions that only admit more types, or add an attribute or input whose default
/// is the old meaning, are no change. Operators before version 7 broadcast by other rules.
enum OpsetHistory {
    static let known = 7...25

    /// The versions after 7 that changed the meaning of an operator; nil for an operator that is not known here.
    static func changes(of op: String) -> [Int]? {
        changing[op] ?? (steady.contains(op) ? [] : nil)
    }

    private static let changing: [String: [Int]] = [
        "BatchNormalization": [9, 14], "Clip": [11], "Dropout": [12], "GridSample": [20], "GroupNormalization": [21], "Hardmax": [13],
        "LogSoftmax": [13], "Pad": [11], "ReduceL1": [18], "ReduceL2": [18], "ReduceLogSum": [18], "ReduceLogSumExp": [18], "ReduceMax": [18],
        "ReduceMean": [18], "ReduceMin": [18], "ReduceProd": [18], "ReduceSum": [13], "ReduceSumSquare": [18], "Resize": [11, 13], "RoiAlign": [16],
        "Scatter": [11], "Slice": [10], "Softmax": [13], "Split": [13, 18], "Squeeze": [13], "TopK": [10], "Unsqueeze": [13], "Upsample": [9, 10],
        "DFT": [20], "Scan": [9],
    ]

    private static let steady: Set<String> = [
        "Abs", "Acos", "Acosh", "Add", "AffineGrid", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "Attention", "AveragePool",
        "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "BlackmanWindow", "Cast", "CastLike", "Ceil", "Celu", "CenterCropPad",
        "Col2Im", "Compress", "Concat", "Constant", "ConstantOfShape", "Conv", "ConvInteger", "ConvTranspose", "Cos", "Cosh", "CumSum",
        "DeformConv", "DepthToSpace", "DequantizeLinear", "Det", "Div", "DynamicQuantizeLinear", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand",
        "EyeLike", "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalLpPool",
        "GlobalMaxPool", "Greater", "GreaterOrEqual", "GRU", "HammingWindow", "HannWindow", "HardSigmoid", "HardSwish", "Identity", "If",
        "InstanceNormalization", "IsInf", "IsNaN", "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "Loop", "LpNormalization",
        "LpPool", "LRN", "LSTM", "MatMul", "MatMulInteger", "Max", "MaxPool", "MaxUnpool", "Mean", "MeanVarianceNormalization", "Min", "Mish",
        "Mod", "Mul", "Neg", "NonZero", "Not", "OneHot", "Or", "Pow", "PRelu", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "Range",
        "Reciprocal", "Relu", "Reshape", "ReverseSequence", "RMSNormalization", "RNN", "RotaryEmbedding", "Round", "ScatterElements",
        "ScatterND", "Selu", "Shape", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Size", "Softplus", "Softsign", "SpaceToDepth", "Sqrt",
        "Sub", "Sum", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Tile", "Transpose", "Trilu", "Where", "Xor",
    ]
}
