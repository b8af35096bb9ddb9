import PipelineLanguage

/// A small hand-made catalogue with one stage of every shape.
let catalogue = Catalogue(
    [
        vips("invert"),
        vips("copy", [.init("xres", .double, minimum: 0, maximum: 1e6, unit: "px/mm"), .init("page_height", .int, minimum: 0, maximum: 10_000_000)]),
        vips("gaussblur", [
            .init("sigma", .double, required: true, minimum: 0, maximum: 1000, unit: "px", doc: "Sigma of Gaussian"),
            .init("min_ampl", .double, fallback: .double(0.2), minimum: 0.001, maximum: 1),
            .init("precision", .choice, fallback: .string("integer"), choices: ["integer", "float", "approximate"]),
        ]),
        vips("sharpen", [
            .init("sigma", .double, fallback: .double(0.5), minimum: 0.000001, maximum: 10),
            .init("m2", .double, fallback: .double(3), minimum: 0, maximum: 1_000_000),
        ]),
        vips("resize", [
            .init("scale", .double, required: true, minimum: 0, maximum: 10_000_000),
            .init("kernel", .choice, choices: ["nearest", "linear", "cubic", "mitchell", "lanczos2", "lanczos3"]),
        ]),
        vips("thumbnail_image", [
            .init("width", .int, required: true, minimum: 1, maximum: 10_000_000, unit: "px"),
            .init("height", .int, minimum: 1, maximum: 10_000_000, unit: "px"),
            .init("size", .choice, choices: ["both", "up", "down", "force"]),
            .init("output_profile", .profile),
            .init("no_rotate", .bool, isDeprecated: true),
        ]),
        vips("ifthenelse", [.init("blend", .bool)], inputs: [.init("cond"), .init("in1"), .init("in2")]),
        vips("composite", [
            .init("mode", .ints, required: true), .init("x", .ints),
        ], inputs: [.init("in", isList: true)]),
        vips("bandjoin", inputs: [.init("in", isList: true)]),
        vips("find_trim", [.init("threshold", .double, minimum: 0, maximum: 1e308)], outputs: [
            .init("left", isImage: false, type: .int), .init("top", isImage: false, type: .int),
            .init("width", isImage: false, type: .int), .init("height", isImage: false, type: .int),
        ]),
        vips("avg", outputs: [.init("out", isImage: false, type: .double)]),
        vips("extract_area", [
            .init("left", .int, required: true), .init("top", .int, required: true),
            .init("width", .int, required: true, minimum: 1), .init("height", .int, required: true, minimum: 1),
        ]),
        vips("linear", [.init("a", .doubles, required: true), .init("b", .doubles, required: true), .init("uchar", .bool)]),
        vips("conv", [.init("layers", .int, minimum: 1, maximum: 1000)], inputs: [.init("in"), .init("mask")]),
        vips("affine", [.init("matrix", .doubles, required: true, counts: 4...4), .init("interpolate", .interpolate)]),
        vips("embed", [.init("background", .doubles)]),
        vips("black", [.init("width", .int, required: true), .init("height", .int, required: true)], inputs: []),
        StageDescription(name: "onnx", kind: .network, summary: "Any ONNX model", library: "onnx", inputs: [.init("image")], parameters: [
            .init("model", .file, required: true), .init("tiling", .json, host: true), .init("strength", .double, minimum: 0, maximum: 1, host: true),
            .init("mean", .doubles, counts: 1...4),
        ]),
        StageDescription(name: "acme.grain", kind: .pixel, library: "acme", inputs: [.init("image")], parameters: [
            .init("amount", .int, fallback: .int(8), minimum: 0, maximum: 100, unit: "%"), .init("tint", .colour, maximum: 1),
            .init("buffer", .size, unit: "bytes"), .init("marks", .flags, choices: ["dust", "hair", "edge-burn"]),
        ]),
        StageDescription(name: "acme.script", kind: .pixel, library: "acme", inputs: [.init("image")], parameters: [.init("steps", .json, required: true)]),
    ],
    codecs: [
        StageDescription(name: "jpegsave", kind: .vips, library: "libvips", parameters: [
            .init("Q", .int, fallback: .int(75), minimum: 1, maximum: 100), .init("optimize_coding", .bool), .init("background", .doubles),
        ]),
        StageDescription(name: "pngsave", kind: .vips, library: "libvips", parameters: [.init("compression", .int, minimum: 0, maximum: 9)]),
        StageDescription(name: "webpsave", kind: .vips, library: "libvips", parameters: [.init("Q", .int, minimum: 0, maximum: 100), .init("lossless", .bool)]),
        StageDescription(name: "jpegload", kind: .vips, library: "libvips", parameters: [.init("shrink", .int, minimum: 1, maximum: 16)]),
        StageDescription(name: "pngload", kind: .vips, library: "libvips", parameters: [.init("unlimited", .bool)]),
    ],
    conflicts: ["soften": ["acme", "other"]],
    saverForExtension: [".jpg": "jpegsave", ".jpeg": "jpegsave", "png": "pngsave", "webp": "webpsave"],
    loaderForExtension: [".jpg": "jpegload", ".png": "pngload"],
    libraries: ["libvips": "8.14.1", "acme": "1.3.0", "onnx": "1.0"])

