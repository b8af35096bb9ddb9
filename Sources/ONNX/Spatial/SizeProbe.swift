/// Runs the spatial analysis at several image sizes and finds what holds at all of them.
struct SizeProbe {
    struct Finding {
        var klass: SpatialAnalysis.Class
        var reasons: [String]
        var axes: [ImageAxis: SpatialAnalysis.Axis]
        /// ``SpatialAnalysis/outputPlaces``.
        var outputPlaces: [ImageAxis?]?
    }

    struct Size: Hashable {
        var width: Int
        var height: Int

        subscript(axis: ImageAxis) -> Int {
            get { axis == .x ? width : height }
            set { if axis == .x { width = newValue } else { height = newValue } }
        }
    }

    /// The extents of the image input, height and width as -1.
    let template: [Int]
    private let model: Model
    private let input: String
    private let output: String
    private let layout: ImageLayout
    private let declared: [ImageAxis: Int]
    private let places: [ImageAxis?]
    private let statistics: Set<String>
    private let isInner: Bool

    /// Sizes that common strides and windows divide, tried in turn until the graph takes one.
    private static let trialSizes = [256, 224, 192, 640, 720, 512, 840, 1024, 1260, 64, 100]

    /// - Parameters:
    ///   - statistics: inputs that hold what was computed over the whole image.
    ///   - isInner: whether the output is a value in the middle of a network, whose axes may lie in any way.
    init(model: Model, input: String, output: String, layout: ImageLayout, statistics: Set<String> = [], isInner: Bool = false) throws(ONNXError) {
        guard let info = model.inputs.first(where: { $0.name == input }) else {
            throw ONNXError("the model has no input \"\(input)\"; it has \(model.inputs.map(\.name).joined(separator: ", "))")
        }
        guard model.outputs.contains(where: { $0.name == output }) else {
            throw ONNXError("the model has no output \"\(output)\"; it has \(model.outputs.map(\.name).joined(separator: ", "))")
        }
        guard let dims = info.dims, let places = layout.places(rank: dims.count) else {
            throw ONNXError("the input \"\(input)\" is no image: it has \(info.dims.map { "the extents \($0)" } ?? "no declared extents")")
        }
        for other in model.inputs where other.name != input && other.staticShape == nil {
            throw ONNXError("the extents of the further input \"\(other.name)\" are not fixed")
        }
        var declared: [ImageAxis: Int] = [:]
        for (dim, place) in zip(dims, places) {
            if let place, case .fixed(let n) = dim { declared[place] = n }
        }
        (self.model, self.input, self.output, self.layout) = (model, input, output, layout)
        (self.declared, self.places, self.statistics, self.isInner) = (declared, places, statistics, isInner)
        template = try Self.template(dims, places: places, model: model, input: input)
    }

    /// One image, and the number of channels that the first layer accepts where the model does not declare it.
    private static func template(_ dims: [Dimension], places: [ImageAxis?], model: Model, input: String) throws(ONNXError) -> [Int] {
        let channelAxis = places.count == 3 ? places.firstIndex(of: nil) : places.lastIndex(of: nil)
        func filled(channels: Int) -> [Int] {
            zip(dims, places).enumerated().map { axis, pair in
                if pair.1 != nil { return -1 }
                if case .fixed(let n) = pair.0 { return n }
                return axis == channelAxis ? channels : 1
            }
        }
        var first: ONNXError?
        for channels in [3, 1, 4, 2] {
            for size in [declaredSize(dims, places)].compactMap(\.self) + trialSizes {
                let shape = zip(filled(channels: channels), zip(dims, places)).map { extent, pair in
                    guard extent == -1 else { return extent }
                    if size == declaredSize(dims, places), case .fixed(let n) = pair.0 { return n }
                    return size
                }
                do throws(ONNXError) {
                    _ = try model.facts(with: [input: shape])
                    return filled(channels: channels)
                } catch {
                    first = first ?? error
                }
            }
        }
        throw first ?? ONNXError("the model takes no image that was tried")
    }

    private static func declaredSize(_ dims: [Dimension], _ places: [ImageAxis?]) -> Int? {
        for (dim, place) in zip(dims, places) where place != nil { if case .fixed(let n) = dim { return n } }
        return nil
    }

    // MARK: The search

    mutating func find() -> Finding {
        var failure: ONNXError?
        if let found = findFlexible(&failure) { return found }
        if let found = findFixed() { return found }
        return Finding(klass: .unknown, reasons: [failure.map(\.description) ?? "the network takes no image size that was tried"], axes: [:])
    }

    /// A size that the network takes, a multiple of S; the declared one where it takes no other.
    func workingTrace() throws(ONNXError) -> SizeTrace {
        var failure: ONNXError?
        if let base = flexibleTrace(&failure), base.klass < .unknown || !isKnownAtDeclaredSize { return base }
        if let base = fixedTrace() { return base }
        throw failure ?? ONNXError("the network takes no image size that was tried")
    }

