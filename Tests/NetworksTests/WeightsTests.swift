import Foundation
import NetworkSamples
import Testing
@testable import Networks

@Suite struct WeightsTests {
    @Test func `tensors are found by name, with their shape and numbers`() throws {
        let header = #"{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"a":{"shape":[],"data_offsets":[8,12],"dtype":"F32"}}  "#
        let data = [Float(1.5), -2, 0x1p-140].flatMap { littleEndian($0.bitPattern) }
        let weights = try Safetensors(header, data: data).weights()
        #expect(weights.names == ["b", "a"])
        #expect(weights.metadata == ["format": "pt"])
        #expect(weights["b"]?.shape == [2, 1])
        #expect(try weights["b"]?.values() == [1.5, -2])
        #expect(try weights["a"]?.values() == [0x1p-140])
        #expect(weights["c"] == nil)
    }

    @Test(arguments: [
        ("F16", [0x3C00, 0xC000, 0x0001] as [UInt64], 2),
        ("BF16", [0x3F80, 0xC000, 0x3380], 2),
        ("F64", [Double(1).bitPattern, Double(-2).bitPattern, Double(0x1p-24).bitPattern], 8),
    ])
    func `other floating-point formats become Float`(format: String, bits: [UInt64], size: Int) throws {
        let data = bits.flatMap { littleEndian($0).prefix(size) }
        let header = #"{"t":{"dtype":"\#(format)","shape":[3],"data_offsets":[0,\#(3 * size)]}}"#
        let values = try Safetensors(header, data: data).weights()["t"]?.values()
        #expect(values == [1, -2, 0x1p-24])
    }

    @Test func `an empty file of weights holds no tensors`() throws {
        #expect(try Safetensors("{}").weights().names.isEmpty)
    }

    @Test func `names may be escaped and in any script`() throws {
        let header = #"{"caf\u00e9 \ud83c\udfa8 \"重み\"":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#
        #expect(try Safetensors(header).weights().names == ["café 🎨 \"重み\""])
    }

    @Test(arguments: [
        ("F32 of a truncated file", #"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 4,
         "net.safetensors is not a valid safetensors file: t lies at bytes 0 to 8 of 4: the file is cut short or damaged"),
        ("surplus data", #"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 9,
         "net.safetensors is not a valid safetensors file: 5 bytes at its end belong to no tensor"),
        ("a gap", #"{"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8,
         "net.safetensors is not a valid safetensors file: t begins at byte 4, expected 0: it leaves unused bytes before it"),
        ("an overlap", #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, 12,
         "net.safetensors is not a valid safetensors file: b begins at byte 4, expected 8: it overlaps the tensor before it"),
        ("a shape of another length", #"{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8,
         "net.safetensors is not a valid safetensors file: t has 8 bytes, which is not what F32 [3] takes"),
        ("a product that overflows", #"{"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, 0,
         "net.safetensors is not a valid safetensors file: t has 0 bytes, which is not what F32 [4294967296, 4294967296] takes"),
        ("a length beyond Int beside a zero", #"{"t":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}}"#, 0,
         "net.safetensors is not a valid safetensors file: t has 0 bytes, which is not what F32 [0, 18446744073709551615] takes"),
        ("offsets the wrong way round", #"{"t":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4,
         "net.safetensors is not a valid safetensors file: t lies at bytes 4 to 0 of 4: the file is cut short or damaged"),
        ("integers", #"{"n":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#, 8,
         "net.safetensors holds numbers that are not network weights here (known: F32, F16, BF16, F64): n is I64"),
    ])
    func `a table that does not fit the data is refused`(_: String, header: String, dataCount: Int, expected: String) {
        #expect(message { try Safetensors(header, data: Array(repeating: 0, count: dataCount)).weights() } == expected)
    }

