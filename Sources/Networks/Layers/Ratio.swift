/// How many times as wide and high as another a map is: a fraction in lowest terms.
public struct Ratio: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let numerator, denominator: Int

    /// - Parameters numerator, denominator: positive.
    public init(_ numerator: Int, _ denominator: Int = 1) {
        precondition(numerator > 0 && denominator > 0)
        let divisor = greatestCommonDivisor(numerator, denominator)
        self.numerator = numerator / divisor
        self.denominator = denominator / divisor
    }

    /// The caller keeps both small: modules scale by at most 16.
    static func * (left: Ratio, right: Ratio) -> Ratio { Ratio(left.numerator * right.numerator, left.denominator * right.denominator) }

    public static func < (left: Ratio, right: Ratio) -> Bool { left.numerator * right.denominator < right.numerator * left.denominator }

    public var description: String { denominator == 1 ? "\(numerator)" : "\(numerator)/\(denominator)" }
}

func greatestCommonDivisor(_ first: Int, _ second: Int) -> Int {
    var (a, b) = (first, second)
    while b != 0 { (a, b) = (b, a % b) }
    return a
}
