/// A number for each channel, or group of channels, of a tensor that takes in every place of the image: a mean, a largest value, a variance.
///
/// Found tile by tile: each tile adds what it holds of the tensor (``StatisticSums``), and the sums of all tiles give the values of ``fills``, which stand
/// in the graph for the node that computed the statistic from the whole image.
public struct Statistic: Sendable {
    /// What is added up.
    enum Reduction: Sendable, Hashable {
        case sum, maximum, minimum
        /// Of the elements' absolute values.
        case magnitudes
        /// Of their squares.
        case squares
        /// Sum, and the sum of squared deviations from the mean.
        case moments
    }

    /// The node of the original graph, as messages call it.
    public let node: String
    /// The output of the pass' model that is added up.
    public let tap: String
    let reduction: Reduction
    /// The tap's axes over which the statistic runs.
    let axes: Set<Int>
    /// Into how many groups axis 1 falls, of which each has a number; 1 leaves it to `axes`.
    let groups: Int
    /// The inputs of later models that the statistic fills.
    public let fills: [Fill]

    /// An input of later models, and how its values follow from the sums.
    public struct Fill: Sendable {
        public let name: String
        /// Its extents, which do not depend on the image's size.
        public let shape: [Int]
        let formula: Formula
    }

    enum Formula: Sendable, Hashable {
        /// The sum, the largest, the smallest.
        case value
        case mean
        /// The square root of the sum.
        case root
        /// The logarithm of the sum.
        case logarithm
        /// The variance, divided by the count.
        case variance
        /// The sum of squared deviations.
        case squaredDeviations
        /// 1 / sqrt(variance + epsilon)
        case inverseDeviation(epsilon: Double)
        /// 1 / (sqrt(variance) + epsilon)
        case inverseOfDeviationPlus(epsilon: Double)
        /// 1 / sqrt(mean + epsilon)
        case inverseRootOfMean(epsilon: Double)
        /// 1 / sum, and 0 where that is 0.
        case inverse
        /// 1 / sqrt(sum), and 0 where that is 0.
        case inverseRoot
    }

    /// Sums to which nothing was added yet.
    public var emptySums: StatisticSums { StatisticSums(reduction) }

    /// The values of one of ``fills``, row-major; `nil` where the sums do not have as many groups as its shape asks for.
    public func values(of fill: Fill, from sums: StatisticSums) -> [Float]? {
        guard let count = product(of: fill.shape), sums.groups > 0, count % sums.groups == 0 else { return nil }
        let values = (0..<sums.groups).map { Float(sums.value(fill.formula, group: $0)) }
        let repeats = count / sums.groups
        return repeats == 1 ? values : values.flatMap { Array(repeating: $0, count: repeats) }
    }
}
