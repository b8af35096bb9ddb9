import Foundation

/// What tiles have added up of one statistic, by group: sums in doubles, and deviations merged by Chan's formula, so that neither the number of tiles nor
/// their order shows beyond the last digits.
///
/// Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
public struct StatisticSums: Sendable {
    let reduction: Statistic.Reduction
    /// Elements in each group.
    private(set) var count = 0
    /// The sum, the largest or the smallest, by group.
    private(set) var first: [Double] = []
    /// For moments: the sum of squared deviations from the mean, by group.
    private(set) var second: [Double] = []

    init(_ reduction: Statistic.Reduction) {
        self.reduction = reduction
    }

    var groups: Int { first.count }

    /// Whether all numbers are finite: a NaN or infinity among the elements shows here.
    public var isFinite: Bool { first.allSatisfy(\.isFinite) && second.allSatisfy(\.isFinite) }

    /// Whether every place of the tensor was counted, as far as numbers tell.
    public func isComplete(for statistic: Statistic, over shape: TapShape) -> Bool {
        let expected = product(of: shape.parts(of: statistic).filter { $0.role != .group }.map(\.size))
        return expected == count
    }

    /// Adds a tile's part of the tensor.
    ///
    /// - Parameters:
    ///   - values: the tensor of the tile, row-major, with the extents of `shape`.
    ///   - x: the places along the width that count; the others belong to neighbouring tiles.
    public mutating func add(_ values: UnsafeBufferPointer<Float>, shape: TapShape, of statistic: Statistic, x: Range<Int>, y: Range<Int>) {
        var tile = TileSums(statistic, shape: shape, x: x, y: y)
        tile.add(values)
        merge(tile.sums)
    }

    public mutating func merge(_ other: StatisticSums) {
        guard other.count > 0 else { return }
        guard count > 0 else {
            self = other
            return
        }
        let n = Double(count), m = Double(other.count)
        for group in first.indices {
            let a = first[group], b = other.first[group]
            switch reduction {
            case .maximum: first[group] = Self.larger(a, b)
            case .minimum: first[group] = -Self.larger(-a, -b)
            case .sum, .magnitudes, .squares: first[group] = a + b
            case .moments:
                let apart = b / m - a / n
                second[group] += other.second[group] + apart * apart * n * m / (n + m)
                first[group] = a + b
            }
        }
        count += other.count
    }

    /// NaN wins, so that it is not lost.
    static func larger(_ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? .nan : max(a, b) }

    func value(_ formula: Statistic.Formula, group: Int) -> Double {
        let sum = first[group], n = Double(max(1, count))
        let deviations = second.isEmpty ? 0 : second[group]
        return switch formula {
        case .value: sum
        case .mean: sum / n
        case .root: sum.squareRoot()
        case .logarithm: log(sum)
        case .variance: deviations / n
        case .squaredDeviations: deviations
        case .inverseDeviation(let epsilon): 1 / (deviations / n + epsilon).squareRoot()
        case .inverseOfDeviationPlus(let epsilon): 1 / ((deviations / n).squareRoot() + epsilon)
        case .inverseRootOfMean(let epsilon): 1 / (sum / n + epsilon).squareRoot()
        case .inverse: sum == 0 ? 0 : 1 / sum
        case .inverseRoot: sum == 0 ? 0 : 1 / sum.squareRoot()
        }
    }

    fileprivate init(_ reduction: Statistic.Reduction, count: Int, first: [Double], second: [Double]) {
        (self.reduction, self.count, self.first, self.second) = (reduction, count, first, second)
    }
}

/// Adds up one tile.
private struct TileSums {
    private let reduction: Statistic.Reduction
    /// Outermost first: how far apart neighbours lie, which of them count, and how much the group grows from one to the next (0: the same group).
    private var loops: [(stride: Int, range: Range<Int>, group: Int)] = []
    private var first: [Double]
    private var squares: [Double]
    private let count: Int

