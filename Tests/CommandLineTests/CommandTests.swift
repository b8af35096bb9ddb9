import Foundation
import Testing
import Vips

@Suite struct CommandTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    func json(_ outcome: Outcome) throws -> Any { try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) }

    @Test func `help and version go to stdout, and usage errors are 64`() throws {
        let help = try place.aquatint("--help")
        #expect(help.status == 0 && help.output.contains("SUBCOMMANDS") && help.error.isEmpty)
        #expect(try place.aquatint("--version").output.split(separator: ".").count == 3)
        for arguments in [["frobnicate"], ["run"], ["run", "web"], ["run", "web", "x", "-o", "y", "--overwrite", "maybe"], ["run", "web", "x", "-o", "y", "-j", "0"],
                          ["run", "web", "x", "-o", "y", "--set", "width"], ["run", "web", "x", "-o", "y", "--max-memory", "much"], ["stages", "nosuch"]] {
            let outcome = try place.run(Program.path, arguments)
            #expect(outcome.status == 64 && outcome.output.isEmpty && !outcome.error.isEmpty, "\(arguments): \(outcome)")
        }
    }

    @Test func `stages lists what a pipeline may say, and describes one`() throws {
        let list = try place.aquatint("stages")
        #expect(list.status == 0 && list.output.contains("  gaussblur ") && list.output.contains("  kuwahara ") && list.error.isEmpty)
        let one = try place.aquatint("stages", "gaussblur")
        #expect(one.output.hasPrefix("gaussblur: ") && one.output.contains("sigma: double, required, 0 to 1000"))
        let object = try #require(try json(try place.aquatint("stages", "kuwahara", "--json")) as? [String: Any])
        #expect(object["v"] as? Int == 1 && object["kind"] as? String == "pixel")
        #expect((object["parameters"] as? [[String: Any]])?.contains { $0["name"] as? String == "radius" } == true)
        #expect((try json(try place.aquatint("stages", "--json")) as? [Any])?.count ?? 0 > 200)
        #expect(try place.aquatint("stages", "gausblur").error.contains("did you mean 'gaussblur'?"))
        #expect(try place.aquatint("stages", "acme.grain").status == 69)
    }

    @Test func `schema is JSON, and plugins and doctor say what is there`() throws {
        let schema = try #require(try json(try place.aquatint("schema")) as? [String: Any])
        #expect((schema["$schema"] as? String)?.contains("draft-07") == true)
        let plugins = try #require(try json(try place.aquatint("plugins", "list", "--json")) as? [[String: Any]])
        #expect(plugins.allSatisfy { $0["status"] as? String == "ok" } && plugins.count == 11)
        #expect(try place.aquatint("plugins").output.contains("kuwahara"))
        let doctor = try place.aquatint("doctor")
        #expect(doctor.status == 0 && doctor.output.contains("libvips 8.") && doctor.output.contains(".png"))
    }

    @Test func `model info tells scale, halo and class`() throws {
        let path = "\(Program.root)/Pipelines/weights/upscale2x-small.onnx"
        let object = try #require(try json(try place.aquatint("model", "info", path, "--json")) as? [String: Any])
        #expect(object["v"] as? Int == 1 && object["class"] as? String == "local")
        #expect(try place.aquatint("model", "info", path).output.contains("cut into tiles exactly"))
        #expect((object["probe"] as? [String: Any])?["verdict"] as? String == (Program.hasEngine ? "confirmed" : "none"))
        #expect(try place.aquatint("model", "info", path, "--no-probe").output.contains("probe       not done: not asked for\n"))
        #expect(try place.aquatint("model", "info", "none.onnx").status != 0)
        try place.write("text.onnx", "no model")
        #expect(try place.aquatint("model", "info", "text.onnx").status == 69)
        #expect(try place.aquatint("model", "time", path, "--streams", "\(Int.max)").status == 64)
    }

    @Test func `check says of each file what it is`() throws {
        let good = try place.aquatint("check", Program.pipeline("web"), "paint")
        #expect(good.status == 0 && good.output.isEmpty && good.error.contains("web.yaml: good\n") && good.error.contains("paint.yaml: good\n"))
        #expect(try place.aquatint("check", "none.yaml").status == 66)
        #expect(try place.aquatint("check", Program.pipeline("web"), "--set", "colour=3").status == 64)
        #expect(try place.aquatint("check", Program.pipeline("web"), "--set", "width=wide").status == 64)
        try place.write("dot.yaml", "version: 1\nstages: [acme.grain: {}]\n")
        #expect(try place.aquatint("check", "dot.yaml").status == 69)
        try place.write("requires.yaml", "version: 1\nrequires: {plugins: {acme: \">=1\"}}\n")
        #expect(try place.aquatint("check", "requires.yaml").status == 69)
    }

    @Test func `explain shows sizes without writing anything`() throws {
        try place.pictures(1, in: "in")
        let text = try place.aquatint("explain", Program.pipeline("web"), "in/1.png", "--set", "width=100")
        #expect(text.status == 0 && text.output.contains("100x75") && text.output.contains("320 x 240"), "\(text)")
        let object = try #require(try json(try place.aquatint("explain", Program.pipeline("web"), "in/1.png", "--json")) as? [String: Any])
        #expect(object["v"] as? Int == 1 && object["access"] as? String == "shrink-on-load" && (object["stages"] as? [Any])?.count == 2)
        #expect(try place.aquatint("explain", Program.pipeline("web")).status == 0)
        #expect(place.files("in") == ["1.png"])
    }

    @Test func `a run tells people on stderr, one line an image, and says nothing on stdout`() throws {
        try place.pictures(2, in: "in")
        let first = try place.aquatint("run", Program.pipeline("web"), "in", "-o", "out", "--set", "width=64")
        #expect(first.status == 0 && first.output.isEmpty)
        #expect(first.error.contains("in/1.png -> out/1.jpg") && first.error.contains("2 done in ") && !first.error.contains("\u{1B}"))
        #expect(place.files("out") == ["1.jpg", "2.jpg"])
        #expect(try place.load("out/1.jpg").width == 64 && place.load("out/1.jpg").height == 48)
        let second = try place.aquatint("run", Program.pipeline("web"), "in", "-o", "out", "--set", "width=64")
        #expect(second.status == 0 && second.error.contains("0 done, 2 skipped"))
        let quiet = try place.aquatint("run", Program.pipeline("web"), "in", "-o", "out", "--set", "width=32", "-q")
        #expect(quiet.status == 0 && quiet.error.isEmpty)
        #expect(try place.load("out/1.jpg").width == 32)
        #expect(try place.aquatint("run", Program.pipeline("web"), "in", "-o", "out", "--color", "always", "--overwrite", "always").error.contains("\u{1B}["))
    }

    @Test func `a dry run prints the plan on stdout and writes nothing`() throws {
        try place.pictures(1, in: "in")
        try place.pictures(1, in: "in/sub")
        try place.write("in/notes.txt", "x")
        let outcome = try place.aquatint("run", Program.pipeline("responsive"), "in", "-o", "out", "-n")
        #expect(outcome.status == 0)
        #expect(outcome.output == """
            in/1.png -> out/1-2048.webp, out/1-1024.webp, out/1-512.webp, out/1-1024.jpg
            in/sub/1.png -> out/sub/1-2048.webp, out/sub/1-1024.webp, out/sub/1-512.webp, out/sub/1-1024.jpg

            """)
        #expect(outcome.error == "2 images would be read, 1 other files skipped; nothing was written\n")
        #expect(!FileManager.default.fileExists(atPath: place("out")))
    }

    @Test func `inputs come from lists, patterns and filters`() throws {
        try place.pictures(3, in: "in")
        func plan(_ arguments: String..., input: String? = nil) throws -> [String] {
            let outcome = try place.run(Program.path, ["run", "web", "-o", "out", "-n", "-q"] + arguments, input: input)
            #expect(outcome.status == 0 && outcome.error.isEmpty)
            return outcome.output.split(separator: "\n").map { String($0.prefix { $0 != " " }) }
        }
        #expect(try plan("-", input: "in/2.png\nin/1.png\n") == ["in/1.png", "in/2.png"])
        #expect(try plan("-", "-0", input: "in/2.png\0") == ["in/2.png"])
        #expect(try plan("in/[12].png") == ["in/1.png", "in/2.png"])
        #expect(try plan("in", "--exclude", "2*") == ["in/1.png", "in/3.png"])
        #expect(try plan("in", "--include", "2*", "--include", "/3.png") == ["in/2.png", "in/3.png"])
        #expect(try place.aquatint("run", "web", "nothing", "-o", "out").status == 66)
        #expect(try place.aquatint("run", "nosuch", "in", "-o", "out").status == 66)
    }

    @Test func `nothing to do is no failure`() throws {
        try place.write("in/notes.txt", "x")
        let outcome = try place.aquatint("run", "web", "in", "-o", "out")
        #expect(outcome.status == 0 && outcome.error.contains("0 done, 1 not images"))
    }

    @Test func `pipelines are found by bare name on the pipeline path`() throws {
        try place.write("lines/own.yaml", "version: 1\nstages: [invert]\n")
        #expect(try place.aquatint("check", "own").status == 66)
        #expect(try place.aquatint("check", "own", "--pipeline-path", "lines").status == 0)
        #expect(try place.aquatint("check", "own", environment: ["AQUATINT_PIPELINE_PATH": place("lines")]).status == 0)
    }
}
