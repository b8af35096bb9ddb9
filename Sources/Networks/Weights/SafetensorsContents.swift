/// Where each tensor of a safetensors file lies: the file's table of contents, checked against the file.
///
/// The format (https://huggingface.co/docs/safetensors, "Format"):
/// ```
/// | 8 bytes: N, little-endian | N bytes: JSON header | data: tensors back to back, no gaps |
/// ```
struct SafetensorsContents {
    /// The limits of the reference implementation where it has them; the others are far above any real network.
    enum Limit {
        static let headerBytes = 100_000_000
        static let tensors = 65_536
        static let dimensions = 8
        static let nameBytes = 1_024
    }

    struct Entry {
        let name: String
        let shape: [Int]
        let format: WeightFormat
        /// Positions in the whole file.
        let bytes: Range<Int>
    }

    let metadata: [String: String]
    /// In the order of the data.
    let entries: [Entry]

    /// Reads the table of contents of a whole file. The `file` of a thrown error is empty: the caller knows it.
    init(_ file: [UInt8]) throws(WeightsError) {
        let header = try Self.headerRange(of: file)
        var scanner = SafetensorsHeader(file[header])
        let declared: SafetensorsHeader.Declarations
        do {
            declared = try scanner.declarations()
        } catch {
            throw Self.invalid(["the header is malformed at its byte \(error.offset): \(error.reason)"])
        }
        metadata = declared.metadata
        let data = header.upperBound..<file.count
        entries = try Self.entries(for: declared.tensors, data: data)
    }

    private static func headerRange(of file: [UInt8]) throws(WeightsError) -> Range<Int> {
        guard file.count >= 8 else {
            throw invalid(["it has \(file.count) bytes, and the length of the header alone takes 8"])
        }
        let length = file.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= UInt64(Limit.headerBytes) else {
            // The usual cause is another format under this name: a PyTorch .pt file is a zip archive.
            let hint = file.starts(with: Array("PK".utf8)) ? "; it is a zip archive, as torch.save writes: save it with safetensors.torch.save_file" : ""
            throw invalid(["its header would have \(length) bytes, and at most \(Limit.headerBytes) are allowed\(hint)"])
        }
        guard Int(length) <= file.count - 8 else {
            throw invalid(["its header has \(length) bytes by its own account, and only \(file.count - 8) follow: the file is cut short"])
        }
        return 8..<8 + Int(length)
    }

    private static func entries(for declared: [SafetensorsHeader.Tensor], data: Range<Int>) throws(WeightsError) -> [Entry] {
        let unreadable = declared.filter { WeightFormat(rawValue: $0.format) == nil }
        guard unreadable.isEmpty else {
            let known = WeightFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw WeightsError(file: "", failure: "holds numbers that are not network weights here (known: \(known))",
                               problems: unreadable.map { "\($0.name) is \($0.format)" })
        }
        var entries: [Entry] = []
        var expected: UInt64 = 0
        // Sorted by their data, tensors must follow each other without gap or overlap, up to the end of the file.
        for tensor in declared.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
            guard let format = WeightFormat(rawValue: tensor.format) else { continue }
            guard tensor.begin <= tensor.end, tensor.end <= UInt64(data.count) else {
                throw invalid(["\(tensor.name) lies at bytes \(tensor.begin) to \(tensor.end) of \(data.count): the file is cut short or damaged"])
            }
            guard tensor.begin == expected else {
                let fault = tensor.begin < expected ? "overlaps the tensor before it" : "leaves unused bytes before it"
                throw invalid(["\(tensor.name) begins at byte \(tensor.begin), expected \(expected): it \(fault)"])
            }
            guard let size = byteCount(tensor.shape, format), size == tensor.end - tensor.begin else {
                throw invalid(["\(tensor.name) has \(tensor.end - tensor.begin) bytes, which is not what \(tensor.format) \(tensor.shape) takes"])
            }
            // Both bounds are at most data.count, so the sums stay inside the file.
            let bytes = data.lowerBound + Int(tensor.begin)..<data.lowerBound + Int(tensor.end)
            entries.append(Entry(name: tensor.name, shape: tensor.shape.map(Int.init(_:)), format: format, bytes: bytes))
            expected = tensor.end
        }
        guard expected == UInt64(data.count) else {
            throw invalid(["\(UInt64(data.count) - expected) bytes at its end belong to no tensor"])
        }
        return entries
    }

    /// The bytes that numbers of that shape take; nil where that does not fit 63 bits.
    private static func byteCount(_ shape: [UInt64], _ format: WeightFormat) -> UInt64? {
        var size = UInt64(format.size)
        for length in shape {
            // Checked even for an empty tensor: a dimension beside the zero must be a length too.
            guard length <= UInt64(Int.max) else { return nil }
            let (product, overflow) = size.multipliedReportingOverflow(by: length)
            guard !overflow, product <= UInt64(Int.max) else { return nil }
            size = product
        }
        return size
    }

    private static func invalid(_ problems: [String]) -> WeightsError {
        WeightsError(file: "", failure: "is not a valid safetensors file", problems: problems)
    }
}
