@testable import Networks

/// A safetensors file, written by hand so that it can be wrong.
struct Safetensors {
    var header: String
    var data: [UInt8] = []

    /// The header as given, and that much data.
    init(_ header: String, data: [UInt8] = []) {
        self.header = header
        self.data = data
    }

    /// A correct file of float tensors, every number of each the same.
    init(_ tensors: [(name: String, shape: [Int], value: Float)], metadata: String? = nil) {
        var members = metadata.map { ["\"__metadata__\":\($0)"] } ?? []
        for tensor in tensors {
            let count = tensor.shape.reduce(1, *)
            members.append("\"\(tensor.name)\":{\"dtype\":\"F32\",\"shape\":\(tensor.shape),\"data_offsets\":[\(data.count),\(data.count + 4 * count)]}")
            for _ in 0..<count { data += littleEndian(tensor.value.bitPattern) }
        }
        header = "{" + members.joined(separator: ",") + "}"
    }

    /// A correct file with the state_dict of `module`, all numbers the same.
    init(for module: some Module, value: Float = 0.5) {
        self.init(module.stateDict.map { ($0.name, $0.shape, value) })
    }

    var bytes: [UInt8] { littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + data }

    func weights() throws -> Weights { try Weights(bytes: bytes, file: "net.safetensors") }
}

func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: number.littleEndian) { Array($0) } }

/// The text of the error that `body` throws; nil where it throws none.
func message<Result>(_ body: () throws -> Result) -> String? {
    do {
        _ = try body()
        return nil
    } catch {
        return "\(error)"
    }
}

/// Reproducible random numbers (SplitMix64).
struct Noise: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
