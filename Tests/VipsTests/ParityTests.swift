import Foundation
import Testing

@testable import Vips

/// One operation with its arguments: a row of the table below.
struct ParityCase: Sendable, CustomTestStringConvertible {
    enum Value: Sendable {
        /// A picture of ``ParityPictures`` by name.
        case file(String)
        case files([String])
        case plain(Argument)
    }

    let operation: String
    let arguments: [String: Value]
    let testDescription: String

    init(_ operation: String, _ arguments: KeyValuePairs<String, Value> = [:]) {
        self.operation = operation
        self.arguments = Dictionary(uniqueKeysWithValues: arguments.map { ($0.key, $0.value) })
        testDescription = ([operation] + arguments.map { "\($0.key)=\($0.value.text)" }).joined(separator: " ")
    }
}

extension ParityCase.Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral
{
    init(stringLiteral value: String) { self = .plain(.string(value)) }
    init(integerLiteral value: Int) { self = .plain(.int(value)) }
    init(floatLiteral value: Double) { self = .plain(.double(value)) }
    init(booleanLiteral value: Bool) { self = .plain(.bool(value)) }
    init(arrayLiteral elements: Double...) { self = .plain(.doubles(elements)) }

    /// As the command line takes it.
    var text: String {
        func number(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? String(value) }
        switch self {
        case .file(let name): return name + ".v"
        case .files(let names): return names.map { $0 + ".v" }.joined(separator: " ")
        case .plain(.bool(let value)): return String(value)
        case .plain(.int(let value)): return String(value)
        case .plain(.double(let value)): return number(value)
        case .plain(.string(let value)): return value
        case .plain(.doubles(let values)): return values.map(number).joined(separator: " ")
        case .plain(.strings(let values)): return values.joined(separator: " ")
        default: return "?"
        }
    }
}

/// The pictures that the table works on, written once.
struct ParityPictures {
    let folder: Scratch
    static let shared: Result<ParityPictures, any Error> = Result {
        atexit { if case .success(let pictures) = ParityPictures.shared { try? FileManager.default.removeItem(atPath: pictures.folder.path) } }
        return try ParityPictures()
    }

    private init() throws {
        folder = try Scratch()
        let rgb = try Picture.rgb(), grey = try Picture.grey()
        let images: [String: Image] = [
            "rgb": rgb, "rgba": try Picture.rgba(), "grey": grey,
            "rgb2": try Operation.image("flip", ["in": .image(rgb), "direction": "vertical"]),
            "small": try Operation.image(
                "extract_area", ["input": .image(rgb), "left": 5, "top": 6, "width": 16, "height": 12]),
            "smallgrey": try Operation.image(
                "extract_area", ["input": .image(grey), "left": 5, "top": 6, "width": 16, "height": 12]),
            "deep": try Operation.image("colourspace", ["in": .image(rgb), "space": "rgb16"]),
            "float": try Operation.image("cast", ["in": .image(rgb), "format": "float"]),
            "lab": try Operation.image("colourspace", ["in": .image(rgb), "space": "lab"]),
            "lab2": try Operation.image(
                "colourspace", ["in": .image(try Operation.image("invert", ["in": .image(rgb)])), "space": "lab"]),
            "mask": try Operation.image("relational_const", ["in": .image(grey), "relational": "more", "c": .doubles([110])]),
            "kernel": try Image.matrix([[-1, -1, -1], [-1, 16, -1], [-1, -1, -1]], scale: 8),
            "line": try Image.matrix([[1, 4, 6, 4, 1]], scale: 16),
            "cross": try Image.matrix([[128, 255, 128], [255, 255, 255], [128, 255, 128]]),
            "recomb": try Image.matrix([[0.3, 0.6, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]]),
            "lut": try Operation.image("invert", ["in": .image(try Operation.image("identity", [:]))]),
            "index": try Operation.image("resize", ["in": .image(try Operation.image("xyz", ["width": 61, "height": 47])), "scale": 0.8]),
            "square": try Operation.image("extract_area", ["input": .image(grey), "left": 0, "top": 0, "width": 32, "height": 32]),
            "shear": try Image.matrix([[2, 1], [0.1, 0.05], [-0.05, 0.1]]),
            "numbers": try Image.matrix([[2, 1, 0], [1, 3, 1], [0, 1, 4]]),
        ]
        for (name, image) in images { try image.save(folder("\(name).v")) }
        try rgb.save(folder("photo.jpg"), options: ["Q": 90])
        try rgb.save(folder("photo.png"))
        try rgb.save(folder("photo.tif"))
        try rgb.save(folder("photo.webp"), options: ["lossless": true])
    }
}

