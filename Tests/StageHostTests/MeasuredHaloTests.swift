import Foundation
import Inference
import ONNX
import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// `tiling: auto` where exact tiles cost too much: a measured halo, said to be one.
@Suite(.enabled(if: PretendingEngine.real != nil, "OpenVINO is not installed: run `make setup`"))
struct MeasuredHaloTests {
    /// Six convolutions of 9 x 9, each of which looks a little at its neighbours: the halo is 24, and what matters far less.
    ///
    /// - Parameter flat: takes [1, H, W, 1] and gives [1, H, W], instead of [1, 1, H, W] both.
    private func deep(neighbours: Float, flat: Bool = false) throws -> HostedNetwork {
        let graph = GraphBuilder(), h = ONNX.Dimension.symbolic("h"), w = ONNX.Dimension.symbolic("w")
        var y = graph.input("x", dims: flat ? [.fixed(1), h, w, .fixed(1)] : [.fixed(1), .fixed(1), h, w])
        if flat { y = graph.add("Transpose", [y], ["perm": .ints([0, 3, 1, 2])]) }
        for layer in 0..<6 {
            let kernel = (0..<81).map { $0 == 40 ? 1 - 80 * neighbours : neighbours }
            let weight = try graph.initializer(kernel, dims: [1, 1, 9, 9], name: "weight\(layer)")
            y = graph.add("Conv", [y, weight], ["pads": .ints([4, 4, 4, 4])])
        }
        if flat { y = graph.add("Squeeze", [y, try graph.initializer(int64: [1], dims: [1], name: "channels")]) }
        graph.output(y, name: "y", dims: flat ? [.fixed(1), h, w] : [.fixed(1), .fixed(1), h, w])
        return HostedNetwork(bytes: try graph.finish().serialized())
    }

    private func picture() throws -> Image {
        try Scene.picture(width: 420, height: 360, bands: 1, white: 255) { x, y, _ in (x * x / 31 + y * 3 + (x / 40 + y / 40) % 2 * 90) % 256 }
    }

    private func run(_ network: HostedNetwork, budget: Int, tiling: String = "auto", of picture: Image? = nil, for purpose: ImageContext.Purpose = .making,
                     on networks: NetworkCache? = nil) throws -> (report: NetworkReport, values: [Float], notes: [String]) {
        let real = try #require(PretendingEngine.real)
        let provider = EngineProvider(networks ?? NetworkCache(engine: real, capacity: 24))
        let context = ImageContext(memoryBudget: budget, for: purpose)
        defer { context.finish() }
        let (image, report) = try network.run(try picture ?? self.picture(), settings: NeuralSettings(precision: .exactly(.f32), threads: 2), engine: provider, context: context,
                                              tiling: .string(tiling))
        return (report, try image.floats(), context.notes)
    }

    /// A budget below what the tiles need that compute each pixel at most 1.6 times.
    private let tight = 600_000

    @Test func `the smallest halo that passes on the picture is used, and said to be measured`() throws {
        let network = try deep(neighbours: 0.0004)
        let (report, values, notes) = try run(network, budget: tight)
        let error = try #require(report.haloError)
        #expect(report.isApproximate && report.halo.left < 24 && error <= 0.5 && report.tiles > 1)
        #expect(notes.contains { $0.contains("where 24 would be exact") && $0.contains("not guaranteed elsewhere") }, "\(notes)")
        let whole = try run(network, budget: 1 << 30, tiling: "whole")
        #expect(whole.report.haloError == nil && !whole.report.isApproximate)
        #expect(zip(values, whole.values).allSatisfy { abs($0 - $1) <= 1 })
    }

    @Test func `it is read as the network lays its output out`() throws {
        let flat = try run(deep(neighbours: 0.0004, flat: true), budget: tight), planar = try run(deep(neighbours: 0.0004), budget: tight)
        #expect(flat.report.haloError == planar.report.haloError && flat.report.halo == planar.report.halo && flat.report.haloError != nil)
        #expect(zip(flat.values, planar.values).allSatisfy { abs($0 - $1) < 1e-3 })
    }

    @Test func `the next picture of that size compiles nothing again, and one that is only decided on measures nothing`() throws {
        let networks = NetworkCache(engine: try #require(PretendingEngine.real), capacity: 24), network = try deep(neighbours: 0.0004)
        #expect(try run(network, budget: tight, for: .deciding, on: networks).report.isApproximate)
        let decided = networks.count
        #expect(decided <= 2, "the tiles that it would run in, at most")
        #expect(try run(network, budget: tight, for: .explaining, on: networks).report.haloError != nil)
        let measured = networks.count
        #expect(measured > decided)
        #expect(try run(network, budget: tight, on: networks).report.haloError != nil && networks.count == measured)
    }

    @Test func `exact tiles never are measured ones`() throws {
        let report = try run(deep(neighbours: 0.0004), budget: tight, tiling: "exact").report
        #expect(report.haloError == nil && !report.isApproximate && report.halo.left == 24)
    }

    @Test func `nothing is measured where it is not needed`() throws {
        #expect(try run(deep(neighbours: 0.0004), budget: 1 << 30).report.haloError == nil)
    }

    @Test func `where parts cannot be read beforehand the refusal stands`() throws {
        let error = try #require(throws: StageError.self) {
            try Scene.withStreamed(picture()) { _ = try run(deep(neighbours: 0.0004), budget: tight, of: $0) }
        }
        #expect(error.code == .memory)
    }
}
