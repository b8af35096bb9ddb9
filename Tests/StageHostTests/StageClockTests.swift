import Inference
import PipelineLanguage
import Testing
import Vips
@testable import StageHost

/// Where the time of an image goes, and what its networks computed in.
@Suite struct StageClockTests {
    @Test func `a pixel stage takes time when its pixels are computed, and not before`() throws {
        let context = ImageContext(memoryBudget: 1 << 30)
        let stage = try BuiltPlugins.stage("kuwahara").create()
        let input = try Scene.picture(width: 60, height: 40, bands: 3, white: 255) { x, y, _ in x + y }
        // The same stage twice: one name, one time.
        let once = try PixelStageImage(instance: stage, context: context, stage: "kuwahara").make([input])
        let twice = try PixelStageImage(instance: stage, context: context, stage: "kuwahara").make([once])
        #expect(context.stageSeconds.isEmpty)
        let start = ContinuousClock.now
        _ = try twice.bytes()
        let wall = ContinuousClock.now - start
        #expect(context.stageSeconds.map(\.stage) == ["kuwahara"] && context.precisions.isEmpty)
        // No more than the threads that libvips may have used could take.
        #expect(context.stageSeconds[0].seconds > 0 && .seconds(context.stageSeconds[0].seconds) < wall * 256)
    }

    @Test(.enabled(if: Chain.engine, "OpenVINO is not installed: run `make setup`"))
    func `networks that run as one have one time, and their arithmetic is known once they have computed`() throws {
        let input = try Scene.picture(width: 60, height: 40, bands: 3, white: 255) { x, y, _ in x + y }
        for (fuses, names) in [(true, ["generator + separable_conv"]), (false, ["generator", "separable_conv"])] {
            let outcome = try Chain.run([ChainLinks.paint, ChainLinks.same], on: input, fuses: fuses)
            #expect(outcome.context.stageSeconds.isEmpty && outcome.context.precisions.isEmpty)
            _ = try outcome.image.floats()
            #expect(outcome.context.stageSeconds.map(\.stage) == names)
            #expect(outcome.context.precisions == [.f32])
        }
    }

    @Test(.enabled(if: StatisticNetwork.hasEngine, "OpenVINO is not installed: run `make setup`"))
    func `a network that reads the picture for statistics first has one time`() throws {
        let network = try StatisticNetwork { network, x in try network.conv(try network.statistic(.instance, try network.conv(x)), to: 3) }
        let context = ImageContext(memoryBudget: 2 << 30), image = try Scene.data(width: 97, height: 61, bands: 3)
        let (result, report) = try network.run(image, ["tiling": StatisticNetwork.tiles(of: 40)], context: context)
        #expect(report.passes == 1 && report.tiles > 1 && context.stageSeconds.isEmpty)
        _ = try Operation.call("getpoint", ["in": .image(result), "x": 0, "y": 0])
        let some = try #require(context.stageSeconds.first)
        #expect(context.stageSeconds.count == 1 && some.stage == "onnx" && context.precisions == [.f32])
        context.finish()
    }

    @Test func `several outputs of one run are one stretch of time`() {
        let clock = StageClock(stage: "x")
        var watch = NetworkStopwatch(clock)
        watch.computed()
        #expect(clock.seconds == 0, "nothing was filled")
        watch.filled()
        watch.computed()
        let first = clock.seconds
        watch.computed()
        #expect(first > 0 && clock.seconds == first)
    }

    @Test func `arithmetic that differs is all named`() {
        let context = ImageContext(memoryBudget: 1)
        context.computed(in: .bf16)
        context.computed(in: .f32)
        context.computed(in: .bf16)
        #expect(context.precisions == [.f32, .bf16])
    }
}
