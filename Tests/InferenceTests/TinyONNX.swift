/// Writes small ONNX files, field by field as onnx.proto numbers them, so that these tests need neither fixtures nor another module.
struct TinyONNX {
    enum Attribute {
        case int(Int), ints([Int]), string(String)
    }

    /// `TensorProto.DataType`.
    enum DataType: Int {
        case float = 1, uint8 = 2, int8 = 3, int32 = 6, int64 = 7, bool = 9, float16 = 10, double = 11
    }

    private var nodes: [[UInt8]] = []
    private var initializers: [[UInt8]] = []
    private var inputs: [[UInt8]] = []
    private var outputs: [[UInt8]] = []

    /// - Parameter shape: nil extents are symbolic.
    mutating func input(_ name: String, _ shape: [Int?], _ type: DataType = .float) {
        inputs.append(Self.valueInfo(name, shape, type))
    }

    mutating func output(_ name: String, _ shape: [Int?], _ type: DataType = .float) {
        outputs.append(Self.valueInfo(name, shape, type))
    }

    mutating func constant(_ name: String, _ shape: [Int], _ values: [Float]) {
        let raw = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
        initializers.append(Wire.integers(1, shape) + Wire.integer(2, DataType.float.rawValue) + Wire.text(8, name) + Wire.bytes(9, raw))
    }

    mutating func node(_ op: String, _ inputs: [String], _ output: String, _ attributes: [String: Attribute] = [:], domain: String = "") {
        var message = inputs.flatMap { Wire.text(1, $0) } + Wire.text(2, output) + Wire.text(3, "node_" + output) + Wire.text(4, op)
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
            let body: [UInt8] = switch value {
            case .int(let int): Wire.integer(3, int) + Wire.integer(20, 2)
            case .string(let string): Wire.text(4, string) + Wire.integer(20, 3)
            case .ints(let ints): Wire.integers(8, ints) + Wire.integer(20, 7)
            }
            message += Wire.bytes(5, Wire.text(1, name) + body)
        }
        if !domain.isEmpty { message += Wire.text(7, domain) }
        nodes.append(message)
    }

    func bytes(opset: Int = 17, domains: [String] = []) -> [UInt8] {
        let graph = nodes.flatMap { Wire.bytes(1, $0) } + Wire.text(2, "graph") + initializers.flatMap { Wire.bytes(5, $0) }
            + inputs.flatMap { Wire.bytes(11, $0) } + outputs.flatMap { Wire.bytes(12, $0) }
        let opsets = ([""] + domains).flatMap { Wire.bytes(8, Wire.text(1, $0) + Wire.integer(2, $0.isEmpty ? opset : 1)) }
        return Wire.integer(1, 8) + Wire.bytes(7, graph) + opsets
    }

    private static func valueInfo(_ name: String, _ shape: [Int?], _ type: DataType) -> [UInt8] {
        let dims = shape.enumerated().flatMap { index, extent in
            Wire.bytes(1, extent.map { Wire.integer(1, $0) } ?? Wire.text(2, "\(name)_\(index)"))
        }
        let tensor = Wire.integer(1, type.rawValue) + Wire.bytes(2, dims)
        return Wire.text(1, name) + Wire.bytes(2, Wire.bytes(1, tensor))
    }
}

/// The protocol buffer wire format, as far as ONNX needs it.
private enum Wire {
    static func varint(_ value: UInt64) -> [UInt8] {
        var value = value, bytes: [UInt8] = []
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        return bytes + [UInt8(value)]
    }

    static func integer(_ field: UInt64, _ value: Int) -> [UInt8] {
        varint(field << 3) + varint(UInt64(bitPattern: Int64(value)))
    }

    static func integers(_ field: UInt64, _ values: [Int]) -> [UInt8] {
        values.flatMap { integer(field, $0) }
    }

    static func bytes(_ field: UInt64, _ value: [UInt8]) -> [UInt8] {
        varint(field << 3 | 2) + varint(UInt64(value.count)) + value
    }

    static func text(_ field: UInt64, _ value: String) -> [UInt8] {
        bytes(field, Array(value.utf8))
    }
}
