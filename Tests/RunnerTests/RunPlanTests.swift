import Foundation
import Testing

@testable import Runner

@Suite struct RunPlanTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    func plan(_ pipeline: String, _ inputs: [String], to output: String = "out") throws -> RunPlan {
        let request = try RunRequest.of(pipeline, in: folder)
        var selection = InputSelection(arguments: inputs.map { folder($0) })
        selection.output = folder(output)
        let found = try selection.resolve(knownExtensions: ["png", "jpg"]) { _ in false }
        return try RunPlan(found, request: request, settings: RunSettings(output: folder(output)))
    }

    func outputs(_ pipeline: String, _ inputs: [String], to output: String = "out") throws -> [String] {
        try plan(pipeline, inputs, to: output).images.flatMap(\.outputs).map { $0.replacing(folder.path + "/", with: "") }
    }

    @Test func `the tree of the inputs is mirrored, and the format and the spelling of the extension kept`() throws {
        for name in ["in/a.PNG", "in/b/c.jpg"] { try folder.write(name) }
        #expect(try outputs("stages: [invert]", ["in"]) == ["out/a.PNG", "out/b/c.jpg"])
        #expect(try outputs("stages: [invert]", ["in/b/c.jpg"]) == ["out/c.jpg"])
    }

    @Test func `templates are relative to the input's place, and dir is that place`() throws {
        for name in ["in/a.png", "in/b/c.d.png"] { try folder.write(name) }
        #expect(try outputs("output: \"{stem}.jpg\"", ["in"]) == ["out/a.jpg", "out/b/c.d.jpg"])
        #expect(try outputs("output: \"{dir}/{stem}.jpg\"", ["in"]) == ["out/a.jpg", "out/b/c.d.jpg"])
        #expect(try outputs("output: \"{name}-{index}{ext}\"", ["in"]) == ["out/a.png-1.png", "out/b/c.d.png-2.png"])
        #expect(try outputs("vars: {w: 3}\noutput: \"x/{stem}-${w * 2}.jpg\"", ["in"]) == ["out/x/a-6.jpg", "out/b/x/c.d-6.jpg"])
    }

    @Test func `an output that ends in an image extension is a file for one input, and a folder otherwise`() throws {
        for name in ["in/a.png", "in/b.png"] { try folder.write(name) }
        #expect(try outputs("stages: [invert]", ["in/a.png"], to: "one.jpg") == ["one.jpg"])
        #expect(try plan("stages: [invert]", ["in/a.png"], to: "one.jpg").journalFolder == nil)
        #expect(try outputs("stages: [invert]", ["in"], to: "one.jpg") == ["one.jpg/a.png", "one.jpg/b.png"])
        #expect(try outputs("stages: [invert]", ["in/a.png"], to: "one.jpg/") == ["one.jpg/a.png"])
        #expect(try outputs("stages: [invert]", ["in/a.png"], to: "v1.2") == ["v1.2/a.png"])
        #expect(try outputs("outputs: [\"{stem}.jpg\", \"{stem}.webp\"]", ["in/a.png"], to: "one.jpg") == ["one.jpg/a.jpg", "one.jpg/a.webp"])
        try FileManager.default.createDirectory(atPath: folder("dir.png"), withIntermediateDirectories: true)
        #expect(try outputs("stages: [invert]", ["in/a.png"], to: "dir.png") == ["dir.png/a.png"])
    }

    @Test func `two inputs for one output end the run with 73 before any work`() throws {
        for name in ["in/a.png", "in/a.jpg", "in/x/a.png"] { try folder.write(name) }
        let error = runError { try outputs("output: \"{stem}.webp\"", ["in"]) }
        #expect(error?.status == .cannotCreateOutput)
        #expect(error?.message.contains("'\(folder("in/a.jpg"))' and '\(folder("in/a.png"))' would both write '\(folder("out/a.webp"))'") == true)
        #expect(runError { try outputs("stages: [invert]", ["in/a.png", "in/x/a.png"]) }?.status == .cannotCreateOutput)
        #expect(try outputs("output: \"{stem}-{index}.webp\"", ["in/a.png", "in/x/a.png"]).count == 2)
    }

    @Test func `an input is never overwritten, by whatever path`() throws {
        try folder.write("in/a.png")
        try folder.link("alias", to: "in")
        for output in ["in", "alias", "in/../in"] {
            #expect(runError { try outputs("stages: [invert]", ["in"], to: output) }?.status == .cannotCreateOutput, "\(output)")
        }
        #expect(runError { try outputs("stages: [invert]", ["in/a.png"], to: "in/a.png") }?.status == .cannotCreateOutput)
        #expect(try outputs("output: \"{stem}.jpg\"", ["in"], to: "in") == ["in/a.jpg"])
    }

    @Test func `a name that nothing writes is refused with the remedy`() throws {
        try folder.write("in/a.xyz")
        try folder.write("in/b")
        let error = runError { try outputs("stages: [invert]", ["in/a.xyz"]) }
        #expect(error?.status == .cannotCreateOutput)
        #expect(error?.message.contains("ends in '.xyz', which nothing here writes") == true && error?.hint?.contains("name a format") == true)
        #expect(runError { try outputs("stages: [invert]", ["in/b"]) }?.message.contains("has no extension") == true)
    }
}
