import ContentHash
import Foundation
import Inference
import ONNX
import PipelineLanguage
import Synchronization
import Testing
import Vips
@testable import StageHost

/// `precision: auto` through the host: the real engine, with a faster type that is true or lies as a test tells it.
@Suite(.enabled(if: PretendingEngine.real != nil, "OpenVINO is not installed: run `make setup`"))
struct AutoPrecisionTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "aquatint-auto-\(UUID().uuidString)").path

    private func run(_ engine: PretendingEngine, _ image: Image, cache: String? = nil, asked: PrecisionRequest = .auto,
                     pool: Bool = false) throws -> (report: NetworkReport, values: [Float], notes: [String], spoken: [String]) {
        let provider = EngineProvider(NetworkCache(engine: engine, capacity: 8), cacheFolder: cache)
        let context = ImageContext(memoryBudget: 1 << 30)
        let (result, report) = try HostedNetwork.sharpening(pool: pool).run(
            image, settings: NeuralSettings(precision: asked, threads: 1), engine: provider, context: context)
        return (report, try result.floats(), context.notes, provider.precisions.newNotes())
    }

    private func photograph() throws -> Image {
        try Scene.picture(width: 150, height: 90, bands: 3, white: 255) { x, y, band in (x * y / 7 + 60 * band + (x > 70 ? 80 : 0)) % 256 }
    }

    @Test func `a faster type that is right is used, and said`() throws {
        let engine = PretendingEngine { values in values.map { $0 + 0.1 / 255 } }
        let (report, values, _, spoken) = try run(engine, photograph())
        #expect(report.precision == .f16 && report.precisionReason?.contains("against f32 on 1") == true)
        #expect(spoken.count == 1 && spoken[0].hasPrefix("'onnx' computes in f16: "))
        let exact = try run(engine, photograph(), asked: .exactly(.f32))
        #expect(zip(values, exact.values).allSatisfy { abs($0 - $1 - 0.1) < 1e-3 })
        #expect(exact.report.precisionReason == nil && exact.spoken.isEmpty)
    }

    @Test func `one that is wrong on noise alone is not`() throws {
        let engine = PretendingEngine { values in
            let roughness = zip(values, values.dropFirst()).reduce(Float(0)) { $0 + abs($1.0 - $1.1) } / Float(values.count)
            return roughness > 0.25 ? values.map { 1 - $0 } : values
        }
        let (report, _, _, _) = try run(engine, photograph())
        #expect(report.precision == .f32 && report.precisionReason?.contains("f16 is refuted by ") == true)
    }

    @Test func `f32 that is asked for compiles nothing else`() throws {
        let engine = PretendingEngine { $0 }
        _ = try run(engine, photograph(), asked: .exactly(.f32))
        #expect(engine.compiled.withLock { Set($0) } == [.f32])
    }

    @Test func `a verdict outlives the process, and needs no second trial`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let first = PretendingEngine { $0 }, second = PretendingEngine { $0 }
        #expect(try run(first, photograph(), cache: folder).report.precision == .f16)
        let again = try run(second, photograph(), cache: folder)
        #expect(again.report.precision == .f16 && second.compiled.withLock { Set($0) } == [.f16])
        #expect(again.spoken.count == 1)
        // Another processor, range or depth would be another question.
        let deep = try Scene.picture(width: 150, height: 90, bands: 3, white: 65535) { x, y, band in (x * y * 97 + 60 * band) % 65536 }
        _ = try run(second, deep, cache: folder)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/precision").count == 2)
    }

    @Test func `not-a-number on a picture is computed again in f32, and remembered against the type`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // The only picture of this size.
        let engine = PretendingEngine { $0.count == 3 * 150 * 90 ? $0.map { _ in .nan } : $0 }
        let first = try run(engine, photograph(), cache: folder)
        #expect(first.report.precision == .f16 && first.values.allSatisfy(\.isFinite))
        #expect(first.notes.contains("'onnx' gave NaN or infinity in f16 and was run again in f32 there"))
        let second = try run(engine, photograph(), cache: folder)
        #expect(second.report.precision == .f32 && second.report.precisionReason == "f16 is refuted by a picture of an earlier run: NaN or infinity")
    }

    @Test func `what tiles cannot stand for stays in f32, untried`() throws {
        for (image, pool, reason) in [(try photograph(), true, "depends on the whole picture"), (try Scene.data(width: 60, height: 40, bands: 3), false, "data goes in")] {
            let engine = PretendingEngine { $0 }
            let report = try run(engine, image, pool: pool).report
            #expect(report.precision == .f32 && report.precisionReason?.contains(reason) == true)
            #expect(engine.compiled.withLock { Set($0) } == [.f32])
        }
        let streamed = try Scene.withStreamed(photograph()) { try run(PretendingEngine { $0 }, $0).report }
        #expect(streamed.precision == .f32 && streamed.precisionReason?.contains("from top to bottom") == true)
    }

    @Test func `a picture smaller than a probe is mirrored`() throws {
        let tiny = try Scene.picture(width: 5, height: 3, bands: 3, white: 255) { x, y, band in 40 * x + 10 * y + band }
        #expect(try run(PretendingEngine { $0 }, tiny).report.precision == .f16)
        let grey = try Scene.picture(width: 5, height: 300, bands: 1, white: 255) { x, y, _ in (40 * x + y) % 256 }
        #expect(try run(PretendingEngine { $0 }, grey).report.precision == .f16)
    }

    @Test(arguments: [("off", nil), ("/c", "/c"), ("c", "/here/c"), ("", "/x/aquatint")] as [(String, String?)])
    func `the cache's folder`(given: String, expected: String?) {
        #expect(CacheLocation.folder(environment: ["AQUATINT_CACHE": given, "XDG_CACHE_HOME": "/x", "HOME": "/h"], current: "/here") == expected)
        #expect(CacheLocation.folder(environment: ["XDG_CACHE_HOME": "x", "HOME": "/h"], current: "/here") == "/h/.cache/aquatint")
        #expect(CacheLocation.folder(environment: [:], current: "/here") == nil)
    }
}

