/// What a text means where a value of a certain type is wanted. YAML's own guesses are not used: `010` is 10, `on` is no boolean.
enum ScalarText {
    /// The end of a sentence that begins with the parameter's name: `must be an integer, not 'abc'`.
    struct Problem: Error {
        var message: String
        var suggestion: String?
    }

    /// Decimal digits with an optional sign.
    static func int(_ text: String) throws(Problem) -> Int {
        let digits = text.utf8.first == UInt8(ascii: "-") || text.utf8.first == UInt8(ascii: "+") ? text.utf8.dropFirst() : text.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw Problem(message: "must be an integer, not \(Quoted.text(text))", suggestion: meantInt(text))
        }
        guard let value = Int(text) else {
            throw Problem(message: "must be an integer that fits in 64 bits, not \(Quoted.text(text))")
        }
        return value
    }

    /// The integer that someone who wrote `1_000`, `1,000`, `0x10`, `2.0` or `1e3` wanted.
    private static func meantInt(_ text: String) -> String? {
        let plain = String(text.filter { $0 != "_" && $0 != "," && $0 != "'" && $0 != " " })
        if plain != text, let value = Int(plain) { return String(value) }
        let lower = plain.lowercased()
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where lower.hasPrefix(prefix) {
            return Int(lower.dropFirst(2), radix: radix).map(String.init)
        }
        return isDecimal(plain) ? Double(plain).flatMap { Int(exactly: $0) }.map(String.init) : nil
    }

    /// A decimal number, with a point or an exponent if need be; finite.
    static func double(_ text: String) throws(Problem) -> Double {
        guard isDecimal(text), let value = Double(text) else {
            let plain = String(text.filter { $0 != "_" })
            let comma = String(text.map { $0 == "," ? "." : $0 })
            let meant = plain != text && isDecimal(plain) ? plain : comma != text && isDecimal(comma) ? comma : nil
            throw Problem(message: "must be a number, not \(Quoted.text(text))", suggestion: meant)
        }
        guard value.isFinite else { throw Problem(message: "must be a finite number, not \(Quoted.text(text))") }
        return value
    }

    private static func isDecimal(_ text: String) -> Bool {
        var rest = text.utf8[...]
        func digits() -> Int {
            let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
            rest = rest.dropFirst(count)
            return count
        }
        func skip(_ bytes: [UInt8]) -> Bool {
            guard let first = rest.first, bytes.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        _ = skip([UInt8(ascii: "-"), UInt8(ascii: "+")])
        var count = digits()
        if skip([UInt8(ascii: ".")]) { count += digits() }
        guard count > 0 else { return false }
        if skip([UInt8(ascii: "e"), UInt8(ascii: "E")]) {
            _ = skip([UInt8(ascii: "-"), UInt8(ascii: "+")])
            guard digits() > 0 else { return false }
        }
        return rest.isEmpty
    }

    static func bool(_ text: String) throws(Problem) -> Bool {
        switch text {
        case "true": return true
        case "false": return false
        default:
            let meant: String? = switch text.lowercased() {
            case "true", "yes", "on", "y", "1": "true"
            case "false", "no", "off", "n", "0": "false"
            default: NearestName.of(text, among: ["true", "false"])
            }
            throw Problem(message: "must be true or false, not \(Quoted.text(text))", suggestion: meant)
        }
    }

    /// What a size counts; bytes also take `Ki Mi Gi Ti` and a `B`.
    enum SizeUnit: Sendable { case bytes, pixels }

    /// `400M`, `1.5G`, `64Ki`: a whole number after the suffix is multiplied in.
    static func size(_ text: String, of unit: SizeUnit) throws(Problem) -> Int {
        let example = unit == .bytes ? "512M or 2GiB" : "400M"
        func refuse(_ suggestion: String? = nil) -> Problem {
            Problem(message: "must be a size such as \(example), not \(Quoted.text(text))", suggestion: suggestion)
        }
        let number = String(text.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "+" || $0 == "-") })
        var suffix = String(text.dropFirst(number.count))
        if suffix.first == " " { suffix.removeFirst() }
        if unit == .bytes, suffix.hasSuffix("B") { suffix.removeLast() }
        let factors: [String: Int] = [
            "": 1, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000, "T": 1_000_000_000_000,
            "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
        ]
        guard let factor = factors[suffix], unit == .bytes || !suffix.hasSuffix("i") else {
            let upper = suffix.prefix(1).uppercased() + suffix.dropFirst()
            let plain = String(text.filter { $0 != "_" })
            let meant = factors[upper] != nil && (unit == .bytes || !upper.hasSuffix("i")) ? number + upper : plain != text ? plain : nil
            throw refuse(meant)
        }
        guard isDecimal(number), let value = Double(number), value >= 0 else { throw refuse() }
        if let whole = Int(number) {
            let (bytes, overflow) = whole.multipliedReportingOverflow(by: factor)
            guard !overflow else { throw Problem(message: "is too large: \(Quoted.text(text))") }
            return bytes
        }
        guard let exact = Int(exactly: (value * Double(factor)).rounded()) else { throw refuse() }
        return exact
    }

    /// `120s`, `2m`, `1h`, `500ms`; a number without a unit is in seconds.
    static func seconds(_ text: String) throws(Problem) -> Double {
        let number = String(text.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "+") })
        var suffix = String(text.dropFirst(number.count))
        if suffix.first == " " { suffix.removeFirst() }
        let factors = ["": 1, "s": 1, "ms": 0.001, "m": 60, "min": 60, "h": 3600]
        guard let factor = factors[suffix], isDecimal(number), let value = Double(number), value * factor > 0, (value * factor).isFinite else {
            throw Problem(message: "must be a time such as 120s or 2m, not \(Quoted.text(text))")
        }
        return value * factor
    }

    /// `#rgb`, `#rrggbb` or `#rrggbbaa` as 0...1 for each band; nil if the text does not begin with `#`.
    static func hexColour(_ text: String) throws(Problem) -> [Double]? {
        guard text.hasPrefix("#") else { return nil }
        let digits = text.dropFirst().map { $0.hexDigitValue ?? -1 }
        guard [3, 6, 8].contains(digits.count), !digits.contains(-1), text.utf8.count == text.count else {
            throw Problem(message: "must be a list of numbers or a colour such as '#ff8000', not \(Quoted.text(text))")
        }
        if digits.count == 3 { return digits.map { Double($0 * 17) / 255 } }
        return stride(from: 0, to: digits.count, by: 2).map { Double(digits[$0] * 16 + digits[$0 + 1]) / 255 }
    }
}
