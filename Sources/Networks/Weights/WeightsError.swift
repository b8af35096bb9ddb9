/// Why a weights file cannot be used: every fault found, not only the first.
public struct WeightsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file, as its path was given.
    public let file: String
    /// What was being done with it, a clause that follows the file's name: "is not a safetensors file".
    public let failure: String
    /// The faults, the most telling first, each a clause that stands alone.
    public let problems: [String]

    public init(file: String, failure: String, problems: [String] = []) {
        self.file = file
        self.failure = failure
        self.problems = problems
    }

    /// `path/to/net.safetensors does not fit Generator(...): model.0.bias is missing, expected [64]; ...`
    public var description: String { text(file: file, problems: problems) }

    /// The message in at most `maximumBytes` bytes of UTF-8: the file without its folder, and as many problems as
    /// fit, with a count of the rest. For places of fixed size, such as a C error struct.
    public func summary(maximumBytes: Int) -> String {
        let name = file.split(separator: "/").last.map(String.init) ?? file
        var shown = problems.count
        while true {
            let rest = problems.count - shown
            let listed = problems.prefix(shown) + (rest > 0 ? ["and \(rest) more"] : [])
            let message = text(file: name, problems: Array(listed))
            if message.utf8.count <= maximumBytes || shown == 0 { return message.prefix(utf8Count: maximumBytes) }
            shown -= 1
        }
    }

    private func text(file: String, problems: [String]) -> String {
        let head = "\(file) \(failure)"
        return problems.isEmpty ? head : "\(head): \(problems.joined(separator: "; "))"
    }
}

extension String {
    /// The longest prefix of whole characters that takes at most `limit` bytes of UTF-8.
    func prefix(utf8Count limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = startIndex
        while end < endIndex {
            let next = index(after: end)
            guard utf8.distance(from: startIndex, to: next) <= limit else { break }
            end = next
        }
        return String(self[..<end])
    }
}
