/// Names that somebody may have meant.
enum Spelling {
    /// The candidates nearest to a misspelt name, best first, at most three; `-` and `_`, and letter case, do not count.
    static func nearest(to name: String, in candidates: some Sequence<String>) -> [String] {
        let wanted = fold(name)
        guard !wanted.isEmpty, wanted.count <= 64 else { return [] }
        let limit = max(1, wanted.count / 3)
        return candidates
            .map { (name: $0, distance: distance(wanted, fold($0))) }
            .filter { $0.distance <= limit }
            .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
            .prefix(3)
            .map(\.name)
    }

    /// `"; did you mean 'a' or 'b'?"`, or nothing.
    static func suggestion(for name: String, in candidates: some Sequence<String>) -> String {
        let names = nearest(to: name, in: candidates).map { "'\($0)'" }
        return names.isEmpty ? "" : "; did you mean \(names.joined(separator: " or "))?"
    }

    private static func fold(_ name: String) -> [UInt8] {
        name.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
    }

    /// Optimal string alignment distance: edits and swaps of neighbours.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
        var beforeLast = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in 1...a.count {
            var row = [i] + [Int](repeating: 0, count: b.count)
            for j in 1...b.count {
                let substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
                row[j] = min(last[j] + 1, row[j - 1] + 1, substitution)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    row[j] = min(row[j], beforeLast[j - 2] + 1)
                }
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}
