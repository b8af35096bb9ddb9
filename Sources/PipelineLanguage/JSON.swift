/// A JSON value that writes itself. Objects keep their order unless keys are asked to be sorted.
public indirect enum JSON: Sendable {
    case null
    case bool(Bool)
    case int(Int)
    /// Written as null where it is not finite: JSON has no such number.
    case double(Double)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    /// The text of the value on one line, or indented by two spaces a level.
    public func text(pretty: Bool = false, sortedKeys: Bool = false) -> String {
        var out = ""
        write(to: &out, indent: pretty ? 0 : nil, sorted: sortedKeys)
        return out
    }

    private func write(to out: inout String, indent: Int?, sorted: Bool) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .int(let value): out += String(value)
        case .double(let value): out += value.isFinite ? NumberText.shortest(value) : "null"
        case .string(let value): Self.write(string: value, to: &out)
        case .array(let items):
            Self.write(items, open: "[", close: "]", to: &out, indent: indent) { item, out, indent in
                item.write(to: &out, indent: indent, sorted: sorted)
            }
        case .object(let entries):
            let entries = sorted ? entries.sorted { $0.0 < $1.0 } : entries
            Self.write(entries, open: "{", close: "}", to: &out, indent: indent) { entry, out, indent in
                Self.write(string: entry.0, to: &out)
                out += indent == nil ? ":" : ": "
                entry.1.write(to: &out, indent: indent, sorted: sorted)
            }
        }
    }

    private static func write<Item>(_ items: [Item], open: String, close: String, to out: inout String, indent: Int?,
                                    _ item: (Item, inout String, Int?) -> Void) {
        out += open
        for (index, each) in items.enumerated() {
            if index > 0 { out += "," }
            if let indent { out += "\n" + String(repeating: " ", count: indent + 2) }
            item(each, &out, indent.map { $0 + 2 })
        }
        if let indent, !items.isEmpty { out += "\n" + String(repeating: " ", count: indent) }
        out += close
    }

    private static func write(string: String, to out: inout String) {
        out += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}

extension JSON {
    public init(_ value: Value) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .list(let values): self = .array(values.map(JSON.init))
        case .map(let map): self = .object(map.entries.map { ($0.key, JSON($0.value)) })
        case .image(let reference): self = .string(reference.description)
        }
    }
}

/// Numbers as people write them.
enum NumberText {
    /// The shortest decimal that reads back as `value`; whole numbers have no fraction.
    static func shortest(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
        return "\(value)"
    }
}
