import Foundation
import Inference
import PipelineLanguage
import Synchronization
import Testing
import Vips
@testable import StageHost

/// An engine that cannot allocate what it is asked for: smaller tiles, the same picture.
@Suite(.enabled(if: PretendingEngine.real != nil, "OpenVINO is not installed: run `make setup`"))
struct AllocationTests {
    private func run(_ network: HostedNetwork, _ engine: TightEngine, tiling: Value, size: (Int, Int) = (300, 220)) throws -> (values: [Float], notes: [String]) {
        let image = try Scene.data(width: size.0, height: size.1, bands: 3), context = ImageContext(memoryBudget: 2 << 30)
        let (result, _) = try network.run(image, settings: NeuralSettings(precision: .exactly(.f32), threads: 2),
                                          engine: EngineProvider(NetworkCache(engine: engine, capacity: 8)), context: context, tiling: tiling)
        return (try result.floats(), context.notes)
    }

    private static func tiles(_ edge: Int, _ more: ValueMap.Entry...) -> Value { .map(ValueMap([.init(key: "tile", value: .int(edge))] + more)) }

    @Test func `tiles are halved until they can be had`() throws {
        let network = try HostedNetwork.sharpening(pool: false)
        let whole = try run(network, TightEngine(pixels: .max), tiling: .string("whole")).values
        let (values, notes) = try run(network, TightEngine(pixels: 40 * 40), tiling: Self.tiles(128))
        #expect(zip(values, whole).allSatisfy { abs($0 - $1) <= 1e-5 })
        #expect(notes.contains("'onnx': the engine could not allocate a tile of 128 x 128 pixels; it goes on with smaller ones"))
        // Also where compiling goes well and running does not.
        let late = try run(network, TightEngine(pixels: 40 * 40, fails: .whenRun), tiling: Self.tiles(128)).values
        #expect(late == values)
    }

    @Test func `where nothing helps the image fails with the reason`() throws {
        let network = try HostedNetwork.sharpening(pool: false)
        let error = try #require(throws: (any Error).self) { try run(network, TightEngine(pixels: 4), tiling: Self.tiles(64)) }
        #expect("\(error)".contains("out of memory"))
    }

    @Test func `passes for statistics go on with smaller tiles as well`() throws {
        let network = try HostedNetwork.sharpening(pool: true)
        let whole = try run(network, TightEngine(pixels: .max), tiling: .string("whole"), size: (400, 300)).values
        let (values, notes) = try run(network, TightEngine(pixels: 200 * 200), tiling: Self.tiles(256, .init(key: "sync", value: .bool(true))), size: (400, 300))
        #expect(zip(values, whole).allSatisfy { abs($0 - $1) <= 1e-4 })
        #expect(notes.contains { $0.contains("could not allocate") })
    }

    /// Each run holds buffers of a network that the stages before it run as well.
    @Test(.timeLimit(.minutes(2))) func `one network three times in a row, on several pictures at once, comes to an end`() throws {
        let network = try StatisticNetwork { network, x in try network.conv(try network.statistic(.instance, try network.conv(x)), to: 3) }
        let tiling: [String: Value] = ["tiling": StatisticNetwork.tiles(of: 24)]
        let results = Mutex<[[Float]]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            guard var image = try? Scene.data(width: 90, height: 70, bands: 3) else { return }
            for _ in 0..<3 { if let next = try? network.run(image, tiling).image { image = next } }
            if let values = try? image.floats() { results.withLock { $0.append(values) } }
        }
        let all = results.withLock { $0 }
        #expect(all.count == 4 && all.allSatisfy { $0 == all[0] })
    }
}

/// OpenVINO with no room for inputs of more pixels.
private final class TightEngine: Engine {
    enum Moment { case whenCompiled, whenRun }

    let name = "tight", version = "1"
    private let pixels: Int
    private let fails: Moment

    init(pixels: Int, fails: Moment = .whenCompiled) { (self.pixels, self.fails) = (pixels, fails) }

    func devices() -> [Device] { [Device(name: "CPU", fullName: "tight", precisions: [.f32])] }

    func inspect(_ model: [UInt8], inputShapes: [String: [Int]]) throws(EngineError) -> NetworkInterface {
        guard let real = PretendingEngine.real else { throw EngineError(.notFound, "no engine") }
        return try real.inspect(model, inputShapes: inputShapes)
    }

    func compile(_ model: [UInt8], request: CompileRequest) throws(EngineError) -> any CompiledNetwork {
        guard let real = PretendingEngine.real else { throw EngineError(.notFound, "no engine") }
        let isTooLarge = request.inputShapes.values.contains { $0.suffix(2).reduce(1, *) > pixels }
        if isTooLarge, fails == .whenCompiled { throw EngineError(.outOfMemory, "out of memory: could not compile") }
        return TightNetwork(network: try real.compile(model, request: request), isTooLarge: isTooLarge)
    }
}

private struct TightNetwork: CompiledNetwork {
    let network: any CompiledNetwork
    let isTooLarge: Bool
    var precision: Precision { network.precision }
    var inputs: [NetworkPort] { network.inputs }
    var outputs: [NetworkPort] { network.outputs }

    func run<Result>(output: String, fill: (NetworkPort, UnsafeMutableBufferPointer<Float>) throws -> Void,
                     read: (UnsafeBufferPointer<Float>, [Int]) throws -> Result) throws -> Result {
        if isTooLarge { throw EngineError(.outOfMemory, "out of memory: could not run") }
        return try network.run(output: output, fill: fill, read: read)
    }
}
