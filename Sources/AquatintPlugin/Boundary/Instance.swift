internal import CAquatintPlugin
internal import Synchronization

/// A created stage, as the C side holds it: `self` of the interface's functions.
class Instance {
    func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PlanHolder {
        throw .internal("the stage is of no kind")
    }

    func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) throws(StageError) {
        throw .internal("the stage hands over a network; it computes no pixels itself")
    }

    func network(for inputs: Inputs<ImageInfo>) throws(StageError) -> NetworkGraph {
        throw .internal("the stage computes pixels itself; it hands over no network")
    }

    /// The names of the declared inputs; set once by `create`.
    final var inputNames: [String] = []
}

final class PixelInstance<S: PixelStage>: Instance {
    private let stage: S

    init(stage: S) { self.stage = stage }

    override func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PlanHolder {
        try PlanHolder(pixel: try stage.plan(inputs), inputs: inputs)
    }

    override func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) throws(StageError) {
        try stage.process(inputs, into: output, job: job)
    }
}

final class NetworkInstance<S: NetworkStage>: Instance {
    private let stage: S

    init(stage: S) { self.stage = stage }

    override func plan(_ inputs: Inputs<ImageInfo>) throws(StageError) -> PlanHolder {
        try PlanHolder(network: try stage.plan(inputs), inputs: inputs)
    }

    override func network(for inputs: Inputs<ImageInfo>) throws(StageError) -> NetworkGraph {
        try stage.network(for: inputs)
    }
}

/// A plan, as the C side holds it: `state` of `aqt_plan`. Owns what the C plan and the C network point at.
final class PlanHolder {
    let inputs: Inputs<ImageInfo>
    /// The plan of a pixel stage.
    let pixel: PixelPlan?
    /// The C plan, but for `state`.
    let plan: aqt_plan
    private let arena = Arena()
    /// What `network()` handed out, kept until the plan goes.
    private let networks = Mutex<[HandedOut]>([])

    // Nobody touches the arena once the graph is handed out; it is only kept.
    private struct HandedOut: @unchecked Sendable {
        let graph: NetworkGraph
        let arena: Arena
    }

    init(pixel: PixelPlan, inputs: Inputs<ImageInfo>) throws(StageError) {
        self.inputs = inputs
        self.pixel = pixel
        var plan = aqt_plan()
        plan.flags = UInt32(pixel.needsWholeImage ? AQT_PLAN_WHOLE_IMAGE : 0) | UInt32(pixel.isApproximate ? AQT_PLAN_APPROXIMATE : 0)
        plan.output = UnsafePointer(arena.place(try pixel.output.exported()))
        guard pixel.reach.count == inputs.count || pixel.reach.count == 1 else {
            throw .internal("the plan gives the reach of \(pixel.reach.count) inputs, the stage declares \(inputs.count)")
        }
        plan.reach = try arena.place(reach: pixel.reach, inputs: inputs.count)
        plan.edge = pixel.edge.rawValue
        plan.layout = pixel.layout.rawValue
        plan.align_x = try int32(pixel.alignment.x, "alignment")
        plan.align_y = try int32(pixel.alignment.y, "alignment")
        plan.ragged = pixel.isRagged ? 1 : 0
        plan.tile_w = try int32(pixel.preferredTile?.width ?? 0, "preferred tile")
        plan.tile_h = try int32(pixel.preferredTile?.height ?? 0, "preferred tile")
        plan.scratch_bytes = UInt64(clamping: pixel.scratchBytes)
        self.plan = plan
    }

    init(network: NetworkPlan, inputs: Inputs<ImageInfo>) throws(StageError) {
        self.inputs = inputs
        self.pixel = nil
        var plan = aqt_plan()
        switch network {
        case .derive:
            plan.flags = UInt32(AQT_PLAN_DERIVE)
        case .whole:
            plan.flags = UInt32(AQT_PLAN_DERIVE | AQT_PLAN_WHOLE_IMAGE)
        case .windows(let size, let outputBands):
            try Self.declare(Reach(halo: 0), blocks: size, isRagged: true, outputBands, inputs, in: &plan, arena)
        case .blocks(let size, let halo, let scale, let isRagged, let outputBands):
            let reach = Reach(left: halo, right: halo, top: halo, bottom: halo, scaleX: scale, scaleY: scale)
            try Self.declare(reach, blocks: size, isRagged: isRagged, outputBands, inputs, in: &plan, arena)
        }
        plan.layout = Int32(AQT_PLANAR)
        self.plan = plan
    }

    private static func declare(_ reach: Reach, blocks size: Int, isRagged: Bool, _ outputBands: Int, _ inputs: Inputs<ImageInfo>, in plan: inout aqt_plan,
                                _ arena: Arena) throws(StageError) {
        let image = inputs.primary
        var output = image
        output.width = try scaled(image.width, reach.scaleX)
        output.height = try scaled(image.height, reach.scaleY)
        output.bands = outputBands
        output.hasAlpha = false
        if outputBands != image.bands { output.space = .any }
        plan.output = UnsafePointer(arena.place(try output.exported()))
        plan.reach = try arena.place(reach: [reach], inputs: inputs.count)
        plan.align_x = try int32(size, "window")
        plan.align_y = plan.align_x
        plan.ragged = isRagged ? 1 : 0
    }

