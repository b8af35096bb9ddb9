/// A file pattern: `*` and `?` stay inside a path component, `**` crosses them, `[a-z]` and `[!a-z]` are sets,
/// `\` quotes. A pattern without a slash matches base names, one with a slash the whole relative path.
public struct GlobPattern: Sendable {
    public let text: String
    private let pattern: [Character]
    private let matchesPath: Bool

    public init(_ text: String) {
        self.text = text
        matchesPath = text.contains("/")
        pattern = Array(text.hasPrefix("/") ? String(text.dropFirst()) : text)
    }

    /// Whether `text` has a character that only a pattern has.
    static func isPattern(_ text: String) -> Bool { text.contains { "*?[".contains($0) } }

    /// `relativePath`: below the folder that was given, without a leading slash.
    public func matches(_ relativePath: String) -> Bool {
        let subject = matchesPath ? relativePath : String(relativePath.split(separator: "/").last ?? "")
        var memo: [Int: Bool] = [:]
        return match(0, Array(subject), 0, &memo)
    }

    /// Backtracking with a memo: linear in pattern x subject, whatever the pattern's stars.
    private func match(_ p: Int, _ subject: [Character], _ s: Int, _ memo: inout [Int: Bool]) -> Bool {
        let key = p * (subject.count + 1) + s
        if let known = memo[key] { return known }
        let result = step(p, subject, s, &memo)
        memo[key] = result
        return result
    }

    private func step(_ p: Int, _ subject: [Character], _ s: Int, _ memo: inout [Int: Bool]) -> Bool {
        guard p < pattern.count else { return s == subject.count }
        switch pattern[p] {
        case "*":
            if p + 1 < pattern.count, pattern[p + 1] == "*" {
                var next = p + 2
                if next < pattern.count, pattern[next] == "/" {          // `**/` also matches no folder at all
                    next += 1
                    if match(next, subject, s, &memo) { return true }
                    guard s < subject.count else { return false }
                    // Skip one whole component and try again.
                    guard let end = subject[s...].firstIndex(of: "/") else { return false }
                    return match(p, subject, end + 1, &memo)
                }
                if match(next, subject, s, &memo) { return true }
                return s < subject.count && match(p, subject, s + 1, &memo)
            }
            if match(p + 1, subject, s, &memo) { return true }
            return s < subject.count && subject[s] != "/" && match(p, subject, s + 1, &memo)
        case "?":
            return s < subject.count && subject[s] != "/" && match(p + 1, subject, s + 1, &memo)
        case "[":
            guard let (contains, end) = set(at: p, s < subject.count ? subject[s] : nil) else {
                return s < subject.count && subject[s] == "[" && match(p + 1, subject, s + 1, &memo)
            }
            return s < subject.count && subject[s] != "/" && contains && match(end, subject, s + 1, &memo)
        case "\\" where p + 1 < pattern.count:
            return s < subject.count && subject[s] == pattern[p + 1] && match(p + 2, subject, s + 1, &memo)
        case let plain:
            return s < subject.count && subject[s] == plain && match(p + 1, subject, s + 1, &memo)
        }
    }

    /// The set that starts at `start`: whether it holds `character`, and the index behind its `]`; nil if unclosed.
    private func set(at start: Int, _ character: Character?) -> (contains: Bool, end: Int)? {
        var index = start + 1
        let negated = index < pattern.count && (pattern[index] == "!" || pattern[index] == "^")
        if negated { index += 1 }
        var found = false
        let first = index
        while index < pattern.count, pattern[index] != "]" || index == first {
            if index + 2 < pattern.count, pattern[index + 1] == "-", pattern[index + 2] != "]" {
                if let character, pattern[index] <= character, character <= pattern[index + 2] { found = true }
                index += 3
            } else {
                if pattern[index] == character { found = true }
                index += 1
            }
        }
        guard index < pattern.count else { return nil }
        return (character != nil && found != negated, index + 1)
    }
}
