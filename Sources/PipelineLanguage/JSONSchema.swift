/// The pipeline format as JSON Schema (draft-07), for editors: completion, hover texts and checks while typing.
///
/// It says what `check` says as far as a schema can: `${...}` may stand for any scalar, arguments may be written with `-` for `_`, and
/// a number in quotes is a number. The names of stages go by their canonical spelling.
public enum JSONSchema {
    /// The schema for the stages of `catalogue`: valid JSON with sorted keys.
    public static func schema(for catalogue: Catalogue) -> String {
        let schema = object([
            ("$schema", .string("http://json-schema.org/draft-07/schema#")),
            ("title", .string("Aquatint pipeline")),
            ("type", .string("object")),
            ("required", .array([.string("version")])),
            ("additionalProperties", .bool(false)),
            ("not", object([("required", .array([.string("output"), .string("outputs")]))])),
            ("properties", properties),
            ("definitions", definitions(catalogue)),
        ])
        return schema.text(pretty: true, sortedKeys: true) + "\n"
    }

    // MARK: The file

    private static let properties = object([
        ("version", described("The version of the pipeline format.", [("const", .int(1))])),
        ("description", described("What the pipeline does, for lists.", [("type", .string("string"))])),
        ("requires", described("What must be installed.", mapping([
            ("vips", described("libvips' version, as \">=8.14\".", [("type", .string("string"))])),
            ("plugins", described("Plug-ins by name, with their versions.", [
                ("type", .string("object")), ("additionalProperties", object([("anyOf", .array([
                    object([("type", .string("string"))]),
                    object(mapping([
                        ("version", described("As \">=1.2, <2\".", [("type", .string("string"))])),
                        ("sha256", described("The SHA-256 of the plug-in's file.", [("type", .string("string")), ("pattern", .string("^[0-9a-fA-F]{64}$"))])),
                    ])),
                ]))])),
            ])),
        ]))),
        ("vars", described("Variables: a default, or a declaration. --set overrides them.", [
            ("type", .string("object")), ("additionalProperties", reference("variable")),
        ])),
        ("limits", described("What one image may take.", mapping([
            ("max_pixels", described("Pixels, with K, M or G.", size)),
            ("timeout", described("Seconds, or as 120s, 2m.", size)),
            ("max_memory", described("Bytes, with K, M, G, Ki, Mi or Gi.", size)),
        ]))),
        ("input", described("How inputs are read.", mapping([
            ("autorot", described("Turn the image as its EXIF tag says.", [("type", .string("boolean")), ("default", .bool(true))])),
            ("pages", described("first, all, a page from 1, or pages as 2..5.", [("type", strings("string", "integer")), ("default", .string("first"))])),
            ("width", described("What drawings (SVG, PDF) are drawn at, in pixels.", [("type", .string("integer")), ("minimum", .int(1))])),
            ("untrusted", described("Read formats, too, whose loaders are not hardened against hostile files: SVG, PDF, FITS and others.",
                                    [("type", .string("boolean")), ("default", .bool(false))])),
            ("on_damage", described("What becomes of a damaged file.", choices(["fail", "keep"]))),
            ("options", described("Loader options by libvips' names.", [("type", .string("object"))])),
        ]))),
        ("alpha", described("auto: alpha is kept out of what it would spoil; raw: exactly libvips.", choices(["auto", "raw"]))),
        ("images", described("Second inputs by name, decoded once.", [
            ("type", .string("object")), ("additionalProperties", reference("namedImage")),
        ])),
        ("stages", reference("stages")),
        ("output", reference("output")),
        ("outputs", described("Several outputs.", [("type", .string("array")), ("minItems", .int(1)), ("items", reference("output"))])),
    ])

