import Foundation
import Synchronization
import Testing
@testable import Inference

/// An engine whose network returns its input, and whose faster types lie as they are told.
private final class LyingEngine: Engine {
    let name = "lying", version = "1"
    let lie: @Sendable (Precision, [Float]) -> [Float]
    let delay: [Precision: Duration]
    let compiled = Mutex<[Precision]>([])
    let runs = Mutex<[Precision: Int]>([:])

    let shortOfMemory: Precision?

    init(delay: [Precision: Duration] = [.f32: .milliseconds(3)], shortOfMemory: Precision? = nil, lie: @escaping @Sendable (Precision, [Float]) -> [Float]) {
        self.lie = lie
        self.delay = delay
        self.shortOfMemory = shortOfMemory
    }

    func devices() -> [Device] { [] }
    func inspect(_ model: [UInt8], inputShapes: [String: [Int]]) -> NetworkInterface { NetworkInterface(inputs: [], outputs: []) }

    func compile(_ model: [UInt8], request: CompileRequest) throws(EngineError) -> any CompiledNetwork {
        compiled.withLock { $0.append(request.precision) }
        if model == [9], request.precision != .f32 { throw EngineError(.outOfMemory, "no memory") }
        if model == [0], request.precision != .f32 { throw EngineError(.failed, "no such kernel") }
        return LyingNetwork(engine: self, precision: request.precision, shape: request.inputShapes["x"] ?? [])
    }
}

private struct LyingNetwork: CompiledNetwork {
    let engine: LyingEngine
    let precision: Precision
    let shape: [Int]
    var inputs: [NetworkPort] { [NetworkPort(name: "x", shape: shape.map { $0 }, elementType: .f32)] }
    var outputs: [NetworkPort] { [NetworkPort(name: "y", shape: shape.map { $0 }, elementType: .f32)] }

    func run<Result>(output: String, fill: (NetworkPort, UnsafeMutableBufferPointer<Float>) throws -> Void,
                     read: (UnsafeBufferPointer<Float>, [Int]) throws -> Result) throws -> Result {
        var input = [Float](repeating: 0, count: shape.reduce(1, *))
        try input.withUnsafeMutableBufferPointer { try fill(inputs[0], $0) }
        if precision == engine.shortOfMemory { throw EngineError(.outOfMemory, "no memory") }
        engine.runs.withLock { $0[precision, default: 0] += 1 }
        if let delay = engine.delay[precision] { Thread.sleep(forTimeInterval: delay / .seconds(1)) }
        return try engine.lie(precision, input).withUnsafeBufferPointer { try read($0, shape) }
    }
}

@Suite struct PrecisionTrialTests {
    private func verdict(_ engine: LyingEngine, model: [UInt8] = [1], bound: PrecisionBound = .eightBits, candidates: [Precision] = [.f32, .bf16],
                         isCancelled: () -> Bool = { false }) throws -> PrecisionVerdict {
        let pictures = ProbePicture.synthetic(width: 32, height: 32, bands: 1)
        return try PrecisionTrial(
            engine: engine, model: model, request: CompileRequest(inputShapes: ["x": [1, 1, 32, 32]]), inputName: "x", outputName: "y",
            scale: ProbeScale(factor: 255, limits: 0...255), bound: bound
        ).run(candidates: candidates, probes: pictures.map { PrecisionTrial.Probe(picture: $0, values: $0.samples) }, isCancelled: isCancelled)
    }

    /// How much of its neighbours a value differs from: small in pictures, large in noise of full scale.
    private static func isExtreme(_ values: [Float]) -> Bool {
        zip(values, values.dropFirst()).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(values.count) > 0.25
    }

    @Test func `a type that is right and faster is chosen`() throws {
        let verdict = try verdict(LyingEngine { $0 == .f32 ? $1 : $1.map { $0 + 0.1 / 255 } })
        #expect(verdict.precision == .bf16 && verdict.findings.first?.outcome == .proven)
        #expect(verdict.findings.first?.probes == 12 && verdict.reason.contains("against f32 on 12 probes"))
    }

