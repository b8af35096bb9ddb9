/// How a convolution or a pool slides along one axis.
///
/// ```
/// output i reads input  stride * i - padBefore + dilation * t    for t in 0 ..< kernel
/// ```
struct Window: Hashable, Sendable {
    var kernel: Int
    var stride: Int
    var dilation: Int
    var padBefore: Int
    var padAfter: Int
    var roundsUp = false

    /// How far a window reaches from its first to its last sample, both counted.
    var reach: Int { dilation * (kernel - 1) + 1 }

    /// The number of windows along `extent` samples; `nil` when not one fits.
    func outputExtent(_ extent: Int) -> Int? {
        let room = extent + padBefore + padAfter - reach
        guard room >= 0 else { return nil }
        var count = room / stride + 1
        if roundsUp, room % stride != 0 {
            // A window that would start in the padding behind the image is left out (MaxPool, ceil_mode).
            if count * stride < extent + padBefore { count += 1 }
        }
        return count
    }
}

extension NodeContext {
    /// The windows of a convolution or pool over the axes behind batch and channels.
    func windows(kernel: [Int], extents: [Int]) throws(ONNXError) -> [Window] {
        let count = extents.count
        guard kernel.count == count else { throw fail("the kernel has \(kernel.count) axes; the input has \(count) behind its channels") }
        for size in kernel where size < 1 || size > Self.maximumAttribute { throw fail("the kernel has the extent \(size)") }
        let strides = try perAxis("strides", count: count, minimum: 1, fallback: 1)
        let dilations = try perAxis("dilations", count: count, minimum: 1, fallback: 1)
        let pads = try perAxis("pads", count: count * 2, minimum: -Self.maximumAttribute, fallback: 0)
        let roundsUp = node.int("ceil_mode") == 1
        var windows: [Window] = []
        for axis in 0..<count {
            var window = Window(kernel: kernel[axis], stride: strides[axis], dilation: dilations[axis],
                                padBefore: pads[axis], padAfter: pads[axis + count], roundsUp: roundsUp)
            guard window.reach <= Self.maximumAttribute else { throw fail("the kernel reaches over \(window.reach) samples") }
            switch node.string("auto_pad") ?? "NOTSET" {
            case "NOTSET", "": break
            case "VALID": (window.padBefore, window.padAfter) = (0, 0)
            case let same where same == "SAME_UPPER" || same == "SAME_LOWER":
                let outputs = extents[axis] / window.stride + (extents[axis] % window.stride == 0 ? 0 : 1)
                let total = max(0, (outputs - 1) * window.stride + window.reach - extents[axis])
                window.padBefore = same == "SAME_UPPER" ? total / 2 : total - total / 2
                window.padAfter = total - window.padBefore
            case let other: throw fail("auto_pad \"\(other)\" is unknown")
            }
            windows.append(window)
        }
        return windows
    }

    /// The kernel's extents: from the weights, or `kernel_shape` where there are none.
    func kernelExtents(weights: [Int]?) throws(ONNXError) -> [Int] {
        let declared = node.ints("kernel_shape")
        guard let weights, weights.count >= 2 else {
            guard let declared else { throw fail("has no kernel_shape") }
            return declared
        }
        let kernel = Array(weights.dropFirst(2))
        if let declared, declared != kernel { throw fail("kernel_shape \(declared) differs from the weights' \(kernel)") }
        return kernel
    }

    /// Batch, channels and windows of a `Conv`, `ConvInteger` or `QLinearConv` whose weights are input `weightIndex`.
    func convolution(weightIndex: Int = 1) throws(ONNXError) -> (dims: [Int], windows: [Window])? {
        guard let x = dims(0), let w = dims(weightIndex) else { return nil }
        guard x.count >= 3, w.count == x.count else { throw fail("the input has \(x.count) axes, the weights \(w.count)") }
        let group = node.int("group") ?? 1
        guard group > 0, group <= Self.maximumAttribute, w[0] % group == 0 else { throw fail("\(w[0]) outputs cannot be cut into \(group) groups") }
        guard let expected = product(of: [w[1], group]), x[1] == expected else {
            throw fail("the input has \(x[1]) channels; the weights are for \(w[1]) x \(group)")
        }
        if node.op == "Conv" { try checkBias(of: w[0]) }
        let extents = Array(x.dropFirst(2))
        let windows = try windows(kernel: try kernelExtents(weights: w), extents: extents)
        return ([x[0], w[0]] + (try outputExtents(windows, extents)), windows)
    }

