/// Damaged safetensors files: each decided by a seed alone.
public struct SafetensorsMutator: Sendable {
    private let seeds: [[UInt8]]

    public init(seeds: [[UInt8]]) {
        precondition(!seeds.isEmpty)
        self.seeds = seeds
    }

    public func file(seed: UInt64) -> [UInt8] {
        var random = Randomness(state: seed)
        var bytes = random.pick(seeds)
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard !random.oneIn(4), length > 0, length <= bytes.count - 8 else {
            random.damage(&bytes, times: Int.random(in: 1...6, using: &random))
            return bytes
        }
        var header = Array(bytes[8..<8 + length]), data = Array(bytes[(8 + length)...])
        for _ in 0..<random.pick([1, 1, 2, 4]) { Self.change(&header, &random) }
        if random.oneIn(5) { data = Array(data.prefix(Int.random(in: 0...data.count, using: &random))) }
        if random.oneIn(10) { data += Array(repeating: 0xFF, count: Int.random(in: 1...64, using: &random)) }
        let said = random.oneIn(12) ? UInt64(bitPattern: random.extreme()) : UInt64(header.count)
        return withUnsafeBytes(of: said.littleEndian) { Array($0) } + header + data
    }

    private static let words = ["{", "}", "[", "]", ",", ":", "\"", "\"F32\"", "\"F16\"", "\"F64\"", "\"BF16\"", "\"I8\"", "\"dtype\"", "\"shape\"", "\"data_offsets\"",
                                "\"__metadata__\"", "null", "true", "-", ".", "e9", "\\", "\\ud800", "\\u0000", "\"weight\":{}", "\u{1F600}", " ", "\t"]

    private static func change(_ header: inout [UInt8], _ random: inout Randomness) {
        guard !header.isEmpty else { return }
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1: renumber(&header, &random)
        case 2: header.insert(contentsOf: Array(random.pick(words).utf8), at: Int.random(in: 0...header.count, using: &random))
        case 3:
            // One of the header's own pieces once more, or not at all: tensors twice, braces that do not close.
            let pieces = header.indices.filter { [UInt8(ascii: "{"), UInt8(ascii: ",")].contains(header[$0]) }
            guard pieces.count > 1 else { break }
            let ends = [random.pick(pieces), random.pick(pieces)].sorted()
            let piece = Array(header[ends[0]..<ends[1]])
            if random.oneIn(2) { header.insert(contentsOf: piece, at: ends[0]) } else { header.removeSubrange(ends[0]..<ends[1]) }
        case 4:
            let word = random.pick(words), deep = Int.random(in: 1...2000, using: &random)
            header.insert(contentsOf: (0..<deep).flatMap { _ in Array(word.utf8) }, at: Int.random(in: 0...header.count, using: &random))
        default: random.damage(&header, times: 1)
        }
    }

    /// Another number in the place of one.
    private static func renumber(_ header: inout [UInt8], _ random: inout Randomness) {
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        let starts = header.indices.filter { isDigit(header[$0]) && ($0 == 0 || !isDigit(header[$0 - 1])) }
        guard !starts.isEmpty else { return }
        let start = random.pick(starts)
        let end = header[start...].firstIndex { !isDigit($0) } ?? header.count
        let number = random.oneIn(6) ? "18446744073709551616" : "\(UInt64(bitPattern: random.extreme()))"
        header.replaceSubrange(start..<end, with: Array(number.utf8))
    }
}
