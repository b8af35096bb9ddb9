import Foundation
import StageHost
import Testing
import Vips

@testable import Runner

/// What `precision: auto` goes through before the first image.
@Suite struct RehearsalTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    private func planned(_ name: String) -> PlannedImage {
        PlannedImage(index: 0, input: InputFile(path: folder(name), folder: ""), outputs: [folder("out.png")], bytes: 0)
    }

    /// A picture whose header is there, and whose pixels are not.
    private func truncated() throws -> PlannedImage {
        try Picture.make(400, 300).save(folder("whole.jpg"))
        let bytes = try Data(contentsOf: URL(filePath: folder("whole.jpg")))
        try bytes.prefix(bytes.count / 2).write(to: URL(filePath: folder("cut.jpg")))
        return planned("cut.jpg")
    }

    @Test(arguments: ["stages:\n  - avg: {}\n    set: {out: m}\n  - linear: {a: 1, b: \"${m}\"}",
                      "outputs:\n  - file: out.png\n    stages:\n      - avg: {}\n        set: {out: m}"])
    func `the walk ends before a number that the whole picture would be computed for`(_ text: String) throws {
        let session = try RunSession.of(text, in: folder), planned = try truncated()
        func outputs(for purpose: ImageContext.Purpose) throws -> Int {
            let context = ImageContext(memoryBudget: 1 << 28, for: purpose)
            defer { context.finish() }
            let opened = try InputImage.open(OpenedFile(planned.input.path), session: session, context: context, isStreamable: false)
            return try ImageJob(session: session, planned: planned, context: context, progress: { _ in }).outputs(of: opened).count
        }
        #expect(try outputs(for: .deciding) == 0)
        #expect(throws: ImageFailure.self) { try outputs(for: .explaining) }
        #expect(throws: ImageFailure.self) { try outputs(for: .making) }
    }

    /// A picture that comes only when the context is given up, or after a time that no test should take.
    private struct Late: Sequence, IteratorProtocol {
        let context: ImageContext
        let image: PlannedImage

        mutating func next() -> PlannedImage? {
            let end = ContinuousClock.now + .seconds(20)
            while !context.isCancelled, ContinuousClock.now < end { Thread.sleep(forTimeInterval: 0.001) }
            return image
        }
    }

    @Test func `it ends with the time limit of an image`() throws {
        let session = try RunSession.of("limits: {timeout: 0.01s}\nstages: [invert]", in: folder)
        let context = ImageContext(memoryBudget: 1 << 28, for: .deciding)
        PrecisionRehearsal(session: session, images: Late(context: context, image: planned("none.png")), context: context).run()
        #expect(context.isCancelled)
    }
}
