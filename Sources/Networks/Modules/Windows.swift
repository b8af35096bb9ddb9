/// A map cut into n x n windows from its top left, as one batch.
///
/// The sizes are computed in the graph, so that one graph serves every picture. The map is extended right and bottom to whole
/// windows, whose added positions are masked:
/// ```
///        W = 7, n = 3               masked
///   +-------+-------+---....+
///   | 0     | 1     | 2 : : :       H' x W' = 6 x 9, windows 0...5
///   |       |       |   : : :
///   |       |       |   : : :
///   +-------+-------+---....+
///   | 3     | 4     | 5 : : :
///   :.......:.......:...:.:.:
/// ```
struct Windows {
    /// What a masked key adds to the logit before the scale. Its weight is then exactly 0 in every precision: half precision has no
    /// such number and makes it the lowest that it has, which is enough for the scales that are allowed.
    private static let masked: Float = -1e9

    private let side: Int
    private let trace: Trace
    /// [H, W], of the map itself.
    private let size: Value
    /// [windows in a column, windows in a row].
    private let counts: Value
    /// [H', W'].
    private let extendedSize: Value
    /// Of the four axes, before and after each.
    private let padding: Value

    init(of map: Tensor, side: Int) {
        trace = map.trace
        self.side = side
        size = map.size
        counts = (size + trace.integers([side - 1, side - 1])) / trace.integers([side, side])
        extendedSize = counts * trace.integers([side, side])
        padding = trace.concatenated([trace.integers([0, 0, 0, 0, 0, 0]), extendedSize - size])
    }

    /// The map, extended by zeros to whole windows.
    func extended(_ map: Tensor) -> Tensor { Tensor(map.value.padded(padding, with: 0), channels: map.channels) }

    /// One more channel of an extended map: `number` everywhere.
    func constant(_ number: Float) -> Tensor {
        let shape = trace.concatenated([trace.integers([1, 1]), extendedSize])
        return Tensor(trace.filled(shape, with: number), channels: 1)
    }

    /// One more channel of an extended map: 0 where the map is, far below where it was added to.
    var mask: Tensor {
        let shape = trace.concatenated([trace.integers([1, 1]), size])
        return Tensor(trace.filled(shape, with: 0).padded(padding, with: Self.masked), channels: 1)
    }

    /// An extended map, and perhaps one more channel of it, as [windows, 1, n*n, channels].
    func split(_ map: Tensor, appending last: Tensor? = nil) -> Value {
        let value = last.map { trace.concatenated([map.value, $0.value], axis: 1) } ?? map.value
        let channels = map.channels + (last?.channels ?? 0)
        let n = trace.integers([side])
        let cut = trace.concatenated([trace.integers([channels]), counts.elements(0..<1), n, counts.elements(1..<2), n])
        return value.reshaped(to: cut)
            .transposed(1, 3, 2, 4, 0)
            .reshaped(to: trace.integers([-1, 1, side * side, channels]))
    }

    /// The inverse of `split`, less what was added to the map.
    func joined(_ windows: Value, channels: Int) -> Tensor {
        let cut = trace.concatenated([counts, trace.integers([side, side, channels])])
        let whole = trace.concatenated([trace.integers([1, channels]), extendedSize])
        let map = windows.reshaped(to: cut).transposed(4, 0, 2, 1, 3).reshaped(to: whole)
        return Tensor(map.cropped(toSize: size), channels: channels)
    }
}
