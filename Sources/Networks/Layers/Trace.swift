internal import ONNX

/// One graph under construction: what calling a module adds nodes to.
final class Trace {
    let graph = GraphBuilder()
    /// The parameters by their full names.
    private let weights: Weights
    /// The full name of each module.
    private let scopes: [ObjectIdentifier: String]
    // Names, since a value holds the trace.
    private var parameters: [String: ValueName] = [:]
    private var integerConstants: [[Int]: ValueName] = [:]
    private var failure: ONNXError?

    init(weights: Weights, scopes: [ObjectIdentifier: String]) {
        self.weights = weights
        self.scopes = scopes
    }

    func input(_ name: String, channels: Int) -> Tensor {
        let dims: [Dimension] = [.fixed(1), .fixed(channels), .symbolic("height"), .symbolic("width")]
        return Tensor(Value(name: graph.input(name, dims: dims), trace: self), channels: channels)
    }

    func output(_ tensor: Tensor, name: String) {
        let dims: [Dimension] = [.fixed(1), .fixed(tensor.channels), .symbolic("output_height"), .symbolic("output_width")]
        graph.output(tensor.value.name, name: name, dims: dims)
    }

    /// The serialized model.
    func finish() throws(NetworkError) -> [UInt8] {
        do throws(ONNXError) {
            if let failure { throw failure }
            return try graph.finish(opset: 23).serialized()
        } catch {
            throw .graph(error.description)
        }
    }

    func node(_ operation: String, _ inputs: [Value], _ attributes: [String: Attribute] = [:]) -> Value {
        Value(name: graph.add(operation, inputs.map(\.name), attributes), trace: self)
    }

    /// An optional input that is left out.
    var absent: Value { Value(name: .none, trace: self) }

    /// A parameter of a module, as a constant under its `state_dict` name; `shape`: another shape of as many numbers.
    func parameter(_ name: String, of module: some Module, as shape: [Int]? = nil) throws(NetworkError) -> Value {
        guard let scope = scopes[ObjectIdentifier(module)] else {
            throw .architecture("\(module) is called by a module that does not list it among its children")
        }
        let fullName = joined(scope, name)
        if let known = parameters[fullName] { return Value(name: known, trace: self) }
        guard let tensor = weights[fullName] else {
            throw .architecture("\(module) asks for \(fullName), which it does not list among its parameters")
        }
        let values: [Float]
        do { values = try tensor.values() } catch { throw .weights(error) }
        let parameter = constant { () throws(ONNXError) in
            try graph.initializer(values, dims: shape ?? tensor.shape, name: fullName)
        }
        parameters[fullName] = parameter.name
        return parameter
    }

    /// A list of whole numbers: sizes, positions, axes.
    func integers(_ values: [Int]) -> Value {
        if let known = integerConstants[values] { return Value(name: known, trace: self) }
        let value = constant { () throws(ONNXError) in
            try graph.initializer(int64: values, dims: [values.count], name: "integers")
        }
        integerConstants[values] = value.name
        return value
    }

    func scalar(_ number: Float) -> Value {
        constant { () throws(ONNXError) in try graph.initializer([number], dims: [], name: "number") }
    }

    /// A list of numbers.
    func numbers(_ values: [Float]) -> Value {
        constant { () throws(ONNXError) in try graph.initializer(values, dims: [values.count], name: "numbers") }
    }

    /// An array of that shape with one number everywhere.
    func filled(_ shape: Value, with number: Float) -> Value {
        do throws(ONNXError) {
            return node("ConstantOfShape", [shape], ["value": .tensor(try ONNX.Tensor([number], dims: [1]))])
        } catch {
            return failed(error)
        }
    }

    func concatenated(_ parts: [Value], axis: Int = 0) -> Value { node("Concat", parts, ["axis": .int(axis)]) }

    private func constant(_ make: () throws(ONNXError) -> ValueName) -> Value {
        do throws(ONNXError) {
            return Value(name: try make(), trace: self)
        } catch {
            return failed(error)
        }
    }

    /// Keeps the first mistake for `finish`, so that modules read as formulas and not as error handling.
    private func failed(_ error: ONNXError) -> Value {
        failure = failure ?? error
        return Value(name: .none, trace: self)
    }
}
