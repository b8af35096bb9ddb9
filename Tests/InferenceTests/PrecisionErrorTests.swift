import Testing
@testable import Inference

/// The judge: errors in code values of 8 bits, and the bounds that they are held against.
@Suite struct PrecisionErrorTests {
    private let picture = ProbeScale(factor: 255, limits: 0...255)

    private func error(_ candidate: [Float], _ reference: [Float], _ scale: ProbeScale? = nil) throws -> PrecisionError {
        try #require(PrecisionError(of: candidate, against: reference, scale: scale ?? picture))
    }

    @Test func `equal results differ by nothing`() throws {
        let error = try error([0, 0.5, 1], [0, 0.5, 1])
        #expect(error.psnr == .infinity && error.largest == 0 && error.within == 1 && error.isFinite)
        #expect(PrecisionBound.deep.isKept(by: error))
    }

    @Test func `errors count in code values whatever the scale of the samples`() throws {
        for (scale, unit) in [(ProbeScale(factor: 255, limits: 0...255), Float(1) / 255), (ProbeScale(factor: 65535, limits: 0...65535), 1 / 255),
                              (ProbeScale(factor: 127.5, offset: 127.5, limits: 0...255), 2 / 255), (ProbeScale(limits: 0...1), 1 / 255)] {
            let error = try error([0.25 + 2 * unit, 0.5], [0.25, 0.5], scale)
            #expect(abs(error.largest - 2) < 1e-3 && error.within == 0.5)
            #expect(abs(error.psnr - 45.12) < 0.01)         // 10 log10(255^2 / 2)
        }
    }

    @Test func `what is clipped on both sides is no error`() throws {
        #expect(try error([-3, 9], [-0.5, 1.5]).largest == 0)
        #expect(try abs(error([-3, 9], [0.1, 0.9]).largest - 25.5) < 1e-3)
    }

    @Test func `data is measured by its own spread`() throws {
        let scale = ProbeScale(limits: nil)
        #expect(try abs(error([1000, 1101, 1255], [1000, 1100, 1255], scale).largest - 1) < 1e-3)
        // The same everywhere: by its size.
        #expect(try abs(error([51, 50], [50, 50], scale).largest - 5.1) < 1e-3)
    }

    @Test func `not-a-number refutes, and in f32 itself it tells nothing`() throws {
        #expect(try !error([0.5, .nan], [0.5, 0.5]).isFinite)
        #expect(try !PrecisionBound.noGarbage.isKept(by: error([.infinity, 0.5], [0.5, 0.5])))
        #expect(PrecisionError(of: [0.5], against: [.infinity], scale: picture) == nil)
    }

    @Test(arguments: [(1, 4.5, false), (1, 3.9, true), (40, 1.2, false), (1000, 0.2, false), (1000, 0.12, true)])
    func `the bound of 8 bits`(wrong: Int, by codes: Double, isKept: Bool) throws {
        let reference = [Float](repeating: 0.5, count: 20_000)
        var candidate = reference
        for index in 0..<(wrong == 1000 ? 20_000 : wrong) { candidate[index] += Float(codes / 255) }
        let error = try error(candidate, reference)
        #expect(PrecisionBound.eightBits.isKept(by: error) == isKept, "\(error)")
    }

    @Test func `synthetic pictures are the same every time, in range, and of the size asked for`() {
        let first = ProbePicture.synthetic(width: 40, height: 24, bands: 3), second = ProbePicture.synthetic(width: 40, height: 24, bands: 3)
        #expect(first.map(\.samples) == second.map(\.samples) && first.count == 12)
        #expect(first.allSatisfy { $0.samples.count == 40 * 24 * 3 && $0.samples.allSatisfy { $0 >= 0 && $0 <= 1 } })
        #expect(Set(first.map(\.name)).count == first.count && first.filter(\.isExtreme).count == 1)
        #expect(ProbePicture.synthetic(width: 1, height: 1, bands: 1).allSatisfy { $0.samples.count == 1 })
    }
}
