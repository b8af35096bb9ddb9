/// The number formats of weights that can be read, by their safetensors names. All become `Float`.
public enum WeightFormat: String, Sendable, CaseIterable {
    case float32 = "F32", float16 = "F16", bfloat16 = "BF16", float64 = "F64"

    /// Bytes that one number takes in the file.
    public var size: Int {
        switch self {
        case .float16, .bfloat16: 2
        case .float32: 4
        case .float64: 8
        }
    }
}

/// One named array of a weights file. A value; copies share the file's bytes.
public struct WeightTensor: Sendable {
    /// The `state_dict()` name, such as `depthwise.weight`.
    public let name: String
    /// The lengths of the dimensions, outermost first; empty for a single number.
    public let shape: [Int]
    /// How the numbers are stored.
    public let format: WeightFormat
    /// Little-endian numbers in row-major order; `count * format.size` bytes.
    let bytes: ArraySlice<UInt8>
    let file: String

    /// How many numbers it holds.
    public var count: Int { bytes.count / format.size }

    /// The numbers in row-major order.
    ///
    /// Throws where one is not finite: a network with such a weight turns whole pictures into NaN, and the cause would
    /// then be looked for anywhere but in this file.
    public func values() throws(WeightsError) -> [Float] {
        let values = bytes.withUnsafeBytes { raw in
            [Float](unsafeUninitializedCapacity: count) { output, filled in
                for index in 0..<count { output.initializeElement(at: index, to: format.number(index, in: raw)) }
                filled = count
            }
        }
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw WeightsError(file: file, failure: "cannot be used",
                               problems: ["\(name) holds \(values[index]) at position \(index), expected finite numbers"])
        }
        return values
    }
}

extension WeightFormat {
    fileprivate func number(_ index: Int, in raw: UnsafeRawBufferPointer) -> Float {
        func bits<Bits: FixedWidthInteger>(_: Bits.Type) -> Bits {
            Bits(littleEndian: raw.loadUnaligned(fromByteOffset: index * size, as: Bits.self))
        }
        switch self {
        case .float32: return Float(bitPattern: bits(UInt32.self))
        case .float16: return Float(Float16(bitPattern: bits(UInt16.self)))
        case .bfloat16: return Float(bitPattern: UInt32(bits(UInt16.self)) << 16)
        case .float64: return Float(Double(bitPattern: bits(UInt64.self)))
        }
    }
}
