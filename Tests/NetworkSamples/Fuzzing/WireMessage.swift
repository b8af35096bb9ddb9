/// A protobuf message of onnx.proto as its fields, to be changed and written again without asking what they mean.
///
/// Only what `Kind` knows is taken apart; all else stays bytes. A message that is read and written unchanged has the same meaning, though perhaps other bytes.
struct WireMessage {
    enum Kind: Equatable {
        case model, graph, node, attribute, tensor, valueInfo, type, tensorType, shape, dimension, opset

        func child(_ field: UInt64) -> Kind? {
            switch (self, field) {
            case (.model, 7), (.attribute, 6): .graph
            case (.model, 8): .opset
            case (.graph, 1): .node
            case (.node, 5): .attribute
            case (.graph, 5), (.attribute, 5): .tensor
            case (.graph, 11), (.graph, 12), (.graph, 13): .valueInfo
            case (.valueInfo, 2): .type
            case (.type, 1): .tensorType
            case (.tensorType, 2): .shape
            case (.shape, 1): .dimension
            default: nil
            }
        }

        /// Fields of packed whole numbers: extents, and lists of an attribute.
        func isPacked(_ field: UInt64) -> Bool {
            switch (self, field) {
            case (.tensor, 1), (.tensor, 5), (.tensor, 7), (.attribute, 8): true
            default: false
            }
        }

        /// Fields of names, which may be those of others.
        func isName(_ field: UInt64) -> Bool {
            switch (self, field) {
            case (.node, 1), (.node, 2), (.node, 3), (.tensor, 8), (.valueInfo, 1), (.attribute, 1), (.attribute, 4), (.graph, 2): true
            default: false
            }
        }
    }

    indirect enum Content {
        case varint(UInt64), fixed64([UInt8]), fixed32([UInt8]), bytes([UInt8]), packed([UInt64]), message(WireMessage)
    }

    struct Field {
        var number: UInt64
        var content: Content
    }

    let kind: Kind
    var fields: [Field] = []

    /// `nil` where the bytes are no message.
    init?(_ bytes: ArraySlice<UInt8>, as kind: Kind) {
        self.kind = kind
        var reader = WireReader(rest: bytes)
        while !reader.rest.isEmpty {
            guard let key = reader.varint() else { return nil }
            let number = key >> 3
            switch key & 7 {
            case 0:
                guard let value = reader.varint() else { return nil }
                fields.append(Field(number: number, content: .varint(value)))
            case 1, 5:
                let wide = key & 7 == 1
                guard let bytes = reader.take(wide ? 8 : 4) else { return nil }
                fields.append(Field(number: number, content: wide ? .fixed64(Array(bytes)) : .fixed32(Array(bytes))))
            case 2:
                guard let length = reader.varint(), length <= UInt64(reader.rest.count), let inner = reader.take(Int(length)) else { return nil }
                fields.append(Field(number: number, content: Self.content(inner, number, in: kind)))
            default: return nil
            }
        }
    }

    private static func content(_ bytes: ArraySlice<UInt8>, _ number: UInt64, in kind: Kind) -> Content {
        if let child = kind.child(number), let message = WireMessage(bytes, as: child) { return .message(message) }
        guard kind.isPacked(number) else { return .bytes(Array(bytes)) }
        var reader = WireReader(rest: bytes)
        var numbers: [UInt64] = []
        while let number = reader.varint() { numbers.append(number) }
        return reader.rest.isEmpty ? .packed(numbers) : .bytes(Array(bytes))
    }

    var serialized: [UInt8] {
        var bytes: [UInt8] = []
        for field in fields {
            func key(_ type: UInt64) { Self.append(field.number << 3 | type, to: &bytes) }
            func delimited(_ content: [UInt8]) {
                key(2)
                Self.append(UInt64(content.count), to: &bytes)
                bytes += content
            }
            switch field.content {
            case .varint(let value):
                key(0)
                Self.append(value, to: &bytes)
            case .fixed64(let content):
                key(1)
                bytes += content
            case .fixed32(let content):
                key(5)
                bytes += content
            case .bytes(let content): delimited(content)
            case .packed(let numbers):
                var content: [UInt8] = []
                for number in numbers { Self.append(number, to: &content) }
                delimited(content)
            case .message(let message): delimited(message.serialized)
            }
        }
        return bytes
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest > 0x7F {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    // MARK: Walking

    /// All messages in this one, itself first.
    var count: Int {
        fields.reduce(1) { if case .message(let inner) = $1.content { $0 + inner.count } else { $0 } }
    }

    /// Changes message `index` of all that are in this one.
    mutating func change(at index: Int, _ body: (inout WireMessage) -> Void) {
        var left = index
        _ = visit(&left, body)
    }

    private mutating func visit(_ left: inout Int, _ body: (inout WireMessage) -> Void) -> Bool {
        if left == 0 {
            body(&self)
            return true
        }
        left -= 1
        for index in fields.indices {
            guard case .message(var inner) = fields[index].content else { continue }
            guard inner.visit(&left, body) else { continue }
            fields[index].content = .message(inner)
            return true
        }
        return false
    }

    /// Every message of a kind.
    func all(_ kind: Kind) -> [WireMessage] {
        fields.reduce(self.kind == kind ? [self] : []) { if case .message(let inner) = $1.content { $0 + inner.all(kind) } else { $0 } }
    }

    /// Every name in it.
    var names: [[UInt8]] {
        fields.reduce([]) { found, field in
            switch field.content {
            case .message(let inner): found + inner.names
            case .bytes(let text) where kind.isName(field.number): found + [text]
            default: found
            }
        }
    }
}

/// Reads the parts of protobuf's wire format one after the other.
private struct WireReader {
    var rest: ArraySlice<UInt8>

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}
