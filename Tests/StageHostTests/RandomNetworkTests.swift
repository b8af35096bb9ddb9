import Foundation
import Inference
import NetworkSamples
import ONNX
import PipelineLanguage
import Synchronization
import Testing
import Vips
@testable import StageHost

/// Random networks through the stage host and the engine: tiles against one naive run of the whole image.
///
/// `AQUATINT_SOAK=2000` runs so many networks instead of a few, from number `AQUATINT_SOAK_FIRST` on.
@Suite(.enabled(if: PictureEngine.isPresent, "OpenVINO is not installed: run `make setup`"))
struct RandomNetworkTests {
    struct Trial: CustomStringConvertible, Sendable {
        let seed: UInt64

        var family: RandomNetwork.Family { RandomNetwork.Family.allCases[Int(seed) % RandomNetwork.Family.allCases.count] }
        var channels: Int { [3, 1, 4][Int(seed) / RandomNetwork.Family.allCases.count % 3] }
        var description: String { "\(family.rawValue) network \(seed) of \(channels) channels" }
    }

    private static func number(_ name: String) -> UInt64? { ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } }
    /// Half of the sizes for one tile and half for the other where there are few networks.
    static let isSoak = number("AQUATINT_SOAK") != nil
    static let trials: [Trial] = {
        let first = number("AQUATINT_SOAK_FIRST") ?? 1
        return (first..<first + (number("AQUATINT_SOAK") ?? 27)).map { Trial(seed: $0) }
    }()

    @Test(arguments: trials)
    func `tiles give what one run of the whole image gives`(trial: Trial) throws {
        let subject = try Subject(trial)
        guard subject.network.analysis.isTileable else {
            // Sizes that only meet at some remainder of S (an unpadded layer of even kernel before a U-net) are not looked for.
            #expect(trial.family == .mixture || trial.family == .unet, "\(trial): \(subject.network.analysis.decidingNodes)")
            return
        }
        var random = Randomness(state: trial.seed ^ 0x5EED)
        let smallest = subject.smallestTile
        guard smallest <= 120 else { return }
        for tile in [smallest, smallest + Int.random(in: 1...40, using: &random)] {
            var sizes = subject.sizes(around: tile, &random)
            if !Self.isSoak { sizes = sizes.enumerated().filter { ($0.offset + Int(trial.seed)) % 2 == (tile == smallest ? 0 : 1) }.map(\.element) }
            for (width, height) in sizes { try compare(subject, width, height, tile: tile) }
        }
    }

    private func compare(_ subject: Subject, _ width: Int, _ height: Int, tile: Int) throws {
        let image = try Scene.data(width: width, height: height, bands: subject.trial.channels)
        let place = "\(subject.trial): \(width) x \(height) in tiles of \(tile), \(subject.network.analysis.x), \(subject.network.analysis.y)"
        guard let whole = try subject.reference(image) else {
            // Too small for the network. The host must say so and not crash, or extend to a size where there is nothing to compare with.
            #expect(throws: (any Error).self, "\(place)") { _ = try subject.run(image, tiling: .string("whole")).image.floats() }
            return
        }
        let (result, report) = try subject.run(image, tiling: .map(ValueMap([.init(key: "tile", value: .int(tile))])))
        #expect((result.width, result.height) == (whole.width, whole.height), "\(place)")
        #expect(report.tiles > 1 || max(width, height) < tile + subject.smallestTile, "\(place)")
        let values = try result.floats()
        guard values.count == whole.values.count else { return }
        let tolerance = 1e-5 * max(1, whole.values.reduce(0) { max($0, abs($1)) })
        // Counted this way round, a NaN is wrong as well.
        let wrong = zip(values, whole.values).enumerated().filter { !(abs($0.element.0 - $0.element.1) <= tolerance) }
        #expect(wrong.isEmpty, "\(place): \(wrong.count) samples differ, the first at \(wrong.first?.offset ?? 0): \(wrong.first?.element ?? (0, 0))")
    }

    @Test func `the test would see a halo that is too small`() throws {
        var seen = 0, looked = 0
        for seed in UInt64(1)...40 {
            let subject = try Subject(Trial(seed: seed))
            let axis = subject.network.analysis.x
            guard subject.network.analysis.klass == .local, axis.haloBefore > 0, axis.stride == 1, axis.haloBefore == axis.haloAfter, subject.smallestTile <= 60 else { continue }
            looked += 1
            let image = try Scene.data(width: 71, height: 67, bands: subject.trial.channels)
            guard let whole = try subject.reference(image) else { continue }
            let settings = ValueMap([.init(key: "tile", value: .int(subject.smallestTile + 8)), .init(key: "halo", value: .int(axis.haloBefore - 1))])
            let (result, report) = try subject.run(image, tiling: .map(settings))
            #expect(report.isApproximate)
            let values = try result.floats()
            if values.count != whole.values.count || zip(values, whole.values).contains(where: { abs($0 - $1) > 1e-4 }) { seen += 1 }
        }
        #expect(looked > 3 && seen * 2 > looked, "\(seen) of \(looked)")
    }

    @Test func `exact tiles are refused where the engine contradicts the graph`() throws {
        let subject = try Subject(Trial(seed: 1))
        let large = try Scene.data(width: 700, height: 900, bands: subject.trial.channels)
        let first = try subject.run(large, tiling: .string("exact"), memory: 8 << 20).report
        #expect(!first.isWhole)
        #expect(subject.network.claims.verdict.withLock { if case .confirmed? = $0 { true } else { false } })
        subject.network.claims.verdict.withLock { $0 = .refuted("output at (1, 2) reads (30, 40) beyond the halo") }
        let error = try #require(throws: StageError.self) { _ = try subject.run(large, tiling: .string("exact"), memory: 8 << 20) }
        #expect(error.description.contains("not exact: output at (1, 2) reads (30, 40) beyond the halo"))
        #expect(try subject.run(try Scene.data(width: 20, height: 20, bands: subject.trial.channels), tiling: .string("exact")).report.isWhole)
    }

    @Test func `tiles of a network that has none need a halo, and are then called approximate`() throws {
        let subject = try Subject(model: GlobalNetwork.gate(channels: 3), Trial(seed: 0))
        let image = try Scene.data(width: 61, height: 40, bands: 3)
        #expect(subject.network.analysis.klass == .global)
        let error = try #require(throws: StageError.self) { _ = try subject.run(image, tiling: .map(ValueMap([.init(key: "tile", value: .int(32))]))) }
        #expect(error.description.contains("cannot be cut into tiles"))
        for halo in [0, 4] {
            let settings = ValueMap([.init(key: "tile", value: .int(32)), .init(key: "halo", value: .int(halo))])
            #expect(try subject.run(image, tiling: .map(settings)).report.isApproximate)
        }
    }
}

