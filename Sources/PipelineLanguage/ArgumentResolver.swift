/// From what stands in the file to typed values. The same code serves `check`, where facts and some variables are still unknown and
/// what depends on them is left out, and a run, where all is known.
struct ArgumentResolver {
    let evaluator: Evaluator
    let scope: ReferenceScope
    var list: DiagnosticList

    init(_ evaluator: Evaluator, _ scope: ReferenceScope) {
        self.evaluator = evaluator
        self.scope = scope
        list = DiagnosticList(file: evaluator.file)
    }

    // MARK: Stages

    /// The arguments of a stage that are given, by canonical name; the running input is always among them.
    mutating func arguments(of use: StageUse, for stage: StageDescription) -> [String: Value] {
        var values: [String: Value] = [:]
        var given: Set<String> = []
        if let value = shorthand(of: use, for: stage) {
            if let parameter = stage.required.first {
                given.insert(parameter.name)
                values[parameter.name] = self.value(value, as: parameter)
            }
        } else {
            for argument in use.arguments {
                let name = Names.canonical(argument.name)
                if let input = stage.input(name) {
                    given.insert(name)
                    values[name] = image(argument.node, "'\(argument.name)'", isList: input.isList)
                } else if let parameter = stage.parameter(name) {
                    given.insert(name)
                    if parameter.isDeprecated { list.warning(.argument, argument.mark, "\(Quoted.text(argument.name)) of \(Quoted.text(stage.name)) is deprecated") }
                    values[name] = self.value(argument.node, as: parameter, shown: argument.name)
                } else {
                    unknownArgument(argument, stage)
                }
            }
        }
        connect(use, stage, &values, &given)
        checkRequired(use, stage, given)
        return values
    }

    /// The value in `stage: value`, if that form may be used; also a mapping where the one required argument takes any mapping.
    private mutating func shorthand(of use: StageUse, for stage: StageDescription) -> ArgumentNode? {
        guard let argument = use.argument else { return nil }
        let required = stage.required
        if case .map(let entries) = argument.content {
            guard required.count == 1, required[0].type == .json, !entries.isEmpty,
                  !entries.contains(where: { Names.same($0.name, required[0].name) }),
                  !entries.allSatisfy({ stage.parameter($0.name) != nil || stage.input($0.name) != nil }) else { return nil }
            return argument
        }
        guard use.shorthand != nil else { return nil }
        if required.count == 1 { return argument }
        let name = Quoted.text(stage.name)
        if required.isEmpty {
            let example = (stage.parameters.first?.name ?? stage.inputs.first?.name).map { ", as {\($0): ...}" }
            let message = example.map { "\(name) has no required argument: give its arguments by name\($0)" } ?? "\(name) takes no arguments"
            list.error(.argument, argument.mark, message)
        } else {
            list.error(.argument, argument.mark, "\(name) has \(required.count) required arguments: give them by name: \(required.map(\.name).joined(separator: ", "))")
        }
        return nil
    }

    private mutating func unknownArgument(_ argument: ArgumentUse, _ stage: StageDescription) {
        let names = stage.inputs.map(\.name) + stage.parameters.map(\.name)
        let has = names.isEmpty ? "it takes none" : names.count > 16 ? "it has \(names.prefix(16).joined(separator: ", ")), ..." : "it has \(names.joined(separator: ", "))"
        list.error(.argument, argument.mark, "\(Quoted.text(stage.name)) has no argument \(Quoted.text(argument.name)); \(has)",
                   suggestion: NearestName.of(argument.name, among: names))
    }

