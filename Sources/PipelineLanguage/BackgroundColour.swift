/// `background:` of an output: a colour by name, as `#rrggbb`, as one number for grey, or as three, from 0 to 255.
extension ArgumentResolver {
    /// Red, green and blue from 0 to 255; nil where it is wrong (reported) or not known yet.
    mutating func colour(_ node: ArgumentNode, named name: String) -> [Double]? {
        guard case .scalar(let scalar) = node.content else {
            let numbers = ParameterDescription(name, .doubles, minimum: 0, maximum: 255, counts: 3...3)
            guard case .list(let items)? = value(node, as: numbers) else { return nil }
            return items.compactMap(\.number)
        }
        guard let text = evaluated(scalar)?.description else { return nil }
        do throws(ScalarText.Problem) {
            return try Self.colour(text)
        } catch {
            list.error(.value, node.mark, "'\(name)' \(error.message)", suggestion: error.suggestion)
            return nil
        }
    }

    private static func colour(_ text: String) throws(ScalarText.Problem) -> [Double] {
        if let named = ["white": 255.0, "black": 0][text] { return [named, named, named] }
        if let bands = try ScalarText.hexColour(text), bands.count == 3 { return bands.map { ($0 * 255).rounded() } }
        if let grey = try? ScalarText.double(text), (0...255).contains(grey) { return [grey, grey, grey] }
        throw ScalarText.Problem(message: "must be white, black, a colour such as '#ff8000', or numbers from 0 to 255, not \(Quoted.text(text))",
                                 suggestion: NearestName.of(text, among: ["white", "black"]))
    }
}

extension OutputSpec {
    /// What transparency is laid on where the format has none: red, green and blue from 0 to 255, white unless the file says otherwise.
    /// nil: the saver's own option `background` says it.
    public func backgroundColour(in environment: Environment, pipeline: Pipeline) throws(Diagnostics) -> [Double]? {
        guard let background else { return options.contains { Names.same($0.name, "background") } ? nil : [255, 255, 255] }
        var resolver = pipeline.resolver(environment)
        let value = resolver.colour(background, named: "background")
        return try resolver.finished(value)
    }
}
