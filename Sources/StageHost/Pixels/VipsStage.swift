public import PipelineLanguage
public import Vips

/// A libvips operation as a stage.
public enum VipsStage {
    /// What a stage made: the image that flows on, or the numbers that `set` asks for, or both.
    public struct Result {
        public var image: Image?
        public var values: [String: Value]
    }

    /// Runs an operation on images. Pixels are computed later, when something asks for them, except where the operation
    /// answers with a number.
    ///
    /// - Parameters:
    ///   - arguments: typed by the parameter; image references are looked up with `image`.
    ///   - primary: the running image, for the alpha policy and for constants given instead of images.
    ///   - outputs: non-image outputs wanted beyond the required ones.
    public static func apply(
        _ nickname: String, _ arguments: [String: Value], primary: Image?, outputs: Set<String>, alpha: AlphaMode,
        image: (ImageReference) throws(StageError) -> Image
    ) throws(StageError) -> Result {
        guard let operation = Operation.describe(nickname) else {
            throw StageError.host("libvips has no operation '\(nickname)'")
        }
        var converted: [String: Argument] = [:]
        for (name, value) in arguments {
            guard let parameter = operation.parameters.first(where: { $0.name == name }) else {
                throw StageError.host("operation '\(nickname)' has no parameter '\(name)'")
            }
            converted[name] = try argument(value, for: parameter, image: image)
        }
        let policy = alpha == .raw ? .pass : AlphaPolicy(operation: nickname)
        guard policy != .pass, let main = mainImage(of: operation), case .image(let input)? = converted[main], input.hasAlpha else {
            return try split(call(nickname, converted, outputs))
        }
        switch policy {
        case .pass:
            return try split(call(nickname, converted, outputs))
        case .coloursOnly:
            let (colours, alpha) = try splitAlpha(input)
            converted[main] = .image(colours)
            var result = try split(call(nickname, converted, outputs))
            if let image = result.image { result.image = try joinAlpha(image, alpha, from: input) }
            return result
        case .coloursContinued:
            // Read twice where something is transparent.
            let source: Image
            do { source = input.isStreamed ? try input.kept(memoryBudget: keptAtMost) : input } catch { throw .host("\(error)") }
            converted[main] = .image(try ExtendedColours.of(source, isComputed: true, memoryBudget: keptAtMost))
            var result = try split(call(nickname, converted, outputs))
            if let image = result.image { result.image = try joinAlpha(image, try splitAlpha(source).alpha, from: source) }
            return result
        case .premultiply:
            let white = PictureScale(of: input).white ?? input.double(PictureScale.field) ?? 255
            // What libvips would give: a convolution of integers may well be floats below zero.
            let format = try split(call(nickname, converted, [])).image?.format ?? input.format
            // libvips takes an alpha below 0.01 for none, whatever its scale is.
            let stretch = white <= 1 && input.format.isFloat ? 65535 / white : 1
            converted[main] = .image(try unary("premultiply", try alphaScaled(input, stretch), ["max_alpha": .double(white * stretch)]))
            var result = try split(call(nickname, converted, outputs))
            if let image = result.image {
                var colours = try alphaScaled(try unary("unpremultiply", image, ["max_alpha": .double(white * stretch)]), 1 / stretch)
                // A cast cuts the fraction off, and a surface of one colour would come back a level darker.
                if format.isInteger { colours = try unary("round", colours, ["round": "rint"]) }
                result.image = try unary("cast", colours, ["format": .string(format.rawValue)])
            }
            return result
        }
    }

    /// Bytes of a picture in memory; a larger one goes to a temporary file.
    private static let keptAtMost = 256 << 20

    /// The colour bands and the alpha band.
    static func splitAlpha(_ image: Image) throws(StageError) -> (colours: Image, alpha: Image) {
        let alpha = try unary("extract_band", image, ["band": .int(image.bands - 1)])
        do {
            // Joined again, it would bring back a profile that the colours have left.
            return (try unary("extract_band", image, ["band": .int(0), "n": .int(image.bands - 1)]),
                    try alpha.settingFields([(ManagedColour.profileField, nil), (ManagedColour.field, nil), (ManagedColour.originField, nil)]))
        } catch let error as VipsError {
            throw .vips(error)
        } catch let error as StageError {
            throw error
        } catch {
            throw .host("\(error)")
        }
    }

    private static func alphaScaled(_ image: Image, _ factor: Double) throws(StageError) -> Image {
        guard factor != 1 else { return image }
        return try unary("linear", image, ["a": .doubles(Array(repeating: 1, count: image.bands - 1) + [factor]), "b": .doubles(Array(repeating: 0, count: image.bands))])
    }

