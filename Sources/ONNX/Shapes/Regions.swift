/// How `Slice` reads one axis: output i reads input `start + step * i`.
struct SliceRange: Hashable, Sendable {
    let start: Int
    let step: Int
    let count: Int
}

/// How `Pad` changes one axis; negative amounts cut off.
struct PadAmount: Hashable, Sendable {
    let before: Int
    let after: Int
}

extension NodeContext {
    /// What `Slice` takes along each axis; `nil` when bounds are not known.
    func sliceRanges() throws(ONNXError) -> [SliceRange]? {
        guard let x = dims(0) else { return nil }
        let starts, ends: [Int]
        var axes: [Int]?
        var steps: [Int]?
        if opset < 10 {
            guard let s = node.ints("starts"), let e = node.ints("ends") else { throw fail("has no starts or ends") }
            (starts, ends, axes) = (s, e, node.ints("axes"))
        } else {
            guard let s = ints(1), let e = ints(2) else { return nil }
            (starts, ends) = (s, e)
            if has(3) {
                guard let known = ints(3) else { return nil }
                axes = known
            }
            if has(4) {
                guard let known = ints(4) else { return nil }
                steps = known
            }
        }
        let counted = try self.axes(axes ?? Array(starts.indices), rank: x.count)
        guard starts.count == ends.count, counted.count == starts.count, steps.map({ $0.count == starts.count }) ?? true else {
            throw fail("starts, ends, axes and steps differ in length")
        }
        var ranges = x.map { SliceRange(start: 0, step: 1, count: $0) }
        for (index, axis) in counted.enumerated() {
            let step = steps?[index] ?? 1
            guard step != 0, step != .min else { throw fail("has the step \(step)") }
            ranges[axis] = Self.sliceRange(extent: x[axis], start: starts[index], end: ends[index], step: step)
        }
        return ranges
    }

    private static func sliceRange(extent: Int, start: Int, end: Int, step: Int) -> SliceRange {
        // Python's rules: from the end where negative, clamped to the array; -1 is "before the first" for a backward step.
        func bound(_ value: Int) -> Int {
            let counted = value < 0 ? value &+ extent : value
            return step > 0 ? min(max(counted, 0), extent) : min(max(counted, -1), extent - 1)
        }
        let first = step > 0 ? bound(start) : max(0, min(bound(start), extent - 1))
        let last = bound(end)
        let room = step > 0 ? last - first : first - last
        let magnitude = abs(step)
        return SliceRange(start: first, step: step, count: room <= 0 || extent == 0 ? 0 : (room - 1) / magnitude + 1)
    }

    /// What `Pad` adds to each axis; `nil` when the amounts are not known.
    func padAmounts() throws(ONNXError) -> [PadAmount]? {
        guard let x = dims(0) else { return nil }
        let amounts: [Int]
        var axes = Array(x.indices)
        if opset < 11 {
            guard let pads = node.ints("pads") ?? node.ints("paddings") else { throw fail("has no pads") }
            amounts = pads
        } else {
            guard let pads = ints(1) else { return nil }
            amounts = pads
            if has(3) {
                guard let named = ints(3) else { return nil }
                axes = try self.axes(named, rank: x.count)
            }
        }
        guard amounts.count == axes.count * 2 else { throw fail("has \(amounts.count) pads for \(axes.count) axes") }
        var result = x.map { _ in PadAmount(before: 0, after: 0) }
        for (index, axis) in axes.enumerated() {
            let (before, after) = (amounts[index], amounts[index + axes.count])
            for amount in [before, after] where amount < -Self.maximumExtent || amount > Self.maximumExtent {
                throw fail("pads by \(amount)")
            }
            result[axis] = PadAmount(before: before, after: after)
        }
        return result
    }

    /// Extents after padding. Throws where a reflection would need more samples than there are.
    func padded() throws(ONNXError) -> [Int]? {
        guard let x = dims(0), let amounts = try padAmounts() else { return nil }
        let mode = node.string("mode") ?? "constant"
        var result: [Int] = []
        for (extent, amount) in zip(x, amounts) {
            if mode == "reflect", max(amount.before, amount.after) > 0, max(amount.before, amount.after) >= extent {
                throw fail("cannot reflect \(max(amount.before, amount.after)) samples of an axis of \(extent)")
            }
            let size = extent + amount.before + amount.after
            guard size >= 0 else { throw fail("cuts \(-amount.before - amount.after) samples from an axis of \(extent)") }
            result.append(size)
        }
        return result
    }

    /// The parts that `Split` cuts an axis into; `nil` when their sizes are not known.
    func splitParts() throws(ONNXError) -> (axis: Int, sizes: [Int])? {
        guard let x = dims(0) else { return nil }
        let axis = try axis(node.int("axis") ?? 0, rank: x.count)
        let outputs = node.outputs.count
        var sizes = node.ints("split")
        if opset >= 13, has(1) {
            guard let known = ints(1) else { return nil }
            sizes = known
        }
        if let sizes {
            guard sizes.count == outputs, sizes.allSatisfy({ $0 >= 0 && $0 <= x[axis] }), sizes.reduce(0, &+) == x[axis] else {
                throw fail("cannot cut \(x[axis]) into parts of \(sizes)")
            }
            return (axis, sizes)
        }
        let parts = node.int("num_outputs") ?? outputs
        guard parts >= 1, parts == outputs else { throw fail("has \(outputs) outputs for \(parts) parts") }
        // From opset 18 the last part may be smaller.
        let size = opset >= 18 ? x[axis] / parts + (x[axis] % parts == 0 ? 0 : 1) : x[axis] / parts
        let last = x[axis] - size * (parts - 1)
        guard last >= 0, opset >= 18 || last == size else { throw fail("cannot cut \(x[axis]) into \(parts) equal parts") }
        return (axis, Array(repeating: size, count: parts - 1) + [last])
    }
}
