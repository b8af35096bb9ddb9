/// The order in which people count: `img2` before `img10`.
///
/// Digit runs compare as numbers of any length, everything else as Unicode scalars; equal keys fall back to the order of
/// the bytes, so that the order is total.
enum NaturalOrder {
    static func precedes(_ left: String, _ right: String) -> Bool { precedes(Array(left.utf8), Array(right.utf8)) }

    /// In this order of their paths, each of which is taken apart once.
    static func sorted<Item>(_ items: [Item], by path: (Item) -> String) -> [Item] {
        let keys = items.map { Array(path($0).utf8) }
        return items.indices.sorted { precedes(keys[$0], keys[$1]) }.map { items[$0] }
    }

    private static func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        var i = 0, j = 0
        while i < a.count, j < b.count {
            if isDigit(a[i]), isDigit(b[j]) {
                let runA = digits(a, from: i), runB = digits(b, from: j)
                if let order = compare(runA, runB) { return order }
                i = runA.endIndex
                j = runB.endIndex
            } else {
                if a[i] != b[j] {
                    // A folder's own files come before those of its sub-folders' longer names: '/' sorts first.
                    if a[i] == slash { return true }
                    if b[j] == slash { return false }
                    return a[i] < b[j]
                }
                i += 1
                j += 1
            }
        }
        if a.count - i != b.count - j { return a.count - i < b.count - j }
        return a.lexicographicallyPrecedes(b)
    }

    private static let slash = UInt8(ascii: "/")

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

    private static func digits(_ text: [UInt8], from start: Int) -> ArraySlice<UInt8> {
        var end = start
        while end < text.count, isDigit(text[end]) { end += 1 }
        return text[start..<end]
    }

    /// nil where the two numbers are equal.
    private static func compare(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Bool? {
        let a = left.drop { $0 == 48 }, b = right.drop { $0 == 48 }
        if a.count != b.count { return a.count < b.count }
        for (x, y) in zip(a, b) where x != y { return x < y }
        return nil
    }
}
