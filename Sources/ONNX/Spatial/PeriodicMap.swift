/// Which samples of the image's axis each index of a tensor's axis depends on, on a line without ends.
///
/// ```
/// index j reads   spans[j mod period] + advance * (j div period)        nil: nothing, as between the taps of a transposed convolution
/// ```
/// Per period of the tensor the image advances by whole samples, so `advance / period` is the rate (image samples per index), and moving the
/// image by a multiple of `advance` moves the tensor by whole indices. Ends do not matter here: a layer pads at the edge of a tile that is the
/// edge of the image just as it pads in the whole image.
struct PeriodicMap: Hashable, Sendable {
    struct Span: Hashable, Sendable {
        var low: Int
        var high: Int
    }

    /// Longer periods and farther reaches are given up: no network that can be tiled has them.
    static let maximumPeriod = 1 << 10
    static let maximumAdvance = 1 << 13
    static let maximumReach = 1 << 40

    let period: Int
    let advance: Int
    let spans: [Span?]

    static let identity = PeriodicMap(period: 1, advance: 1, spans: [Span(low: 0, high: 0)])

    private init(period: Int, advance: Int, spans: [Span?]) {
        self.period = period
        self.advance = advance
        self.spans = spans
    }

    func span(at index: Int) -> Span? {
        let cycle = floorDivide(index, period)
        return spans[index - cycle * period].map { Span(low: $0.low + advance * cycle, high: $0.high + advance * cycle) }
    }

    /// The image samples per index.
    var rate: Fraction { Fraction(advance, period) }

    /// The map of a tensor whose index j reads the indices `taps(j)` of this one.
    ///
    /// - Parameters:
    ///   - cycle: the indices after which the taps repeat.
    ///   - shift: how far the taps move in one cycle.
    /// - Returns: `nil` when the period or the reach is beyond what is kept.
    func composed(cycle: Int, shift: Int, taps: (Int) -> ClosedRange<Int>?) -> PeriodicMap? {
        let repeats = period / greatestCommonDivisor(period, shift)
        guard cycle <= Self.maximumPeriod, shift <= Self.maximumAdvance else { return nil }
        let newPeriod = cycle * repeats
        let (newAdvance, overflow) = advance.multipliedReportingOverflow(by: shift * repeats / period)
        guard newPeriod <= Self.maximumPeriod, !overflow, newAdvance <= Self.maximumAdvance else { return nil }
        var spans: [Span?] = []
        for index in 0..<newPeriod {
            guard let taps = taps(index) else {
                spans.append(nil)
                continue
            }
            guard abs(taps.lowerBound) <= 1 << 44, abs(taps.upperBound) <= 1 << 44 else { return nil }
            let span = hull(of: taps)
            if let span, abs(span.low) > Self.maximumReach || abs(span.high) > Self.maximumReach { return nil }
            spans.append(span)
        }
        return PeriodicMap(period: newPeriod, advance: newAdvance, spans: spans)
    }

    /// All that a run of indices reads. Spans never move back from one index to the next, so the first and the last that read anything decide.
    private func hull(of taps: ClosedRange<Int>) -> Span? {
        var first = taps.lowerBound
        while first <= taps.upperBound, first < taps.lowerBound + period, span(at: first) == nil { first += 1 }
        guard first <= taps.upperBound, let low = span(at: first) else { return nil }
        var last = taps.upperBound
        while last > first, span(at: last) == nil { last -= 1 }
        return Span(low: low.low, high: span(at: last)?.high ?? low.high)
    }

    /// The map of a tensor whose index j reads what index j of either reads; `nil` when their rates differ.
    func union(_ other: PeriodicMap) -> PeriodicMap? {
        guard rate == other.rate, let common = leastCommonMultiple(period, other.period), common <= Self.maximumPeriod else { return nil }
        let spans = (0..<common).map { index -> Span? in
            switch (span(at: index), other.span(at: index)) {
            case (let a?, let b?): Span(low: min(a.low, b.low), high: max(a.high, b.high))
            case (let a?, nil): a
            case (nil, let b): b
            }
        }
        return PeriodicMap(period: common, advance: advance * (common / period), spans: spans)
    }
}

extension PeriodicMap {
    /// Counts an index's own place among what it reads.
    ///
    /// A tensor that a layer has cropped ends before the tile does, and the next layer pads there, in the middle of the image. So a
    /// tile must be so large that every index that is read exists in it:
    /// ```
    /// tile from o, both ends on the grid of S:  index j exists   iff  rate * j >= o   and   rate * (j + 1 + missing) <= end of the tile
    /// missing: by how many indices the tensor is shorter than the image says, at any multiple of S
    /// ```
    /// - Parameters:
    ///   - size: the tensor's extent where the image's is `imageSize`, a multiple of S.
    func withEnds(size: Int, imageSize: Int) -> PeriodicMap {
        let missing = floorDivide(imageSize * period, advance) - size
        let ended = (0..<period).map { index -> Span? in
            let own = Span(low: floorDivide(advance * index, period), high: -floorDivide(-advance * (index + 1 + missing), period) - 1)
            // A place between the taps of a transposed convolution reads nothing, but holds the bias: it must exist all the same.
            guard let span = spans[index] else { return Span(low: own.low, high: max(own.low, own.high)) }
            return Span(low: min(span.low, own.low), high: max(span.high, own.high))
        }
        return PeriodicMap(period: period, advance: advance, spans: ended)
    }

    func windowed(_ window: Window) -> PeriodicMap? {
        composed(cycle: 1, shift: window.stride) { index in
            let first = window.stride * index - window.padBefore
            return first...(first + window.reach - 1)
        }
    }

    /// A transposed convolution: index j reads every i with `stride * i - padBefore + dilation * t = j`.
    func spread(_ window: Window, sideIsOpen: Bool) -> PeriodicMap? {
        let slack = sideIsOpen ? 1 : 0
        return composed(cycle: window.stride, shift: 1) { index in
            let last = floorDivide(index + window.padBefore + slack, window.stride)
            let first = -floorDivide(-(index + window.padBefore - slack - (window.reach - 1)), window.stride)
            return first <= last ? first...last : nil
        }
    }

    /// Every sample `factor` times.
    func repeated(_ factor: Int) -> PeriodicMap? {
        composed(cycle: factor, shift: 1) { index in
            let source = floorDivide(index, factor)
            return source...source
        }
    }

    /// Blocks of `factor` samples.
    func blocked(_ factor: Int) -> PeriodicMap? {
        composed(cycle: 1, shift: factor) { (factor * $0)...(factor * $0 + factor - 1) }
    }

    /// Every `step`-th sample from `start` on.
    func sliced(start: Int, step: Int) -> PeriodicMap? {
        composed(cycle: 1, shift: step) { (start + step * $0)...(start + step * $0) }
    }
}

/// Rounded towards minus infinity. The divisor must be positive.
func floorDivide(_ a: Int, _ b: Int) -> Int {
    let quotient = a / b
    return a % b < 0 ? quotient - 1 : quotient
}
