internal import Foundation

extension Model {
    /// The model reduced to one output, with some of its inputs made constants and a batch of one: what is left of a graph with several heads,
    /// auxiliary inputs and a training-time batch when one picture goes in and one result comes out.
    ///
    /// Constants become initializers, so that sizes computed from them are followed like any other. Nodes that the output does not need go, and
    /// with them operators that nobody has to know.
    ///
    /// - Parameters:
    ///   - output: the output that stays.
    ///   - constants: values by input name. Their extents must suit the inputs (``TensorInfo/shape(holding:given:)``).
    /// - Returns: this very model where there is nothing to do.
    /// - Throws: where a name is unknown.
    public func specialised(output: String, constants: [String: Tensor]) throws(ONNXError) -> Model {
        guard outputs.contains(where: { $0.name == output }) else { throw ONNXError("the model has no output \"\(output)\"; it has \(outputs.map(\.name).joined(separator: ", "))") }
        for name in constants.keys.sorted() where !inputs.contains(where: { $0.name == name }) {
            throw ONNXError("the model has no input \"\(name)\"; it has \(inputs.map(\.name).joined(separator: ", "))")
        }
        let needed = values(neededFor: output)
        let isPlain = constants.isEmpty && outputs.count == 1 && inputs.allSatisfy { needed.contains($0.name) }
            && nodes.allSatisfy { $0.outputs.contains(where: needed.contains) }
        if isPlain { return self }
        var proto = proto
        proto.graph.input.removeAll { constants[$0.name] != nil || !needed.contains($0.name) }
        proto.graph.initializer.removeAll { !needed.contains($0.name) }
        for (name, tensor) in constants.sorted(by: { $0.key < $1.key }) where needed.contains(name) {
            var initializer = tensor.proto
            initializer.name = name
            proto.graph.initializer.append(initializer)
        }
        proto.graph.node.removeAll { node in !node.output.contains { !$0.isEmpty && needed.contains($0) } }
        proto.graph.output.removeAll { $0.name != output }
        // What the file noted of shapes in between may not hold any more.
        proto.graph.valueInfo.removeAll()
        return try Model(checking: proto)
    }

    /// The model with the first of four extents of `input` set to 1, where the file asks for another number of pictures.
    public func withBatchOfOne(_ input: String) throws(ONNXError) -> Model {
        guard let index = proto.graph.input.firstIndex(where: { $0.name == input }), let dims = inputs.first(where: { $0.name == input })?.dims,
              dims.count == 4, case .fixed(let batch) = dims[0], batch != 1, case .tensorType(var tensor)? = proto.graph.input[index].type.value else { return self }
        var proto = proto
        var one = Onnx_TensorShapeProto.Dimension()
        one.dimValue = 1
        tensor.shape.dim[0] = one
        proto.graph.input[index].type.value = .tensorType(tensor)
        // The declared extents of everything behind it say the old number.
        proto.graph.valueInfo.removeAll()
        for output in proto.graph.output.indices {
            guard case .tensorType(var tensor)? = proto.graph.output[output].type.value else { continue }
            tensor.clearShape()
            proto.graph.output[output].type.value = .tensorType(tensor)
        }
        return try Model(checking: proto)
    }

    /// The values that an output is made from, itself included.
    private func values(neededFor output: String) -> Set<String> {
        var needed: Set<String> = [output]
        for node in nodes.reversed() where node.outputs.contains(where: { !$0.isEmpty && needed.contains($0) }) {
            for name in node.inputs + node.captures where !name.isEmpty { needed.insert(name) }
        }
        return needed
    }
}

extension TensorInfo {
    /// The extents in which the input takes `count` values that came with the extents `given`; `nil` where they do not fit.
    ///
    /// What was given counts where it suits the declaration. Else the values fill the declared extents in order: a lone number is a scalar, [1] or
    /// [1, 1, 1, 1], and two numbers fit [batch, 2].
    public func shape(holding count: Int, given: [Int]) -> [Int]? {
        guard let dims else { return given }
        func suits(_ shape: [Int]) -> Bool {
            shape.count == dims.count && zip(shape, dims).allSatisfy { extent, dim in if case .fixed(let n) = dim { n == extent } else { true } }
        }
        if suits(given) { return given }
        var fixed = 1
        for case .fixed(let n) in dims {
            let (product, overflow) = fixed.multipliedReportingOverflow(by: n)
            guard !overflow else { return nil }
            fixed = product
        }
        guard fixed > 0, count % fixed == 0 else { return nil }
        // The last open extent takes what the fixed ones leave.
        let last = dims.lastIndex { if case .fixed = $0 { false } else { true } }
        guard last != nil || count == fixed else { return nil }
        return dims.enumerated().map { axis, dim in
            if case .fixed(let n) = dim { n } else { axis == last ? count / fixed : 1 }
        }
    }
}

extension Tensor {
    /// A tensor of any numeric type; truth is "not zero".
    ///
    /// - Throws: where a value does not fit a type of whole numbers, the type is none of numbers, or the extents do not make `values.count`.
    public init(_ values: [Float], as type: ElementType, dims: [Int], name: String) throws(ONNXError) {
        func whole<Number: FixedWidthInteger>(_ number: Number.Type) throws(ONNXError) -> Data {
            var data = Data(capacity: values.count * MemoryLayout<Number>.size)
            for value in values {
                guard let exact = Number(exactly: value) else {
                    throw ONNXError("\"\(name)\" takes whole numbers of type \(type), and \(value) is none")
                }
                withUnsafeBytes(of: exact.littleEndian) { data.append(contentsOf: $0) }
            }
            return data
        }
        func bits<Element>(_ element: (Float) -> Element) -> Data {
            values.map(element).withUnsafeBytes { Data($0) }
        }
        let raw: Data = switch type {
        case .float: bits { $0 }
        case .double: bits { Double($0) }
        case .float16: bits { Float16($0).bitPattern }
        case .bfloat16: bits { UInt16(truncatingIfNeeded: ($0.bitPattern &+ 0x7FFF &+ ($0.bitPattern >> 16 & 1)) >> 16) }
        case .bool: bits { $0 == 0 ? UInt8(0) : 1 }
        case .int8: try whole(Int8.self)
        case .int16: try whole(Int16.self)
        case .int32: try whole(Int32.self)
        case .int64: try whole(Int64.self)
        case .uint8: try whole(UInt8.self)
        case .uint16: try whole(UInt16.self)
        case .uint32: try whole(UInt32.self)
        case .uint64: try whole(UInt64.self)
        default: throw ONNXError("\"\(name)\" is of type \(type), which numbers cannot be given for")
        }
        try self.init(raw: raw, type: type, count: values.count, dims: dims, name: name)
    }
}
