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
            // Cuts at the end only, and ignores the size.
            if padding.hasPrefix("SAME") { return "'auto_pad: \(padding)'" }
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
}
