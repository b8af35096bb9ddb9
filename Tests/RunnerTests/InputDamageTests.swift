import Foundation
import StageHost
import Testing
import Vips

@testable import Runner

/// What is found out of files of which a part is to be kept.
@Suite struct InputDamageTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    private func find(_ name: String, isCancelled: Bool = false) throws -> String? {
        let context = ImageContext(memoryBudget: 1 << 28)
        if isCancelled { context.cancel() }
        return try InputDamage.find(OpenedFile(folder(name)), "pngload", ["fail_on": .string("none")], context)
    }

    @Test func `looking for damage ends where the image is given up`() throws {
        try Picture.make(400, 300).save(folder("a.png"))
        #expect(try find("a.png") == nil)
        let failure = try #require(throws: ImageFailure.self) { try find("a.png", isCancelled: true) }
        #expect(failure.code == "cancelled")
    }

    @Test func `what this machine lacks is no damage of the file`() {
        #expect(InputDamage.isOfTheMachine("unable to open for read; system error: Too many open files"))
        #expect(InputDamage.isOfTheMachine("vips_tracked: out of memory --- size == 40MB"))
        #expect(!InputDamage.isOfTheMachine("VipsJpeg: Premature end of input file"))
    }
}
