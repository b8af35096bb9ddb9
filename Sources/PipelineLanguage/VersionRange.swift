/// A version as dotted numbers; what follows a `-` or `+` is left out.
struct Version: Comparable {
    let parts: [Int]

    init?(_ text: String) {
        let core = text.prefix { $0 != "-" && $0 != "+" }
        var parts: [Int] = []
        for part in core.split(separator: ".", omittingEmptySubsequences: false) {
            guard !part.isEmpty, part.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = Int(part) else {
                return nil
            }
            parts.append(number)
        }
        guard (1...4).contains(parts.count) else { return nil }
        while parts.last == 0 { parts.removeLast() }
        self.parts = parts
    }

    static func < (left: Version, right: Version) -> Bool { left.parts.lexicographicallyPrecedes(right.parts) }
}

/// What `requires` asks of a version: `>=8.14`, or several such, all of which must hold: `>=1.2, <2`.
public struct VersionRange: Sendable, Hashable, CustomStringConvertible {
    private enum Relation: String, Sendable, CaseIterable { case atLeast = ">=", atMost = "<=", exactly = "==", above = ">", below = "<", same = "=" }
    private struct Bound: Sendable, Hashable {
        var relation: Relation
        var version: String
    }

    public let description: String
    private let bounds: [Bound]

    /// Nil if `text` is no such range.
    public init?(_ text: String) {
        description = text
        var bounds: [Bound] = []
        var relation: Relation?
        for word in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            var rest = word
            if let found = Relation.allCases.first(where: { word.hasPrefix($0.rawValue) }) {
                guard relation == nil else { return nil }
                relation = found
                rest = rest.dropFirst(found.rawValue.count)
                if rest.isEmpty { continue }
            }
            guard Version(String(rest)) != nil else { return nil }
            bounds.append(Bound(relation: relation ?? .exactly, version: String(rest)))
            relation = nil
        }
        guard !bounds.isEmpty, relation == nil else { return nil }
        self.bounds = bounds
    }

    /// Whether a version lies in the range; false for a text that is no version.
    public func contains(_ version: String) -> Bool {
        guard let version = Version(version) else { return false }
        return bounds.allSatisfy { bound in
            guard let limit = Version(bound.version) else { return false }
            return switch bound.relation {
            case .atLeast: version >= limit
            case .atMost: version <= limit
            case .above: version > limit
            case .below: version < limit
            case .exactly, .same: version == limit
            }
        }
    }
}
