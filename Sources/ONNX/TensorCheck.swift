extension Tensor {
    /// Reads a tensor of a file. Throws when its data lies elsewhere, its extents make no sense, or its data is not as long as they say.
    init(checking proto: Onnx_TensorProto) throws(ONNXError) {
        let label = proto.name.isEmpty ? "a tensor" : "tensor \"\(proto.name)\""
        guard !(proto.hasDataLocation && proto.dataLocation == .external), proto.externalData.isEmpty else {
            throw ONNXError("\(label) keeps its data in another file, which is not supported: save the model as one file "
                + "(in Python: onnx.save(onnx.load(path), new_path))")
        }
        guard !proto.hasSegment else { throw ONNXError("\(label) is a segment of a larger one, which is not supported") }
        guard let type = ElementType(rawValue: proto.dataType) else {
            throw ONNXError("\(label) has the unknown element type \(proto.dataType)")
        }
        var dims: [Int] = []
        for dim in proto.dims {
            guard dim >= 0, let dim = Int(exactly: dim) else { throw ONNXError("\(label) has the negative extent \(dim)") }
            dims.append(dim)
        }
        guard let count = product(of: dims), type == .string || type.byteCount(of: count) != nil else {
            throw ONNXError("\(label) of extents \(dims) is larger than memory can address")
        }
        try Self.checkLength(proto, type: type, count: count, label: label)
        self.proto = proto
        self.name = proto.name
        self.elementType = type
        self.dims = dims
        self.count = count
    }

    private static func checkLength(_ proto: Onnx_TensorProto, type: ElementType, count: Int, label: String) throws(ONNXError) {
        let fields = [("float_data", proto.floatData.count), ("int32_data", proto.int32Data.count), ("string_data", proto.stringData.count),
                      ("int64_data", proto.int64Data.count), ("double_data", proto.doubleData.count), ("uint64_data", proto.uint64Data.count)]
        let (field, length) = typedField(type, count: count)
        for (name, found) in fields where found > 0 {
            guard !proto.hasRawData || proto.rawData.isEmpty else { throw ONNXError("\(label) has both raw_data and \(name)") }
            guard name == field else { throw ONNXError("\(label) of type \(type) keeps its data in \(name), where \(field) is expected") }
        }
        if proto.hasRawData && !(proto.rawData.isEmpty && fields.contains { $0.1 > 0 }) {
            guard let bytes = type.byteCount(of: count) else { throw ONNXError("\(label) holds strings in raw_data") }
            guard proto.rawData.count == bytes else {
                throw ONNXError("\(label) has \(proto.rawData.count) bytes of data; \(count) elements of type \(type) take \(bytes)")
            }
        } else if let found = fields.first(where: { $0.0 == field })?.1, found != length {
            throw ONNXError("\(label) has \(found) entries of \(field); \(count) elements of type \(type) take \(length)")
        }
    }

    /// The field that holds the elements of a type when `raw_data` is not used, and its length for `count` elements (onnx.proto, `TensorProto`).
    private static func typedField(_ type: ElementType, count: Int) -> (String, Int) {
        switch type {
        case .float: ("float_data", count)
        case .complex64: ("float_data", count * 2)
        case .double: ("double_data", count)
        case .complex128: ("double_data", count * 2)
        case .int64: ("int64_data", count)
        case .uint32, .uint64: ("uint64_data", count)
        case .string: ("string_data", count)
        case .uint4, .int4, .float4e2m1, .uint2, .int2: ("int32_data", type.byteCount(of: count) ?? count)
        default: ("int32_data", count)
        }
    }
}

/// The product of extents; `nil` when it does not fit an `Int`.
func product(of dims: some Sequence<Int>) -> Int? {
    var total = 1
    // Zero times anything is zero, whatever overflows before it: [2^62, 8, 0] is an empty tensor.
    if dims.contains(0) { return 0 }
    for dim in dims {
        let (next, overflow) = total.multipliedReportingOverflow(by: dim)
        if overflow { return nil }
        total = next
    }
    return total
}
