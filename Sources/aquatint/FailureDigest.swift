import Runner

/// The failures of a run as a person can take them in: one line each where they are few, by their reasons where they are many.
enum FailureDigest {
    /// As many are listed one by one.
    static let mostAlone = 20
    private static let mostReasons = 10, mostExamples = 3

    static func lines(_ failures: [ImageReport]) -> [String] {
        guard failures.count > mostAlone else { return failures.map { "\($0.input): \(reason($0))" } }
        var groups: [String: [ImageReport]] = [:], order: [String] = []
        for failure in failures {
            let key = kind(failure)
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(failure)
        }
        let all = order.compactMap { groups[$0] }.enumerated().sorted { ($1.element.count, $0.offset) < ($0.element.count, $1.offset) }.map(\.element)
        var lines: [String] = []
        for group in all.prefix(mostReasons) {
            lines.append("\(group.count) x \(reason(group[0]))")
            let more = group.count - mostExamples
            lines.append("    " + group.prefix(mostExamples).map(\.input).joined(separator: ", ") + (more > 0 ? " and \(more) more" : ""))
        }
        let rest = all.dropFirst(mostReasons)
        if !rest.isEmpty { lines.append("\(rest.reduce(0) { $0 + $1.count }) for \(counted(rest.count, "other reason"))") }
        return lines
    }

    /// `stage 2: onnx: ...`, without the name of the image.
    static func reason(_ report: ImageReport) -> String {
        (report.failure?.stage.map { "stage \($0): " } ?? "") + (report.failure?.message ?? "unknown failure")
    }

    /// What images that failed for the same reason have in common: names and numbers differ.
    private static func kind(_ report: ImageReport) -> String {
        var text = reason(report)
        for name in [report.input] + report.outputs { text = text.replacing(name, with: "\u{0}") }
        var kind = ""
        for character in text where !(character.isNumber && kind.last == "0") { kind.append(character.isNumber ? "0" : character) }
        return kind
    }
}
