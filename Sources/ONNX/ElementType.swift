/// The type of a tensor's elements, with ONNX's own numbers (`TensorProto.DataType`).
public enum ElementType: Int32, Sendable, Hashable, CaseIterable {
    case float = 1
    case uint8 = 2
    case int8 = 3
    case uint16 = 4
    case int16 = 5
    case int32 = 6
    case int64 = 7
    case string = 8
    case bool = 9
    case float16 = 10
    case double = 11
    case uint32 = 12
    case uint64 = 13
    case complex64 = 14
    case complex128 = 15
    case bfloat16 = 16
    case float8e4m3fn = 17
    case float8e4m3fnuz = 18
    case float8e5m2 = 19
    case float8e5m2fnuz = 20
    case uint4 = 21
    case int4 = 22
    case float4e2m1 = 23
    case float8e8m0 = 24
    case uint2 = 25
    case int2 = 26

    /// The size of one element in bits; `nil` for strings, which have none.
    public var bits: Int? {
        switch self {
        case .string: nil
        case .uint2, .int2: 2
        case .uint4, .int4, .float4e2m1: 4
        case .uint8, .int8, .bool, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0: 8
        case .uint16, .int16, .float16, .bfloat16: 16
        case .float, .int32, .uint32: 32
        case .double, .int64, .uint64, .complex64: 64
        case .complex128: 128
        }
    }

    /// Whether the elements are whole numbers or truth values.
    public var isInteger: Bool {
        switch self {
        case .uint2, .int2, .uint4, .int4, .uint8, .int8, .uint16, .int16, .int32, .int64, .uint32, .uint64, .bool: true
        default: false
        }
    }

    /// The bytes that `count` packed elements take; `nil` for strings or when the number does not fit an `Int`.
    public func byteCount(of count: Int) -> Int? {
        guard let bits, count >= 0 else { return nil }
        if bits >= 8 {
            let (bytes, overflow) = count.multipliedReportingOverflow(by: bits / 8)
            return overflow ? nil : bytes
        }
        let perByte = 8 / bits
        return count / perByte + (count % perByte == 0 ? 0 : 1)
    }
}
