/// Which names may be used at one point of the file.
struct ReferenceScope {
    /// Variables with a value here, or that will have one when the stage runs.
    var variables: Set<String> = []
    /// Variables that a later stage sets, and where.
    var laterVariables: [String: SourceMark] = [:]
    /// At run time: variables whose stage was skipped, so that they have no value.
    var unsetVariables: Set<String> = []
    /// Images by canonical name, as spelled.
    var images: [String: String] = [:]
    /// Images named further down.
    var laterImages: [String: SourceMark] = [:]
    /// False in the stages of `images`, which run before there is an input.
    var hasInput = true

    /// What is wrong with the names in an expression; empty if nothing is.
    func problems(in expression: Expression, file: String) -> [Diagnostic] {
        expression.variables.compactMap { problem(ofVariable: $0, file: file) }
            + expression.images.compactMap { problem(ofImage: $0.name, at: $0.mark, file: file) }
    }

    private func problem(ofVariable reference: Expression.Reference, file: String) -> Diagnostic? {
        let name = reference.name
        guard !variables.contains(name) else { return nil }
        if let later = laterVariables[name] {
            return Diagnostic(.variable, "the variable \(Quoted.text(name)) is set only later, in line \(later.line)", at: reference.mark, file: file)
        }
        if unsetVariables.contains(name) {
            return Diagnostic(.variable, "the variable \(Quoted.text(name)) has no value: the stage that sets it did not run", at: reference.mark, file: file)
        }
        if name == "prev" || name == "input" || images[Names.canonical(name)] != nil {
            return Diagnostic(.variable, "\(Quoted.text(name)) is an image: write a fact of it, such as \(name).width", at: reference.mark, file: file,
                              suggestion: "\(name).width")
        }
        return Diagnostic(.variable, "there is no variable \(Quoted.text(name))", at: reference.mark, file: file,
                          suggestion: NearestName.of(name, among: variables))
    }

    /// What is wrong with naming an image here, if anything.
    func problem(ofImage name: String, at mark: SourceMark, file: String) -> Diagnostic? {
        let canonical = Names.canonical(name)
        if canonical == "prev" { return nil }
        if canonical == "input" {
            return hasInput ? nil : Diagnostic(.image, "there is no 'input' here: the stages of 'images' run once, before any input", at: mark, file: file)
        }
        guard images[canonical] == nil else { return nil }
        if let later = laterImages[canonical] {
            return Diagnostic(.image, "the image \(Quoted.text(name)) is named only later, in line \(later.line)", at: mark, file: file)
        }
        return Diagnostic(.image, "there is no image \(Quoted.text(name))", at: mark, file: file,
                          suggestion: NearestName.of(name, among: ["prev", "input"] + images.values))
    }

    /// The name as the file spells it where it defines it.
    func spelled(_ name: String) -> String { images[Names.canonical(name)] ?? name }
}