    private func flexibleTrace(_ failure: inout ONNXError?) -> SizeTrace? {
        var base: SizeTrace?
        let declaredSizes = Set(declared.values).sorted()
        for n in Self.trialSizes + declaredSizes where base == nil {
            // A size that only fits the declared one says nothing about others.
            if declared.values.contains(n), declared.count == 2 { continue }
            do throws(ONNXError) {
                base = try trace(Size(width: n, height: n))
            } catch {
                failure = failure ?? error
            }
        }
        guard var base else { return nil }
        // S is known after the first pass; sizes that are multiples of it are then the network's own ground.
        for _ in 0..<3 {
            var size = base.size
            for axis in ImageAxis.allCases { size[axis] = roundUp(max(size[axis], 2 * base.stride(axis)), to: base.stride(axis)) }
            guard size != base.size else { break }
            guard let next = try? trace(size) else { break }
            base = next
        }
        return base
    }

    /// For a network that takes many sizes; `nil` when it takes none but the declared one.
    private func findFlexible(_ failure: inout ONNXError?) -> Finding? {
        guard let base = flexibleTrace(&failure) else { return nil }
        guard base.klass < .unknown else {
            // A size built into a `Reshape` beside a -1 is taken at its multiples too, as a batch of several pictures: the declared size is the one that is meant.
            return isKnownAtDeclaredSize ? nil : sizesOnly(base, reasons: base.reasons(.unknown) ?? [])
        }
        // The maps' own stride is not always all that sizes must obey: a graph may pad to a multiple, and cut again. Try coarser grids.
        // Where none agrees, the coarsest tells the reason best: on it nothing fails for a mere remainder.
        var last: Finding?
        for grid in [1, 2, 4, 8, 16, 32, 64] {
            let finding = compare(base, grid: grid)
            if finding.klass < .unknown { return finding }
            last = finding
        }
        return isKnownAtDeclaredSize ? nil : last
    }

    private var isKnownAtDeclaredSize: Bool { declared.count == 2 && fixedTrace().map { $0.klass < .unknown } == true }

    /// What holds at several sizes that are multiples of `grid` times S; of class `unknown`, with the reason, when they do not agree.
    private func compare(_ first: SizeTrace, grid: Int) -> Finding {
        func step(_ axis: ImageAxis) -> Int { first.stride(axis) * grid }
        do throws(ONNXError) {
            var size = first.size
            for axis in ImageAxis.allCases { size[axis] = roundUp(size[axis], to: step(axis)) }
            let base = try trace(size)
            let ended = try trace(size, countsEnds: true)
            var others: [SizeTrace] = []
            for (dx, dy) in [(1, 0), (0, 2), (3, 5)] {
                let next = Size(width: size.width + dx * step(.x), height: size.height + dy * step(.y))
                let other = try trace(next)
                // Layers may be longer or shorter than the image says by a fixed number of samples only: `ended` tells.
                let otherEnded = try trace(next, countsEnds: true)
                if let difference = base.gridDifference(from: other) ?? ended.difference(from: otherEnded) {
                    return sizesOnly(first, reasons: [difference])
                }
                others.append(other)
            }
            return settle(base, ended: ended, others: others, grid: grid)
        } catch {
            return sizesOnly(first, reasons: [error.description])
        }
    }

    private func fixedTrace() -> SizeTrace? {
        guard let width = declared[.x], let height = declared[.y] else { return nil }
        return try? trace(Size(width: width, height: height))
    }

    /// For a network with its size built in.
    private func findFixed() -> Finding? {
        guard let base = fixedTrace() else { return nil }
        var finding = sizesOnly(base, reasons: base.reasons(.unknown) ?? [])
        if base.klass < .unknown, let ended = try? trace(base.size, countsEnds: true) { finding = settle(base, ended: ended, others: [], grid: 1) }
        for axis in ImageAxis.allCases {
            finding.axes[axis, default: .init()].fixedSize = base.size[axis]
            finding.axes[axis, default: .init()].needsMultiple = base.size[axis]
        }
        return finding
    }

    func trace(_ size: Size, countsEnds: Bool = false) throws(ONNXError) -> SizeTrace {
        let shape = layout.shape(template, width: size.width, height: size.height)
        let facts = try model.facts(with: [input: shape])
        let tracer = SpatialTracer(model: model, facts: facts, input: input, places: places, statistics: statistics, countsEnds: countsEnds)
        return SizeTrace(size: size, tracer: tracer, output: output, isInner: isInner)
    }

    // MARK: Conclusions