/// OpenVINO, claiming to compute in f16 as well, and fast: what f16 gives is f32's result after `lie`.
final class PretendingEngine: Engine {
    static let real: (any Engine)? = try? OpenVINO.load(EngineLocation.all())

    let name = "pretending", version = "1"
    let compiled = Mutex<[Precision]>([])
    private let lie: @Sendable ([Float]) -> [Float]

    init(lie: @escaping @Sendable ([Float]) -> [Float]) { self.lie = lie }

    func devices() -> [Device] { [Device(name: "CPU", fullName: "pretended", precisions: [.f32, .f16])] }

    func inspect(_ model: [UInt8], inputShapes: [String: [Int]]) throws(EngineError) -> NetworkInterface {
        guard let real = Self.real else { throw EngineError(.notFound, "no engine") }
        return try real.inspect(model, inputShapes: inputShapes)
    }

    func compile(_ model: [UInt8], request: CompileRequest) throws(EngineError) -> any CompiledNetwork {
        guard let real = Self.real else { throw EngineError(.notFound, "no engine") }
        compiled.withLock { $0.append(request.precision) }
        var plain = request
        plain.precision = .f32
        return PretendingNetwork(network: try real.compile(model, request: plain), precision: request.precision, lie: lie)
    }
}

private struct PretendingNetwork: CompiledNetwork {
    let network: any CompiledNetwork
    let precision: Precision
    let lie: @Sendable ([Float]) -> [Float]
    var inputs: [NetworkPort] { network.inputs }
    var outputs: [NetworkPort] { network.outputs }

    func run<Result>(output: String, fill: (NetworkPort, UnsafeMutableBufferPointer<Float>) throws -> Void,
                     read: (UnsafeBufferPointer<Float>, [Int]) throws -> Result) throws -> Result {
        // Slower than any overhead of the pretence.
        if precision == .f32 { Thread.sleep(forTimeInterval: 0.02) }
        return try network.run(output: output, fill: fill) { values, shape in
            guard precision != .f32 else { return try read(values, shape) }
            return try lie(Array(values)).withUnsafeBufferPointer { try read($0, shape) }
        }
    }
}

/// A network made here, through the `onnx` plug-in and the host, with an engine of the test's.
struct HostedNetwork {
    let bytes: [UInt8]

    /// Each channel sharpened by itself; with `pool`, the mean of the picture is taken off first, which makes it global.
    static func sharpening(pool: Bool) throws -> HostedNetwork {
        let graph = GraphBuilder()
        let x = graph.input("x", dims: [.fixed(1), .fixed(3), .symbolic("h"), .symbolic("w")])
        let kernel: [Float] = [0, -0.1, 0, -0.1, 1.4, -0.1, 0, -0.1, 0]
        let weight = try graph.initializer(kernel + kernel + kernel, dims: [3, 1, 3, 3], name: "weight")
        var y = graph.add("Conv", [x, weight], ["pads": .ints([1, 1, 1, 1]), "group": .int(3)])
        if pool { y = graph.add("Sub", [y, graph.add("GlobalAveragePool", [y])]) }
        graph.output(y, name: "y")
        return HostedNetwork(bytes: try graph.finish().serialized())
    }

    /// As the host analyses it, without a picture.
    func prepared() throws -> PreparedNetwork {
        try planned(PluginImage(width: 64, height: 64, bands: 3, space: .srgb)).network
    }

    private func planned(_ image: PluginImage) throws -> (plan: PluginPlan, network: PreparedNetwork) {
        let path = FileManager.default.temporaryDirectory.appending(path: "aquatint-\(UUID().uuidString).onnx").path
        try Data(bytes).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let plan = try BuiltPlugins.stage("onnx").create(["model": .file(path)]).plan([image])
        return (plan, try PreparedNetwork(try plan.network(), key: SHA256.hash(bytes).hex, stage: "onnx"))
    }

    func run(_ image: Image, settings: NeuralSettings, engine: EngineProvider, context: ImageContext, tiling: Value = .string("auto"))
        throws -> (image: Image, report: NetworkReport) {
        let (plan, network) = try planned(PluginImage(width: image.width, height: image.height, bands: image.bands, space: image.bands == 1 ? .grey : .srgb))
        let options = try NetworkOptions(["tiling": tiling], stage: "onnx")
        return try NetworkStageImage(network: network, options: options, plan: plan, settings: settings, engine: engine, context: context, stage: "onnx").make(image)
    }
}
