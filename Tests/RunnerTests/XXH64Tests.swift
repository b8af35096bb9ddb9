import ContentHash
import Glibc
import Testing

@Suite struct XXH64Tests {
    /// The buffer of xxHash's own sanity check (`cli/xsum_sanity_check.c`).
    static let buffer: [UInt8] = {
        var generator: UInt64 = 2_654_435_761
        return (0..<2367).map { _ in
            defer { generator = generator &* 11_400_714_785_074_694_797 }
            return UInt8(generator >> 56)
        }
    }()

    func hash(_ bytes: [UInt8], seed: UInt64 = 0, pieces: Int = .max) -> UInt64 {
        var hash = XXH64(seed: seed), rest = bytes[...]
        while !rest.isEmpty {
            Array(rest.prefix(pieces)).withUnsafeBytes { hash.update($0) }
            rest = rest.dropFirst(pieces)
        }
        return hash.finish()
    }

    @Test(arguments: [
        (0, 0, 0xEF46_DB37_51D8_E999), (0, 2_654_435_761, 0xAC75_FDA2_929B_17EF), (1, 0, 0xE934_A84A_DB05_2768), (1, 2_654_435_761, 0x5014_6076_43A9_B4C3),
        (4, 0, 0x9136_A0DC_A574_57EE), (14, 0, 0x8282_DCC4_994E_35C8), (14, 2_654_435_761, 0xC3BD_6BF6_3DEB_6DF0),
        (222, 0, 0xB641_AE8C_B691_C174), (222, 2_654_435_761, 0x20CB_8AB7_AE10_C14A),
    ] as [(Int, UInt64, UInt64)])
    func `the vectors of xxHash's sanity check hold`(_ length: Int, _ seed: UInt64, _ expected: UInt64) {
        #expect(hash(Array(Self.buffer.prefix(length)), seed: seed) == expected)
    }

    @Test func `the pieces in which bytes come change nothing`() {
        for length in [0, 1, 31, 32, 33, 63, 64, 65, 100, 1000] {
            let bytes = Array(Self.buffer.prefix(length)), whole = hash(bytes)
            for pieces in [1, 3, 7, 31, 32, 33, 64] { #expect(hash(bytes, pieces: pieces) == whole, "\(length) in \(pieces)") }
        }
    }

    @Test func `a file has the hash of its bytes`() throws {
        let folder = try Scratch()
        try folder.write("a", String(repeating: "abcdefg", count: 300_000))
        let file = open(folder("a"), O_RDONLY)
        defer { close(file) }
        #expect(XXH64.hash(of: file) == hash(Array(String(repeating: "abcdefg", count: 300_000).utf8)))
        #expect(XXH64.hash(of: -1) == nil)
    }
}
