import Testing
@testable import Inference

@Suite struct ElementConversionTests {
    private func roundTrip(_ type: ElementType, _ values: [Float]) throws -> [Float] {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, values.count) * type.byteCount, alignment: 16)
        defer { memory.deallocate() }
        try values.withUnsafeBufferPointer { try type.convert($0, to: memory, name: "x") }
        let result = UnsafeMutableBufferPointer<Float>.allocate(capacity: values.count)
        defer { result.deallocate() }
        type.convert(memory, to: result)
        return Array(result)
    }

    @Test(arguments: ElementType.allCases.filter { $0 != .bool })
    func `small whole numbers survive every type`(type: ElementType) throws {
        #expect(try roundTrip(type, [0, 1, 2, 100, 127]) == [0, 1, 2, 100, 127])
    }

    @Test func `whole numbers are rounded half away from zero and limited to the type`() throws {
        #expect(try roundTrip(.u8, [0.5, 1.5, 254.49, 254.5, 256, -1, .infinity, -.infinity]) == [1, 2, 254, 255, 255, 0, 255, 0])
        #expect(try roundTrip(.i8, [-0.5, -1.5, -128.4, -129, 127.6]) == [-1, -2, -128, -128, 127])
        #expect(try roundTrip(.i64, [.infinity, -.infinity, 1e30]) == [Float(Int64.max), Float(Int64.min), Float(Int64.max)])
        #expect(try roundTrip(.u64, [.infinity, -1]) == [Float(UInt64.max), 0])
        #expect(try roundTrip(.i32, [3e9, -3e9]) == [Float(Int32.max), Float(Int32.min)])
    }

    @Test(arguments: [ElementType.bool, .i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64])
    func `NaN is refused where the type has none`(type: ElementType) {
        #expect(throws: EngineError.self) { try roundTrip(type, [1, .nan]) }
    }

    @Test(arguments: [ElementType.f16, .bf16, .f32, .f64])
    func `NaN and infinities stay what they are in floating types`(type: ElementType) throws {
        let result = try roundTrip(type, [.nan, .infinity, -.infinity, -0.0])
        #expect(result[0].isNaN && result[1] == .infinity && result[2] == -.infinity && result[3].sign == .minus)
    }

    @Test func `bfloat16 rounds to the nearest, ties to even`() throws {
        // 1 + 2^-8 lies between 1 and 1 + 2^-7; 1 + 3 * 2^-8 between 1 + 2^-7 and 1 + 2^-6.
        #expect(try roundTrip(.bf16, [1 + 0x1p-8, 1 + 0x1.8p-7, 1 + 0x1.01p-8]) == [1, 1 + 0x1p-6, 1 + 0x1p-7])
        #expect(try roundTrip(.bf16, [.greatestFiniteMagnitude]) == [.infinity])
    }
}