    /// Puts an alpha band of the scale of `original` back behind colours that may have another format by now.
    private static func joinAlpha(_ colours: Image, _ alpha: Image, from original: Image) throws(StageError) -> Image {
        let fits = colours.width == alpha.width && colours.height == alpha.height
        guard fits else { return colours }
        var alpha = alpha
        // Floats have another white only where they went to another space.
        let from = PictureScale(of: original).white
        let to = PictureScale.white(of: colours.format) ?? (colours.interpretation == original.interpretation ? from : PictureScale(of: colours).white)
        if let from, let to, from != to { alpha = try unary("linear", alpha, ["a": .doubles([to / from]), "b": .doubles([0])]) }
        if colours.format != alpha.format { alpha = try unary("cast", alpha, ["format": .string(colours.format.rawValue)]) }
        return try images("bandjoin", [colours, alpha])
    }

    // MARK: calling

    /// Any operation with one image in and one out.
    static func unary(_ nickname: String, _ input: Image, _ more: [String: Argument] = [:]) throws(StageError) -> Image {
        var arguments = more
        arguments[inputName(nickname)] = .image(input)
        return try result(of: nickname, arguments)
    }

    static func images(_ nickname: String, _ inputs: [Image], _ more: [String: Argument] = [:]) throws(StageError) -> Image {
        var arguments = more
        arguments["in"] = .images(inputs)
        return try result(of: nickname, arguments)
    }

    static func result(of nickname: String, _ arguments: [String: Argument]) throws(StageError) -> Image {
        guard let image = try split(call(nickname, arguments, [])).image else {
            throw StageError.host("operation '\(nickname)' made no image")
        }
        return image
    }

    private static func inputName(_ nickname: String) -> String {
        Operation.describe(nickname).flatMap(mainImage) ?? "in"
    }

    private static func call(_ nickname: String, _ arguments: [String: Argument], _ outputs: Set<String>)
        throws(StageError) -> [String: Argument] {
        do {
            return try Operation.call(nickname, arguments, outputs: outputs)
        } catch {
            throw StageError.vips(error)
        }
    }

    /// The name of the first required image argument: the one that the running image fills.
    public static func mainImage(of operation: OperationDescription) -> String? {
        operation.parameters.first { parameter in
            guard parameter.isInput, parameter.isRequired else { return false }
            if case .image = parameter.kind { return true }
            return false
        }?.name
    }

    private static func split(_ results: [String: Argument]) throws(StageError) -> Result {
        var outcome = Result(image: nil, values: [:])
        for (name, value) in results {
            switch value {
            case .image(let image):
                // `out` where there is one; operations with another name for it have just one image.
                if outcome.image == nil || name == "out" { outcome.image = image }
            case .bool(let flag): outcome.values[name] = .bool(flag)
            case .int(let number): outcome.values[name] = .int(number)
            case .double(let number): outcome.values[name] = .double(number)
            case .string(let text): outcome.values[name] = .string(text)
            case .doubles(let numbers): outcome.values[name] = .list(numbers.map { .double($0) })
            case .ints(let numbers): outcome.values[name] = .list(numbers.map { .int($0) })
            default: continue
            }
        }
        return outcome
    }

    // MARK: arguments

    /// A loader's or saver's options, typed for libvips.
    public static func options(_ values: [String: Value], of nickname: String) throws(StageError) -> [String: Argument] {
        guard let operation = Operation.describe(nickname) else { throw StageError.host("libvips has no '\(nickname)'") }
        var result: [String: Argument] = [:]
        for (name, value) in values {
            guard let parameter = operation[name] else { throw StageError.host("'\(nickname)' has no option '\(name)'") }
            result[name] = try argument(value, for: parameter) { (_) throws(StageError) in throw mistyped(parameter) }
        }
        return result
    }

    private static func argument(
        _ value: Value, for parameter: OperationParameter, image: (ImageReference) throws(StageError) -> Image
    ) throws(StageError) -> Argument {
        switch value {
        case .bool(let flag): return .bool(flag)
        case .int(let number): return .int(number)
        case .double(let number): return .double(number)
        case .string(let text): return .string(text)
        case .image(let reference):
            if case .images = parameter.kind { return .images([try image(reference)]) }
            return .image(try image(reference))
        case .list(let items):
            if case .images = parameter.kind {
                var list: [Image] = []
                for item in items {
                    guard case .image(let reference) = item else { throw mistyped(parameter) }
                    list.append(try image(reference))
                }
                return .images(list)
            }
            return try list(items, for: parameter)
        case .null, .map:
            throw mistyped(parameter)
        }
    }

    private static func list(_ items: [Value], for parameter: OperationParameter) throws(StageError) -> Argument {
        var numbers: [Double] = [], texts: [String] = []
        var allInts = true
        for item in items {
            switch item {
            case .int(let number): numbers.append(Double(number))
            case .double(let number): numbers.append(number); allInts = false
            case .string(let text): texts.append(text)
            default: throw mistyped(parameter)
            }
        }
        if !texts.isEmpty {
            guard numbers.isEmpty else { throw mistyped(parameter) }
            return .string(texts.joined(separator: "|"))
        }
        if case .ints = parameter.kind, allInts { return .ints(numbers.map { Int($0) }) }
        return .doubles(numbers)
    }

    private static func mistyped(_ parameter: OperationParameter) -> StageError {
        StageError.host("the value of '\(parameter.name)' has the wrong type")
    }
}

