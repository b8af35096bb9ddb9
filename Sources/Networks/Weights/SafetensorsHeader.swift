/// Reads the JSON header of a safetensors file, which is always of one form:
/// ```
/// {"__metadata__": {"key": "text", ...},
///  "tensor name": {"dtype": "F32", "shape": [16, 3, 1, 1], "data_offsets": [0, 192]}, ...}
/// ```
/// A reader of just this form, and not a general one, because it sees duplicate keys (two readers that disagree on which one
/// counts see two different networks), knows no nesting and so needs no limit for it, and never rounds an offset to a Double.
struct SafetensorsHeader {
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

    struct Failure: Error {
        let offset: Int
        let reason: String
    }

    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// The whole header. Spaces may follow it: writers pad it so that the data is aligned.
    mutating func declarations() throws(Failure) -> Declarations {
        var result = Declarations()
        var seen: Set<String> = []
        try object { scanner, name throws(Failure) in
            guard seen.insert(name).inserted else { throw scanner.failure("the tensor \"\(name)\" is declared twice") }
            if name == "__metadata__" {
                result.metadata = try scanner.metadata()
            } else {
                guard result.tensors.count < SafetensorsContents.Limit.tensors else {
                    throw scanner.failure("more than \(SafetensorsContents.Limit.tensors) tensors")
                }
                result.tensors.append(try scanner.tensor(named: name))
            }
        }
        skipSpace()
        guard position == bytes.endIndex else { throw failure("text after the end of the header") }
        return result
    }

    private mutating func metadata() throws(Failure) -> [String: String] {
        var result: [String: String] = [:]
        try object { scanner, key throws(Failure) in
            guard result[key] == nil else { throw scanner.failure("the metadata key \"\(key)\" occurs twice") }
            result[key] = try scanner.string(limit: SafetensorsContents.Limit.headerBytes)
        }
        return result
    }

    private mutating func tensor(named name: String) throws(Failure) -> Tensor {
        var format: String?
        var shape: [UInt64]?
        var offsets: [UInt64]?
        try object { scanner, key throws(Failure) in
            let isNew: Bool
            switch key {
            case "dtype": (isNew, format) = (format == nil, try scanner.string(limit: 16))
            case "shape": (isNew, shape) = (shape == nil, try scanner.integers(limit: SafetensorsContents.Limit.dimensions))
            case "data_offsets": (isNew, offsets) = (offsets == nil, try scanner.integers(limit: 2))
            default: throw scanner.failure("the tensor \"\(name)\" has the unknown key \"\(key)\"")
            }
            guard isNew else { throw scanner.failure("the tensor \"\(name)\" has \"\(key)\" twice") }
        }
        guard let format, let shape, let offsets, offsets.count == 2 else {
            throw failure("the tensor \"\(name)\" needs dtype, shape, and two data_offsets")
        }
        return Tensor(name: name, format: format, shape: shape, begin: offsets[0], end: offsets[1])
    }

    // MARK: JSON

    private mutating func object(
        _ member: (inout Self, String) throws(Failure) -> Void
    ) throws(Failure) {
        try expect("{")
        if take("}") { return }
        repeat {
            let key = try string(limit: SafetensorsContents.Limit.nameBytes)
            // Names end up in messages on terminals, where an escaped control character would be obeyed.
            guard key.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
                throw failure("a name with a control character")
            }
            try expect(":")
            try member(&self, key)
        } while take(",")
        try expect("}")
    }

    private mutating func integers(limit: Int) throws(Failure) -> [UInt64] {
        try expect("[")
        if take("]") { return [] }
        var result: [UInt64] = []
        repeat {
            guard result.count < limit else { throw failure("more than \(limit) numbers in a list") }
            result.append(try integer())
        } while take(",")
        try expect("]")
        return result
    }

    private mutating func integer() throws(Failure) -> UInt64 {
        skipSpace()
        let start = position
        var value: UInt64 = 0
        while let digit = current.flatMap({ Self.digits.contains($0) ? $0 - Self.digits.lowerBound : nil }) {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { throw failure("a number larger than 64 bits") }
            value = sum
            position += 1
        }
        guard position > start else { throw failure("expected a whole number that is not negative") }
        guard bytes[start] != Self.digits.lowerBound || position == start + 1 else { throw failure("a number with a leading zero") }
        return value
    }

    private mutating func string(limit: Int) throws(Failure) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw failure("text that is not UTF-8") }
                return string
            case UInt8(ascii: "\\"): text.append(contentsOf: try escape())
            case 0..<0x20: throw failure("a control character in a text")
            default: text.append(byte)
            }
            guard text.count <= limit else { throw failure("a text longer than \(limit) bytes") }
        }
        throw failure("a text without its closing quote")
    }

    private mutating func escape() throws(Failure) -> [UInt8] {
        guard let byte = current else { throw failure("an escape without its character") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw failure("an unknown escape in a text")
        }
    }

    private mutating func unicodeEscape() throws(Failure) -> [UInt8] {
        var units = [try hexUnit()]
        if UTF16.isLeadSurrogate(units[0]) {
            guard take("\\", skippingSpace: false), take("u", skippingSpace: false) else {
                throw failure("half of a surrogate pair")
            }
            units.append(try hexUnit())
        }
        guard let character = String(validating: units, as: UTF16.self) else { throw failure("half of a surrogate pair") }
        return Array(character.utf8)
    }

    private mutating func hexUnit() throws(Failure) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = current.flatMap({ Character(UnicodeScalar($0)).hexDigitValue }) else {
                throw failure("an escape of fewer than four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    // MARK: Bytes

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

    private var current: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ character: UnicodeScalar, skippingSpace: Bool = true) -> Bool {
        if skippingSpace { skipSpace() }
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: UnicodeScalar) throws(Failure) {
        guard take(character) else { throw failure("expected \"\(character)\"") }
    }

    private func failure(_ reason: String) -> Failure {
        Failure(offset: position - bytes.startIndex, reason: reason)
    }
}
