import AquatintPlugin
import FoundationEssentials

/// The `extra` parameter: further inputs of a model, `{"sigma": 25, "style": [0.1, 0.9], "table": "table.npy"}`.
enum ExtraInputs {
    /// The inputs in the order of their names.
    ///
    /// - Parameter folder: what relative files are relative to: the model's own.
    static func read(_ json: String, folder: String) throws(StageError) -> [NetworkGraph.Constant] {
        let entries: [String: Entry]
        do {
            entries = try JSONDecoder().decode([String: Entry].self, from: Data(json.utf8))
        } catch {
            throw .parameter("extra", "wants names with numbers, lists of numbers, or .npy files: {sigma: 25, style: [0.1, 0.9]}")
        }
        var constants: [NetworkGraph.Constant] = []
        for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
            switch entry {
            case .file(let path):
                let file = path.hasPrefix("/") ? path : "\(folder)/\(path)"
                constants.append(try ArrayFile.read(file, name: name))
            case .number, .list:
                var values: [Float] = []
                let shape = try flatten(entry, into: &values, name)
                constants.append(.init(name: name, shape: shape, values: values))
            }
        }
        return constants
    }

    private indirect enum Entry: Decodable {
        case number(Double)
        case list([Entry])
        case file(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Double.self) {
                self = .number(number)
            } else if let truth = try? container.decode(Bool.self) {
                self = .number(truth ? 1 : 0)
            } else if let text = try? container.decode(String.self) {
                self = .file(text)
            } else {
                self = .list(try container.decode([Entry].self))
            }
        }
    }

    /// Appends the numbers and gives the shape, which must be a box.
    private static func flatten(_ entry: Entry, into values: inout [Float], _ name: String) throws(StageError) -> [Int] {
        switch entry {
        case .number(let number):
            values.append(Float(number))
            return []
        case .file: throw .parameter("extra", "\(name) has a text inside a list")
        case .list(let entries):
            guard !entries.isEmpty else { throw .parameter("extra", "\(name) has an empty list") }
            var inner: [Int]?
            for one in entries {
                let shape = try flatten(one, into: &values, name)
                guard inner == nil || inner == shape else { throw .parameter("extra", "the lists of \(name) differ in length") }
                inner = shape
            }
            return [entries.count] + (inner ?? [])
        }
    }
}

/// NumPy's array file, version 1 to 3: a magic number, a header that is a Python dictionary, and the numbers.
///
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
enum ArrayFile {
    private static let sizeLimit = 1 << 28

    /// The element types that are read, by NumPy's names, with their sizes in bytes.
    private static let types: [(name: String, size: Int, value: @Sendable (UnsafeRawPointer) -> Float)] = [
        ("<f4", 4, { Float(bitPattern: UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self))) }),
        ("<f8", 8, { Float(Double(bitPattern: UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)))) }),
        ("<f2", 2, { Float(Float16(bitPattern: UInt16(littleEndian: $0.loadUnaligned(as: UInt16.self)))) }),
        ("<i8", 8, { Float(Int64(littleEndian: $0.loadUnaligned(as: Int64.self))) }),
        ("<i4", 4, { Float(Int32(littleEndian: $0.loadUnaligned(as: Int32.self))) }),
        ("|u1", 1, { Float($0.load(as: UInt8.self)) }),
        ("|b1", 1, { $0.load(as: UInt8.self) == 0 ? 0 : 1 }),
    ]

    /// An array in C order of one of `types`. Whole numbers beyond 2^24 lose their last digits.
    static func read(_ path: String, name: String) throws(StageError) -> NetworkGraph.Constant {
        let file = try ModelBytes(contentsOf: path, limit: sizeLimit, reason: "larger inputs belong into the model", parameter: "extra")
        let bytes = file.withBytes { Array($0) }
        guard bytes.count > 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)), (1...3).contains(bytes[6]) else {
            throw .parameter("extra", "\(path) is no .npy file")
        }
        let start = bytes[6] == 1 ? 10 : 12
        let length = (8..<start).reversed().reduce(0) { $0 << 8 | Int(bytes[$1]) }
        guard length <= bytes.count - start else { throw .parameter("extra", "\(path) is cut off in its header") }
        let header = String(decoding: bytes[start..<(start + length)], as: UTF8.self)
        guard header.contains("'fortran_order': False") else { throw .parameter("extra", "\(path) is not in C order") }
        guard let type = types.first(where: { header.contains("'\($0.name)'") }) else {
            throw .parameter("extra", "\(path) holds another type than \(types.map(\.name).joined(separator: ", ")): save it with .astype('float32')")
        }
        let shape = try shape(in: header, path)
        let data = bytes[(start + length)...]
        var count = 1
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard extent > 0, !overflow else { throw .parameter("extra", "\(path) has the shape \(shape)") }
            count = product
        }
        guard data.count % type.size == 0, count == data.count / type.size else {
            throw .parameter("extra", "\(path) has \(data.count) bytes for the shape \(shape)")
        }
        let values = data.withUnsafeBytes { data in
            (0..<count).compactMap { index in data.baseAddress.map { type.value($0 + index * type.size) } }
        }
        return .init(name: name, shape: shape, values: values)
    }

    private static func shape(in header: String, _ path: String) throws(StageError) -> [Int] {
        guard let open = header.firstIndex(of: "("), let close = header[open...].firstIndex(of: ")") else {
            throw .parameter("extra", "\(path) has a header without a shape")
        }
        var shape: [Int] = []
        for word in header[header.index(after: open)..<close].split(separator: ",") {
            let digits = word.filter { $0 != " " }
            guard let extent = Int(digits) else { throw .parameter("extra", "\(path) has a header without a shape") }
            shape.append(extent)
        }
        return shape
    }
}
