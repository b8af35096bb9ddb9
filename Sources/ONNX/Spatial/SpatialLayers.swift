/// Rules of layers with windows.
extension SpatialRule {
    mutating func convolution(weights: Int) throws -> ImageTensor {
        var x = try image(0)
        for index in inputs.indices.dropFirst() { try requirePlaceless(index, index == weights ? "its kernel" : "input \(index)") }
        guard let (dims, windows) = try context.convolution(weightIndex: weights) else { throw Obstacle("the extents of its input are not known") }
        mixChannels(of: &x)
        try slide(&x, over: dims) { axis, map in map.windowed(windows[axis - 2]) } keeps: { windows[$0 - 2].isTrivial }
        x.dims[1] = [Factor(size: dims[1], kind: .plain)]
        return x
    }

    mutating func transposedConvolution() throws -> ImageTensor {
        var x = try image(0)
        for index in inputs.indices.dropFirst() { try requirePlaceless(index, index == 1 ? "its kernel" : "input \(index)") }
        guard let (dims, windows, open) = try context.transposedConvolution() else { throw Obstacle("the extents of its input are not known") }
        mixChannels(of: &x)
        try slide(&x, over: dims) { axis, map in map.spread(windows[axis - 2], sideIsOpen: open[axis - 2]) } keeps: { windows[$0 - 2].isTrivial }
        x.dims[1] = [Factor(size: dims[1], kind: .plain)]
        return x
    }

    func pool() throws -> ImageTensor {
        var x = try image(0)
        guard let (dims, windows) = try context.pool() else { throw Obstacle("the extents of its input are not known") }
        try slide(&x, over: dims) { axis, map in map.windowed(windows[axis - 2]) } keeps: { windows[$0 - 2].isTrivial }
        return x
    }

    func blocks() throws -> ImageTensor {
        var x = try image(0)
        let dims = try extents(0)
        guard let block = node.int("blocksize"), block >= 1 else { throw Obstacle("has no blocksize") }
        guard x.axes(in: 1).isEmpty else { throw Obstacle("takes the image's \(x.axes(in: 1)[0].name) for channels") }
        let enlarges = node.op == "DepthToSpace"
        try slide(&x, over: dims) { _, map in enlarges ? map.repeated(block) : map.blocked(block) } keeps: { _ in block == 1 }
        x.dims[1] = [Factor(size: dims[1], kind: .plain)]
        return x
    }

    /// Replaces every axis behind the channels by what a sliding operator makes of it.
    private func slide(_ x: inout ImageTensor, over dims: [Int], map: (Int, PeriodicMap) -> PeriodicMap?,
                       keeps: (Int) -> Bool) throws(Obstacle) {
        for axis in dims.indices.dropFirst(2) where !keeps(axis) {
            if let place = ImageTensor.soleAxis(x.dims[axis]) {
                guard let before = x.maps[place], let after = map(axis, before) else { throw Obstacle("reaches too far, or repeats over too long a stretch") }
                x.maps[place] = after
                x.dims[axis] = [Factor(size: dims[axis], kind: .axis(place))]
            } else {
                guard x.axes(in: axis).isEmpty else { throw Obstacle("slides over an axis that holds more than the \(x.axes(in: axis)[0].name)") }
                x.dims[axis] = dims[axis] == 1 ? [] : [Factor(size: dims[axis], kind: .plain, isWindow: x.dims[axis].contains(where: \.isWindow))]
            }
        }
    }

    private mutating func mixChannels(of x: inout ImageTensor) {
        for place in x.axes(in: 1) {
            note(.global, "sums over the whole \(place.name), which lies in its channels")
            x.maps[place] = nil
        }
    }

    func resize() throws -> ImageTensor {
        var x = try image(0)
        guard let axes = try context.resizeAxes() else { throw Obstacle("the size it makes is not known") }
        let kernel = ResizeKernel(context: context)
        for (axis, resize) in axes.enumerated() where !resize.isIdentity {
            guard let place = ImageTensor.soleAxis(x.dims[axis]) else {
                guard x.axes(in: axis).isEmpty else { throw Obstacle("resizes an axis that holds more than the \(x.axes(in: axis)[0].name)") }
                let single = resize.input == 1 || x.dims[axis].allSatisfy { $0.kind == .uniform }
                x.dims[axis] = [Factor(size: resize.output, kind: single ? .uniform : .plain)]
                continue
            }
            guard let before = x.maps[place] else { throw Obstacle("the place of its input is not known") }
            guard let after = try kernel.map(before, resize) else { throw Obstacle("reaches too far, or repeats over too long a stretch") }
            x.maps[place] = after
            x.dims[axis] = [Factor(size: resize.output, kind: .axis(place))]
        }
        return x
    }
}

extension Window {
    /// Whether it reads each sample in its own place and nothing else.
    var isTrivial: Bool { kernel == 1 && stride == 1 && padBefore == 0 && padAfter == 0 }
}

/// Which samples `Resize` reads for an output sample (Resize in Operators.md).
struct ResizeKernel {
    private let coordinates: String
    private let mode: String
    private let rounding: String
    private let smooths: Bool

    init(context: NodeContext) {
        let node = context.node
        let isOld = node.op == "Upsample" || context.opset < 11
        mode = node.string("mode") ?? "nearest"
        coordinates = isOld ? "asymmetric" : node.string("coordinate_transformation_mode") ?? "half_pixel"
        rounding = isOld ? "floor" : node.string("nearest_mode") ?? "round_prefer_floor"
        smooths = node.int("antialias") == 1
    }

    /// `nil` when the period or reach is beyond what is kept.
    func map(_ map: PeriodicMap, _ axis: ResizeAxis) throws(Obstacle) -> PeriodicMap? {
        guard let scale = axis.scale else { throw Obstacle("its scale is no simple fraction") }
        let (up, down) = (scale.numerator, scale.denominator)
        // The place of output j in the input is (2 * down * j + offset) / unit, exactly.
        let unit = 2 * up
        let offset: Int
        switch coordinates {
        case "half_pixel", "pytorch_half_pixel": offset = down - up
        case "half_pixel_symmetric":
            guard axis.output * down == axis.input * up else { throw Obstacle("where it reads depends on the size of the image") }
            offset = down - up
        case "asymmetric": offset = 0
        case "tf_half_pixel_for_nn": offset = down
        default: throw Obstacle("where it reads depends on the size of the image (\(coordinates))")
        }
        let stretch = smooths && down > up ? down : up
        return map.composed(cycle: up, shift: down) { index in
            let position = 2 * down * index + offset
            let floor = floorDivide(position, unit)
            let isWhole = position == floor * unit
            let ceil = isWhole ? floor : floor + 1
            switch mode {
            case "nearest":
                let nearest = switch rounding {
                case "floor": floor
                case "ceil": ceil
                case "round_prefer_ceil": floorDivide(position + up, unit)
                default: -floorDivide(-(position - up), unit)
                }
                return nearest...nearest
            case "linear", "bilinear", "trilinear":
                if smooths { return floorDivide(position - 2 * stretch, unit)...(-floorDivide(-(position + 2 * stretch), unit)) }
                return floor...ceil
            default:
                if smooths { return floorDivide(position - 4 * stretch, unit)...(-floorDivide(-(position + 4 * stretch), unit)) }
                return (floor - 1)...(floor + 2)
            }
        }
    }
}
