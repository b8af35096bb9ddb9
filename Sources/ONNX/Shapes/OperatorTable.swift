/// Operators that share one rule.
enum OperatorTable {
    /// Element by element on input 0; further inputs are scalars or per-channel constants.
    static let unary: Set<String> = [
        "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Cos", "Cosh",
        "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log",
        "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign",
        "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Affine", "ImageScaler", "ParametricSoftplus", "ScaledTanh",
    ]

    /// Element by element on all inputs, broadcast to each other.
    static let broadcasting: Set<String> = [
        "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
        "Max", "Mean", "Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where", "Xor",
    ]

    /// Element by element, with truth values as the result.
    static let comparisons: Set<String> = [
        "And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "Xor",
    ]

    /// Keep the extents of input 0 and mix along some axes.
    static let normalising: Set<String> = [
        "BatchNormalization", "GroupNormalization", "Hardmax", "InstanceNormalization", "LRN", "LayerNormalization", "LogSoftmax",
        "LpNormalization", "MeanVarianceNormalization", "RMSNormalization", "Softmax",
    ]

    /// Keep the extents of input 0 and rearrange or accumulate within it.
    static let rearranging: Set<String> = ["CumSum", "ReverseSequence", "ScatterElements", "ScatterND", "Scatter", "Trilu", "RotaryEmbedding", "Bernoulli", "CumProd"]

    static let reducing: Set<String> = [
        "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
        "ReduceSumSquare",
    ]

    static let globalPools: Set<String> = ["GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"]

    static let pools: Set<String> = ["AveragePool", "LpPool", "MaxPool"]
}
