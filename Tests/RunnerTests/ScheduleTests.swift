import Foundation
import Inference
import PipelineLanguage
import StageHost
import Testing
import Vips

@testable import Runner

@Suite struct ScheduleTests {
    private func schedule(_ images: Int, jobs: Int? = nil, cores: Int = 4) -> Schedule {
        var settings = RunSettings(output: "")
        settings.jobs = jobs
        settings.memory = 1 << 30
        settings.precision = .exactly(.f32)
        return Schedule(images: images, settings: settings, cores: cores)
    }

    @Test func `networks are shared by images in flight, not by files`() {
        #expect(schedule(9).neural.isShared && schedule(9).jobs == 4 && schedule(9).threads == 1)
        #expect(schedule(2).neural.isShared && schedule(2).jobs == 2 && schedule(2).threads == 2)
        for alone in [schedule(1), schedule(1, jobs: 3), schedule(9, jobs: 1), schedule(9, cores: 1), schedule(0)] {
            #expect(!alone.neural.isShared && alone.jobs == 1)
        }
        #expect(schedule(9, jobs: 1).threads == 4 && schedule(9, jobs: 1).neural.threads == 4)
    }

    @Test func `memory is divided by images in flight, and the pipeline's limit holds for each`() throws {
        let free = try RunSession.of("stages: [invert]").pipeline
        #expect(schedule(9).memoryPerImage(free) == 1 << 28 && schedule(9, jobs: 1).memoryPerImage(free) == 1 << 30)
        let limited = try RunSession.of("limits: {max_memory: 64Mi}\nstages: [invert]").pipeline
        #expect(schedule(9, jobs: 1).memoryPerImage(limited) == 64 << 20)
    }

    @Test(.enabled(if: (try? OpenVINO.load(EngineLocation.all())) != nil, "there is no inference engine: run make setup"), arguments: [1, 2])
    func `what is explained is what is run`(jobs: Int) throws {
        let folder = try Scratch()
        try Picture.make(600, 400).save(folder("a.png"))
        let library = try StageLibrary(search: PluginSearch(option: [Self.directory], environment: [:], executable: nil), host: PluginHost(version: "test") { _, _ in })
        let model = Self.root.appending(path: "Pipelines/weights/upscale2x-small.onnx").path
        for tiling in ["auto", "whole", "{tile: 128}"] {
            let text = "version: 1\nstages:\n  - onnx: {model: \(model), tiling: \(tiling)}\noutput: \"{stem}.png\"\n"
            let (pipeline, _) = try Pipeline.read(SourceText(name: folder("p.yaml"), text: text))
            func traces(_ isRun: Bool) throws -> [String] {
                // Nine files of which so many are in flight, and one that stands for them.
                let schedule = schedule(isRun ? 9 : jobs, jobs: jobs, cores: 2)
                let session = try RunSession(library: library, pipeline: pipeline, set: [:], schedule: schedule)
                let stages: [StageTrace]
                if isRun {
                    let planned = PlannedImage(index: 0, input: InputFile(path: folder("a.png"), folder: ""), outputs: [folder("out.png")], bytes: 0)
                    let context = ImageContext(memoryBudget: schedule.memoryPerImage(pipeline))
                    defer { context.finish() }
                    let opened = try InputImage.open(OpenedFile(planned.input.path), session: session, context: context)
                    stages = try ImageJob(session: session, planned: planned, context: context) { _ in }.outputs(of: opened).first?.traces ?? []
                } else {
                    stages = try Explanation(input: folder("a.png"), session: session, schedule: schedule).stages
                }
                return stages.compactMap(\.network).map { "\($0.tile) \($0.tiles) \($0.streams) \($0.precision) \($0.memory)" }
            }
            let explained = try traces(false)
            let run = try traces(true)
            #expect(explained.count == 1 && explained == run)
            if tiling == "whole" { #expect(explained[0].hasPrefix("(width: 600, height: 400) 1 \(jobs) f32 "), "alone, a picture gets all threads: \(explained)") }
        }
    }

    /// The build directory, which has the plug-ins: where the tests' own library lies, as the kernel has mapped it.
    private static let directory: String = {
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        let library = maps.split(separator: "\n").first { $0.hasSuffix(".xctest") }
        guard let library, let start = library.firstIndex(of: "/"), let end = library.lastIndex(of: "/") else { return "." }
        return String(library[start..<end])
    }()

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}
