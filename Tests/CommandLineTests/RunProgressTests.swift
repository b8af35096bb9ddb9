import Foundation
import Testing

@testable import Runner
@testable import aquatint

@Suite struct RunProgressTests {
    private let start = Date(timeIntervalSince1970: 0)

    private func report(_ index: Int, _ status: ImageReport.Status, bytes: Int64 = 1000, pixels: Int = 1_000_000) -> ImageReport {
        ImageReport(index: index, input: "in/\(index).png", outputs: ["out/\(index).png"], status: status, notes: [], seconds: 1, pixels: status == .done ? pixels : 0, inputBytes: bytes)
    }

    private func progress(images: Int) -> RunProgress {
        RunProgress(RunHeader(pipeline: "p", images: images, inputBytes: Int64(images) * 1000, skipped: [], jobs: 1, threadsPerImage: 1, memoryBudget: 1))
    }

    @Test func `rate and time go by what is worked off`() throws {
        var progress = progress(images: 10)
        #expect(progress.rate(at: start) == nil && progress.remaining(at: start) == nil)
        for index in 0..<4 {
            progress.start(index, at: start)
            progress.finish(report(index, .done))
        }
        progress.start(4, at: start)
        progress.advance(4, to: 0.5)
        let now = start + 9
        #expect(try abs(progress.fraction - 0.45) < 1e-9 && abs(#require(progress.remaining(at: now)) - 11) < 1e-9)
        #expect(try abs(#require(progress.rate(at: now)) - 500_000) < 1e-6)
    }

    @Test func `images that are skipped, or fail, change neither rate nor time`() throws {
        var plain = progress(images: 10), mixed = progress(images: 1010)
        for index in 10..<1010 { mixed.finish(report(index, index < 900 ? .skipped : .failed)) }
        #expect(mixed.fraction == 0 && mixed.left == 10)
        for index in 0..<5 {
            plain.start(index, at: start)
            mixed.start(index, at: start)
            plain.finish(report(index, .done))
            mixed.finish(report(index, .done))
        }
        let now = start + 20
        #expect(mixed.fraction == plain.fraction && mixed.rate(at: now) == plain.rate(at: now) && mixed.remaining(at: now) == plain.remaining(at: now))
        #expect(plain.remaining(at: now) == 20)
    }

    @Test func `the line is shorter than any terminal is wide, and loses the least wanted first`() {
        var progress = progress(images: 2000)
        for index in 0..<900 { progress.finish(report(index, .skipped)) }
        for index in 900..<912 { progress.finish(report(index, .failed)) }
        for index in 912..<1200 {
            progress.start(index, at: start)
            progress.finish(report(index, .done))
        }
        let now = start + 100
        for width in 0...200 { #expect(progress.line(width: width, at: now).count <= max(0, width - 1), "\(width)") }
        #expect(progress.line(width: 120, at: now) == " 26 % [==========                              ] 300/1100, 900 skipped, 12 failed, 2.9 MP/s, 4 min 38 s left")
        #expect(progress.line(width: 60, at: now) == " 26 % [===           ] 300/1100, 12 failed, 4 min 38 s left")
        #expect(progress.line(width: 34, at: now) == " 26 % 300/1100, 4 min 38 s left")
        #expect(progress.line(width: 16, at: now) == " 26 % 300/1100")
    }

    @Test func `a few failures are listed, thousands are told by their reasons`() {
        func failed(_ index: Int, _ message: String, stage: String? = nil) -> ImageReport {
            var failed = report(index, .failed)
            failed.failure = .init(code: "load", stage: stage, message: message)
            return failed
        }
        let few = (1...3).map { failed($0, "no image") }
        #expect(FailureDigest.lines(few) == ["in/1.png: no image", "in/2.png: no image", "in/3.png: no image"])
        var many = (1...2000).map { failed($0, "has \($0) x 7 pixels", stage: "1: onnx") }
        many.append(failed(5000, "the file is gone"))
        many += (6000..<6002).map { failed($0, "cannot make 'out/\($0).png': no space") }
        #expect(FailureDigest.lines(many) == [
            "2000 x stage 1: onnx: has 1 x 7 pixels", "    in/1.png, in/2.png, in/3.png and 1997 more",
            "2 x cannot make 'out/6000.png': no space", "    in/6000.png, in/6001.png",
            "1 x the file is gone", "    in/5000.png",
        ])
        let motley = (0..<40).map { failed($0, "reason \(String(repeating: "x", count: $0 % 20))") }
        #expect(FailureDigest.lines(motley).count == 21 && FailureDigest.lines(motley).last == "20 for 10 other reasons")
    }
}
