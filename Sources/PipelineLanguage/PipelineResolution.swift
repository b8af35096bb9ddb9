/// What a runner asks of a pipeline: values for one image.
extension Pipeline {
    /// The variables' values: defaults, overridden by `set`, typed and checked by their declarations.
    ///
    /// Throws diagnostics with the code `.setting` for a name that no variable has, a value that does not suit, and a variable without a
    /// default that `set` does not give.
    public func variables(set: [String: String] = [:]) throws(Diagnostics) -> [String: Value] {
        let (values, problems) = typedVariables(set: set, mustBeComplete: true)
        guard problems.isEmpty else { throw Diagnostics(problems) }
        return values
    }

    func typedVariables(set: [String: String], mustBeComplete: Bool) -> (values: [String: Value], problems: [Diagnostic]) {
        var values: [String: Value] = [:]
        var list = DiagnosticList(file: "--set")
        for variable in variables {
            guard let text = set[variable.name] else {
                values[variable.name] = variable.fallback
                if variable.fallback == nil, mustBeComplete {
                    list.error(.setting, nil, "the variable \(Quoted.text(variable.name)) has no default: give it with --set \(variable.name)=...")
                }
                continue
            }
            do throws(ScalarText.Problem) {
                values[variable.name] = try variable.parameter.variableValue(ofText: text)
            } catch {
                list.error(.setting, nil, "\(Quoted.text(variable.name)) \(error.message)", suggestion: error.suggestion)
            }
        }
        let names = variables.map(\.name)
        for name in set.keys.sorted() where !names.contains(name) {
            let has = names.isEmpty ? "it declares none" : "it has \(names.joined(separator: ", "))"
            list.error(.setting, nil, "the pipeline has no variable \(Quoted.text(name)); \(has)", suggestion: NearestName.of(name, among: names))
        }
        return (values, list.all)
    }

    /// The names at run time: every image, and the variables that have a value.
    func runScope(_ environment: Environment) -> ReferenceScope {
        var scope = ReferenceScope()
        scope.variables = Set(environment.variables.keys)
        scope.unsetVariables = setVariables.subtracting(scope.variables)
        for name in imageNames { scope.images[Names.canonical(name)] = name }
        return scope
    }

    func resolver(_ environment: Environment) -> ArgumentResolver {
        ArgumentResolver(Evaluator(environment: environment, file: source.name), runScope(environment))
    }

    /// A path that the pipeline names, as the file system has it: relative paths start at the pipeline file's folder.
    public func path(of file: String) -> String {
        file.hasPrefix("/") || directory == "." ? file : directory == "/" ? "/" + file : directory + "/" + file
    }
}

extension ArgumentResolver {
    /// `value`, unless errors were noted.
    func finished<Result>(_ value: Result?) throws(Diagnostics) -> Result {
        if list.hasErrors { throw Diagnostics(list.sorted) }
        guard let value else {
            throw Diagnostics(Diagnostic(.expression, "a value is not known here", at: nil, file: list.file))
        }
        return value
    }
}

extension StageUse {
    /// The stage's arguments for one image, typed by its parameters and checked; by canonical name (with `_`).
    ///
    /// Only what the file gives is there: defaults stay unset. Images are `.image`, lists of images `.list` of such; the running input is
    /// always there, `.previous` unless the file or `in:` says otherwise. Files and profiles are as written (see ``Pipeline/path(of:)``).
    public func arguments(for stage: StageDescription, in environment: Environment, pipeline: Pipeline) throws(Diagnostics) -> [String: Value] {
        var resolver = pipeline.resolver(environment)
        let values = resolver.arguments(of: self, for: stage)
        return try resolver.finished(values)
    }

    /// Whether `when` lets the stage run on this image; true without one.
    public func isEnabled(in environment: Environment, pipeline: Pipeline) throws(Diagnostics) -> Bool {
        guard let when else { return true }
        var resolver = pipeline.resolver(environment)
        let value = resolver.condition(when)
        return try resolver.finished(value)
    }
}

extension OutputSpec {
    /// The saver options given, typed by the saver's parameters; by canonical name.
    public func options(for saver: StageDescription, in environment: Environment, pipeline: Pipeline) throws(Diagnostics) -> [String: Value] {
        var resolver = pipeline.resolver(environment)
        let values = resolver.options(options, for: saver)
        return try resolver.finished(values)
    }

    /// The path of the output below the output directory.
    public func fileName(_ fields: TemplateFields, in environment: Environment) throws(Diagnostics) -> String {
        do throws(Diagnostic) {
            return try file.expand(fields, environment)
        } catch {
            throw Diagnostics(error)
        }
    }

    /// The profile to convert to, a built-in name or a path as written; nil keeps the input's.
    public func profileName(in environment: Environment, pipeline: Pipeline) throws(Diagnostics) -> String? {
        guard let profile else { return nil }
        let name = try pipeline.text(profile, in: environment)
        return name == "keep" ? nil : name
    }
}

extension InputSettings {
    /// The loader options given, typed by the loader's parameters; by canonical name.
    public func options(for loader: StageDescription, in environment: Environment, pipeline: Pipeline) throws(Diagnostics) -> [String: Value] {
        var resolver = pipeline.resolver(environment)
        let values = resolver.options(options, for: loader)
        return try resolver.finished(values)
    }
}

extension NamedImage {
    public func options(for loader: StageDescription, in environment: Environment, pipeline: Pipeline) throws(Diagnostics) -> [String: Value] {
        var resolver = pipeline.resolver(environment)
        let values = resolver.options(options, for: loader)
        return try resolver.finished(values)
    }

    /// The file's name as written, its variables filled in (see ``Pipeline/path(of:)``).
    public func fileName(in environment: Environment, pipeline: Pipeline) throws(Diagnostics) -> String {
        try pipeline.text(file, in: environment)
    }
}

extension Pipeline {
    /// A file's or profile's name.
    func text(_ scalar: Interpolation, in environment: Environment) throws(Diagnostics) -> String {
        var resolver = resolver(environment)
        let value = resolver.value(ArgumentNode(mark: scalar.mark, content: .scalar(scalar)), as: .file)
        return try resolver.finished(value).description
    }
}
