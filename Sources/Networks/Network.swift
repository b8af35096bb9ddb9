/// Makes networks that any ONNX runtime can run from modules and their weights.
public enum Network {
    /// The ONNX model (opset 23, serialized) of a module with these weights.
    ///
    /// It has one input, `input` of [1, inChannels, H, W], and one output, `output`; H and W are dynamic. The weights become part
    /// of it, in single precision, under their `state_dict` names.
    ///
    /// Throws where the weights are not exactly the module's parameters, or hold numbers that are not finite, and where
    /// modules do not fit each other. Nothing is computed, and no engine is needed.
    public static func onnx(of module: some Module, inChannels: Int, weights: Weights) throws(NetworkError) -> [UInt8] {
        try made(of: module, inChannels: inChannels, weights: weights).onnx
    }

    /// The model, and the channels of its output.
    static func made(of module: some Module, inChannels: Int, weights: Weights) throws(NetworkError) -> (onnx: [UInt8], outChannels: Int) {
        do {
            try weights.check(fit: module.description, expected: module.stateDict)
        } catch {
            throw .weights(error)
        }
        let trace = Trace(weights: weights, scopes: module.scopes())
        let output = try module(trace.input("input", channels: inChannels))
        trace.output(output, name: "output")
        return (try trace.finish(), output.channels)
    }
}
