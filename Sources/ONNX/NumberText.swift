internal import Glibc

/// A count or a cost as messages show it: `0.25`, `34`, `4.2e28`.
///
/// What is counted in a file's graph may be any number, far beyond what an `Int` holds: this never traps. Up to two decimals below 10, none up to 1e15, and two
/// digits with an exponent beyond; `infinite` and `unknown` for what is no finite number.
public func numberText(_ number: Double) -> String {
    guard !number.isNaN else { return "unknown" }
    guard number.isFinite else { return "infinite" }
    let size = abs(number)
    if size < 10, number != number.rounded() { return "\((number * 100).rounded() / 100)" }
    if size < 1e15 { return "\(Int(number.rounded()))" }
    var exponent = Int(log10(size).rounded(.down))
    var digits = (number / pow(10, Double(exponent)) * 10).rounded() / 10
    if abs(digits) >= 10 { (digits, exponent) = (digits / 10, exponent + 1) }
    return "\(digits)e\(exponent)"
}

/// Floating-point operations in thousand millions, as messages show them: `34 GFLOP`.
public func gigaflopText(_ operations: Double) -> String { "\(numberText(operations / 1e9)) GFLOP" }
