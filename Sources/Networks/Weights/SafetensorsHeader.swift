/// Reads the JSON header of a safetensors file, which is always of one form:
/// ```
/// {"__metadata__": {"key": "text", ...},
///  "tensor name": {"dtype": "F32", "shape": [16, 3, 1, 1], "data_offsets": [0, 192]}, ...}
/// ```
struct SafetensorsHeader {
    typealias Failure = JSONScanner.Failure

    struct Tensor {
        var name: String
        var format: String
        var shape: [UInt64]
        var begin: UInt64
        var end: UInt64
    }

    struct Declarations {
        var metadata: [String: String] = [:]
        var tensors: [Tensor] = []
    }

    private var scanner: JSONScanner

    init(_ bytes: ArraySlice<UInt8>) { scanner = JSONScanner(bytes) }

    /// The whole header. Spaces may follow it: writers pad it so that the data is aligned.
    mutating func declarations() throws(Failure) -> Declarations {
        var result = Declarations()
        var seen: Set<String> = []
        try scanner.object(nameLimit: SafetensorsContents.Limit.nameBytes) { scanner, name throws(Failure) in
            guard seen.insert(name).inserted else { throw scanner.failure("the tensor \"\(name)\" is declared twice") }
            if name == "__metadata__" {
                result.metadata = try Self.metadata(&scanner)
            } else {
                guard result.tensors.count < SafetensorsContents.Limit.tensors else {
                    throw scanner.failure("more than \(SafetensorsContents.Limit.tensors) tensors")
                }
                result.tensors.append(try Self.tensor(named: name, &scanner))
            }
        }
        try scanner.end(of: "header")
        return result
    }

    private static func metadata(_ scanner: inout JSONScanner) throws(Failure) -> [String: String] {
        var result: [String: String] = [:]
        try scanner.object(nameLimit: SafetensorsContents.Limit.nameBytes) { scanner, key throws(Failure) in
            guard result[key] == nil else { throw scanner.failure("the metadata key \"\(key)\" occurs twice") }
            result[key] = try scanner.string(limit: SafetensorsContents.Limit.headerBytes)
        }
        return result
    }

    private static func tensor(named name: String, _ scanner: inout JSONScanner) throws(Failure) -> Tensor {
        var format: String?
        var shape: [UInt64]?
        var offsets: [UInt64]?
        func integers(_ scanner: inout JSONScanner, limit: Int) throws(Failure) -> [UInt64] {
            try scanner.array(limit: limit, of: "numbers") { scanner throws(Failure) in try scanner.integer() }
        }
        try scanner.object(nameLimit: SafetensorsContents.Limit.nameBytes) { scanner, key throws(Failure) in
            let isNew: Bool
            switch key {
            case "dtype": (isNew, format) = (format == nil, try scanner.string(limit: 16))
            case "shape": (isNew, shape) = (shape == nil, try integers(&scanner, limit: SafetensorsContents.Limit.dimensions))
            case "data_offsets": (isNew, offsets) = (offsets == nil, try integers(&scanner, limit: 2))
            default: throw scanner.failure("the tensor \"\(name)\" has the unknown key \"\(key)\"")
            }
            guard isNew else { throw scanner.failure("the tensor \"\(name)\" has \"\(key)\" twice") }
        }
        guard let format, let shape, let offsets, offsets.count == 2 else {
            throw scanner.failure("the tensor \"\(name)\" needs dtype, shape, and two data_offsets")
        }
        return Tensor(name: name, format: format, shape: shape, begin: offsets[0], end: offsets[1])
    }
}