private enum GlobalNetwork {
    /// Every pixel times the mean of all.
    static func gate(channels: Int) throws -> Model {
        let graph = GraphBuilder()
        let x = graph.input("image", dims: [.fixed(1), .fixed(channels), .symbolic("h"), .symbolic("w")])
        graph.output(graph.add("Mul", [x, graph.add("GlobalAveragePool", [x])]), name: "result")
        return try graph.finish()
    }
}

/// One network, prepared once, and run on many pictures.
private struct Subject {
    let trial: RandomNetworkTests.Trial
    let network: PreparedNetwork
    private let stage: StageInstance
    private let bytes: [UInt8]

    init(_ trial: RandomNetworkTests.Trial) throws {
        try self.init(model: RandomNetwork.make(seed: trial.seed, family: trial.family, channels: trial.channels), trial)
    }

    init(model: Model, _ trial: RandomNetworkTests.Trial) throws {
        self.trial = trial
        bytes = try model.serialized()
        let path = FileManager.default.temporaryDirectory.appending(path: "aquatint-\(UUID().uuidString).onnx").path
        try Data(bytes).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        stage = try BuiltPlugins.stage("onnx").create(["model": .file(path)])
        network = try PreparedNetwork(try Self.plan(stage, 64, 64, trial.channels).network(), key: UUID().uuidString, stage: "onnx")
    }

