extension Randomness {
    /// Damages bytes as they come: bits, runs, cuts, insertions, copies of other places, lengths that grow beyond all bounds.
    mutating func damage(_ bytes: inout [UInt8], times: Int) {
        for _ in 0..<times where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &self)
            let run = Int.random(in: 1...min(16, bytes.count - at), using: &self)
            switch Int.random(in: 0..<11, using: &self) {
            case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 1: bytes[at] = .random(in: 0...255, using: &self)
            case 2: bytes[at] = pick([0, 1, 0x7F, 0x80, 0xFE, 0xFF])
            case 3: bytes[at] = bytes[at] &+ pick([1, 255, 8, 16])
            case 4: bytes.insert(contentsOf: (0..<run).map { _ in UInt8.random(in: 0...255, using: &self) }, at: at)
            case 5: bytes.removeSubrange(at..<at + run)
            case 6: bytes.removeSubrange(at...)
            case 7: for index in at..<at + run { bytes[index] = pick([0, 0xFF]) }
            case 8:
                let from = Int.random(in: 0...bytes.count - run, using: &self)
                bytes.insert(contentsOf: Array(bytes[from..<from + run]), at: at)
            case 9:
                let from = Int.random(in: 0...bytes.count - run, using: &self)
                bytes.replaceSubrange(at..<at + run, with: Array(bytes[from..<from + run]))
            default:
                // A varint of any length: ten bytes are the most that protobuf allows.
                let length = Int.random(in: 1...12, using: &self)
                bytes.replaceSubrange(at..<at + 1, with: Array(repeating: UInt8(0xFF), count: length) + [UInt8.random(in: 0...0x7F, using: &self)])
            }
        }
    }

    /// Whole numbers at which arithmetic breaks.
    mutating func extreme() -> Int64 {
        switch Int.random(in: 0..<4, using: &self) {
        case 0: return pick(Self.extremes)
        case 1: return Int64.random(in: -2...2, using: &self)
        case 2: return Int64.random(in: -16...64, using: &self)
        default: return 1 << Int64.random(in: 0...62, using: &self)
        }
    }

    private static let extremes: [Int64] = [.min, .min + 1, .max, .max - 1, 0x8000_0000, 0x1_0000_0000, -0x8000_0000, 0x7FFF_FFFF, 0x100_0000_0000, 0x10_0000]
}
