import Foundation
import StageHost
import Testing

@testable import Runner

@Suite struct PackedBytesTests {
    private static let planned = PlannedImage(
        index: 7, input: InputFile(path: "/a/é e\u{301}.png", folder: "x", number: 3), outputs: ["/o/é.png", ""], bytes: -1, problem: "it is odd", pages: [2, 3])
    private static let made = MadeImage(
        pixels: 4096, notes: ["one", ""], seconds: 0.25, stages: [StageSeconds(name: "load", seconds: 1e-3)], precision: "f32", engine: "E 1", peakMemory: 1 << 40,
        inputSize: [64, 63], outputSizes: [[64, 63], []], content: ContentStamp(size: .max, modified: .min, hash: "9c"), written: [[1, -1], []], files: ["/w/é.onnx"], damage: "cut off")

    /// As text that holds every field by its name.
    private static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    @Test func `what comes with every image arrives as it was sent`() throws {
        let order = WorkerOrder.make(Self.planned), bytes = try #require(order.packed)
        #expect(try Self.json(WorkerOrder(packed: bytes)) == Self.json(order))
        for answer in [WorkerAnswer.progress(3, 0.5), .made(7, Self.made, state: WorkerState(notes: ["n"], resident: 5, pace: 0.002)),
                       .made(0, MadeImage(pixels: 0, notes: [], seconds: 0), state: WorkerState(notes: [], resident: 0, pace: 0.002))] {
            let bytes = try #require(answer.packed)
            #expect(try Self.json(WorkerAnswer(packed: bytes)) == Self.json(answer))
        }
    }

    /// A field that is added to a type, and forgotten where it is packed, would pass the test above with its default.
    @Test func `no field of what is sent above has the value that it would have by itself`() throws {
        let usual = Dictionary(uniqueKeysWithValues: Mirror(reflecting: MadeImage(pixels: 0, notes: [], seconds: 0)).children.map { ($0.label ?? "", "\($0.value)") })
        for field in Mirror(reflecting: Self.made).children { #expect("\(field.value)" != usual[field.label ?? ""], "\(field.label ?? "")") }
        for field in Mirror(reflecting: Self.planned).children { #expect("\(field.value)" != "nil", "\(field.label ?? "")") }
    }

    @Test func `bytes that are cut short or say too much are refused`() throws {
        let bytes = try #require(WorkerAnswer.made(7, Self.made, state: WorkerState(notes: ["n"], resident: 5, pace: 0.002)).packed)
        for count in 0..<bytes.count { #expect(WorkerAnswer(packed: Array(bytes[..<count])) == nil) }
        // A list of more elements than there are bytes.
        var lists = PackedBytes(beginning: [UInt8(ascii: "m")])
        lists.add(1, 2, Int.max)
        #expect(WorkerAnswer(packed: lists.bytes) == nil)
        #expect(WorkerAnswer(packed: [UInt8(ascii: "?")]) == nil)
        #expect(WorkerOrder(packed: [UInt8(ascii: "m")] + [UInt8](repeating: 255, count: 100)) == nil)
    }
}
