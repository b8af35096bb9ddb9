internal import Inference

extension DeclaredParameter {
    /// The parameters that the host gives to every network stage, and handles itself. A stage may declare one of them with another
    /// default; it never acts on it.
    ///
    /// The one declaration of them: the catalogue, the schema and the check of what a plug-in declares are made from it.
    public static let hostHandled: [DeclaredParameter] = [
        DeclaredParameter(
            name: "range", kind: .doubles, doc: "What black and white are for the network: [black, white].",
            unit: nil, isRequired: false, isDeprecated: false, range: nil, choices: [], fallback: .doubles([0, 1]), counts: 2...2),
        DeclaredParameter(
            name: "output_range", kind: .doubles, doc: "What black and white are in the network's output; as range where not given.",
            unit: nil, isRequired: false, isDeprecated: false, range: nil, choices: [], fallback: nil, counts: 2...2),
        DeclaredParameter(
            name: "tiling", kind: .json, doc: "How a large image is cut up: auto, exact, whole, sync, or {tile: pixels, halo: pixels}.",
            unit: nil, isRequired: false, isDeprecated: false, range: nil, choices: [], fallback: .json("\"auto\""), counts: 0...Int.max),
        DeclaredParameter(
            name: "precision", kind: .choice, doc: "Arithmetic of this stage; the run's where not given. auto is f32, or a faster type that probes prove right.",
            unit: nil, isRequired: false, isDeprecated: false, range: nil, choices: PrecisionRequest.allNames, fallback: nil,
            counts: 0...Int.max),
        DeclaredParameter(
            name: "strength", kind: .double, doc: "How much of the result is mixed with the stage's input, where their sizes agree.",
            unit: nil, isRequired: false, isDeprecated: false, range: 0...1, choices: [], fallback: .double(1), counts: 0...Int.max),
    ]

    /// What is wrong with a value for this parameter, to be read after its name; `nil`: nothing.
    public func fault(of value: StageValue) -> String? {
        guard value.kind == kind else { return "is a \(value.kind), a \(kind) is wanted" }
        switch value {
        case .bool, .string, .json: return nil
        case .file(let path): return path.isEmpty ? "is an empty path" : nil
        case .choice(let name):
            return choices.contains(name) ? nil : "is \(cleaned(name)), none of \(choices.joined(separator: ", "))"
        case .int(let number): return fault(of: [Double(number)])
        case .double(let number): return fault(of: [number])
        case .ints(let numbers): return fault(ofCount: numbers.count) ?? fault(of: numbers.map { Double($0) })
        case .doubles(let numbers), .colour(let numbers): return fault(ofCount: numbers.count) ?? fault(of: numbers)
        }
    }

    private func fault(ofCount count: Int) -> String? {
        guard !counts.contains(count) else { return nil }
        if counts.upperBound == .max { return "has \(count) items, at least \(counts.lowerBound) are wanted" }
        if counts.lowerBound == counts.upperBound { return "has \(count) items, \(counts.lowerBound) are wanted" }
        return "has \(count) items, \(counts.lowerBound) to \(counts.upperBound) are wanted"
    }

    private func fault(of numbers: [Double]) -> String? {
        for number in numbers {
            guard number.isFinite else { return "is \(number), no number" }
            if let range, !range.contains(number) {
                return "is \(shown(number)), outside \(shown(range.lowerBound)) to \(shown(range.upperBound))"
            }
        }
        return nil
    }
}

/// A number without a needless `.0`.
private func shown(_ number: Double) -> String {
    Int(exactly: number).map { String($0) } ?? String(number)
}