    @Test func `garbage on noise alone is refused`() throws {
        let engine = LyingEngine { precision, values in
            precision != .f32 && Self.isExtreme(values) ? values.map { 1 - $0 } : values
        }
        let verdict = try verdict(engine)
        #expect(verdict.precision == .f32 && verdict.findings.first?.probe == "noise of full scale")
    }

    @Test func `one wrong sample is refused, by the probe that shows it, at once`() throws {
        let engine = LyingEngine { precision, values in
            var values = values
            if precision != .f32 { values[77] += 0.3 * (values[77] > 0.5 ? -1 : 1) }
            return values
        }
        let verdict = try verdict(engine)
        #expect(verdict.precision == .f32 && verdict.findings.first?.outcome == .inexact && verdict.findings.first?.probe == "strong noise")
        #expect(engine.runs.withLock { $0 } == [.f32: 1, .bf16: 1])
        #expect(verdict.reason.hasPrefix("bf16 is refuted by strong noise: "))
    }

    @Test func `overflow in highlights is refused`() throws {
        let verdict = try verdict(LyingEngine { precision, values in precision == .f32 ? values : values.map { $0 > 0.999 ? .infinity : $0 } })
        #expect(verdict.precision == .f32 && verdict.findings.first?.outcome == .notFinite)
    }

    @Test func `a type that is no faster is not worth any error`() throws {
        let verdict = try verdict(LyingEngine(delay: [.f32: .milliseconds(3), .bf16: .milliseconds(3)]) { $1 })
        #expect(verdict.precision == .f32 && verdict.findings.first?.outcome == .notFaster)
    }

    @Test func `a result that does not answer the probes proves nothing`() throws {
        let verdict = try verdict(LyingEngine { _, values in values.map { _ in 0 } })
        #expect(verdict.precision == .f32 && verdict.findings.first?.outcome == .silent)
    }

    @Test func `the fastest of several is chosen, each by its own findings`() throws {
        let engine = LyingEngine(delay: [.f32: .milliseconds(9), .f16: .milliseconds(1), .bf16: .milliseconds(4)]) { $1 }
        let verdict = try verdict(engine, candidates: [.f32, .f16, .bf16])
        #expect(verdict.precision == .f16 && verdict.findings.map(\.outcome) == [.proven, .proven])
        #expect(engine.runs.withLock { $0[.f32] } == 12)
    }

    @Test func `deep pictures need more than a hundredth of a code value`() throws {
        #expect(try verdict(LyingEngine { $0 == .f32 ? $1 : $1.map { $0 + 0.05 / 255 } }, bound: .deep).precision == .f32)
    }

    @Test func `a type that the engine cannot compile is left alone, and a device with f32 alone compiles no other`() throws {
        #expect(try verdict(LyingEngine { $1 }, model: [0]).findings.first?.outcome == .failed)
        let plain = LyingEngine { $1 }
        #expect(try verdict(plain, candidates: [.f32]) == PrecisionVerdict(findings: []))
        #expect(plain.compiled.withLock { $0 } == [.f32])
    }

    @Test func `a lack of memory is no finding, in compiling or in running`() throws {
        let compiling = #expect(throws: EngineError.self) { try verdict(LyingEngine { $1 }, model: [9]) }
        #expect(compiling?.kind == .outOfMemory)
        let running = #expect(throws: EngineError.self) { try verdict(LyingEngine(shortOfMemory: .bf16) { $1 }) }
        #expect(running?.kind == .outOfMemory)
    }

    @Test func `a trial that is given up ends at the next probe`() throws {
        let engine = LyingEngine { $1 }
        let asked = Mutex(0)
        let error = #expect(throws: EngineError.self) {
            try verdict(engine) {
                asked.withLock { $0 += 1; return $0 > 3 }
            }
        }
        #expect(error?.message == "given up" && engine.runs.withLock { $0 } == [.f32: 3, .bf16: 3])
    }

    @Test func `pictures that f32 itself answers with NaN are left out`() throws {
        let verdict = try verdict(LyingEngine { _, values in Self.isExtreme(values) ? values.map { _ in .nan } : values })
        #expect(verdict.precision == .bf16 && verdict.findings.first?.probes == 11)
    }
}