    /// Gives the running input the image named by `in:`, or the previous result.
    private mutating func connect(_ use: StageUse, _ stage: StageDescription, _ values: inout [String: Value], _ given: inout Set<String>) {
        if let name = use.inMarked {
            guard let input = stage.runningInput ?? stage.inputs.first else {
                list.error(.argument, name.mark, "\(Quoted.text(stage.name)) reads no image, so 'in' has no meaning")
                return
            }
            if given.contains(input.name) {
                list.error(.argument, name.mark, "'in' and the argument '\(input.name)' both say which image \(Quoted.text(stage.name)) runs on: leave one out")
                return
            }
            given.insert(input.name)
            guard let reference = reference(name.text, at: name.mark) else { return }
            values[input.name] = input.isList ? .list([.image(reference)]) : .image(reference)
        } else if let input = stage.runningInput, given.insert(input.name).inserted {
            values[input.name] = input.isList ? .list([.image(.previous)]) : .image(.previous)
        }
    }

    private mutating func checkRequired(_ use: StageUse, _ stage: StageDescription, _ given: Set<String>) {
        // A shorthand that cannot be has been reported with the names it lacks.
        if use.shorthand != nil, stage.required.count != 1 { return }
        let missing = stage.inputs.filter { !$0.optional && !given.contains($0.name) }.map { "'\($0.name)' (an image)" }
            + stage.required.filter { !given.contains($0.name) }.map { "'\($0.name)' (\($0.type.described))" }
        guard !missing.isEmpty else { return }
        list.error(.argument, use.mark, "\(Quoted.text(stage.name)) needs \(missing.joined(separator: " and "))")
    }

    // MARK: Options

    /// Loader or saver options by canonical name.
    mutating func options(_ uses: [ArgumentUse], for codec: StageDescription) -> [String: Value] {
        var values: [String: Value] = [:]
        for use in uses {
            guard let parameter = codec.parameter(use.name) else {
                let names = codec.parameters.map(\.name)
                list.error(.argument, use.mark, "\(Quoted.text(codec.name)) has no option \(Quoted.text(use.name)); it has \(names.joined(separator: ", "))",
                           suggestion: NearestName.of(use.name, among: names))
                continue
            }
            values[parameter.name] = value(use.node, as: parameter, shown: use.name)
        }
        return values
    }

    /// Checks the names in every expression below `uses`; for options whose loader or saver is not known yet.
    mutating func checkReferences(_ uses: [ArgumentUse]) {
        for expression in uses.flatMap(\.node.scalars).flatMap(\.expressions) { _ = areNamesKnown(in: expression) }
    }

    // MARK: Values

    /// The node as the parameter's type; nil where it is wrong (reported) or depends on what is not known yet.
    mutating func value(_ node: ArgumentNode, as parameter: ParameterDescription, shown: String? = nil) -> Value? {
        let name = "'\(shown ?? parameter.name)'"
        if parameter.type.isImage { return image(node, name, isList: parameter.type == .images) }
        switch node.content {
        case .empty:
            list.error(.value, node.mark, "\(name) has no value")
            return nil
        case .scalar(let scalar):
            return typed(scalar, name, text: parameter.value(ofText:), result: parameter.value(of:))
        case .list, .map:
            if parameter.type == .json { return json(node, parameter) }
            guard parameter.type.isList, case .list(let items) = node.content else {
                list.error(.value, node.mark, "\(name) must be \(parameter.type.described), not \(node.kind)")
                return nil
            }
            return self.list(items, at: node.mark, name, parameter)
        }
    }

    private mutating func list(_ items: [ArgumentNode], at mark: SourceMark, _ name: String, _ parameter: ParameterDescription) -> Value? {
        var values: [Value?] = []
        for item in items {
            guard case .scalar(let scalar) = item.content else {
                list.error(.value, item.mark, "\(name) must be \(parameter.type.described), and its items single values, not \(item.kind)")
                return nil
            }
            values.append(typed(scalar, name, text: parameter.element(ofText:), result: parameter.element(of:)))
        }
        do throws(ScalarText.Problem) {
            _ = try parameter.counted(values.map { $0 ?? .null })
        } catch {
            list.error(.value, mark, "\(name) \(error.message)")
            return nil
        }
        return values.contains(nil) ? nil : .list(values.compactMap(\.self))
    }

