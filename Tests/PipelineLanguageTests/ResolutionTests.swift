import PipelineLanguage
import Testing

private let photo = ImageFacts(width: 1001, height: 600, bands: 3, pages: 1, format: "uchar", interpretation: "srgb")

/// The arguments of a pipeline's only stage.
private func values(_ stage: String, vars: String = "{}", facts: [String: ImageFacts] = ["input": photo, "prev": photo]) throws -> [String: Value] {
    let pipeline = try good("version: 1\nvars: \(vars)\nstages:\n  - \(stage)\n")
    return try pipeline.values(0, Environment(variables: try pipeline.variables(), facts: facts))
}

@Suite struct ResolutionTests {
    @Test func `the contract's example means what it says`() throws {
        let pipeline = try good(contractExample)
        #expect(pipeline.description == "Upscale scans and give them back their grain.")
        #expect(pipeline.requires.vips?.contains("8.14.1") == true)
        #expect(pipeline.requires.plugins.map(\.name) == ["acme.grain"])
        #expect(pipeline.limits.maxPixels == 400_000_000)
        #expect(pipeline.limits.timeout == 120)
        #expect(pipeline.input.autorot && pipeline.input.pages == .first && pipeline.input.onDamage == .fail)
        #expect(try pipeline.variables() == ["width": .int(1600), "quality": .int(82)])
        #expect(pipeline.stages.map(\.name) == ["invert", "gaussblur", "sharpen", "copy", "onnx", "ifthenelse"])

        let environment = Environment(variables: try pipeline.variables(), facts: ["prev": photo, "input": photo])
        #expect(try pipeline.values(0, environment) == ["in": .image(.previous)])
        #expect(try pipeline.values(1, environment) == ["in": .image(.previous), "sigma": .double(2.5)])
        #expect(try pipeline.values(2, environment) == ["in": .image(.previous), "sigma": .double(0.8), "m2": .double(2)])
        #expect(pipeline.stages[3].asName == "master")
        #expect(try pipeline.values(4, environment) == ["image": .image(.named("master")), "model": .string("models/u2netp.onnx")])
        #expect(try pipeline.stages[4].isEnabled(in: environment, pipeline: pipeline))
        let small = Environment(facts: ["prev": ImageFacts(width: 320, height: 1, bands: 1, pages: 1, format: "uchar", interpretation: "b-w")])
        #expect(try !pipeline.stages[4].isEnabled(in: small, pipeline: pipeline))
        #expect(try pipeline.values(5, environment) == [
            "cond": .image(.previous), "in1": .image(.named("master")), "in2": .image(.named("logo")), "blend": .bool(true),
        ])

        let output = pipeline.outputs[0]
        let jpeg = try #require(catalogue.saver(forExtension: ".JPG"))
        #expect(try output.options(for: jpeg, in: environment, pipeline: pipeline) == ["Q": .int(82), "optimize_coding": .bool(true)])
        #expect(try output.fileName(TemplateFields(stem: "cat", ext: ".JPG", dir: "a/b"), in: environment) == "a/b/cat@2x.JPG")
        #expect(try output.profileName(in: environment, pipeline: pipeline) == nil)

        let logo = pipeline.images[0]
        #expect(try logo.fileName(in: environment, pipeline: pipeline) == "logo.png")
        #expect(pipeline.path(of: "logo.png") == "dir/logo.png")
        #expect(logo.stages.map(\.name) == ["resize"])
        #expect(pipeline.referencedFiles(catalogue, variables: environment.variables).map(\.path) == ["logo.png", "models/u2netp.onnx"])
    }

    @Test("a scalar means what its parameter says", arguments: [
        ("thumbnail_image: 010", "width", Value.int(10)),
        ("thumbnail_image: '+12'", "width", .int(12)),
        ("thumbnail_image: ${round(prev.width / 2)}", "width", .int(501)),
        ("thumbnail_image: \"${prev.height / 2}\"", "width", .int(300)),
        ("thumbnail_image: 1${prev.bands}", "width", .int(13)),
        ("gaussblur: 1e1", "sigma", .double(10)),
        ("gaussblur: {sigma: .5, min-ampl: 0.5}", "min_ampl", .double(0.5)),
        ("resize: {scale: 2, kernel: lanczos3}", "kernel", .string("lanczos3")),
        ("onnx: 010", "model", .string("010")),
        ("onnx: {model: ~}", "model", .string("~")),
        ("onnx: {model: \"$${x}\"}", "model", .string("${x}")),
        ("onnx: {model: a, tiling: {tile: 512, halo: 34, mode: exact, sync: true}}", "tiling",
         .map(["tile": .int(512), "halo": .int(34), "mode": .string("exact"), "sync": .bool(true)])),
        ("onnx: {model: a, mean: [0.5, 1, \"${1 / 4}\"]}", "mean", .list([.double(0.5), .double(1), .double(0.25)])),
        ("embed: {background: 255}", "background", .list([.double(255)])),
        ("acme.grain: {tint: '#ff0000'}", "tint", .list([.double(1), .double(0), .double(0)])),
        ("acme.grain: {tint: [0, 0.5, 1]}", "tint", .list([.double(0), .double(0.5), .double(1)])),
        ("acme.grain: {buffer: 64Ki}", "buffer", .int(65536)),
        ("acme.grain: {buffer: 1.5G}", "buffer", .int(1_500_000_000)),
        ("acme.grain: {marks: dust | edge_burn}", "marks", .list([.string("dust"), .string("edge-burn")])),
        ("acme.grain: {marks: [hair]}", "marks", .list([.string("hair")])),
        ("acme.script: {first: 1, then: [a, 2.5]}", "steps", .map(["first": .int(1), "then": .list([.string("a"), .double(2.5)])])),
        ("acme.script: {steps: {first: 1}}", "steps", .map(["first": .int(1)])),
        ("acme.script: [1, x]", "steps", .list([.int(1), .string("x")])),
        ("conv: {mask: [[1, 2], [3, 4]]}", "mask", .image(.matrix(Matrix(rows: [[1, 2], [3, 4]])))),
        ("conv: {mask: {matrix: [[1, 1]], scale: 2}}", "mask", .image(.matrix(Matrix(rows: [[1, 1]], scale: 2)))),
        ("conv: {mask: [1, 2]}", "mask", .image(.constant([1, 2]))),
        ("bandjoin", "in", .list([.image(.previous)])),
        ("bandjoin: {in: [prev, input, 255]}", "in", .list([.image(.previous), .image(.input), .image(.constant([255]))])),
        ("ifthenelse: {in1: \"${7 * 2}\", in2: input}", "in1", .image(.constant([14]))),
        ("linear: {a: [1, 2], b: 0}", "a", .list([.double(1), .double(2)])),
    ] as [(String, String, Value)])
    func scalars(stage: String, name: String, value: Value) throws {
        #expect(try values(stage)[name] == value)
    }

    @Test("an expression computes", arguments: [
        ("1 + 2 * 3", Value.double(7)), ("(1 + 2) * 3", .double(9)), ("7 / 2", .double(3.5)), ("8 / 2", .double(4)), ("7 % 4", .double(3)), ("2 - 3 - 4 + 9", .double(4)),
        ("--4", .double(4)), ("- -4 * 2", .double(8)), ("min(3, 1.5, 2)", .double(1.5)), ("max(prev.width, prev.height) / 7", .double(143)),
        ("round(2.5)", .double(3)), ("round(0.4999)", .double(0)), ("1e2", .double(100)), ("500 % 7.5", .double(5)),
    ] as [(String, Value)])
    func arithmetic(text: String, value: Value) throws {
        #expect(try values("gaussblur: \"${\(text)}\"")["sigma"] == value)
    }

    @Test("a condition holds or not", arguments: [
        ("1 < 2 and 2 < 3", true), ("not 1 < 2 or 2 >= 3", false), ("not true and false", false), ("not (true and false)", true),
        ("prev.interpretation == 'srgb'", true), ("prev.format != \"uchar\"", false), ("true == not false", true),
        ("false and 1 / 0 == 1", false), ("true or 1 / 0 == 1", true), ("1 == 1.0", true), ("'a}' == 'a}'", true), ("${prev.bands == 3}", true),
    ])
    func conditions(text: String, value: Bool) throws {
        let (pipeline, _) = try Pipeline.read(SourceText(name: "p", text: "version: 1\nstages:\n  - invert:\n    when: >-\n      \(text)\n"))
        #expect(try pipeline.stages[0].isEnabled(in: Environment(facts: ["prev": photo]), pipeline: pipeline) == value)
    }

    @Test func `a variable that a skipped stage would have set is told as such`() throws {
        let pipeline = try good("version: 1\nstages:\n  - find_trim: {}\n    set: {width: w}\n    when: prev.width > 5\n  - thumbnail_image: ${w}\n")
        #expect(try pipeline.values(1, Environment(variables: ["w": .int(7)]))["width"] == .int(7))
        let error = #expect(throws: Diagnostics.self) { try pipeline.values(1) }
        #expect(error?.all.map(\.message) == ["the variable 'w' has no value: the stage that sets it did not run"])
    }

    @Test func `--set is typed and checked by the declaration`() throws {
        let pipeline = try good("version: 1\nvars: {w: {type: int, min: 16, max: 99}, s: {default: a, choices: [a, b]}, f: true, n: {type: int, default: 2, choices: [2, 4]}}\n")
        #expect(try pipeline.variables(set: ["w": "20", "s": "b", "f": "false", "n": "4"]) == ["w": .int(20), "s": .string("b"), "f": .bool(false), "n": .int(4)])
        func said(_ set: [String: String]) -> [String] {
            do { return try pipeline.variables(set: set).isEmpty ? [] : [] } catch { return error.all.map { $0.rendered(source: pipeline.source) } }
        }
        #expect(said([:]) == ["--set: error: the variable 'w' has no default: give it with --set w=..."])
        #expect(said(["w": "1_0"]) == ["--set: error: 'w' must be an integer, not '1_0'\n did you mean '10'?"])
        #expect(said(["w": "100", "s": "c", "n": "3"]) == [
            "--set: error: 'w' must be between 16 and 99, not 100", "--set: error: 's' must be one of a, b, not 'c'",
            "--set: error: 'n' must be one of 2, 4, not '3'",
        ])
        #expect(said(["w": "20", "wdth": "1"]) == ["--set: error: the pipeline has no variable 'wdth'; it has w, s, f, n"])
    }

    @Test func `validation computes what depends on variables alone, --set included`() {
        let text = "version: 1\nvars: {s: 5}\nstages:\n  - gaussblur: ${s * 100}\n  - gaussblur: ${s * prev.width}\n"
        #expect(check(text).isEmpty)
        #expect(check(text, set: ["s": "11"]).map(\.message) == ["'sigma' must be between 0 and 1000, not 1100"])
    }

    @Test func `a name may be written with - or _`() throws {
        let pipeline = try good("version: 1\nstages:\n  - copy: {page-height: 5}\n    as: my-copy\n  - thumbnail-image: ${my_copy.width}\n  - invert\n  - ifthenelse: {in1: my_copy, in2: 0}\n")
        #expect(try pipeline.values(0)["page_height"] == .int(5))
        #expect(try pipeline.values(1, Environment(facts: ["my-copy": photo]))["width"] == .int(1001))
        #expect(try pipeline.values(3)["in1"] == .image(.named("my-copy")))
    }

    @Test func `outputs have their own source, stages and options`() throws {
        let pipeline = try good("""
            version: 1
            stages: [{invert: , as: master}]
            outputs:
              - "{stem}{ext}"
              - {from: master, file: "{stem}-800.webp", stages: [thumbnail_image: {width: 800}], options: {Q: 78}, metadata: strip, profile: p3.icc}
            """)
        #expect(pipeline.outputs.map(\.from?.text) == [nil, "master"])
        #expect(pipeline.outputs[1].stages.map(\.name) == ["thumbnail_image"])
        #expect(pipeline.outputs[1].metadata == .strip)
        #expect(pipeline.outputs[1].file.literalExtension == ".webp" && pipeline.outputs[0].file.literalExtension == nil)
        #expect(pipeline.referencedFiles(catalogue, variables: [:]).map(\.role) == [.profile])
    }

    @Test func `without an output the input's name is kept`() throws {
        let pipeline = try good("version: 1\n")
        #expect(try pipeline.outputs[0].fileName(TemplateFields(stem: "a", ext: ".JPeG", dir: "x"), in: Environment()) == "x/a.JPeG")
    }

    @Test func `input settings are read`() throws {
        let pipeline = try good("version: 1\ninput: {autorot: false, pages: 2..5, on-damage: keep, options: {shrink: 2}}\nlimits: {timeout: 2m, max_memory: 1GiB}\nalpha: raw\nstages: [{resize: 2, alpha: auto}]\n")
        #expect(!pipeline.input.autorot && pipeline.input.pages == .range(2...5) && pipeline.input.onDamage == .keep)
        #expect(try pipeline.input.options(for: try #require(catalogue.codec("jpegload")), in: Environment(), pipeline: pipeline) == ["shrink": .int(2)])
        #expect(pipeline.limits.timeout == 120 && pipeline.limits.maxMemory == 1 << 30)
        #expect(pipeline.alpha == .raw && pipeline.stages[0].alpha == .auto)
    }
}