    /// An extent of the output: ceil(extent * numerator / denominator).
    private static func scaled(_ extent: Int, _ scale: Reach.Scale) throws(StageError) -> Int {
        let (product, overflow) = extent.multipliedReportingOverflow(by: scale.numerator)
        guard !overflow, scale.denominator > 0 else { throw .geometry("the size of the result is too large") }
        return product / scale.denominator + (product % scale.denominator == 0 ? 0 : 1)
    }

    /// The C form of a graph, valid as long as this plan.
    func export(_ graph: NetworkGraph) throws(StageError) -> aqt_network {
        let arena = Arena()
        var network = aqt_network()
        network.flags = UInt32(graph.layout == .nhwc ? AQT_NET_NHWC : 0) | UInt32(graph.isBGR ? AQT_NET_BGR : 0)
            | UInt32(graph.keepsSize ? AQT_NET_KEEP_SIZE : 0) | UInt32(graph.isOpen ? AQT_NET_DERIVE : 0) | UInt32(graph.layout == .nchw ? AQT_NET_NCHW : 0)
        network.bytes = graph.onnx.buffer.baseAddress
        network.size = UInt64(graph.onnx.count)
        network.key = graph.key.map { arena.place(text: $0) }
        network.output_name = graph.outputName.map { arena.place(text: $0) }
        if let names = graph.inputNames {
            network.input_names = UnsafePointer(arena.place(nullTerminated: names.map { arena.place(text: $0) }))
        }
        if !graph.constants.isEmpty {
            var extras: [UnsafePointer<aqt_net_input>] = []
            for constant in graph.constants { extras.append(UnsafePointer(arena.place(try constant.exported(in: arena)))) }
            network.extra = UnsafePointer(arena.place(nullTerminated: extras))
        }
        try setScale(of: graph, in: &network, arena)
        if let size = graph.fixedSize {
            network.fixed_width = try int32(size.width, "fixed size")
            network.fixed_height = try int32(size.height, "fixed size")
        }
        let handedOut = HandedOut(graph: graph, arena: arena)
        networks.withLock { $0.append(handedOut) }
        return network
    }

    private func setScale(of graph: NetworkGraph, in network: inout aqt_network, _ arena: Arena) throws(StageError) {
        let bands = max(graph.scale.count, graph.bias.count)
        guard bands > 0 else { return }
        for (name, list) in [("scale", graph.scale), ("bias", graph.bias)] where ![0, 1, bands].contains(list.count) {
            throw .internal("the network's \(name) has \(list.count) numbers where 1 or \(bands) are wanted")
        }
        func spread(_ list: [Float]) -> [Float] { list.count == 1 ? Array(repeating: list[0], count: bands) : list }
        network.in_bands = try int32(bands, "number of bands")
        network.in_scale = UnsafePointer(arena.place(list: spread(graph.scale)))
        network.in_bias = UnsafePointer(arena.place(list: spread(graph.bias)))
    }
}

extension ImageInfo {
    /// The C form of an image.
    func exported() throws(StageError) -> aqt_image {
        guard width > 0, height > 0 else { throw .internal("the plan's output is \(width) x \(height) pixels") }
        var image = aqt_image()
        image.struct_size = structSize(of: aqt_image.self)
        image.format = format.rawValue
        image.space = space.rawValue
        image.bands = try int32(bands, "number of bands")
        image.has_alpha = hasAlpha ? 1 : 0
        image.width = Int64(width)
        image.height = Int64(height)
        return image
    }
}

extension NetworkGraph.Constant {
    fileprivate func exported(in arena: Arena) throws(StageError) -> aqt_net_input {
        var count = 1
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else { throw .internal("the shape \(shape) of the network's input \(name) is no shape") }
            count = product
        }
        guard count == values.count else {
            throw .internal("the network's input \(name) has \(values.count) numbers for the shape \(shape)")
        }
        var input = aqt_net_input()
        input.struct_size = structSize(of: aqt_net_input.self)
        input.rank = UInt32(shape.count)
        input.name = arena.place(text: name)
        input.dims = UnsafePointer(arena.place(list: shape.map { Int64($0) }))
        input.data = UnsafePointer(arena.place(list: values))
        return input
    }
}

extension Arena {
    /// One reach per input, the single one repeated where only one is given.
    fileprivate func place(reach: [Reach], inputs: Int) throws(StageError) -> UnsafePointer<UnsafePointer<aqt_reach>?> {
        var pointers: [UnsafePointer<aqt_reach>] = []
        for index in 0..<inputs {
            let one = reach[reach.count == 1 ? 0 : index]
            var c = aqt_reach()
            c.struct_size = structSize(of: aqt_reach.self)
            c.num_x = try int32(one.scaleX.numerator, "scale")
            c.den_x = try int32(one.scaleX.denominator, "scale")
            c.num_y = try int32(one.scaleY.numerator, "scale")
            c.den_y = try int32(one.scaleY.denominator, "scale")
            c.left = try int32(one.left, "halo")
            c.right = try int32(one.right, "halo")
            c.top = try int32(one.top, "halo")
            c.bottom = try int32(one.bottom, "halo")
            pointers.append(UnsafePointer(place(c)))
        }
        return place(nullTerminated: pointers)
    }
}

private func int32(_ value: Int, _ what: String) throws(StageError) -> Int32 {
    guard let small = Int32(exactly: value), small >= 0 else { throw .internal("the plan's \(what) of \(value) is out of range") }
    return small
}