    private static func definitions(_ catalogue: Catalogue) -> JSON {
        let variable = anyOf([
            object([("type", strings("string", "number", "boolean"))]),
            object(mapping([
                ("type", object(choices(["int", "double", "bool", "string"]))),
                ("default", object([("type", strings("string", "number", "boolean"))])),
                ("min", object([("type", .string("number"))])),
                ("max", object([("type", .string("number"))])),
                ("choices", object([("type", .string("array")), ("minItems", .int(1))])),
                ("doc", object([("type", .string("string"))])),
            ])),
        ])
        let file = described("A file, relative to the pipeline file.", [("type", .string("string"))])
        let namedImage = anyOf([
            file,
            object(mapping([
                ("file", file),
                ("options", described("Loader options by libvips' names.", [("type", .string("object"))])),
                ("stages", reference("stages")),
            ]) + [("required", .array([.string("file")]))]),
        ])
        let name = described("The file's name; fields {stem} {name} {ext} {dir} {index} {page}, and ${...}.", [("type", .string("string"))])
        let output = anyOf([
            name,
            object(mapping([
                ("from", described("The image that is written: a name, prev or input.", [("type", .string("string"))])),
                ("file", name),
                ("stages", reference("stages")),
                ("options", described("Saver options by libvips' names.", [("type", .string("object"))])),
                ("metadata", anyOf([
                    object(choices(["keep", "strip"])), described("The kinds that are kept.", [("type", .string("array")), ("items", object(choices(KeptMetadata.Kind.allCases.map(\.rawValue))))]),
                ])),
                ("profile", described("keep, a built-in profile, or a file.", [("type", .string("string"))])),
                ("background", described("What transparency is laid on where the format has none: white, black, '#rrggbb', or numbers from 0 to 255.", [
                    ("type", strings("string", "number", "array")), ("default", .string("white")),
                ])),
                ("dither", described("auto: samples are dithered where they are stored in fewer bits than the input had; none: rounded.", choices(["auto", "none"]))),
            ])),
        ])
        var definitions: [(String, JSON)] = [
            ("expression", described("A value computed when the plan is made.", [("type", .string("string")), ("pattern", .string("\\$\\{"))])),
            ("image", imageSchema),
            ("namedImage", namedImage),
            ("output", output),
            ("stages", described("What is done, in order.", [("type", .string("array")), ("items", reference("stage"))])),
            ("stage", stage(catalogue)),
            ("variable", variable),
        ]
        definitions += catalogue.all.map { ("stage:" + $0.name, arguments(of: $0)) }
        return object(definitions)
    }

    // MARK: Stages

    /// A bare name, or a mapping with exactly one stage and what stands beside it.
    private static func stage(_ catalogue: Catalogue) -> JSON {
        let all = catalogue.all
        let bare = all.filter(\.canStandBare).map(\.name)
        var properties: [(String, JSON)] = all.map { ($0.name, reference("stage:" + $0.name)) }
        properties += [
            ("as", described("A name for the result.", [("type", .string("string"))])),
            ("in", described("The image to run on, instead of the previous result.", [("type", .string("string"))])),
            ("when", described("Run only if this holds, as prev.width > 320.", [("type", strings("string", "boolean"))])),
            ("set", described("Outputs of the stage that go to variables.", [
                ("type", .string("object")), ("additionalProperties", object([("type", .string("string"))])),
            ])),
            ("alpha", object(choices(["auto", "raw"]))),
        ]
        var forms: [JSON] = bare.isEmpty ? [] : [object([("type", .string("string")), ("enum", .array(bare.map(JSON.string)))])]
        forms.append(object([
            ("type", .string("object")),
            ("properties", object(properties)),
            ("additionalProperties", .bool(false)),
            ("oneOf", .array(all.map { object([("required", .array([.string($0.name)]))]) })),
        ]))
        return anyOf(forms)
    }

    /// What may stand after `stage:`.
    private static func arguments(of stage: StageDescription) -> JSON {
        let images = stage.inputs.map { input in
            (input.name, described(input.doc, input.isList ? [("anyOf", .array([list(of: reference("image")), reference("image")]))] : [("allOf", .array([reference("image")]))]))
        }
        let properties = images + stage.parameters.map { ($0.name, schema(of: $0)) }
        var byName = mapping(properties)
        // Names with `_` may be written with `-`; the canonical spelling is the one that editors offer.
        let dashed = properties.filter { $0.0.contains("_") }.map { (name, schema) in
            ("^" + name.split(separator: "_", omittingEmptySubsequences: false).joined(separator: "[-_]") + "$", schema)
        }
        if !dashed.isEmpty { byName.append(("patternProperties", object(dashed))) }
        // The first image is the running one unless the file says otherwise; a name may also be spelled with `-`.
        let running = stage.runningInput?.name
        let required = stage.inputs.filter { !$0.optional && $0.name != running }.map(\.name) + stage.required.map(\.name)
        let strict = required.filter { !$0.contains("_") }
        if !strict.isEmpty { byName.append(("required", .array(strict.map(JSON.string)))) }
        var forms = [object(byName)]
        if stage.required.count == 1 { forms.append(schema(of: stage.required[0])) }
        if stage.canStandBare { forms.append(object([("type", .string("null"))])) }
        let text = ([stage.summary] + stage.notes).filter { !$0.isEmpty }.joined(separator: ". ")
        return described(text, forms.count == 1 ? byName : [("anyOf", .array(forms))])
    }

