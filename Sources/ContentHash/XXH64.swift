/// XXH64, to see whether a file is the one that was read before: a hash as fast as the memory, against chance and not against malice.
///
/// After the specification in `doc/xxhash_spec.md` of github.com/Cyan4973/xxHash (BSD 2-Clause), whose test vectors the tests hold it to. Written out here because
/// it is a page, and SHA-256 takes ten times as long as decoding a JPEG may take of a file's bytes.
///
/// ```swift
/// var hash = XXH64()
/// hash.update(bytes)
/// hash.finish()
/// ```
public struct XXH64: Sendable {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    private let seed: UInt64
    private var lanes: (UInt64, UInt64, UInt64, UInt64)
    /// Bytes that do not fill a stripe of 32 yet.
    private var pending: [UInt8] = []
    private var length: UInt64 = 0

    public init(seed: UInt64 = 0) {
        self.seed = seed
        lanes = (seed &+ Self.prime1 &+ Self.prime2, seed &+ Self.prime2, seed, seed &- Self.prime1)
    }

    /// Takes in more bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        length &+= UInt64(bytes.count)
        var start = 0
        if !pending.isEmpty {
            start = min(32 - pending.count, bytes.count)
            pending += bytes[..<start]
            guard pending.count == 32 else { return }
            pending.withUnsafeBytes { consume($0, from: 0, stripes: 1) }
            pending.removeAll(keepingCapacity: true)
        }
        let stripes = (bytes.count - start) / 32
        consume(bytes, from: start, stripes: stripes)
        pending += bytes[(start + stripes * 32)...]
    }

    /// The hash of all bytes so far.
    public func finish() -> UInt64 {
        var hash: UInt64
        if length >= 32 {
            hash = Self.rotated(lanes.0, 1) &+ Self.rotated(lanes.1, 7) &+ Self.rotated(lanes.2, 12) &+ Self.rotated(lanes.3, 18)
            for lane in [lanes.0, lanes.1, lanes.2, lanes.3] { hash = (hash ^ Self.round(0, lane)) &* Self.prime1 &+ Self.prime4 }
        } else {
            hash = seed &+ Self.prime5
        }
        hash &+= length
        pending.withUnsafeBytes { rest in
            var index = 0
            while index + 8 <= rest.count {
                hash = Self.rotated(hash ^ Self.round(0, Self.word(rest, index)), 27) &* Self.prime1 &+ Self.prime4
                index += 8
            }
            if index + 4 <= rest.count {
                let half = UInt64(UInt32(littleEndian: rest.loadUnaligned(fromByteOffset: index, as: UInt32.self)))
                hash = Self.rotated(hash ^ half &* Self.prime1, 23) &* Self.prime2 &+ Self.prime3
                index += 4
            }
            while index < rest.count {
                hash = Self.rotated(hash ^ UInt64(rest[index]) &* Self.prime5, 11) &* Self.prime1
                index += 1
            }
        }
        hash = (hash ^ hash >> 33) &* Self.prime2
        hash = (hash ^ hash >> 29) &* Self.prime3
        return hash ^ hash >> 32
    }

    private mutating func consume(_ bytes: UnsafeRawBufferPointer, from start: Int, stripes: Int) {
        var (a, b, c, d) = lanes
        var index = start
        for _ in 0..<stripes {
            a = Self.round(a, Self.word(bytes, index))
            b = Self.round(b, Self.word(bytes, index + 8))
            c = Self.round(c, Self.word(bytes, index + 16))
            d = Self.round(d, Self.word(bytes, index + 24))
            index += 32
        }
        lanes = (a, b, c, d)
    }

    @inline(__always) private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 { rotated(lane &+ word &* prime2, 31) &* prime1 }

    @inline(__always) private static func rotated(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }

    @inline(__always) private static func word(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }
}
