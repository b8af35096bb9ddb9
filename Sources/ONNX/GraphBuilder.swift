/// The name of a value in a graph that is being built.
public struct ValueName: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    /// Stands for an optional input that is left out.
    public static let none = ValueName(text: "")

    public var description: String { text }
}

/// Builds a graph node by node, in the order of the computation.
///
/// ```swift
/// let graph = GraphBuilder()
/// let x = graph.input("image", dims: [.fixed(1), .fixed(3), .symbolic("height"), .symbolic("width")])
/// let weight = try graph.initializer(weights, dims: [8, 3, 3, 3], name: "conv.weight")
/// let y = graph.add("Conv", [x, weight], ["pads": .ints([1, 1, 1, 1])])
/// graph.output(graph.add("Relu", [y]), name: "result")
/// let model = try graph.finish()
/// ```
///
/// Names are made unique by a number at their end, and carry the scopes they are made in (``scoped(_:_:)``). A builder is for one thread.
public final class GraphBuilder {
    var nodes: [Onnx_NodeProto] = []
    var constants: [Onnx_TensorProto] = []
    var inputs: [TensorInfo] = []
    private var outputs: [(value: ValueName, info: TensorInfo)] = []
    private var metadata: [(key: String, value: String)] = []
    private var scopes: [String] = []
    var taken: Set<String> = [""]
    private var repeats: [String: Int] = [:]
    private var failure: ONNXError?
    /// What grafted models (``graft(_:as:feeding:outputs:)``) ask for.
    var grafted = GraftedVersions()

    public init() {}

    /// Declares an input of the graph. The name is taken as it is, without the scope.
    public func input(_ name: String, dims: [Dimension], elementType: ElementType = .float) -> ValueName {
        if !taken.insert(name).inserted { fail(ONNXError("the name \"\(name)\" of an input is empty or taken")) }
        inputs.append(TensorInfo(name: name, elementType: elementType, dims: dims))
        return ValueName(text: name)
    }

    /// Adds a constant of floats, row-major; throws when their number is not the product of `dims`.
    public func initializer(_ values: [Float], dims: [Int], name: String) throws(ONNXError) -> ValueName {
        let name = unique(name)
        constants.append(try Tensor(values, dims: dims, name: name).proto)
        return ValueName(text: name)
    }

    /// Adds a constant of 64-bit integers, row-major; throws when their number is not the product of `dims`.
    public func initializer(int64 values: [Int], dims: [Int], name: String) throws(ONNXError) -> ValueName {
        let name = unique(name)
        constants.append(try Tensor(int64: values, dims: dims, name: name).proto)
        return ValueName(text: name)
    }

    /// Adds an operation with one result.
    ///
    /// - Parameter name: the node's name; the operator's where none is given. The result gets the same name.
    @discardableResult
    public func add(_ op: String, _ inputs: [ValueName], _ attributes: [String: Attribute] = [:], name: String? = nil) -> ValueName {
        add(op, inputs, attributes, outputs: 1, name: name)[0]
    }

    /// Adds an operation with several results. `op` may carry a domain: `com.microsoft::FusedConv`.
    public func add(_ op: String, _ inputs: [ValueName], _ attributes: [String: Attribute] = [:], outputs count: Int,
                    name: String? = nil) -> [ValueName] {
        var node = Onnx_NodeProto()
        let parts = op.split(separator: ":", omittingEmptySubsequences: true)
        node.opType = String(parts.last ?? "")
        if parts.count > 1 { node.domain = String(parts[0]) }
        node.name = unique(name ?? node.opType)
        node.input = inputs.map(\.text)
        node.output = (0..<max(1, count)).map { $0 == 0 ? node.name : unique("\(name ?? node.opType)_out\($0)") }
        for (key, value) in attributes.sorted(by: { $0.key < $1.key }) {
            do throws(ONNXError) {
                node.attribute.append(try value.proto(name: key))
            } catch {
                fail(ONNXError(error.message, node: "\(node.name) (\(op))"))
            }
        }
        nodes.append(node)
        return node.output.map(ValueName.init)
    }

    /// Makes a value an output of the graph. Where no `dims` are given, those that shape inference finds are declared.
    ///
    /// - Parameter name: what the output is called, without the scope; an `Identity` node gives a value a second name.
    public func output(_ value: ValueName, name: String? = nil, dims: [Dimension]? = nil, elementType: ElementType = .float) {
        var value = value
        if let name, name != value.text {
            if !taken.insert(name).inserted { fail(ONNXError("the name \"\(name)\" of an output is empty or taken")) }
            var node = Onnx_NodeProto()
            node.opType = "Identity"
            node.name = name
            node.input = [value.text]
            node.output = [name]
            nodes.append(node)
            value = ValueName(text: name)
        }
        outputs.append((value, TensorInfo(name: value.text, elementType: elementType, dims: dims)))
    }

