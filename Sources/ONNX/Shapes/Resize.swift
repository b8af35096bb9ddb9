/// How `Resize` or `Upsample` maps one axis.
struct ResizeAxis: Hashable, Sendable {
    let input: Int
    let output: Int
    /// Output samples per input sample as the operator uses it for coordinates, in lowest terms; `nil` when it is no simple fraction.
    let scale: Fraction?

    var isIdentity: Bool { input == output && (scale.map { $0 == Fraction(1, 1) } ?? false) }
}

extension NodeContext {
    /// How each axis is resized; `nil` when the sizes are not known.
    func resizeAxes() throws(ONNXError) -> [ResizeAxis]? {
        guard let x = dims(0) else { return nil }
        let scaleIndex: Int? = switch node.op {
        case "Upsample": opset < 9 ? nil : 1
        default: opset < 11 ? 1 : 2
        }
        var scales: [Double]?
        if let scaleIndex {
            if has(scaleIndex), dims(scaleIndex) != [0] {
                guard let known = folded(scaleIndex) else { return nil }
                scales = known.doubles
            }
        } else {
            scales = node.floats("scales")?.map(Double.init)
        }
        var sizes: [Int]?
        if node.op == "Resize", opset >= 11, has(3), dims(3) != [0] {
            guard let known = ints(3) else { return nil }
            sizes = known
        }
        var axes = Array(x.indices)
        if let named = node.ints("axes") { axes = try self.axes(named, rank: x.count) }
        var result = x.map { ResizeAxis(input: $0, output: $0, scale: Fraction(1, 1)) }
        if let sizes {
            guard sizes.count == axes.count, sizes.allSatisfy({ $0 >= 0 && $0 <= Self.maximumExtent }) else { throw fail("has the sizes \(sizes)") }
            for (size, axis) in zip(try fitted(sizes, axes: axes, to: x), axes) {
                result[axis] = ResizeAxis(input: x[axis], output: size, scale: x[axis] > 0 && size > 0 ? Fraction(size, x[axis]) : nil)
            }
        } else if let scales {
            guard scales.count == axes.count, scales.allSatisfy({ $0 > 0 && $0 <= 65_536 }) else { throw fail("has the scales \(scales)") }
            for (scale, axis) in zip(scales, axes) {
                let size = Double(x[axis]) * scale
                guard size <= Double(Self.maximumExtent) else { throw fail("the result would have the extent \(size)") }
                // A scale is a float of the file: 1.1 is a little more or less, and 10 * 1.1 must be 11.
                let exact = Fraction(approximating: scale)
                let output = exact.map { x[axis] * $0.numerator / $0.denominator } ?? Int(size)
                result[axis] = ResizeAxis(input: x[axis], output: output, scale: exact)
            }
        } else {
            throw fail("has neither scales nor sizes")
        }
        return result
    }

    /// `keep_aspect_ratio_policy` (opset 18): one scale for all named axes.
    private func fitted(_ sizes: [Int], axes: [Int], to dims: [Int]) throws(ONNXError) -> [Int] {
        let policy = node.string("keep_aspect_ratio_policy") ?? "stretch"
        guard policy != "stretch" else { return sizes }
        let scales = zip(sizes, axes).map { dims[$1] > 0 ? Double($0) / Double(dims[$1]) : 0 }
        guard let scale = policy == "not_larger" ? scales.min() : scales.max() else { return sizes }
        return axes.map { Int((Double(dims[$0]) * scale).rounded()) }
    }
}

/// A positive fraction in lowest terms.
struct Fraction: Hashable, Sendable {
    let numerator: Int
    let denominator: Int

    /// Both must be positive.
    init(_ numerator: Int, _ denominator: Int) {
        let divisor = greatestCommonDivisor(numerator, denominator)
        self.numerator = numerator / divisor
        self.denominator = denominator / divisor
    }

    /// The simplest fraction with a denominator up to 64 that the float nearest to `value` stands for; `nil` when there is none.
    init?(approximating value: Double) {
        guard value > 0, value <= 65_536 else { return nil }
        for denominator in 1...64 {
            let numerator = (value * Double(denominator)).rounded()
            guard numerator >= 1 else { continue }
            if abs(numerator / Double(denominator) - value) <= value * 0x1p-23 {
                self.init(Int(numerator), denominator)
                return
            }
        }
        return nil
    }

    /// `nil` when the product does not fit.
    func times(_ other: Fraction) -> Fraction? {
        let (n, overflowN) = numerator.multipliedReportingOverflow(by: other.numerator)
        let (d, overflowD) = denominator.multipliedReportingOverflow(by: other.denominator)
        return overflowN || overflowD ? nil : Fraction(n, d)
    }

    var inverse: Fraction { Fraction(denominator, numerator) }
}

func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return max(a, 1)
}

/// `nil` when it does not fit an `Int`. Both must be positive.
func leastCommonMultiple(_ a: Int, _ b: Int) -> Int? {
    let (result, overflow) = (a / greatestCommonDivisor(a, b)).multipliedReportingOverflow(by: b)
    return overflow ? nil : result
}
