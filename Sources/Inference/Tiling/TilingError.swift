/// Why an image cannot be cut into tiles that give exactly what the whole would.
public struct TilingError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Reason: Sendable, Hashable {
        /// A size, scale, alignment or tile that no tiling exists for.
        case invalid
        /// The tile has no room for a cell between its halos. `smallest` has.
        case tileTooSmall(smallest: Int)
        /// Neither the whole image nor any allowed tile fits the budget. In bytes; `smallestTile` is nil where no tile size is allowed at all.
        case memory(whole: Int, smallestTile: Int?, budget: Int)
    }

    public let reason: Reason
    /// What failed, with its numbers. What to try is added by who knows the command line.
    public let message: String

    public var description: String { message }

    init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }
}