    private static func schema(of parameter: ParameterDescription) -> JSON {
        var entries: [(String, JSON)]
        switch parameter.type {
        case .bool: entries = scalar("boolean", [])
        case .int: entries = scalar("integer", bounds(parameter))
        case .double: entries = scalar("number", bounds(parameter))
        case .size: entries = size
        case .string, .file, .profile, .choice, .interpolate:
            entries = parameter.choices.isEmpty
                ? [("type", strings("string", "number", "boolean"))]
                : [("anyOf", .array([object(choices(parameter.choices)), reference("expression")]))]
        case .flags:
            let flag = parameter.choices.isEmpty ? object([("type", .string("string"))]) : object(choices(parameter.choices))
            entries = [("anyOf", .array([list(of: flag), object([("type", .string("string"))])]))]
        case .ints: entries = listOrOne(object(scalar("integer", bounds(parameter))), parameter)
        case .doubles: entries = listOrOne(object(scalar("number", bounds(parameter))), parameter)
        case .strings: entries = listOrOne(object([("type", strings("string", "number", "boolean"))]), parameter)
        case .colour:
            let colour = object([("type", .string("string")), ("pattern", .string("^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$|\\$\\{"))])
            entries = [("anyOf", .array([list(of: object(scalar("number", bounds(parameter))), parameter.counts), colour]))]
        case .image: entries = [("allOf", .array([reference("image")]))]
        case .images: entries = [("anyOf", .array([list(of: reference("image")), reference("image")]))]
        case .json: entries = []
        }
        if let fallback = parameter.fallback { entries.append(("default", JSON(fallback))) }
        if parameter.isDeprecated { entries.append(("deprecated", .bool(true))) }
        let unit = parameter.unit.map { " [\($0)]" } ?? ""
        return described(parameter.doc + unit, entries)
    }

    /// prev, input, a name, a number, a list of numbers, or a matrix.
    private static let imageSchema: JSON = {
        let number = object([("type", strings("number", "string"))])
        let rows = list(of: list(of: number))
        return described("prev, input, a name, a number for each band, or a matrix.", [("anyOf", .array([
            object([("type", strings("string", "number"))]),
            list(of: number),
            rows,
            object(mapping([("matrix", rows), ("scale", number), ("offset", number)]) + [("required", .array([.string("matrix")]))]),
        ]))])
    }()

    // MARK: Pieces

    private static var size: [(String, JSON)] { [("type", strings("number", "string"))] }

    private static func object(_ entries: [(String, JSON)]) -> JSON { .object(entries) }

    private static func strings(_ names: String...) -> JSON { .array(names.map(JSON.string)) }

    private static func anyOf(_ forms: [JSON]) -> JSON { object([("anyOf", .array(forms))]) }

    private static func reference(_ name: String) -> JSON { object([("$ref", .string("#/definitions/" + name))]) }

    private static func choices(_ names: [String]) -> [(String, JSON)] { [("enum", .array(names.map(JSON.string)))] }

    private static func mapping(_ properties: [(String, JSON)]) -> [(String, JSON)] {
        [("type", .string("object")), ("properties", object(properties)), ("additionalProperties", .bool(false))]
    }

    private static func described(_ text: String, _ entries: [(String, JSON)]) -> JSON {
        object(text.isEmpty ? entries : [("description", .string(text))] + entries)
    }

    /// A scalar of the type, quoted or not, or an expression.
    private static func scalar(_ type: String, _ bounds: [(String, JSON)]) -> [(String, JSON)] {
        let quoted = type == "boolean" ? "^(true|false)$" : type == "integer" ? "^[-+]?[0-9]+$" : "^[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?$"
        return [("anyOf", .array([
            object([("type", .string(type))] + bounds),
            object([("type", .string("string")), ("pattern", .string(quoted))]),
            reference("expression"),
        ]))]
    }

    private static func bounds(_ parameter: ParameterDescription) -> [(String, JSON)] {
        var entries: [(String, JSON)] = []
        if let minimum = parameter.minimum { entries.append(("minimum", .double(minimum))) }
        if let maximum = parameter.maximum { entries.append(("maximum", .double(maximum))) }
        return entries
    }

    private static func list(of item: JSON, _ counts: ClosedRange<Int>? = nil) -> JSON {
        var entries: [(String, JSON)] = [("type", .string("array")), ("items", item)]
        if let counts {
            entries.append(("minItems", .int(counts.lowerBound)))
            if counts.upperBound < Int.max { entries.append(("maxItems", .int(counts.upperBound))) }
        }
        return object(entries)
    }

    private static func listOrOne(_ item: JSON, _ parameter: ParameterDescription) -> [(String, JSON)] {
        [("anyOf", .array([list(of: item, parameter.counts), item]))]
    }
}