    /// One number for each result's channel. An engine may broadcast other lengths, and make channels that the weights do not have.
    private func checkBias(of channels: Int) throws(ONNXError) {
        guard has(2), let bias = dims(2), bias != [channels] else { return }
        throw fail("the bias has the extents \(bias); the weights are for \(channels) results")
    }

    /// Dims and windows of a pool.
    func pool() throws(ONNXError) -> (dims: [Int], windows: [Window])? {
        guard let x = dims(0) else { return nil }
        guard x.count >= 3 else { throw fail("the input has only \(x.count) axes") }
        let extents = Array(x.dropFirst(2))
        let windows = try windows(kernel: try kernelExtents(weights: nil), extents: extents)
        return (Array(x.prefix(2)) + (try outputExtents(windows, extents)), windows)
    }

    private func outputExtents(_ windows: [Window], _ extents: [Int]) throws(ONNXError) -> [Int] {
        var results: [Int] = []
        for (window, extent) in zip(windows, extents) {
            guard let result = window.outputExtent(extent) else {
                throw fail("a window over \(window.reach) samples does not fit \(extent) with padding \(window.padBefore) and \(window.padAfter)")
            }
            results.append(result)
        }
        return results
    }

    /// Dims and windows of a `ConvTranspose`. Input i writes output `stride * i - padBefore + dilation * t`.
    ///
    /// Where the padding follows from a wanted size and is odd, runtimes differ in which side gets the larger half: `sideIsOpen` then.
    func transposedConvolution() throws(ONNXError) -> (dims: [Int], windows: [Window], sideIsOpen: [Bool])? {
        guard let x = dims(0), let w = dims(1) else { return nil }
        guard x.count >= 3, w.count == x.count else { throw fail("the input has \(x.count) axes, the weights \(w.count)") }
        guard x[1] == w[0] else { throw fail("the input has \(x[1]) channels; the weights are for \(w[0])") }
        let group = node.int("group") ?? 1
        guard group > 0, group <= Self.maximumAttribute, let channels = product(of: [w[1], group]) else { throw fail("group is \(group)") }
        try checkBias(of: channels)
        let extents = Array(x.dropFirst(2))
        let count = extents.count
        let kernel = try kernelExtents(weights: w)
        guard kernel.allSatisfy({ $0 >= 1 && $0 <= Self.maximumAttribute }) else { throw fail("the kernel has the extents \(kernel)") }
        let strides = try perAxis("strides", count: count, minimum: 1, fallback: 1)
        let dilations = try perAxis("dilations", count: count, minimum: 1, fallback: 1)
        let pads = try perAxis("pads", count: count * 2, minimum: -Self.maximumAttribute, fallback: 0)
        let extra = try perAxis("output_padding", count: count, minimum: 0, fallback: 0)
        let wanted = node.ints("output_shape").map { Array($0.suffix(count)) }
        if let wanted, wanted.count != count { throw fail("output_shape has \(wanted.count) numbers") }
        let auto = node.string("auto_pad") ?? "NOTSET"
        var result = [x[0], channels]
        var windows: [Window] = []
        var open: [Bool] = []
        for axis in 0..<count {
            var window = Window(kernel: kernel[axis], stride: strides[axis], dilation: dilations[axis],
                                padBefore: pads[axis], padAfter: pads[axis + count])
            guard window.reach <= Self.maximumAttribute, extents[axis] >= 1 else { throw fail("cannot work on \(extents[axis]) samples") }
            let full = window.stride * (extents[axis] - 1) + extra[axis] + window.reach
            let size: Int
            if let wanted { size = wanted[axis] }
            else if auto.hasPrefix("SAME") { size = extents[axis] * window.stride }
            else if auto == "VALID" { size = full }
            else { size = full - window.padBefore - window.padAfter }
            guard size >= 1, size <= Self.maximumExtent else { throw fail("the result would have the extent \(size)") }
            let derived = wanted != nil || auto.hasPrefix("SAME") || auto == "VALID"
            if derived {
                let total = max(0, full - size)
                window.padBefore = auto == "SAME_UPPER" ? total / 2 : total - total / 2
                window.padAfter = total - window.padBefore
            }
            open.append(derived && (window.padBefore != window.padAfter))
            windows.append(window)
            result.append(size)
        }
        return (result, windows, open)
    }
}