    @Test(arguments: [
        ("", #"at its byte 0: expected "{""#),
        ("[]", #"at its byte 0: expected "{""#),
        ("{", #"at its byte 1: expected """#),
        (#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, #"the tensor "t" is declared twice"#),
        (#"{"t":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, #"the tensor "t" has "dtype" twice"#),
        (#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}"#, #"the tensor "t" has the unknown key "more""#),
        (#"{"t":{"dtype":"F32","shape":[1]}}"#, #"the tensor "t" needs dtype, shape, and two data_offsets"#),
        (#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[4]}}"#, #"the tensor "t" needs dtype, shape, and two data_offsets"#),
        (#"{"t":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "expected a whole number that is not negative"),
        (#"{"t":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, #"expected "]""#),
        (#"{"t":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}"#, "a number with a leading zero"),
        (#"{"t":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}}"#, "a number larger than 64 bits"),
        (#"{"t":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, "more than 8 numbers in a list"),
        (#"{"__metadata__":{"a":"1","a":"2"}}"#, #"the metadata key "a" occurs twice"#),
        (#"{"__metadata__":{"a":{"b":{}}}}"#, #"expected """#),
        (#"{} x"#, "text after the end of the header"),
        (#"{"\u001b[31m":{}}"#, "a name with a control character"),
        (#"{"\ud800":{}}"#, "half of a surrogate pair"),
        (#"{"\x":{}}"#, "an unknown escape in a text"),
        (#"{"t"#, "a text without its closing quote"),
    ])
    func `a malformed header is refused with its place`(header: String, expected: String) throws {
        let text = try #require(message { try Safetensors(header, data: [0, 0, 0, 0]).weights() })
        #expect(text.hasPrefix("net.safetensors is not a valid safetensors file: the header is malformed at its byte "))
        #expect(text.contains(expected))
    }

    @Test func `text that is not UTF-8 is refused`() {
        let header: [UInt8] = Array("{\"".utf8) + [0xC3, 0x28] + Array("\":{}}".utf8)
        let text = message { try Weights(bytes: littleEndian(UInt64(header.count)) + header, file: "net") }
        #expect(text?.contains("text that is not UTF-8") == true)
    }

    @Test func `deep nesting ends at once`() {
        let header = String(repeating: "{\"a\":", count: 200_000)
        #expect(message { try Safetensors(header).weights() } != nil)
    }

    @Test func `an impossible header length is refused before anything is allocated`() {
        for length in [UInt64.max, UInt64(Int64.max), 100_000_001, 3] {
            #expect(message { try Weights(bytes: littleEndian(length) + [0x7B], file: "net") }?.contains("header") == true)
        }
        #expect(message { try Weights(bytes: [1, 2, 3], file: "net") }?.contains("3 bytes") == true)
    }

    @Test func `a PyTorch archive under this name is told from a damaged file`() {
        let bytes: [UInt8] = Array("PK".utf8) + [3, 4, 0, 0, 8, 8] + Array(repeating: 0, count: 32)
        #expect(message { try Weights(bytes: bytes, file: "net.pt") }?.contains("save it with safetensors.torch.save_file") == true)
    }

    @Test func `a number that is not finite is refused with its place`() throws {
        let weights = try Safetensors([("t", [3], .nan)]).weights()
        #expect(message { try weights["t"]?.values() } == "net.safetensors cannot be used: t holds nan at position 0, expected finite numbers")
        let wide = try Safetensors(#"{"t":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#, data: littleEndian(1e300.bitPattern)).weights()
        #expect(message { try wide["t"]?.values() } == "net.safetensors cannot be used: t holds inf at position 0, expected finite numbers")
    }

    @Test func `no truncation and no mutation of a file does harm`() throws {
        let bytes = Safetensors(for: Generator(3, 3, hiddenChannels: 2)).bytes
        for count in 0..<bytes.count {
            #expect(throws: WeightsError.self) { try Weights(bytes: Array(bytes[..<count]), file: "net") }
        }
        var noise = Noise(seed: 1)
        var accepted = 0
        for _ in 0..<20_000 {
            var mutant = bytes
            for _ in 0..<Int.random(in: 1...4, using: &noise) {
                mutant[Int.random(in: 0..<700, using: &noise)] = UInt8.random(in: .min ... .max, using: &noise)
            }
            guard let weights = try? Weights(bytes: mutant, file: "net") else { continue }
            accepted += 1
            for tensor in weights.tensors { #expect(tensor.shape.reduce(1, *) == tensor.count) }
        }
        #expect(accepted > 0, "a mutation of a name leaves a valid file")
    }

    /// As `Scripts/fuzz`, in this process and with fewer.
    @Test func `thousands of inputs as the fuzz driver makes them do no harm`() {
        let mutator = SafetensorsMutator(seeds: FuzzSeeds.weightFiles())
        for seed in 0..<UInt64(3000) {
            if case .fault(let problem) = Exercise.weights(mutator.file(seed: seed)) { Issue.record("weights \(seed): \(problem)") }
        }
    }

    @Test func `a file is read from disk, and what cannot be read says why`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "aquatint-weights-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path(percentEncoded: false)
        try Data(Safetensors([("t", [2], 7)]).bytes).write(to: folder.appending(path: "gewöhnlich.safetensors"))
        #expect(try Weights(contentsOf: path + "/gewöhnlich.safetensors")["t"]?.values() == [7, 7])
        #expect(message { try Weights(contentsOf: path + "/none.safetensors") } == "\(path)/none.safetensors cannot be read: No such file or directory")
        #expect(message { try Weights(contentsOf: path) } == "\(path) is not a regular file")
        #expect(mkfifo(path + "/pipe", 0o600) == 0)
        #expect(message { try Weights(contentsOf: path + "/pipe") } == "\(path)/pipe is not a regular file")
        #expect(message { try Weights(contentsOf: "/dev/zero") } == "/dev/zero is not a regular file")
        #expect(truncate(path + "/gewöhnlich.safetensors", 1 << 40) == 0)
        #expect(message { try Weights(contentsOf: path + "/gewöhnlich.safetensors") }?.contains("at most 2147483647 can be read") == true)
    }
}