    private func settle(_ base: SizeTrace, ended: SizeTrace, others: [SizeTrace], grid: Int) -> Finding {
        guard let maps = base.outputMaps, let ends = ended.outputMaps else {
            return Finding(klass: .unknown, reasons: (base.reasons(base.klass) ?? []) + ["the output \"\(output)\" has no axes that follow the image's"],
                           axes: sizesOnly(base, reasons: []).axes)
        }
        var axes: [ImageAxis: SpatialAnalysis.Axis] = [:]
        for axis in ImageAxis.allCases {
            guard let map = maps[axis], let outputSize = base.outputSize(axis) else { continue }
            var result = SpatialAnalysis.Axis()
            let scale = map.rate.inverse
            (result.scaleNumerator, result.scaleDenominator) = (scale.numerator, scale.denominator)
            result.stride = base.stride(axis) * grid
            guard let ended = ends[axis] else { continue }
            (result.haloBefore, result.haloAfter) = Self.halos(ended, stride: result.stride)
            // At multiples of S the output lacks a fixed number of samples, or none: anything else is no scale at all.
            let missing = base.size[axis] * scale.numerator / scale.denominator - outputSize
            for other in others where other.size[axis] * scale.numerator / scale.denominator - (other.outputSize(axis) ?? .max / 2) != missing {
                return sizesOnly(base, reasons: ["the output \"\(output)\" does not grow with the image's \(axis.name) as its scale says"])
            }
            let trim = -floorDivide(-missing * scale.denominator, scale.numerator)
            (result.trimBefore, result.trimAfter) = Self.trims(map, total: trim)
            result.needsMultiple = others.isEmpty ? 1 : multiple(base, axis, stride: result.stride, scale: scale, missing: missing)
            axes[axis] = result
        }
        return Finding(klass: base.klass, reasons: base.klass == .local ? [] : base.reasons(base.klass) ?? [], axes: axes, outputPlaces: base.outputPlaces)
    }

    /// See ``SpatialAnalysis/Axis/haloBefore``.
    private static func halos(_ map: PeriodicMap, stride: Int) -> (before: Int, after: Int) {
        var before = 0, after = 0
        let cells = stride / map.advance
        for index in 0..<(map.period * cells) {
            guard let span = map.span(at: index) else { continue }
            before = max(before, -span.low)
            after = max(after, span.high - (stride - 1))
        }
        return (before, after)
    }

    private static func trims(_ map: PeriodicMap, total: Int) -> (before: Int, after: Int) {
        let spans = map.spans.compactMap(\.self)
        guard total != 0, let low = spans.map(\.low).min(), let high = spans.map(\.high).max() else { return (0, total) }
        let before = floorDivide(low + high - (map.advance - 1), 2)
        let bounded = total > 0 ? min(max(before, 0), total) : max(min(before, 0), total)
        return (bounded, total - bounded)
    }

    /// The smallest divisor of S whose multiples the network takes, all with the same maps and without a sample missing.
    private func multiple(_ base: SizeTrace, _ axis: ImageAxis, stride: Int, scale: Fraction, missing: Int) -> Int {
        let start = base.size[axis]
        // Each trial is a pass over the graph; networks with such strides do not occur, and S is always right.
        guard stride <= 1024 else { return stride }
        for divisor in 1..<max(stride, 1) where stride % divisor == 0 {
            let fits = Swift.stride(from: start + divisor, to: start + stride, by: divisor).allSatisfy { n in
                var size = base.size
                size[axis] = n
                guard let other = try? trace(size), base.difference(from: other) == nil, let output = other.outputSize(axis) else { return false }
                let (low, rest) = (n * scale.numerator).quotientAndRemainder(dividingBy: scale.denominator)
                return output == low - missing || (rest != 0 && output == low + 1 - missing)
            }
            if fits { return divisor }
        }
        return stride
    }

    /// What extents alone tell, for a network whose reach is not known.
    private func sizesOnly(_ base: SizeTrace, reasons: [String]) -> Finding {
        var finding = Finding(klass: .unknown, reasons: reasons, axes: [:])
        for axis in ImageAxis.allCases {
            var result = SpatialAnalysis.Axis()
            if let output = base.sizeByLayout(layout, axis), output > 0 {
                let scale = Fraction(output, base.size[axis])
                if scale.denominator <= 64, scale.numerator <= 64 {
                    (result.scaleNumerator, result.scaleDenominator) = (scale.numerator, scale.denominator)
                    result.needsMultiple = multipleBySize(base, axis, scale)
                }
            }
            finding.axes[axis] = result
        }
        return finding
    }

    private func multipleBySize(_ base: SizeTrace, _ axis: ImageAxis, _ scale: Fraction) -> Int {
        for multiple in [1, 2, 4, 7, 8, 16, 32, 64] where base.size[axis] % multiple == 0 {
            let fits = (1...8).allSatisfy { step in
                var size = base.size
                size[axis] += step * multiple
                guard let other = try? trace(size), let output = other.sizeByLayout(layout, axis) else { return false }
                let (low, rest) = (size[axis] * scale.numerator).quotientAndRemainder(dividingBy: scale.denominator)
                return output == low || (rest != 0 && output == low + 1)
            }
            if fits { return multiple }
        }
        return 1
    }
}

/// The number rounded up to a multiple.
private func roundUp(_ n: Int, to multiple: Int) -> Int {
    (n + multiple - 1) / multiple * multiple
}
