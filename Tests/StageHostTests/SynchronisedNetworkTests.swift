import Foundation
import Inference
import ONNX
import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// Networks that take statistics over the whole picture: `sync` gives what `whole` gives.
@Suite(.enabled(if: StatisticNetwork.hasEngine, "OpenVINO is not installed: run `make setup`"))
struct SynchronisedNetworkTests {
    /// Below a tile, its size, odd, prime, and not a multiple of the strides.
    static let sizes = [(7, 5), (40, 40), (41, 39), (97, 61), (64, 120), (2, 97)]

    private func compare(_ network: StatisticNetwork, bands: Int = 3, sizes: [(Int, Int)] = Self.sizes, _ options: [String: Value] = [:], edge: Int = 40) throws {
        var hasSeveral = false
        for (width, height) in sizes {
            let image = try Scene.data(width: width, height: height, bands: bands)
            let whole = try network.run(image, options.merging(["tiling": .string("whole")]) { $1 }).image.floats()
            let (synced, report) = try network.run(image, options.merging(["tiling": StatisticNetwork.tiles(of: edge)]) { $1 })
            let values = try synced.floats()
            #expect((report.passes >= 1) == (report.tiles > 1) && values.count == whole.count)
            let worst = zip(values, whole).map { abs($0 - $1) }.max() ?? 0
            #expect(worst <= 1e-4, "\(width) x \(height)")
            // A result that is the same everywhere, or no number, would agree with anything.
            #expect(width * height == 1 || (whole.max() ?? 0) - (whole.min() ?? 0) > 0.01, "\(width) x \(height)")
            if report.tiles > 1 { hasSeveral = true }
        }
        #expect(hasSeveral)
    }

    @Test(arguments: StatisticNetwork.Kind.allCases) func `each statistic, tile by tile, is that of the whole`(kind: StatisticNetwork.Kind) throws {
        try compare(try StatisticNetwork { network, x in try network.conv(try network.statistic(kind, try network.conv(x)), to: 3) })
    }

    @Test(arguments: [7, 11, 13, 18, 23]) func `reductions are found in the spelling of every opset`(opset: Int) throws {
        try compare(try StatisticNetwork(opset: opset) { network, x in
            let y = try network.conv(x)
            let excited = network.graph.add("Mul", [y, network.graph.add("Sigmoid", [try network.reduce("ReduceMean", y)])])
            return try network.conv(network.graph.add("Sub", [excited, try network.reduce("ReduceMax", excited)]), to: 3)
        })
    }

    @Test(arguments: 1...12) func `random networks with several statistics agree`(seed: Int) throws {
        try compare(try StatisticNetwork.random(seed: UInt64(seed)), sizes: [(53, 47), (96, 80)])
    }

    @Test func `statistics at several scales of a U-net include what the picture is extended by`() throws {
        try compare(try StatisticNetwork.unet())
    }

    @Test func `pictures with the channels last agree`() throws {
        try compare(try StatisticNetwork(isNHWC: true) { network, x in
            let y = network.graph.add("Mul", [x, network.graph.add("Sigmoid", [try network.reduce("ReduceMean", x, axes: [1, 2])])])
            return try network.graph.add("MatMul", [y, network.weights([3, 3])])
        }, ["layout": .string("nhwc")])
    }

    @Test func `grey pictures, and the brightness of colour pictures, agree`() throws {
        let network = try StatisticNetwork(channels: 1) { network, x in try network.conv(try network.statistic(.instance, try network.conv(x, from: 1)), to: 1) }
        try compare(network, bands: 1)
        let picture = try Scene.picture(width: 90, height: 70, bands: 3, white: 255) { x, y, band in (3 * x + 5 * y * (band + 1)) % 256 }
        let whole = try network.run(picture, ["tiling": .string("whole")]).image.floats()
        let synced = try network.run(picture, ["tiling": StatisticNetwork.tiles(of: 40)]).image.floats()
        #expect(zip(whole, synced).allSatisfy { abs($0 - $1) <= 1e-4 * 255 })
    }