@Suite struct TemplateTests {
    private func expand(_ template: String, _ fields: TemplateFields = TemplateFields(stem: "cat", ext: ".jpg", dir: "a/b", index: 7, page: 2),
                        _ variables: [String: Value] = [:]) throws -> String {
        let (pipeline, _) = try Pipeline.read(SourceText(name: "p", text: "version: 1\noutput: '\(template)'\n"))
        return try pipeline.outputs[0].fileName(fields, in: Environment(variables: variables))
    }

    @Test("a template names a file below the input's place", arguments: [
        ("{stem}.png", "a/b/cat.png"), ("{dir}/{stem}.png", "a/b/cat.png"), ("{name}", "a/b/cat.jpg"), ("thumbs/{dir}/{stem}{ext}", "thumbs/a/b/cat.jpg"),
        ("{index}-{page}.png", "a/b/7-2.png"), ("{{x}}{stem}.png", "a/b/{x}cat.png"), ("${1 + 1}.png", "a/b/2.png"), ("./x//y.png", "a/b/x/y.png"),
        ("{stem}-${w}.png", "a/b/cat-5.png"), ("$${w}}{stem}", "a/b/${w}cat"),
    ])
    func expansion(template: String, path: String) throws {
        #expect(try expand(template, TemplateFields(stem: "cat", ext: ".jpg", dir: "a/b", index: 7, page: 2), ["w": .int(5)]) == path)
    }

    @Test func `the given directory itself is an empty place`() throws {
        #expect(try expand("{dir}/{stem}.png", TemplateFields(stem: "x", ext: ".y")) == "x.png")
        #expect(try expand("{stem}.png", TemplateFields(stem: "x", ext: ".y")) == "x.png")
    }

    @Test("a name that a value spoils is refused", arguments: [
        ("${w}/x.png", "..", "the output name 'a/b/../x.png' leaves the output directory"),
        ("${w}x.png", "/etc/", "the output name 'a/b//etc/x.png' is absolute; it must stay in the output directory"),
        ("${w}", "", "the output name 'a/b/' does not end in a file name"),
        ("${w}.png", "a\0b", "the output name 'a/b/a\u{FFFD}b.png' holds a control character"),
        ("${w}", String(repeating: "x", count: 256), "the output name 'a/b/\(String(repeating: "x", count: 56))…' has a part of more than 255 bytes"),
    ])
    func refused(template: String, value: String, message: String) {
        let error = #expect(throws: Diagnostics.self) {
            try expand(template, TemplateFields(stem: "cat", ext: ".jpg", dir: "a/b"), ["w": .string(value)])
        }
        #expect(error?.all.map(\.message) == [message])
    }
}
