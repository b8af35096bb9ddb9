/// The name and shape of one parameter that a module needs, as its PyTorch `state_dict()` has it.
public struct ParameterShape: Sendable, Equatable {
    /// Such as `model.0.weight`.
    public let name: String
    /// Such as `[64, 3, 3, 3]`.
    public let shape: [Int]

    public init(name: String, shape: [Int]) {
        self.name = name
        self.shape = shape
    }
}

extension Weights {
    /// Checks that the file holds exactly the tensors of `expected`, and throws all that is wrong in one error:
    /// wrong shapes first, then missing tensors, then surplus ones.
    ///
    /// - Parameter module: what the weights are for, as a message says it: `Generator(in_channels: 3, ...)`.
    public func check(fit module: String, expected: [ParameterShape]) throws(WeightsError) {
        let expectedNames = Set(expected.map(\.name))
        var misshaped: [String] = []
        var missing: [String] = []
        for parameter in expected {
            guard let tensor = self[parameter.name] else {
                missing.append("\(parameter.name) is missing, expected \(parameter.shape)")
                continue
            }
            if tensor.shape != parameter.shape {
                misshaped.append("\(parameter.name) is \(tensor.shape), expected \(parameter.shape)")
            }
        }
        let surplus = tensors.filter { !expectedNames.contains($0.name) }
        var problems = misshaped + missing + surplus.map { "\($0.name) \($0.shape) is not part of it" }
        guard !problems.isEmpty else { return }
        if let hint = prefixHint(expected: expectedNames) { problems.insert(hint, at: 0) }
        throw WeightsError(file: file, failure: "does not fit \(module)", problems: problems)
    }

    /// The length of one dimension of a tensor: how a network's widths are read off its weights.
    ///
    /// Throws where the file has no such tensor or the tensor not `rank` dimensions, or has no element at all.
    public func length(ofDimension dimension: Int, rank: Int, of name: String) throws(WeightsError) -> Int {
        guard let tensor = self[name] else {
            let present = tensors.isEmpty ? "it holds no tensor" : "it holds \(names.joined(separator: ", "))"
            throw WeightsError(file: file, failure: "does not fit", problems: ["\(name) is missing; \(present)"])
        }
        guard tensor.shape.count == rank, tensor.count > 0 else {
            throw WeightsError(file: file, failure: "does not fit",
                               problems: ["\(name) is \(tensor.shape), expected \(rank) dimensions, none of them 0"])
        }
        return tensor.shape[dimension]
    }

    /// Says so where all names would be right but for one prefix: weights saved from `nn.DataParallel`, from a larger module,
    /// or from a part of this one.
    private func prefixHint(expected: Set<String>) -> String? {
        let found = Set(names)
        guard found.count == expected.count, found.isDisjoint(with: expected), let some = found.min() else { return nil }
        if let match = expected.first(where: { some.hasSuffix("." + $0) }) {
            let prefix = String(some.dropLast(match.count))
            if Set(expected.map { prefix + $0 }) == found { return "every name begins with \"\(prefix)\", which is not expected" }
        }
        if let match = expected.first(where: { $0.hasSuffix("." + some) }) {
            let prefix = String(match.dropLast(some.count))
            if Set(found.map { prefix + $0 }) == expected { return "every name lacks the prefix \"\(prefix)\"" }
        }
        return nil
    }
}