    /// A list or mapping as it stands, its scalars typed by how they look.
    private mutating func json(_ node: ArgumentNode, _ parameter: ParameterDescription) -> Value? {
        switch node.content {
        case .empty: return .null
        case .scalar(let scalar): return typed(scalar, "'\(parameter.name)'", text: parameter.value(ofText:), result: parameter.value(of:))
        case .list(let items):
            let values = items.map { json($0, parameter) }
            return values.contains(nil) ? nil : .list(values.compactMap(\.self))
        case .map(let entries):
            let values = entries.map { json($0.node, parameter) }
            guard !values.contains(nil) else { return nil }
            return .map(ValueMap(zip(entries, values.compactMap(\.self)).map { ValueMap.Entry(key: $0.name, value: $1) }))
        }
    }

    private mutating func typed(_ scalar: Interpolation, _ name: String, text: (String) throws(ScalarText.Problem) -> Value,
                                result: (Value) throws(ScalarText.Problem) -> Value) -> Value? {
        guard let value = evaluated(scalar) else { return nil }
        do throws(ScalarText.Problem) {
            if scalar.whole == nil, case .string(let spelled) = value { return try text(spelled) }
            return try result(value)
        } catch {
            list.error(.value, scalar.mark, "\(name) \(error.message)", suggestion: error.suggestion)
            return nil
        }
    }

    /// The scalar with its expressions computed; nil where they cannot be (reported) or not yet.
    mutating func evaluated(_ scalar: Interpolation) -> Value? {
        var known = true
        for expression in scalar.expressions where !areNamesKnown(in: expression) { known = false }
        guard known else { return nil }
        do throws(Evaluator.Failure) {
            return try scalar.value(evaluator)
        } catch {
            if case .failed(let diagnostic) = error { list.append(diagnostic) }
            return nil
        }
    }

    /// The condition's value; nil where it is wrong or not known yet.
    mutating func condition(_ expression: Expression) -> Bool? {
        guard areNamesKnown(in: expression) else { return nil }
        do throws(Evaluator.Failure) {
            let value = try evaluator.value(of: expression)
            if case .bool(let bool) = value { return bool }
            list.error(.expression, expression.mark, "'when' must be true or false, not \(value.described)")
        } catch {
            if case .failed(let diagnostic) = error { list.append(diagnostic) }
        }
        return nil
    }

    mutating func areNamesKnown(in expression: Expression) -> Bool {
        let problems = scope.problems(in: expression, file: evaluator.file)
        list.append(contentsOf: problems)
        return problems.isEmpty
    }

    // MARK: Images

    /// `prev`, `input`, a name; nil, reported, where there is no such image.
    mutating func reference(_ name: String, at mark: SourceMark) -> ImageReference? {
        if let problem = scope.problem(ofImage: name, at: mark, file: evaluator.file) {
            list.append(problem)
            return nil
        }
        switch Names.canonical(name) {
        case "prev": return .previous
        case "input": return .input
        default: return .named(scope.spelled(name))
        }
    }

    private mutating func image(_ node: ArgumentNode, _ name: String, isList: Bool) -> Value? {
        guard isList else { return reference(node, name).map(Value.image) }
        if case .list(let items) = node.content {
            let references = items.map { reference($0, name) }
            if items.isEmpty { list.error(.value, node.mark, "\(name) must be a list of images, not an empty one") }
            return references.contains(nil) || items.isEmpty ? nil : .list(references.compactMap(\.self).map(Value.image))
        }
        return reference(node, name).map { .list([.image($0)]) }
    }

