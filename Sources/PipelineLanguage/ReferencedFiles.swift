/// A file that a pipeline names, for a runner to look for before it starts.
public struct FileReference: Sendable, Hashable {
    public enum Role: Sendable, Hashable {
        /// An entry of `images`.
        case image
        /// A stage's argument of type `file`: weights, a model, a table.
        case argument(stage: String, parameter: String)
        /// A profile that is a path, not a built-in name.
        case profile
    }

    /// As written, variables filled in (see ``Pipeline/path(of:)``).
    public let path: String
    public let role: Role
    public let mark: SourceMark
}

extension Pipeline {
    /// The files that the pipeline names, in the order of the file. Those whose names depend on facts of an image are not known yet and left out.
    ///
    /// - Parameter variables: see ``variables(set:)``.
    public func referencedFiles(_ catalogue: Catalogue, variables: [String: Value]) -> [FileReference] {
        let pending = Set(self.variables.map(\.name)).union(setVariables).subtracting(variables.keys)
        let evaluator = Evaluator(environment: Environment(variables: variables), file: source.name, pendingVariables: pending, factsArePending: true)
        var files: [FileReference] = []
        func record(_ scalar: Interpolation, _ role: FileReference.Role) {
            guard let path = try? scalar.text(evaluator), !path.isEmpty else { return }
            if role == .profile, !path.contains("/"), !path.contains(".") { return }
            files.append(FileReference(path: path, role: role, mark: scalar.mark))
        }
        func visit(_ use: StageUse) {
            guard let stage = catalogue[use.name] else { return }
            var arguments = use.arguments.compactMap { argument in stage.parameter(argument.name).map { ($0, argument.node) } }
            if let value = use.shorthand, stage.required.count == 1 { arguments.append((stage.required[0], value)) }
            for (parameter, node) in arguments {
                guard case .scalar(let scalar) = node.content else { continue }
                if parameter.type == .file { record(scalar, .argument(stage: stage.name, parameter: parameter.name)) }
                if parameter.type == .profile { record(scalar, .profile) }
            }
        }
        for image in images {
            record(image.file, .image)
            image.stages.forEach(visit)
        }
        stages.forEach(visit)
        for output in outputs {
            output.stages.forEach(visit)
            if let profile = output.profile { record(profile, .profile) }
        }
        return files
    }
}
