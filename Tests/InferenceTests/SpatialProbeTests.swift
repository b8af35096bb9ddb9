import NetworkSamples
import ONNX
import Testing
@testable import Inference

/// What the analysis claims, against what the engine computes.
@Suite struct SpatialProbeTests {
    private static func probe(_ model: Model) throws -> (probe: SpatialProbe, analysis: SpatialAnalysis) {
        let analysis = SpatialAnalysis.analyse(model)
        return (SpatialProbe(engine: try OpenVINO.shared(), model: model, bytes: try model.serialized(), analysis: analysis), analysis)
    }

    @Test(arguments: 0..<27) func `no random network sees farther than the analysis says`(number: Int) throws {
        let families = RandomNetwork.Family.allCases
        let family = families[number % families.count]
        let (probe, analysis) = try Self.probe(RandomNetwork.make(seed: UInt64(number) + 500, family: family, channels: 1 + number % 3))
        switch try probe.verdict() {
        case .confirmed(let runs): #expect(runs > 4)
        case .refuted(let problem): Issue.record("\(family) \(number): \(problem), \(analysis.x), \(analysis.y)")
        case .notTried(let reason): #expect(!analysis.isTileable || reason.hasPrefix("an image that shows"), "\(family) \(number): \(reason)")
        }
    }

    @Test func `claims that are too small are refuted`() throws {
        var refuted = 0, tried = 0
        for number in 0..<24 {
            let family = [RandomNetwork.Family.plain, .dilated, .strided, .unet, .transposed, .padded][number % 6]
            for change in [\SpatialAnalysis.Axis.haloBefore, \.haloAfter] {
                var (probe, analysis) = try Self.probe(RandomNetwork.make(seed: UInt64(number) + 900, family: family, channels: 1))
                guard analysis.isTileable, analysis.x[keyPath: change] > analysis.x.stride else { continue }
                probe.x[keyPath: change] -= analysis.x.stride
                tried += 1
                if case .refuted = try probe.verdict() { refuted += 1 }
            }
        }
        #expect(tried > 10 && refuted * 3 > tried * 2, "\(refuted) of \(tried)")
    }

    @Test func `a stride that is not the network's is refuted`() throws {
        let graph = GraphBuilder()
        let x = graph.input("image", dims: [.fixed(1), .fixed(1), .symbolic("h"), .symbolic("w")])
        let pooled = graph.add("MaxPool", [x], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
        let scales = try graph.initializer([1, 1, 2, 2], dims: [4], name: "scales")
        graph.output(graph.add("Resize", [pooled, .none, scales], ["mode": .string("nearest"), "coordinate_transformation_mode": .string("asymmetric"), "nearest_mode": .string("floor")]), name: "result")
        var (probe, analysis) = try Self.probe(try graph.finish())
        #expect(try probe.verdict() == .confirmed(runs: 3 * 3 + 3))
        #expect(analysis.x.stride == 2)
        // As if every pixel were for itself, but for a neighbour on either side.
        (probe.x.stride, probe.x.haloBefore, probe.x.haloAfter) = (1, 1, 1)
        guard case .refuted(let problem) = try probe.verdict() else {
            Issue.record("not refuted")
            return
        }
        #expect(problem.contains("is another when the image begins 1 x 2 pixels later") || problem.contains("ends 1 x 2 pixels earlier"))
    }

    @Test func `what is not claimed is not tried`() throws {
        let graph = GraphBuilder()
        let x = graph.input("image", dims: [.fixed(1), .fixed(1), .symbolic("h"), .symbolic("w")])
        graph.output(graph.add("Mul", [x, graph.add("GlobalAveragePool", [x])]), name: "result")
        let (probe, _) = try Self.probe(try graph.finish())
        #expect(try probe.verdict() == .notTried("the network is global, so nothing is claimed of it"))
        #expect(probe.flops == nil)
    }

    @Test(.enabled("needs the published models", { PublishedModelTests.bytes("dncnn_25_gray.onnx") != nil }),
          arguments: ["realesr-animevideov3-x4.onnx", "dncnn_25_gray.onnx", "super_resolution.onnx"])
    func `published networks do what is claimed of them`(name: String) throws {
        let bytes = try #require(PublishedModelTests.bytes(name))
        let model = try Model(serialized: bytes)
        let probe = SpatialProbe(engine: try OpenVINO.shared(), model: model, bytes: bytes, analysis: SpatialAnalysis.analyse(model))
        guard case .confirmed = try probe.verdict(threads: 2) else {
            Issue.record("\(name): \(try probe.verdict())")
            return
        }
    }
}
