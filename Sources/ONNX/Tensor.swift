import Foundation

/// A constant array: an initializer of a graph, or an attribute's value.
///
/// A tensor that exists is sound: its extents are not negative, their product fits an `Int`, and its data is exactly as long as they say.
public struct Tensor: Sendable, Equatable {
    /// Tensors with more axes are refused; runtimes end at 8 or so.
    public static let maximumRank = 64

    public let name: String
    public let elementType: ElementType

    /// Extents, outermost first; empty for a scalar.
    public let dims: [Int]

    /// The number of elements: the product of `dims`.
    public let count: Int

    let proto: Onnx_TensorProto

    /// A float tensor of `values`, row-major; throws when their number is not the product of `dims`.
    public init(_ values: [Float], dims: [Int], name: String = "") throws(ONNXError) {
        let raw = values.withUnsafeBytes { Data($0) }
        try self.init(raw: raw, type: .float, count: values.count, dims: dims, name: name)
    }

    /// An int64 tensor of `values`, row-major; throws when their number is not the product of `dims`.
    public init(int64 values: [Int], dims: [Int], name: String = "") throws(ONNXError) {
        let raw = values.map { Int64($0) }.withUnsafeBytes { Data($0) }
        try self.init(raw: raw, type: .int64, count: values.count, dims: dims, name: name)
    }

    init(raw: Data, type: ElementType, count: Int, dims: [Int], name: String) throws(ONNXError) {
        // raw_data is little-endian (IR.md, "Tensors"), as is every machine Swift runs on here; a port would swap.
        #if _endian(big)
        #error("Tensor writes raw_data in the machine's order, which must be little-endian")
        #endif
        var proto = Onnx_TensorProto()
        proto.name = name
        proto.dataType = type.rawValue
        proto.dims = dims.map(Int64.init)
        proto.rawData = raw
        try self.init(checking: proto)
    }

    /// The elements as doubles; `nil` for strings, complex and sub-byte or 8-bit float types, and when there are more than `limit`.
    public func doubles(limit: Int = .max) -> [Double]? {
        guard count <= limit else { return nil }
        switch elementType {
        case .float: return numbers(proto.floatData) { (bits: UInt32) in Double(Float(bitPattern: bits)) } typed: { Double($0) }
        case .double: return numbers(proto.doubleData) { (bits: UInt64) in Double(bitPattern: bits) } typed: { $0 }
        case .float16: return numbers(proto.int32Data, raw: halfToDouble) { halfToDouble(UInt16(truncatingIfNeeded: $0)) }
        case .bfloat16: return numbers(proto.int32Data, raw: brainToDouble) { brainToDouble(UInt16(truncatingIfNeeded: $0)) }
        default: return integers(limit: limit)?.map(Double.init)
        }
    }

    /// The elements as integers; `nil` for any other type, for unsigned 64-bit values beyond `Int`, and when there are more than `limit`.
    public func integers(limit: Int = .max) -> [Int]? {
        guard count <= limit else { return nil }
        switch elementType {
        case .int64: return numbers(proto.int64Data) { (bits: UInt64) in Int(Int64(bitPattern: bits)) } typed: { Int($0) }
        case .int32: return numbers(proto.int32Data) { (bits: UInt32) in Int(Int32(bitPattern: bits)) } typed: { Int($0) }
        case .uint32: return numbers(proto.uint64Data) { (bits: UInt32) in Int(bits) } typed: { Int(UInt32(truncatingIfNeeded: $0)) }
        case .int16: return numbers(proto.int32Data) { (bits: UInt16) in Int(Int16(bitPattern: bits)) } typed: { Int($0) }
        case .uint16: return numbers(proto.int32Data) { (bits: UInt16) in Int(bits) } typed: { Int($0) }
        case .int8: return numbers(proto.int32Data) { (bits: UInt8) in Int(Int8(bitPattern: bits)) } typed: { Int($0) }
        case .uint8: return numbers(proto.int32Data) { (bits: UInt8) in Int(bits) } typed: { Int($0) }
        case .bool: return numbers(proto.int32Data) { (bits: UInt8) in bits == 0 ? 0 : 1 } typed: { $0 == 0 ? 0 : 1 }
        case .uint64:
            let values = numbers(proto.uint64Data) { (bits: UInt64) in Int(exactly: bits) } typed: { Int(exactly: $0) }
            return values.contains(nil) ? nil : values.compactMap(\.self)
        default: return nil
        }
    }

    /// The elements from `raw_data` when the file uses it, else from the typed field.
    private func numbers<Bits: FixedWidthInteger, Field, Value>(
        _ field: [Field], raw: (Bits) -> Value, typed: (Field) -> Value
    ) -> [Value] {
        guard !proto.rawData.isEmpty else { return field.map(typed) }
        return proto.rawData.withUnsafeBytes { bytes in
            (0..<count).map { raw(Bits(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Bits>.size, as: Bits.self))) }
        }
    }
}

private func halfToDouble(_ bits: UInt16) -> Double {
    let sign: Double = bits >> 15 == 0 ? 1 : -1
    let exponent = Int(bits >> 10) & 0x1F
    let fraction = Double(bits & 0x3FF)
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default: return Double(sign: sign < 0 ? .minus : .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
    }
}

private func brainToDouble(_ bits: UInt16) -> Double {
    Double(Float(bitPattern: UInt32(bits) << 16))
}