    private static func plan(_ stage: StageInstance, _ width: Int, _ height: Int, _ bands: Int) throws -> PluginPlan {
        try stage.plan([PluginImage(width: width, height: height, bands: bands, space: bands == 1 ? .grey : .srgb)])
    }

    func run(_ image: Image, tiling: Value, memory: Int = 2 << 30) throws -> (image: Image, report: NetworkReport) {
        try NetworkStageImage(network: network, options: try NetworkOptions(["tiling": tiling], stage: "onnx"),
                              plan: try Self.plan(stage, image.width, image.height, image.bands), settings: NeuralSettings(precision: .exactly(.f32), threads: 1),
                              engine: PictureEngine.provider, context: ImageContext(memoryBudget: memory), stage: "onnx").make(image)
    }

    // MARK: Sizes

    /// For both axes.
    var smallestTile: Int {
        [network.analysis.x, network.analysis.y].map { axis in
            let step = max(axis.stride, 1) * axis.scaleDenominator
            func up(_ n: Int) -> Int { (n + step - 1) / step * step }
            return up(axis.haloBefore) + up(axis.haloAfter) + step
        }.max() ?? 1
    }

    /// One to three pixels, less than the halo, one less and one more than the tile, primes, no multiples of S.
    func sizes(around tile: Int, _ random: inout Randomness) -> [(Int, Int)] {
        let halo = max(network.analysis.x.haloBefore, network.analysis.y.haloAfter)
        let primes = [37, 53, 71, 97, 131, 167, 199]
        let prime = primes.first { $0 > tile } ?? 199
        let all = [(1, 1), (2, 3), (3, 1), (max(1, halo - 1), halo + 1), (tile - 1, tile + 1), (tile, tile - 1), (tile + 1, tile), (prime, 23), (29, prime),
                   (2 * tile + Int.random(in: 1...7, using: &random), tile + Int.random(in: 2...9, using: &random))]
        return all.filter { $0.0 > 0 && $0.1 > 0 }
    }

    // MARK: The reference

    /// The extended image through the engine in one run, cropped; `nil` where the network does not take it.
    func reference(_ image: Image) throws -> (width: Int, height: Int, values: [Float])? {
        let x = network.analysis.x, y = network.analysis.y, bands = image.bands
        let columns = Self.extended(image.width, x), rows = Self.extended(image.height, y)
        let shape = [1, bands, rows.count, columns.count]
        guard (try? network.graph.shapes(with: ["image": shape])) != nil else { return nil }
        let pixels = try image.floats()
        var values: [Float] = []
        for band in 0..<bands { for row in rows { for column in columns { values.append(pixels[(row * image.width + column) * bands + band]) } } }
        let engine = try PictureEngine.provider.networks().engine
        let whole = try engine.compile(bytes, request: CompileRequest(inputShapes: ["image": shape])).run(["image": TensorData(shape: shape, values: values)], output: "result")
        let height = Self.kept(image.height, rows.count, whole.shape[2], y), width = Self.kept(image.width, columns.count, whole.shape[3], x)
        guard width > 0, height > 0 else { return nil }
        var result: [Float] = []
        for row in 0..<height {
            for column in 0..<width { for band in 0..<whole.shape[1] { result.append(whole.values[(band * whole.shape[2] + row) * whole.shape[3] + column]) } }
        }
        return (width, height, result)
    }

    /// The image's pixel at every place of the axis as the network reads it: what valid convolutions eat on both sides, and right up to a multiple.
    private static func extended(_ size: Int, _ axis: SpatialAnalysis.Axis) -> [Int] {
        let before = max(0, axis.trimBefore), step = axis.needsMultiple
        var after = max(0, axis.trimAfter)
        while (before + size + after) % step != 0 { after += 1 }
        let mirrors = before < size && after < size
        return (-before..<size + after).map { place in
            guard mirrors else { return min(max(place, 0), size - 1) }
            return place < 0 ? -place : place < size ? place : 2 * (size - 1) - place
        }
    }

    private static func kept(_ size: Int, _ extended: Int, _ output: Int, _ axis: SpatialAnalysis.Axis) -> Int {
        extended == size ? output : min(output, size * axis.scaleNumerator / axis.scaleDenominator)
    }
}
