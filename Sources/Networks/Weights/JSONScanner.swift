/// Reads JSON from bytes of outside, one value at a time, for readers that know which form they expect.
///
/// No general reader: one of a fixed form sees duplicate keys (two readers that disagree on which one counts see two different networks),
/// needs no limit for nesting because it follows none, and never rounds an offset to a Double.
struct JSONScanner {
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

    /// Calls `member` with each key, at its value. `nameLimit`: bytes of a key.
    mutating func object(nameLimit: Int, _ member: (inout Self, String) throws(Failure) -> Void) throws(Failure) {
        try expect("{")
        if take("}") { return }
        repeat {
            let key = try string(limit: nameLimit)
            // Names end up in messages on terminals, where an escaped control character would be obeyed.
            guard key.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
                throw failure("a name with a control character")
            }
            try expect(":")
            try member(&self, key)
        } while take(",")
        try expect("}")
    }

    /// The elements of a list of at most `limit`; `what` they are, for the message of a longer one.
    mutating func array<Element>(limit: Int, of what: String, _ element: (inout Self) throws(Failure) -> Element) throws(Failure) -> [Element] {
        try expect("[")
        if take("]") { return [] }
        var result: [Element] = []
        repeat {
            guard result.count < limit else { throw failure("more than \(limit) \(what) in a list") }
            result.append(try element(&self))
        } while take(",")
        try expect("]")
        return result
    }

    mutating func integer() throws(Failure) -> UInt64 {
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

    /// Any finite number.
    mutating func number() throws(Failure) -> Double {
        skipSpace()
        let start = position
        while let byte = current, Self.digits.contains(byte) || "+-.eE".utf8.contains(byte) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard text.utf8.count <= 40, let first = text.utf8.first, first != UInt8(ascii: "+"), let value = Double(text), value.isFinite else {
            throw failure("expected a number")
        }
        return value
    }

    /// `true` or `false`.
    mutating func truth() throws(Failure) -> Bool {
        for (text, value) in [("true", true), ("false", false)] where bytes[position...].starts(with: text.utf8) {
            position += text.utf8.count
            return value
        }
        throw failure("expected true or false")
    }

    /// A text of at most `limit` bytes.
    mutating func string(limit: Int) throws(Failure) -> String {
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

    /// The first byte of the value that comes next; nil at the end.
    mutating func next() -> UInt8? {
        skipSpace()
        return current
    }

    /// Throws unless nothing but space is left. `what` was read, for the message.
    mutating func end(of what: String) throws(Failure) {
        skipSpace()
        guard position == bytes.endIndex else { throw failure("text after the end of the \(what)") }
    }

    func failure(_ reason: String) -> Failure {
        Failure(offset: position - bytes.startIndex, reason: reason)
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
}