    private mutating func reference(_ node: ArgumentNode, _ name: String) -> ImageReference? {
        switch node.content {
        case .empty:
            list.error(.value, node.mark, "\(name) has no value: give prev, input, a name, a number, or a matrix")
            return nil
        case .scalar(let scalar):
            guard let value = evaluated(scalar) else { return nil }
            if let number = value.number { return .constant([number]) }
            guard case .string(let text) = value else {
                list.error(.value, node.mark, "\(name) must be an image (prev, input, a name, a number, or a matrix), not \(value.described)")
                return nil
            }
            if scalar.whole == nil, let number = try? ScalarText.double(text) { return .constant([number]) }
            return reference(text, at: node.mark)
        case .list(let items):
            if case .list = items.first?.content { return matrix(items, at: node.mark, name).map { .matrix(Matrix(rows: $0)) } }
            guard !items.isEmpty else {
                list.error(.value, node.mark, "\(name) must be an image, not an empty list")
                return nil
            }
            return numbers(items, name).map(ImageReference.constant)
        case .map(let entries):
            return matrix(entries, at: node.mark, name)
        }
    }

    private mutating func numbers(_ items: [ArgumentNode], _ name: String) -> [Double]? {
        let number = ParameterDescription("number", .double)
        var values: [Double?] = []
        for item in items {
            guard case .scalar(let scalar) = item.content else {
                list.error(.value, item.mark, "\(name) must hold numbers, not \(item.kind)")
                return nil
            }
            values.append(typed(scalar, "each number of \(name)", text: number.value(ofText:), result: number.value(of:))?.number)
        }
        return values.contains(nil) ? nil : values.compactMap(\.self)
    }

    private mutating func matrix(_ rows: [ArgumentNode], at mark: SourceMark, _ name: String) -> [[Double]]? {
        var matrix: [[Double]?] = []
        var width: Int?
        for row in rows {
            guard case .list(let items) = row.content, !items.isEmpty else {
                list.error(.value, row.mark, "each row of the matrix \(name) must be a list of numbers, not \(row.kind)")
                return nil
            }
            if let width, width != items.count {
                list.error(.value, row.mark, "this row of the matrix \(name) has \(items.count) numbers; the rows before have \(width)")
                return nil
            }
            width = items.count
            matrix.append(numbers(items, name))
        }
        return matrix.contains(nil) ? nil : matrix.compactMap(\.self)
    }

    /// `{matrix: [[...]], scale: 16, offset: 0}`.
    private mutating func matrix(_ entries: [ArgumentUse], at mark: SourceMark, _ name: String) -> ImageReference? {
        var rows: [[Double]]?
        var numbers: [String: Double] = ["scale": 1, "offset": 0]
        var isWhole = true
        for entry in entries {
            switch (entry.name, entry.node.content) {
            case ("matrix", .list(let items)) where !items.isEmpty: rows = matrix(items, at: entry.node.mark, name)
            case ("matrix", _):
                list.error(.value, entry.node.mark, "'matrix' must be a list of rows, as [[1, 2, 1], [2, 4, 2], [1, 2, 1]], not \(entry.node.kind)")
            case ("scale", _), ("offset", _):
                if let value = value(entry.node, as: ParameterDescription(entry.name, .double))?.number { numbers[entry.name] = value } else { isWhole = false }
            default:
                list.error(.argument, entry.mark, "a matrix has no key \(Quoted.text(entry.name)); it has matrix, scale, offset",
                           suggestion: NearestName.of(entry.name, among: ["matrix", "scale", "offset"]))
                isWhole = false
            }
        }
        if !entries.contains(where: { $0.name == "matrix" }) {
            list.error(.value, mark, "\(name) must be an image; a mapping needs the key 'matrix'")
        }
        if numbers["scale"] == 0 {
            list.error(.value, mark, "the scale of the matrix \(name) must not be 0")
            return nil
        }
        guard let rows, isWhole, let scale = numbers["scale"], let offset = numbers["offset"] else { return nil }
        return .matrix(Matrix(rows: rows, scale: scale, offset: offset))
    }
}