    init(_ statistic: Statistic, shape: TapShape, x: Range<Int>, y: Range<Int>) {
        reduction = statistic.reduction
        var stride = 1, group = 1, count = 1
        for part in shape.parts(of: statistic).reversed() {
            let range = switch part.role {
            case .x: x
            case .y: y
            case .mixed, .group: 0..<part.size
            }
            loops.insert((stride, range, part.role == .group ? group : 0), at: 0)
            stride *= part.size
            if part.role == .group { group *= part.size } else { count *= range.count }
        }
        self.count = count
        let start = switch statistic.reduction {
        case .maximum: -Double.infinity
        case .minimum: Double.infinity
        default: 0.0
        }
        first = Array(repeating: start, count: group)
        squares = statistic.reduction == .moments ? Array(repeating: 0, count: group) : []
    }

    var sums: StatisticSums {
        guard reduction == .moments else { return StatisticSums(reduction, count: count, first: first, second: []) }
        // Doubles hold twice the digits of the elements, so that the difference keeps all that a float has. Below 0 is rounding; NaN stays.
        let deviations = zip(first, squares).map { sum, square -> Double in
            let difference = square - sum * sum / Double(max(1, count))
            return difference < 0 ? 0 : difference
        }
        return StatisticSums(reduction, count: count, first: first, second: deviations)
    }

    mutating func add(_ values: UnsafeBufferPointer<Float>) {
        guard count > 0, let base = values.baseAddress else { return }
        add(base, loop: 0, group: 0)
    }

    private mutating func add(_ base: UnsafePointer<Float>, loop: Int, group: Int) {
        guard loop < loops.count else { return add(run: base, 1, group: group) }
        let (stride, range, step) = loops[loop]
        if loop == loops.count - 1 {
            let start = base + range.lowerBound
            return step == 0 ? add(run: start, range.count, group: group) : add(each: start, range.count, group: group)
        }
        for index in range { add(base + index * stride, loop: loop + 1, group: group + index * step) }
    }

    /// Elements of one group.
    private mutating func add(run: UnsafePointer<Float>, _ count: Int, group: Int) {
        switch reduction {
        case .sum: first[group] += Self.sum(run, count) { $0 }
        case .magnitudes: first[group] += Self.sum(run, count) { $0.replacing(with: -$0, where: $0 .< 0) }
        case .squares: first[group] += Self.sum(run, count) { $0 * $0 }
        case .moments:
            first[group] += Self.sum(run, count) { $0 }
            squares[group] += Self.sum(run, count) { $0 * $0 }
        case .maximum:
            for index in 0..<count { first[group] = StatisticSums.larger(first[group], Double(run[index])) }
        case .minimum:
            for index in 0..<count { first[group] = -StatisticSums.larger(-first[group], -Double(run[index])) }
        }
    }

    /// Elements of neighbouring groups, one each.
    private mutating func add(each values: UnsafePointer<Float>, _ count: Int, group: Int) {
        for index in 0..<count {
            let value = Double(values[index]), group = group + index
            switch reduction {
            case .sum: first[group] += value
            case .magnitudes: first[group] += abs(value)
            case .squares: first[group] += value * value
            case .moments:
                first[group] += value
                squares[group] += value * value
            case .maximum: first[group] = StatisticSums.larger(first[group], value)
            case .minimum: first[group] = -StatisticSums.larger(-first[group], -value)
            }
        }
    }

    /// Eight sums side by side: one after the other, additions would wait for each other.
    @inline(__always)
    private static func sum(_ values: UnsafePointer<Float>, _ count: Int, _ term: (SIMD8<Double>) -> SIMD8<Double>) -> Double {
        var sums = SIMD8<Double>.zero, index = 0
        while index + 8 <= count {
            let eight = UnsafeRawPointer(values + index).loadUnaligned(as: SIMD8<Float>.self)
            sums += term(SIMD8<Double>(eight))
            index += 8
        }
        var rest = SIMD8<Double>.zero
        for lane in 0..<(count - index) { rest[lane] = Double(values[index + lane]) }
        return (sums + term(rest)).sum()
    }
}
