public import ONNX

/// A node that OpenVINO 2026.4 accepts and computes otherwise than ONNX says. Found by comparing single operators with ONNX Runtime and with onnx's reference.
///
/// Such models are refused: a picture that is silently wrong is worse than none.
public struct EngineMisreading: Sendable, CustomStringConvertible {
    /// The node's label.
    public let node: String
    /// What is not computed as the format says.
    public let what: String

    public var description: String { "the engine does not compute \(what) of \(node) as ONNX says; export the model without it" }

    /// The first such node of a model; nil where there is none.
    ///
    /// - Parameter shapes: extents of values, by name, as far as they are known.
    public static func first(in model: Model, shapes: [String: [Int]]) -> EngineMisreading? {
        for node in model.nodes {
            if let what = what(in: node, opset: model.opset, shapes: shapes) { return EngineMisreading(node: node.label, what: what) }
        }
        return nil
    }

    private static func what(in node: Node, opset: Int, shapes: [String: [Int]]) -> String? {
        let padding = node.string("auto_pad") ?? "NOTSET"
        switch node.op {
        case "ConvTranspose":
            // Cuts at the end only, and ignores the size: right where there is nothing to cut, as with kernels as large as their strides.
            if padding.hasPrefix("SAME"), !cutsNothing(node, shapes) { return "'auto_pad: \(padding)'" }
            if node.ints("output_shape")?.isEmpty == false { return "'output_shape'" }
        case "AveragePool", "MaxPool":
            // Rounds sizes down, where the format rounds up.
            if padding == "SAME_LOWER", node.ints("strides")?.contains(where: { $0 > 1 }) == true { return "'auto_pad: SAME_LOWER' with a stride" }
        case "Resize":
            if node.int("antialias") == 1 { return "'antialias'" }
            if node.int("exclude_outside") == 1, node.string("mode") == "cubic" { return "'exclude_outside'" }
            if let policy = node.string("keep_aspect_ratio_policy"), policy != "stretch" { return "'keep_aspect_ratio_policy: \(policy)'" }
        case "LRN":
            return "the normalisation over neighbouring channels"
        case "Softmax", "LogSoftmax", "Hardmax":
            // Up to opset 12 these go over all axes from `axis` on, taken as one.
            guard opset < 13, let dims = node.inputs.first.flatMap({ shapes[$0] }) else { return nil }
            let axis = node.int("axis") ?? 1
            let first = axis < 0 ? axis + dims.count : axis
            if dims.indices.contains(first), dims[(first + 1)...].contains(where: { $0 > 1 }) { return "a \(node.op) over several axes (opset \(opset))" }
        default: break
        }
        return nil
    }

    /// Whether a ConvTranspose makes just its strides times its input's extents: `dilation * (kernel - 1) + 1 + output_padding = stride` on every axis.
    private static func cutsNothing(_ node: Node, _ shapes: [String: [Int]]) -> Bool {
        guard let kernel = node.ints("kernel_shape") ?? (node.inputs.count > 1 ? shapes[node.inputs[1]] : nil).map({ Array($0.dropFirst(2)) }), !kernel.isEmpty else { return false }
        func attribute(_ name: String, _ fallback: Int) -> [Int]? {
            guard let values = node.ints(name), !values.isEmpty else { return Array(repeating: fallback, count: kernel.count) }
            return values.count == kernel.count ? values : nil
        }
        guard let strides = attribute("strides", 1), let dilations = attribute("dilations", 1), let more = attribute("output_padding", 0) else { return false }
        return kernel.indices.allSatisfy { axis in
            let (reach, overflow) = dilations[axis].multipliedReportingOverflow(by: kernel[axis] &- 1)
            return !overflow && kernel[axis] > 0 && strides[axis] > 0 && reach < 1 << 32 && more[axis] < 1 << 32 && reach >= 0 && more[axis] >= 0 && reach + 1 + more[axis] == strides[axis]
        }
    }
}
