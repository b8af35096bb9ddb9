/// The trained numbers of a network: named tensors from a safetensors file, with the names of a PyTorch `state_dict()`.
///
/// The file is read once and checked as a whole: whatever is reachable through a `Weights` value lies inside the file, has
/// the length that its shape says, and overlaps nothing. Numbers are converted on demand, by `WeightTensor.values()`.
public struct Weights: Sendable {
    /// The largest file that is read: what an ONNX model, which the weights become part of, can hold.
    public static let maximumFileSize = Int(Int32.max)

    /// The path it was read from, or the name it was given.
    public let file: String
    /// The file's `__metadata__`, for example the architecture's name; empty where it has none.
    public let metadata: [String: String]
    /// All tensors, in the order of their data.
    public let tensors: [WeightTensor]
    private let positions: [String: Int]

    /// Reads a `.safetensors` file.
    ///
    /// Throws where it cannot be read, is larger than `maximumFileSize`, or breaks the format in any way.
    public init(contentsOf path: String) throws(WeightsError) {
        try self.init(bytes: readFile(path, limit: Self.maximumFileSize), file: path)
    }

    /// Takes the bytes of a safetensors file; `file` names it in messages.
    public init(bytes: [UInt8], file: String) throws(WeightsError) {
        let contents: SafetensorsContents
        do {
            contents = try SafetensorsContents(bytes)
        } catch {
            throw WeightsError(file: file, failure: error.failure, problems: error.problems)
        }
        self.file = file
        metadata = contents.metadata
        tensors = contents.entries.map { entry in
            WeightTensor(name: entry.name, shape: entry.shape, format: entry.format, bytes: bytes[entry.bytes], file: file)
        }
        positions = Dictionary(uniqueKeysWithValues: tensors.indices.map { (contents.entries[$0].name, $0) })
    }

    /// The names of all tensors, in the order of their data.
    public var names: [String] { tensors.map(\.name) }

    /// The tensor of that name.
    public subscript(name: String) -> WeightTensor? { positions[name].map { tensors[$0] } }
}
