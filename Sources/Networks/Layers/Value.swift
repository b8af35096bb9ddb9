internal import ONNX

/// Any array in the graph under construction, of any shape: the ONNX operators that modules are made of.
struct Value {
    let name: ValueName
    let trace: Trace

    /// `Conv`, opset 11, with equal extents in both directions.
    func conv(_ weight: Value, _ bias: Value, stride: Int, padding: Int, groups: Int) -> Value {
        trace.node("Conv", [self, weight, bias], [
            "strides": .ints([stride, stride]),
            "pads": .ints([padding, padding, padding, padding]),
            "group": .int(groups),
        ])
    }

    /// `Attention`, opset 23: softmax(scale * self * keysT) * values, for arrays of [batch, heads, positions, channels].
    ///
    /// Engines compute it without ever holding the positions x positions matrix.
    func attention(keys: Value, values: Value, scale: Double) -> Value {
        trace.node("Attention", [self, keys, values], ["scale": .float(Float(scale))])
    }

    func transposed(_ order: Int...) -> Value { trace.node("Transpose", [self], ["perm": .ints(order)]) }

    /// A -1 in `shape` is what is left.
    func reshaped(to shape: Value) -> Value { trace.node("Reshape", [self, shape]) }

    /// `pads`: what to add before each axis, then after each.
    func padded(_ pads: Value, with filler: Float) -> Value { trace.node("Pad", [self, pads, trace.scalar(filler)]) }

    /// Elements `range` of a list.
    func elements(_ range: Range<Int>) -> Value {
        trace.node("Slice", [self, trace.integers([range.lowerBound]), trace.integers([range.upperBound])])
    }

    /// The top left of a map.
    func cropped(toSize size: Value) -> Value {
        trace.node("Slice", [self, trace.integers([0, 0]), size, trace.integers([2, 3])])
    }

    static func + (left: Value, right: Value) -> Value { left.trace.node("Add", [left, right]) }
    static func - (left: Value, right: Value) -> Value { left.trace.node("Sub", [left, right]) }
    static func * (left: Value, right: Value) -> Value { left.trace.node("Mul", [left, right]) }
    static func / (left: Value, right: Value) -> Value { left.trace.node("Div", [left, right]) }
}