    /// Runs `body` with `name` and a dot before every name that is made in it: `scoped("model")` turns `0.weight` into `model.0.weight`.
    public func scoped<Result, Failure: Error>(_ name: String, _ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        scopes.append(name)
        defer { scopes.removeLast() }
        return try body()
    }

    /// Adds a free text to the file.
    public func setMetadata(_ key: String, to value: String) {
        metadata.append((key, value))
    }

    /// The model, checked as one that is read from a file.
    ///
    /// - Parameter opset: the version of ONNX's operator set that the nodes are written in.
    public func finish(opset: Int = 23, producer: String = "aquatint", graphName: String = "network") throws(ONNXError) -> Model {
        if let failure { throw failure }
        if let other = grafted.opset, other != opset {
            throw ONNXError("a model of ONNX operator set \(other) was merged into a graph of \(opset): raise the older one first")
        }
        var model = Onnx_ModelProto()
        model.irVersion = max(Self.irVersion(forOpset: opset), grafted.irVersion)
        model.producerName = producer
        var standard = Onnx_OperatorSetIdProto()
        standard.version = Int64(opset)
        model.opsetImport = [standard]
        for domain in Set(nodes.map(\.domain)).union(grafted.used).subtracting([""]).sorted() {
            var other = Onnx_OperatorSetIdProto()
            other.domain = domain
            other.version = grafted.domains[domain] ?? 1
            model.opsetImport.append(other)
        }
        model.metadataProps = metadata.map { entry in
            var proto = Onnx_StringStringEntryProto()
            (proto.key, proto.value) = (entry.key, entry.value)
            return proto
        }
        model.graph.name = graphName
        model.graph.node = nodes
        model.graph.initializer = constants
        model.graph.input = inputs.map(\.proto)
        model.graph.output = outputs.map(\.info.proto)
        let built = try Model(checking: model)
        guard outputs.contains(where: { $0.info.dims == nil }) else { return built }
        model.graph.output = outputs.map { Self.declared($0.info, in: built).proto }
        return try Model(checking: model)
    }

    /// An output with the shape that shape inference finds: other programs' checkers ask for one. What two input sizes share is fixed.
    private static func declared(_ info: TensorInfo, in model: Model) -> TensorInfo {
        func dims(openAs size: Int) -> [Int]? {
            var shapes: [String: [Int]] = [:]
            for input in model.inputs {
                shapes[input.name] = input.dims?.enumerated().map { axis, dim in
                    if case .fixed(let n) = dim { n } else { axis == 0 ? 1 : size }
                }
            }
            return (try? model.shapes(with: shapes))?[info.name]
        }
        guard info.dims == nil, let small = dims(openAs: 128), let large = dims(openAs: 192), small.count == large.count else { return info }
        let openBatch = model.inputs.contains { $0.dims?.first.map { if case .fixed = $0 { false } else { true } } ?? false }
        return TensorInfo(name: info.name, elementType: info.elementType, dims: zip(small, large).enumerated().map { axis, pair in
            pair.0 == pair.1 && pair.0 > 0 && !(axis == 0 && openBatch) ? .fixed(pair.0) : .unknown
        })
    }

    private func unique(_ name: String) -> String {
        let full = (scopes + [name]).joined(separator: ".")
        var candidate = full
        while !taken.insert(candidate).inserted {
            repeats[full, default: 0] += 1
            candidate = "\(full)_\(repeats[full, default: 0])"
        }
        return candidate
    }

    /// Building never throws in the middle of an expression; the first mistake is told at the end.
    private func fail(_ error: ONNXError) {
        if failure == nil { failure = error }
    }

    /// The oldest file format that knows an operator set (onnx.proto, `Version`; VERSIONING.md): the older, the more programs read it.
    static func irVersion(forOpset opset: Int) -> Int64 {
        switch opset {
        case ...8: 3
        case 9: 4
        case 10: 5
        case 11: 6
        case 12...14: 7
        case 15...18: 8
        case 19, 20: 9
        case 21, 22: 10
        case 23: 11
        case 24: 12
        default: 13
        }
    }
}