    @Test func `an input that can only be read once, or that stages make, is kept`() throws {
        let network = try StatisticNetwork { network, x in try network.conv(try network.statistic(.instance, try network.conv(x)), to: 3) }
        let path = FileManager.default.temporaryDirectory.appending(path: "aquatint-\(UUID().uuidString).png").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Scene.picture(width: 300, height: 700, bands: 3, white: 255) { x, y, band in (3 * x + 5 * y * (band + 1)) % 256 }.save(path)
        let random = try network.run(try Image.load(path).taggedAsOpened(), ["tiling": StatisticNetwork.tiles(of: 64)]).image.floats()
        let sequential = try Image.load(path, access: .sequential).taggedAsOpened()
        #expect(sequential.isStreamed)
        #expect(try network.run(sequential, ["tiling": StatisticNetwork.tiles(of: 64)]).image.floats() == random)
        // Too large for a quarter of the budget: a temporary file, which does not stay.
        let kept = try Image.load(path, access: .sequential).kept(memoryBudget: 1 << 20)
        #expect(try kept.bytes() == Image.load(path).bytes())
    }

    @Test func `auto synchronises what does not fit whole, exact says that it would do`() throws {
        let network = try StatisticNetwork { network, x in try network.conv(try network.statistic(.instance, try network.conv(x)), to: 3) }
        let image = try Scene.data(width: 400, height: 300, bands: 3)
        let whole = try network.run(image, ["tiling": .string("whole")])
        #expect(whole.report.isWhole && whole.report.passes == 0)
        #expect(try network.run(image, ["tiling": .string("auto")]).report.passes == 0)
        let (synced, report) = try network.run(image, ["tiling": .string("auto")], memory: 4 << 20)
        #expect(report.passes == 1 && report.tiles > 1 && report.memory <= 4 << 20)
        #expect(try #require(report.work) > 1)
        let worst = zip(try synced.floats(), try whole.image.floats()).map { abs($0 - $1) }.max() ?? 1
        #expect(worst <= 1e-4)
        for tiling in ["exact", "whole"] {
            let error = try #require(throws: StageError.self) { try network.run(image, ["tiling": .string(tiling)], memory: 4 << 20) }
            #expect(error.code == .memory && error.message.contains("needs "))
            #expect(error.message.contains("so would 'tiling: sync', which reads the picture once more"), "\(error.message)")
        }
    }

    @Test func `the engine's sums over a large whole picture are not trusted`() throws {
        // Far from 0, where single precision loses most: 5e-3 off where the engine normalises by itself.
        let network = try StatisticNetwork { network, x in
            let raised = network.graph.add("Add", [try network.conv(x), try network.graph.initializer([20], dims: [1], name: "twenty")])
            return try network.conv(try network.statistic(.instance, raised), to: 3)
        }
        try compare(network, sizes: [(1200, 900)], edge: 512)
    }

    @Test func `a softmax over all places is refused with the node's name`() throws {
        let network = try StatisticNetwork { network, x in
            let flat = network.graph.add("Reshape", [x, try network.graph.initializer(int64: [1, 3, -1], dims: [3], name: "flat")])
            let weights = network.graph.add("Softmax", [flat], ["axis": .int(2)], name: "weigh")
            return network.graph.add("Reshape", [weights, network.graph.add("Shape", [x])])
        }
        let error = try #require(throws: StageError.self) {
            try network.run(try Scene.data(width: 30, height: 20, bands: 3), ["tiling": .string("sync")])
        }
        #expect(error.message == """
            the network cannot be cut at its statistics: node weigh (Softmax): weighs every place by all others (softmax), which needs all of them at once. \
            Run it whole (tiling: whole)
            """)
    }

    @Test func `a statistic that is no number names its node`() throws {
        let network = try StatisticNetwork { network, x in
            try network.conv(try network.statistic(.instance, network.graph.add("Log", [try network.conv(x)])), to: 3)
        }
        let image = try network.run(try Scene.data(width: 90, height: 70, bands: 3), ["tiling": StatisticNetwork.tiles(of: 40)]).image
        let error = try #require(throws: (any Error).self) { try image.bytes() }
        #expect("\(error)".contains("(InstanceNormalization)' reads holds NaN or infinity in the part from ("), "\(error)")
    }

    @Test func `infinity in the picture itself is found there`() throws {
        let network = try StatisticNetwork { network, x in try network.conv(try network.statistic(.instance, try network.conv(x)), to: 3) }
        // Full scale of floats is light; a number past the largest float is infinity.
        let picture = try Operation.image("linear", ["in": .image(try Scene.data(width: 90, height: 70, bands: 3)), "a": .doubles([1e300]), "b": .doubles([0])])
        let image = try network.run(picture, ["tiling": StatisticNetwork.tiles(of: 40)]).image
        let error = try #require(throws: (any Error).self) { try image.bytes() }
        #expect("\(error)".contains("the picture that goes into it holds NaN or infinity at ("), "\(error)")
    }
}