private let rgb = ParityCase.Value.file("rgb"), grey = ParityCase.Value.file("grey"), rgba = ParityCase.Value.file("rgba")

private let table: [ParityCase] = [
    // Arithmetic
    .init("add", ["left": rgb, "right": .file("rgb2")]),
    .init("subtract", ["left": rgb, "right": grey]),
    .init("multiply", ["left": rgb, "right": .file("float")]),
    .init("divide", ["left": rgb, "right": .file("rgb2")]),
    .init("remainder", ["left": rgb, "right": .file("rgb2")]),
    .init("relational", ["left": rgb, "right": .file("rgb2"), "relational": "lesseq"]),
    .init("relational_const", ["in": rgb, "relational": "more", "c": [100]]),
    .init("boolean", ["left": rgb, "right": .file("rgb2"), "boolean": "eor"]),
    .init("boolean_const", ["in": rgb, "boolean": "and", "c": [240, 15, 255]]),
    .init("math", ["in": .file("float"), "math": "sin"]),
    .init("math2_const", ["in": rgb, "math2": "pow", "c": [0.5]]),
    .init("remainder_const", ["in": rgb, "c": [7]]),
    .init("linear", ["in": rgb, "a": [1.5], "b": [-20]]),
    .init("linear", ["in": rgb, "a": [1.1, 0.9, 1], "b": [0, 5, -5], "uchar": true]),
    .init("invert", ["in": rgb]),
    .init("abs", ["in": .file("lab")]),
    .init("sign", ["in": .file("lab")]),
    .init("round", ["in": .file("lab"), "round": "floor"]),
    .init("sum", ["in": .files(["rgb", "rgb2", "rgb"])]),
    .init("complexform", ["left": .file("float"), "right": .file("float")]),
    .init("stats", ["in": rgb]),
    .init("hist_find", ["in": rgb, "band": 1]),
    .init("hist_find_ndim", ["in": rgb, "bins": 5]),
    .init("hough_line", ["in": .file("mask"), "width": 64, "height": 64]),
    .init("project", ["in": rgb]),
    .init("profile", ["in": .file("mask")]),
    .init("avg", ["in": rgb]),
    .init("deviate", ["in": rgb]),
    .init("max", ["in": grey]),
    .init("min", ["in": grey]),
    .init("getpoint", ["in": rgb, "x": 7, "y": 9]),
    .init("find_trim", ["in": rgb, "threshold": 60.0, "background": [0]]),

    // Conversion
    .init("copy", ["in": rgb, "xres": 3.5]),
    .init("embed", ["in": rgb, "x": 5, "y": 7, "width": 80, "height": 70, "extend": "mirror"]),
    .init("embed", ["in": rgb, "x": 5, "y": 7, "width": 80, "height": 70, "extend": "background", "background": [9, 99, 200]]),
    .init("gravity", ["in": rgb, "direction": "south-east", "width": 90, "height": 60, "extend": "copy"]),
    .init("flip", ["in": rgb, "direction": "horizontal"]),
    .init("insert", ["main": rgb, "sub": .file("small"), "x": 50, "y": 40, "expand": true, "background": [128]]),
    .init("join", ["in1": rgb, "in2": .file("rgb2"), "direction": "vertical", "shim": 3, "align": "centre"]),
    .init("arrayjoin", ["in": .files(["rgb", "rgb2", "small"]), "across": 2, "shim": 4, "halign": "centre"]),
    .init("extract_area", ["input": rgb, "left": 3, "top": 4, "width": 30, "height": 20]),
    .init("crop", ["input": rgb, "left": 3, "top": 4, "width": 30, "height": 20]),
    .init("smartcrop", ["input": rgb, "width": 30, "height": 30, "interesting": "entropy"]),
    .init("extract_band", ["in": rgb, "band": 1, "n": 2]),
    .init("bandjoin", ["in": .files(["rgb", "grey"])]),
    .init("bandjoin_const", ["in": rgb, "c": [255]]),
    .init("bandrank", ["in": .files(["rgb", "rgb2", "rgb"]), "index": 1]),
    .init("bandmean", ["in": rgb]),
    .init("bandbool", ["in": rgb, "boolean": "or"]),
    .init("replicate", ["in": .file("small"), "across": 3, "down": 2]),
    .init("cast", ["in": .file("lab"), "format": "short"]),
    .init("cast", ["in": .file("deep"), "format": "uchar", "shift": true]),
    .init("rot", ["in": rgb, "angle": "d270"]),
    .init("rot45", ["in": .file("kernel"), "angle": "d135"]),
    .init("ifthenelse", ["cond": .file("mask"), "in1": rgb, "in2": .file("rgb2")]),
    .init("ifthenelse", ["cond": grey, "in1": rgb, "in2": .file("rgb2"), "blend": true]),
    .init("recomb", ["in": rgb, "m": .file("recomb")]),
    .init("bandfold", ["in": grey, "factor": 61]),
    .init("bandunfold", ["in": rgb]),
    .init("flatten", ["in": rgba, "background": [10, 20, 30]]),
    .init("premultiply", ["in": rgba]),
    .init("unpremultiply", ["in": rgba]),
    .init("grid", ["in": grey, "tile_height": 47, "across": 1, "down": 1]),
    .init("scale", ["in": .file("lab"), "exp": 0.3]),
    .init("scale", ["in": rgb, "log": true]),
    .init("wrap", ["in": rgb, "x": 20, "y": 10]),
    .init("zoom", ["input": rgb, "xfac": 3, "yfac": 2]),
    .init("subsample", ["input": rgb, "xfac": 2, "yfac": 3]),
    .init("msb", ["in": .file("deep")]),
    .init("byteswap", ["in": .file("deep")]),
    .init("falsecolour", ["in": grey]),
    .init("gamma", ["in": rgb, "exponent": 1.8]),
    .init("composite2", ["base": rgb, "overlay": rgba, "mode": "multiply", "x": 4, "y": 5]),
    .init("composite", ["in": .files(["rgb", "rgba"]), "mode": .plain(.strings(["screen"]))]),

    // Creation
    .init("black", ["width": 20, "height": 10, "bands": 3]),
    .init("gaussnoise", ["width": 20, "height": 10, "sigma": 12.0, "seed": 7]),
    .init("xyz", ["width": 20, "height": 10]),
    .init("gaussmat", ["sigma": 2.0, "min_ampl": 0.1, "precision": "float"]),
    .init("logmat", ["sigma": 1.5, "min_ampl": 0.1, "separable": true]),
    .init("eye", ["width": 40, "height": 30, "uchar": true, "factor": 0.7]),
    .init("grey", ["width": 40, "height": 30]),
    .init("zone", ["width": 40, "height": 30, "uchar": true]),
    .init("sines", ["width": 40, "height": 30, "hfreq": 3.0, "vfreq": 1.0]),
    .init("mask_butterworth", ["width": 32, "height": 32, "order": 2.0, "frequency_cutoff": 0.4, "amplitude_cutoff": 0.5]),
    .init("mask_gaussian_band", [
        "width": 32, "height": 32, "frequency_cutoff_x": 0.3, "frequency_cutoff_y": 0.2, "radius": 0.2, "amplitude_cutoff": 0.5,
    ]),
    .init("tonelut", ["in_max": 255, "out_max": 255, "S": 20.0]),
    .init("identity", ["bands": 3]),
    .init("worley", ["width": 40, "height": 30, "cell_size": 10, "seed": 3]),
    .init("perlin", ["width": 40, "height": 30, "cell_size": 10, "seed": 3]),

    // Resampling
    .init("shrink", ["in": rgb, "hshrink": 2.5, "vshrink": 2.0]),
    .init("reduce", ["in": rgb, "hshrink": 2.3, "vshrink": 1.7, "kernel": "lanczos2"]),
    .init("resize", ["in": rgb, "scale": 0.37]),
    .init("resize", ["in": rgb, "scale": 1.7, "vscale": 0.9, "kernel": "cubic"]),
    .init("affine", ["in": rgb, "matrix": [0.9, 0.2, -0.1, 1.1], "interpolate": "bicubic", "background": [7]]),
    .init("similarity", ["in": rgb, "angle": 17.0, "scale": 0.8]),
    .init("rotate", ["in": rgb, "angle": 30.0, "interpolate": "nohalo"]),
    .init("mapim", ["in": rgb, "index": .file("index"), "interpolate": "bilinear"]),
    .init("quadratic", ["in": rgb, "coeff": .file("shear")]),
    .init("thumbnail_image", ["in": rgb, "width": 24, "height": 24, "crop": "centre"]),

    // Colour
    .init("colourspace", ["in": rgb, "space": "lch"]),
    .init("colourspace", ["in": rgb, "space": "b-w"]),
    .init("dE00", ["left": .file("lab"), "right": .file("lab2")]),
    .init("icc_transform", ["in": rgb, "output_profile": "p3", "input_profile": "srgb", "intent": "perceptual"]),
    .init("icc_import", ["in": rgb, "input_profile": "srgb", "embedded": false]),
    .init("sRGB2HSV", ["in": rgb]),
    .init("Lab2LabQ", ["in": .file("lab")]),

    // Histograms
    .init("maplut", ["in": rgb, "lut": .file("lut")]),
    .init("stdif", ["in": grey, "width": 11, "height": 11, "a": 0.4]),
    .init("hist_cum", ["in": .file("lut")]),
    .init("hist_norm", ["in": .file("lut")]),
    .init("hist_equal", ["in": rgb]),
    .init("hist_plot", ["in": .file("lut")]),
    .init("hist_local", ["in": grey, "width": 9, "height": 9, "max_slope": 3]),
    .init("percent", ["in": grey, "percent": 40.0]),
    .init("hist_entropy", ["in": .file("lut")]),

    // Convolution, frequency, morphology
    .init("conv", ["in": rgb, "mask": .file("kernel"), "precision": "integer"]),
    .init("conv", ["in": rgb, "mask": .file("kernel"), "precision": "float"]),
    .init("convsep", ["in": rgb, "mask": .file("line")]),
    .init("compass", ["in": grey, "mask": .file("kernel"), "times": 3, "angle": "d90", "combine": "sum"]),
    .init("gaussblur", ["in": rgb, "sigma": 2.5]),
    .init("gaussblur", ["in": rgb, "sigma": 1.2, "precision": "float", "min_ampl": 0.05]),
    .init("sharpen", ["in": rgb, "sigma": 0.8, "m2": 2.0]),
    .init("canny", ["in": grey, "sigma": 1.1]),
    .init("sobel", ["in": rgb]),
    .init("fastcor", ["in": grey, "ref": .file("smallgrey")]),
    .init("spcor", ["in": grey, "ref": .file("smallgrey")]),
    .init("fwfft", ["in": .file("square")]),
    .init("spectrum", ["in": .file("square")]),
    .init("morph", ["in": .file("mask"), "mask": .file("cross"), "morph": "erode"]),
    .init("rank", ["in": rgb, "width": 5, "height": 3, "index": 7]),
    .init("labelregions", ["in": .file("mask")]),
    .init("fill_nearest", ["in": .file("mask")]),
    .init("countlines", ["in": .file("mask"), "direction": "horizontal"]),
    .init("matrixinvert", ["in": .file("numbers")]),
    .init("match", ["ref": rgb, "sec": .file("rgb2"), "xr1": 5, "yr1": 5, "xs1": 6, "ys1": 5, "xr2": 40, "yr2": 30, "xs2": 41, "ys2": 31]),
    .init("merge", ["ref": rgb, "sec": .file("rgb2"), "direction": "horizontal", "dx": -40, "dy": 2]),

    // Drawing
    .init("draw_rect", ["image": rgb, "ink": [255, 0, 10], "left": 5, "top": 6, "width": 20, "height": 10, "fill": true]),
    .init("draw_line", ["image": rgb, "ink": [255], "x1": 2, "y1": 3, "x2": 55, "y2": 40]),
    .init("draw_circle", ["image": rgb, "ink": [0, 200, 0], "cx": 30, "cy": 20, "radius": 15]),
    .init("draw_flood", ["image": .file("mask"), "ink": [99], "x": 1, "y": 1]),
    .init("draw_image", ["image": rgb, "sub": .file("small"), "x": 10, "y": 12, "mode": "add"]),
    .init("draw_mask", ["image": rgb, "ink": [200, 100, 0], "mask": .file("smallgrey"), "x": 20, "y": 20]),
    .init("draw_smudge", ["image": rgb, "left": 10, "top": 10, "width": 20, "height": 20]),

    // Files
    .init("jpegload", ["filename": "photo.jpg", "shrink": 2]),
    .init("pngload", ["filename": "photo.png"]),
    .init("tiffload", ["filename": "photo.tif", "access": "sequential"]),
    .init("webpload", ["filename": "photo.webp", "scale": 0.5]),
    .init("thumbnail", ["filename": "photo.jpg", "width": 20]),
    .init("jpegsave", ["in": rgb, "filename": "out.jpg", "Q": 82, "optimize_coding": true, "subsample_mode": "off"]),
    .init("pngsave", ["in": .file("deep"), "filename": "out.png", "compression": 3, "filter": "paeth"]),
    .init("webpsave", ["in": rgba, "filename": "out.webp", "Q": 60, "preset": "photo"]),
    .init("tiffsave", ["in": .file("lab"), "filename": "out.tif", "compression": "deflate", "tile": true, "tile_width": 32, "tile_height": 32]),
    .init("ppmsave", ["in": rgb, "filename": "out.ppm", "strip": true]),
]

