import Foundation
import ONNX
import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// Neighbouring networks as one: the same picture as one by one, or a reason.
@Suite(.enabled(if: Chain.engine, "OpenVINO is not installed: run `make setup`"))
struct FusionTests {
    typealias L = ChainLinks

    static func photo(_ width: Int, _ height: Int, bands: Int = 3, white: Int = 255) throws -> Image {
        try Scene.picture(width: width, height: height, bands: bands, white: white) { x, y, band in
            let value = (x * x / 3 + y * 5 + band * 40 + x * y / 7) % 256
            return white == 255 ? value : value * 257 % 65536
        }
    }

    static let fusable: [[Chain.Link]] = [
        [L.spread, L.module("adaptive_attention", "01", ["scale": .double(0.35355)])],
        [L.same, L.paint], [L.paint, L.same], [L.paint, L.paint, L.paint], [L.windows, L.paint], [L.wide, L.gatedWindows], [L.wide, L.gatedWindows, L.narrow],
        [L.four, L.narrow, L.coloured], [L.grey, L.coloured], [L.twice, L.same], [L.twice, L.paint], [L.paint, L.fourfold], [L.twice, L.twice, L.same],
        [L.twice, L.half], [L.reversed, L.paint], [L.paint, L.reversed], [L.reversed, L.channelsLast, L.twice], [L.channelsLast, L.channelsLast],
        [L.noisy, L.noisy], [L.paint, L.noisy, L.reversed], [L.fourfold, L.paint], [L.wide, L.narrow], [L.old, L.paint], [L.reversed, L.old],
        [L.paint.with(["strength": .double(0.4)]), L.reversed.with(["strength": .double(0.7)]), L.same], [L.windows.with(["strength": .double(0.5)]), L.twice],
        [L.grey, L.paint], [L.reversed, L.reversed.with(["strength": .double(0.25)])],
    ]

    @Test(arguments: fusable)
    func `one network gives what one by one gives`(links: [Chain.Link]) throws {
        for (width, height) in [(61, 43), (1, 1), (8, 6)] {
            let outcome = try Chain.expectSame(links, on: try Self.photo(width, height))
            #expect(outcome.groups == [links.count], "\(width) x \(height): \(outcome.refusals)")
        }
    }

    @Test(arguments: [[L.paint, L.same], [L.twice, L.fourfold], [L.twice, L.paint, L.twice], [L.wide, L.narrow]])
    func `transparency and sixteen bits pass as one by one`(links: [Chain.Link]) throws {
        for (bands, white) in [(4, 255), (3, 65535), (4, 65535)] {
            let outcome = try Chain.expectSame(links, on: try Self.photo(33, 21, bands: bands, white: white))
            #expect(outcome.groups == [links.count], "\(outcome.refusals)")
        }
    }

    @Test func `a grey picture, and numbers, go through as one by one`() throws {
        for links in [[L.paint, L.same], [L.coloured, L.twice], [L.twice, L.grey, L.paint]] {
            #expect(try Chain.expectSame(links, on: try Self.photo(29, 31, bands: 1)).groups == [links.count])
        }
        #expect(try Chain.expectSame([L.same, L.twice], on: try Scene.data(width: 23, height: 19, bands: 3)).groups == [2])
    }

    @Test(arguments: [[L.windows, L.paint], [L.twice, L.twice], [L.paint, L.unet, L.twice], [L.wide, L.gatedWindows, L.narrow]])
    func `large pictures in tiles give what one by one gives`(links: [Chain.Link]) throws {
        // Odd, and not a multiple of windows or strides, but of what the U-net takes.
        let fused = try Chain.expectSame(links, on: try Self.photo(566, 302))
        #expect(fused.groups == [links.count], "\(fused.refusals)")
    }

    @Test func `what cannot be one network says why`() throws {
        let cases: [([Chain.Link], String)] = [
            ([L.paint, L.unet], "'onnx' extends the picture of 61 x 43 to a size that its network takes"),
            ([L.lumaOnly, L.paint], "'onnx' is more than its network: only brightness goes through it"),
            ([L.paint, L.same.with(["precision": .string("f32")])], "their 'precision' differs"),
            ([L.paint, L.same.with(["tiling": .string("exact")])], "their 'tiling' differs"),
            ([L.paint.with(["tiling": .map(ValueMap([.init(key: "tile", value: .int(32))]))]), L.same], "'generator' has a 'tiling' of its own"),
            ([L.file("sized", ["input_size": .list([.int(32), .int(32)])]) { try L.convolution($0, $1, 3, 3) }, L.same],
             "'onnx' is more than its network: the picture is scaled to 32 x 32 for it"),
            ([L.file("ancient", opset: 6) { $0.add("Relu", [$1]) }, L.file("older", opset: 6) { $0.add("Relu", [$1]) }],
             "their graphs cannot be merged: operator set 6 is older than 7, which the nodes between networks are written in"),
        ]
        for (links, reason) in cases {
            let outcome = try Chain.expectSame(links, on: try Self.photo(61, 43))
            #expect(outcome.groups == [1, 1] && outcome.refusals == [reason], "\(outcome.refusals)")
        }
    }

    @Test func `a network of the whole picture is not joined with one that runs in tiles`() throws {
        let picture = try Self.photo(1400, 900), pool = L.file("pool") { graph, x in
            graph.add("Mul", [x, graph.add("Sigmoid", [graph.add("GlobalAveragePool", [x])])])
        }
        let outcome = try Chain.run([L.module("generator", "01"), pool], on: picture, fuses: true, memory: 120 << 20)
        #expect(outcome.groups == [1, 1] && outcome.refusals == ["together they do not fit the memory as one run on the whole picture"], "\(outcome.refusals)")
        // Nothing is said of the one network, which would have taken statistics in tiles.
        _ = try #require(outcome.last).prepare()
        #expect(outcome.context.notes.isEmpty, "\(outcome.context.notes)")
        #expect(try Chain.expectSame([L.paint, pool], on: try Self.photo(40, 30)).groups == [2])
    }

    @Test func `what is to be said of stages is said when their network is prepared, once`() throws {
        let outcome = try Chain.run([L.twice, L.paint], on: try Self.photo(29, 31, bands: 1), fuses: true)
        #expect(outcome.groups == [2] && outcome.context.notes.isEmpty)
        _ = try #require(outcome.last).prepare()
        #expect(outcome.context.notes == ["the grey picture is given to all three channels of 'onnx', and their brightness is the result"])
    }

    @Test func `one picture's fused network serves the next`() throws {
        let first = try Chain.run([L.paint, L.twice], on: try Self.photo(30, 20), fuses: true)
        let second = try Chain.run([L.paint, L.twice], on: try Self.photo(44, 52), fuses: true)
        #expect(first.groups == [2] && second.groups == [2])
    }
}
