/// Damaged ONNX models: each decided by a seed alone.
public struct ModelMutator: Sendable {
    /// Sound models to damage.
    private let seeds: [[UInt8]]

    public init(seeds: [[UInt8]]) {
        precondition(!seeds.isEmpty)
        self.seeds = seeds
    }

    /// - Parameter keepsBytes: whether the bytes stay a sound protobuf message, and only what it says is changed.
    public func model(seed: UInt64, keepsBytes: Bool = false) -> [UInt8] {
        var random = Randomness(state: seed)
        let original = random.pick(seeds)
        guard keepsBytes || !random.oneIn(8), var message = WireMessage(original[...], as: .model) else {
            var bytes = original
            random.damage(&bytes, times: Int.random(in: 1...6, using: &random))
            return bytes
        }
        let other = random.oneIn(3) ? WireMessage(random.pick(seeds)[...], as: .model) ?? message : message
        for _ in 0..<random.pick([1, 1, 1, 1, 2, 3, 6]) { Self.mutate(&message, other, &random) }
        var bytes = message.serialized
        if !keepsBytes, random.oneIn(12) { random.damage(&bytes, times: random.pick([1, 2])) }
        return bytes
    }

    private static func mutate(_ model: inout WireMessage, _ other: WireMessage, _ random: inout Randomness) {
        var names = model.names
        if random.oneIn(8) { names += other.names }
        let index = Int.random(in: 0..<model.count, using: &random)
        var result = random
        model.change(at: index) { message in
            guard !message.fields.isEmpty else { return }
            change(&message, names: names, other, &result)
        }
        random = result
    }

    private static func change(_ message: inout WireMessage, names: [[UInt8]], _ other: WireMessage, _ random: inout Randomness) {
        let at = Int.random(in: 0..<message.fields.count, using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        // A missing tensor or node is noticed at once; a missing attribute or input may not be.
        case 0 where message.kind != .graph && message.kind != .model: message.fields.remove(at: at)
        case 1: message.fields.append(message.fields[at])
        case 2: message.fields.swapAt(at, Int.random(in: 0..<message.fields.count, using: &random))
        case 3:
            // The same part of another place, or of another model.
            guard case .message(let inner) = message.fields[at].content else { break }
            let choices = other.all(inner.kind)
            if !choices.isEmpty { message.fields[at].content = .message(random.pick(choices)) }
        case 4:
            // A graph inside a node.
            guard message.kind == .attribute, let graph = other.all(.graph).first else { break }
            message.fields.append(.init(number: 6, content: .message(graph)))
            if random.oneIn(2) { message.fields.append(.init(number: 20, content: .varint(5))) }
        case 5, 6:
            guard message.kind == .node else { break }
            retype(&message, &random)
        default: message.fields[at].content = changed(message.fields[at], in: message.kind, names: names, &random)
        }
    }

    /// Another operator with the same inputs.
    private static func retype(_ node: inout WireMessage, _ random: inout Randomness) {
        guard let at = node.fields.firstIndex(where: { $0.number == 4 }) else { return }
        node.fields[at].content = .bytes(Array(random.pick(FuzzSeeds.operators).utf8))
    }

    private static func changed(_ field: WireMessage.Field, in kind: WireMessage.Kind, names: [[UInt8]], _ random: inout Randomness) -> WireMessage.Content {
        switch field.content {
        case .varint(let value):
            return .varint(random.oneIn(2) ? value &+ random.pick([1, UInt64.max]) : UInt64(bitPattern: random.extreme()))
        case .packed(var numbers):
            guard !numbers.isEmpty, !random.oneIn(5) else { return .packed(numbers + [UInt64(bitPattern: random.extreme())]) }
            let at = Int.random(in: 0..<numbers.count, using: &random)
            if random.oneIn(5) { numbers.remove(at: at) } else { numbers[at] = random.oneIn(3) ? numbers[at] &+ random.pick([1, UInt64.max]) : UInt64(bitPattern: random.extreme()) }
            return .packed(numbers)
        case .bytes(var bytes):
            if kind.isName(field.number), !random.oneIn(4) { return .bytes(random.oneIn(6) || names.isEmpty ? [] : random.pick(names)) }
            // Data of a tensor: numbers of eight bytes, where sizes lie.
            if kind == .tensor, bytes.count >= 8, random.oneIn(2) {
                let at = Int.random(in: 0..<bytes.count / 8, using: &random) * 8
                bytes.replaceSubrange(at..<at + 8, with: withUnsafeBytes(of: random.extreme().littleEndian) { Array($0) })
                return .bytes(bytes)
            }
            random.damage(&bytes, times: 1)
            return .bytes(bytes)
        case .fixed32: return .fixed32(withUnsafeBytes(of: random.pick([Float.nan, .infinity, 0, -1, 1e38, 1e-38, 2]).bitPattern.littleEndian) { Array($0) })
        case .fixed64: return .fixed64(withUnsafeBytes(of: random.extreme().littleEndian) { Array($0) })
        case .message(let inner):
            return random.oneIn(4) ? .bytes([]) : .message(inner)
        }
    }
}