extension VipsTests {
    @Suite struct Parity {
        @Test func `the table covers at least sixty operations`() {
            #expect(Set(table.map(\.operation)).count >= 60)
            print("parity with the vips command: \(table.count) calls of \(Set(table.map(\.operation)).count) operations")
        }

        @Test(
            "an operation gives the samples that the vips command gives",
            .enabled(if: VipsCommand.isInstalled, "the vips command is not installed"), arguments: table)
        func matches(_ parity: ParityCase) throws {
            let pictures = try ParityPictures.shared.get()
            let scratch = try Scratch()
            let description = try #require(Operation.describe(parity.operation))
            let wanted = try Self.command(parity, description, pictures.folder, scratch)

            var arguments: [String: Argument] = [:]
            for (name, value) in parity.arguments {
                switch value {
                case .file(let file): arguments[name] = .image(try Image.load(pictures.folder(file + ".v")))
                case .files(let files):
                    arguments[name] = .images(try files.map { try Image.load(pictures.folder($0 + ".v")) })
                case .plain(.string(let text)) where name == "filename":
                    let isSaver = parity.operation.hasSuffix("save")
                    arguments[name] = .string(isSaver ? scratch("ours-" + text) : pictures.folder(text))
                case .plain(let argument): arguments[name] = argument
                }
            }
            let results = try Operation.call(parity.operation, arguments)

            if case .plain(.string(let file))? = parity.arguments["filename"], parity.operation.hasSuffix("save") {
                #expect(try scratch.read("ours-" + file) == scratch.read("theirs-" + file))
                return
            }
            #expect(Set(results.keys) == Set(wanted.images.keys).union(wanted.scalars), "the outputs that were returned")
            for (name, path) in wanted.images {
                var theirs = try Image.load(path)
                var ours = try #require(results[name]?.imageValue)
                if parity.operation == "stats" {
                    // The last columns say where the extremes are. Of several equal ones libvips names that of the fastest thread.
                    (ours, theirs) = (try withoutPlaces(ours), try withoutPlaces(theirs))
                }
                #expect(ours.description == theirs.description, "header of \(name)")
                #expect(try ours.bytes() == theirs.bytes(), "samples of \(name)")
            }
            if !wanted.scalars.isEmpty {
                // The command prints its scalar results one a line, in the order of declaration, with six digits.
                let ours = wanted.scalars.flatMap { name -> [Double] in
                    results[name]?.doublesValue ?? results[name]?.doubleValue.map { [$0] } ?? []
                }
                let theirs = wanted.printed.split { $0.isWhitespace }.compactMap { Double($0) }
                try #require(ours.count == theirs.count)
                for (a, b) in zip(ours, theirs) { #expect(abs(a - b) <= 1e-5 * max(1, abs(b)), "\(ours) against \(theirs)") }
            }
        }

        /// Runs the command: required arguments by position in the order of declaration, the others as options.
        private static func command(
            _ parity: ParityCase, _ description: OperationDescription, _ pictures: Scratch, _ scratch: Scratch
        ) throws -> (images: [String: String], scalars: [String], printed: String) {
            var positional: [String] = [], options: [String] = [], images: [String: String] = [:], scalars: [String] = []
            for parameter in description.parameters {
                let value = parity.arguments[parameter.name]
                if parameter.isModified, case .file(let file)? = value {
                    let copy = scratch(file + ".v")
                    try FileManager.default.copyItem(atPath: pictures(file + ".v"), toPath: copy)
                    positional.append(copy)
                    images[parameter.name] = copy
                } else if parameter.isOutput {
                    guard parameter.isRequired else { continue }
                    if parameter.kind == .image {
                        let path = scratch("theirs-\(parameter.name).v")
                        positional.append(path)
                        images[parameter.name] = path
                    } else {
                        scalars.append(parameter.name)
                    }
                } else if let value {
                    let text: String = switch value {
                    case .file(let file): pictures(file + ".v")
                    case .files(let files): files.map { pictures($0 + ".v") }.joined(separator: " ")
                    case .plain(.string(let file)) where parameter.name == "filename":
                        parity.operation.hasSuffix("save") ? scratch("theirs-" + file) : pictures(file)
                    case .plain(.strings(let names)): Self.numbers(of: names, parameter.kind)
                    default: value.text
                    }
                    if parameter.isRequired {
                        positional.append(text)
                    } else if case .plain(.bool(let on)) = value {
                        if on { options.append("--\(parameter.name.replacing("_", with: "-"))") }
                    } else {
                        options.append("--\(parameter.name.replacing("_", with: "-"))=\(text)")
                    }
                }
            }
            // "--" keeps a negative number from being read as an option.
            let printed = try VipsCommand.run([parity.operation] + options + ["--"] + positional)
            return (images, scalars, printed)
        }

        /// The command takes blend modes as numbers only.
        private static func numbers(of names: [String], _ kind: ParameterKind) -> String {
            guard case .enumerations(let choices) = kind else { return names.joined(separator: "|") }
            return names.compactMap { name in choices.first { $0.nickname == name }.map { String($0.value) } }
                .joined(separator: " ")
        }
    }
}

/// The columns of `stats` before the places of the extremes.
private func withoutPlaces(_ stats: Image) throws -> Image {
    try Operation.image("extract_area", ["input": .image(stats), "left": 0, "top": 0, "width": 6, "height": .int(stats.height)])
}