func vips(_ name: String, _ parameters: [ParameterDescription] = [], inputs: [StageInput] = [.init("in")],
          outputs: [StageOutput] = [.init("out")]) -> StageDescription {
    StageDescription(name: name, kind: .vips, summary: "The operation \(name)", library: "libvips", inputs: inputs, parameters: parameters, outputs: outputs)
}

/// What `check` says: every diagnostic of the reading, or else of the validation.
func check(_ text: String, set: [String: String] = [:], name: String = "p.yaml") -> [Diagnostic] {
    do {
        let (pipeline, warnings) = try Pipeline.read(SourceText(name: name, text: text))
        return warnings + pipeline.validate(against: catalogue, set: set)
    } catch {
        return error.all
    }
}

func rendered(_ text: String, set: [String: String] = [:]) -> String {
    Diagnostics(check(text, set: set)).rendered(source: SourceText(name: "p.yaml", text: text))
}

/// A pipeline that is known to be right.
func good(_ text: String) throws -> Pipeline {
    let (pipeline, warnings) = try Pipeline.read(SourceText(name: "dir/p.yaml", text: text))
    let problems = warnings + pipeline.validate(against: catalogue)
    if !problems.isEmpty { throw Diagnostics(problems) }
    return pipeline
}

extension Pipeline {
    /// The arguments of the stage at `index`.
    func values(_ index: Int, _ environment: Environment = Environment()) throws -> [String: Value] {
        let use = stages[index]
        guard let stage = catalogue[use.name] else { return [:] }
        return try use.arguments(for: stage, in: environment, pipeline: self)
    }
}

let contractExample = """
    # yaml-language-server: $schema=...
    version: 1
    description: Upscale scans and give them back their grain.
    requires: {vips: ">=8.14", plugins: {acme.grain: ">=1.2"}}      # optional
    vars:                                                            # overridable with --set
      width: {type: int, default: 1600, min: 16, max: 20000, doc: Longest side}
      quality: 82
    limits: {max_pixels: 400M, timeout: 120s}                        # per image
    input: {autorot: true, pages: first, options: {}}                # loader options by libvips' names
    images:                                                          # second inputs, decoded once per process
      logo: {file: logo.png, stages: [resize: 0.25]}
    stages:
      - invert                                                       # no arguments
      - gaussblur: 2.5                                               # exactly one required non-image argument
      - sharpen: {sigma: 0.8, m2: 2}                                 # arguments by name; - and _ are the same
      - copy: {}
        as: master                                                   # name this result
      - onnx: {model: models/u2netp.onnx}
        in: master                                                   # run on a named image instead of the previous result
        when: prev.width > 320                                       # decided when the plan is made
      - ifthenelse: {cond: prev, in1: master, in2: logo, blend: true}
    output: {file: "{dir}/{stem}@2x{ext}", options: {Q: "${quality}", optimize_coding: true}, metadata: keep, profile: keep}
    """
